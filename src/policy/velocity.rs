//! What windows can tell of an entity, as rules name it: the contract's section 8.3.

use crate::base::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Window};
use crate::domain::entity::EntityKind;
use std::fmt;

/// One number about an entity of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Velocity {
    /// Of which entity.
    pub entity: EntityKind,
    /// Which number.
    pub aggregate: Aggregate,
    /// Over which time; none for [`Aggregate::SecondsSinceLast`] and [`Aggregate::FirstSeenAge`] only.
    pub window: Option<Window>,
}

/// A number over events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    /// Events.
    Count,
    /// Sum of amounts in the event's currency.
    Sum,
    /// Their mean, rounded down.
    Average,
    /// The smallest of them.
    Min,
    /// The greatest of them.
    Max,
    /// Distinct values seen with the entity.
    Distinct(Distinct),
    /// Earlier events that were approved.
    CountApproved,
    /// Earlier events that were declined.
    CountDeclined,
    /// Earlier events reported as failed.
    CountFailed,
    /// Seconds since the previous event.
    SecondsSinceLast,
    /// Seconds since the entity's first event.
    FirstSeenAge,
}

/// What is counted once however often it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distinct {
    /// E-mail addresses.
    Emails,
    /// Phone numbers.
    Phones,
    /// IP addresses.
    Ips,
    /// Devices.
    Devices,
    /// Cards.
    Cards,
    /// The first digits of cards.
    Bins,
    /// Customers.
    Customers,
    /// Countries of cards, in payouts of beneficiaries.
    Countries,
    /// Submerchants.
    Submerchants,
    /// Beneficiaries.
    Beneficiaries,
    /// Accounts paid from.
    OriginAccounts,
    /// Names of beneficiaries.
    Names,
    /// Initiators.
    Initiators,
}

const DISTINCT: [(&str, Distinct); 13] = [
    ("emails", Distinct::Emails),
    ("phones", Distinct::Phones),
    ("ips", Distinct::Ips),
    ("devices", Distinct::Devices),
    ("cards", Distinct::Cards),
    ("bins", Distinct::Bins),
    ("customers", Distinct::Customers),
    ("countries", Distinct::Countries),
    ("submerchants", Distinct::Submerchants),
    ("beneficiaries", Distinct::Beneficiaries),
    ("origin_accounts", Distinct::OriginAccounts),
    ("names", Distinct::Names),
    ("initiators", Distinct::Initiators),
];

/// The aggregates that have a window and are not distinct counts.
const WINDOWED: [(&str, Aggregate); 8] = [
    ("count", Aggregate::Count),
    ("sum", Aggregate::Sum),
    ("avg", Aggregate::Average),
    ("min", Aggregate::Min),
    ("max", Aggregate::Max),
    ("count_approved", Aggregate::CountApproved),
    ("count_declined", Aggregate::CountDeclined),
    ("count_failed", Aggregate::CountFailed),
];

/// Why a name is no velocity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadVelocity {
    /// No such aggregate.
    Aggregate,
    /// An aggregate, but not over such a window.
    Window,
}

impl Aggregate {
    /// The aggregate and window behind `velocity.<entity>.`.
    ///
    /// # Errors
    /// There is no such aggregate, or no such window.
    pub fn parse(text: &str) -> Result<(Self, Option<Window>), BadVelocity> {
        match text {
            "seconds_since_last" => return Ok((Aggregate::SecondsSinceLast, None)),
            "first_seen_age" => return Ok((Aggregate::FirstSeenAge, None)),
            _ => {}
        }
        let (name, window) = text.rsplit_once('_').ok_or(BadVelocity::Aggregate)?;
        let known = |table: &[(&str, Aggregate)]| table.iter().find(|row| row.0 == name).map(|row| row.1);
        let distinct = || {
            let what = name.strip_prefix("distinct_")?;
            DISTINCT.iter().find(|row| row.0 == what).map(|row| Aggregate::Distinct(row.1))
        };
        let aggregate = known(&WINDOWED).or_else(distinct).ok_or(BadVelocity::Aggregate)?;
        Ok((aggregate, Some(window.parse().map_err(|_| BadVelocity::Window)?)))
    }

    /// Whether the state supplies it in this version.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Aggregate::Count
            | Aggregate::Sum
            | Aggregate::Average
            | Aggregate::CountApproved
            | Aggregate::CountDeclined
            | Aggregate::CountFailed
            | Aggregate::SecondsSinceLast
            | Aggregate::FirstSeenAge => true,
            Aggregate::Min | Aggregate::Max | Aggregate::Distinct(_) => false,
        }
    }
}

/// As rules write it, the window in its largest unit: `velocity.email.count_1h`.
impl fmt::Display for Velocity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "velocity.{}.", self.entity)?;
        let plain = WINDOWED.iter().find(|row| row.1 == self.aggregate).map(|row| row.0);
        match self.aggregate {
            Aggregate::SecondsSinceLast => f.write_str("seconds_since_last")?,
            Aggregate::FirstSeenAge => f.write_str("first_seen_age")?,
            Aggregate::Distinct(what) => {
                let what = DISTINCT.iter().find(|row| row.1 == what).map_or("", |row| row.0);
                write!(f, "distinct_{what}")?;
            }
            Aggregate::Count
            | Aggregate::Sum
            | Aggregate::Average
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::CountApproved
            | Aggregate::CountDeclined
            | Aggregate::CountFailed => f.write_str(plain.unwrap_or(""))?,
        }
        let Some(window) = self.window else { return Ok(()) };
        let units = [("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS)];
        // One day is written 24h, as the shipped packs do.
        let fits = |unit_ms: i64| window.ms() % unit_ms == 0 && (unit_ms, window.ms()) != (DAY_MS, DAY_MS);
        let fitting = units.into_iter().find(|(_, unit_ms)| fits(*unit_ms));
        fitting.map_or(Ok(()), |(unit, unit_ms)| write!(f, "_{}{unit}", window.ms() / unit_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_and_print() {
        let table = [
            ("count_1h", "count_1h"),
            ("count_60m", "count_1h"),
            ("count_24h", "count_24h"),
            ("sum_90s", "sum_90s"),
            ("count_declined_1m", "count_declined_1m"),
            ("distinct_origin_accounts_48h", "distinct_origin_accounts_2d"),
            ("seconds_since_last", "seconds_since_last"),
        ];
        for (text, expected) in table {
            let (aggregate, window) = Aggregate::parse(text).unwrap();
            let velocity = Velocity { entity: EntityKind::OriginAccount, aggregate, window };
            assert_eq!(velocity.to_string(), format!("velocity.origin_account.{expected}"));
        }
    }

    #[test]
    fn other_names_are_refused() {
        let table = [
            ("count", BadVelocity::Aggregate),
            ("", BadVelocity::Aggregate),
            ("counts_1h", BadVelocity::Aggregate),
            ("distinct_1h", BadVelocity::Aggregate),
            ("distinct_shoes_1h", BadVelocity::Aggregate),
            ("first_seen_age_1h", BadVelocity::Aggregate),
            ("count_", BadVelocity::Window),
            ("count_5s", BadVelocity::Window),
            ("count_91d", BadVelocity::Window),
            ("count_approved", BadVelocity::Window),
        ];
        for (text, expected) in table {
            assert_eq!(Aggregate::parse(text), Err(expected), "{text}");
        }
    }
}
