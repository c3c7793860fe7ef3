//! What matching blocklist entries say of an event: the contract's sections 8.6 and 9.

use crate::domain::access::Locale;
use crate::domain::settings::ListWeights;
use crate::policy::verdict::Fired;

/// What a blocklist holds. The numbers are stored; their order is that of the contract's section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ListType {
    /// E-mail addresses.
    Email = 0,
    /// Domains of e-mail addresses.
    EmailDomain = 1,
    /// IP addresses.
    IpAddress = 2,
    /// IP networks.
    IpRange = 3,
    /// Devices.
    DeviceFingerprint = 4,
    /// First digits of cards.
    CardBin = 5,
    /// Cards.
    CardHash = 6,
    /// Countries.
    Country = 7,
    /// Phone numbers.
    Phone = 8,
    /// Customers.
    CustomerId = 9,
    /// Mexican bank accounts.
    Clabe = 10,
    /// International bank accounts.
    Iban = 11,
    /// Other accounts.
    AccountHash = 12,
    /// Banks.
    SwiftBic = 13,
    /// Beneficiaries.
    BeneficiaryId = 14,
}

impl ListType {
    /// Every type, in the order of the contract's section 4.
    pub const ALL: [ListType; 15] = [
        ListType::Email,
        ListType::EmailDomain,
        ListType::IpAddress,
        ListType::IpRange,
        ListType::DeviceFingerprint,
        ListType::CardBin,
        ListType::CardHash,
        ListType::Country,
        ListType::Phone,
        ListType::CustomerId,
        ListType::Clabe,
        ListType::Iban,
        ListType::AccountHash,
        ListType::SwiftBic,
        ListType::BeneficiaryId,
    ];

    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.code().split_at("blocklist_".len()).1
    }

    /// The code of its signal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            ListType::Email => "blocklist_email",
            ListType::EmailDomain => "blocklist_email_domain",
            ListType::IpAddress => "blocklist_ip_address",
            ListType::IpRange => "blocklist_ip_range",
            ListType::DeviceFingerprint => "blocklist_device_fingerprint",
            ListType::CardBin => "blocklist_card_bin",
            ListType::CardHash => "blocklist_card_hash",
            ListType::Country => "blocklist_country",
            ListType::Phone => "blocklist_phone",
            ListType::CustomerId => "blocklist_customer_id",
            ListType::Clabe => "blocklist_clabe",
            ListType::Iban => "blocklist_iban",
            ListType::AccountHash => "blocklist_account_hash",
            ListType::SwiftBic => "blocklist_swift_bic",
            ListType::BeneficiaryId => "blocklist_beneficiary_id",
        }
    }
}

/// What a matching entry does, in the order in which entries of one type count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HitSeverity {
    /// Blocks.
    Block = 0,
    /// Adds to the score.
    Flag = 1,
    /// Adds to the score and makes it at least a review.
    Review = 2,
}

impl HitSeverity {
    /// Every severity, in the order in which entries count.
    pub const ALL: [HitSeverity; 3] = [HitSeverity::Block, HitSeverity::Flag, HitSeverity::Review];

    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            HitSeverity::Block => "block",
            HitSeverity::Flag => "flag",
            HitSeverity::Review => "review",
        }
    }
}

/// A blocklist entry in force that matches the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListHit {
    /// What the list holds.
    pub list_type: ListType,
    /// What the entry does.
    pub severity: HitSeverity,
}

/// Signals of lists are numbered from here: the type's number times four, and the severity's.
const FIRST: u16 = 0xff00;
const BLOCK_WEIGHT: i16 = 100;

impl ListHit {
    /// The number of its signal.
    #[must_use]
    pub const fn signal(self) -> u16 {
        FIRST + self.list_type as u16 * 4 + self.severity as u16
    }

    /// The hit whose signal has this number.
    #[must_use]
    pub fn of_signal(signal: u16) -> Option<ListHit> {
        let number = usize::from(signal.checked_sub(FIRST)?);
        let list_type = *ListType::ALL.get(number / 4)?;
        let severity = *HitSeverity::ALL.get(number % 4)?;
        Some(ListHit { list_type, severity })
    }

    pub(super) fn description(self, locale: Locale) -> String {
        let (list, severity) = (self.list_type.text(), self.severity.text());
        match locale {
            Locale::En => format!("Matches the {list} blocklist ({severity})"),
            Locale::Es => format!("Coincide con la lista de bloqueo {list} ({severity})"),
        }
    }
}

/// Adds the signals of hits: per type one, the first of block, flag and review.
pub(super) fn fire(hits: &[ListHit], weights: ListWeights, fired: &mut Vec<Fired>) {
    let small = |weight: i64| i16::try_from(weight).unwrap_or(BLOCK_WEIGHT);
    for hit in hits {
        let earlier = |other: &ListHit| other.list_type == hit.list_type && other.severity < hit.severity;
        let signal = hit.signal();
        if hits.iter().any(earlier) || fired.iter().any(|fired| fired.signal == signal) {
            continue;
        }
        let weight = match hit.severity {
            HitSeverity::Block => BLOCK_WEIGHT,
            HitSeverity::Flag => small(weights.flag),
            HitSeverity::Review => small(weights.review),
        };
        fired.push(Fired { signal, weight });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_those_of_the_contract() {
        assert_eq!(ListType::SwiftBic.text(), "swift_bic");
        for (place, list_type) in ListType::ALL.into_iter().enumerate() {
            assert_eq!(list_type as usize, place);
            for severity in HitSeverity::ALL {
                let hit = ListHit { list_type, severity };
                assert_eq!(ListHit::of_signal(hit.signal()), Some(hit));
            }
        }
        assert_eq!(ListHit::of_signal(12), None);
        assert_eq!(ListHit::of_signal(FIRST + 3), None);
        assert_eq!(ListHit::of_signal(u16::MAX), None);
    }

    #[test]
    fn of_one_type_one_counts() {
        use HitSeverity::{Block, Flag, Review};
        let hit = |list_type, severity| ListHit { list_type, severity };
        let hits = [
            hit(ListType::Email, Review),
            hit(ListType::Email, Flag),
            hit(ListType::IpAddress, Review),
            hit(ListType::IpAddress, Review),
            hit(ListType::Phone, Flag),
            hit(ListType::Phone, Block),
        ];
        let mut fired = Vec::new();
        fire(&hits, ListWeights { flag: 40, review: 25 }, &mut fired);
        let expected = [
            (hit(ListType::Email, Flag), 40),
            (hit(ListType::IpAddress, Review), 25),
            (hit(ListType::Phone, Block), 100),
        ];
        assert_eq!(fired, expected.map(|(hit, weight)| Fired { signal: hit.signal(), weight }));
    }
}
