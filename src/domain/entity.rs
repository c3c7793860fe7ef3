//! Who and what takes part in a payment, as velocity counts it: the contract's section 8.2.

use crate::base::hash::Hash128;
use std::fmt;

/// A kind of entity; the numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntityKind {
    /// Whoever pays: canonical e-mail, else customer, phone, card.
    Payer = 1,
    /// The e-mail address as given.
    Email = 2,
    /// The phone number.
    Phone = 3,
    /// The caller's own customer id.
    Customer = 4,
    /// The device's fingerprint.
    Device = 5,
    /// The IPv4 address or IPv6 /64.
    Ip = 6,
    /// The card.
    Card = 7,
    /// Who is paid.
    Beneficiary = 8,
    /// The account paid from.
    OriginAccount = 9,
    /// The merchant behind the organization.
    Submerchant = 10,
}

impl EntityKind {
    /// Every kind, by code.
    pub const ALL: [EntityKind; 10] = [
        EntityKind::Payer,
        EntityKind::Email,
        EntityKind::Phone,
        EntityKind::Customer,
        EntityKind::Device,
        EntityKind::Ip,
        EntityKind::Card,
        EntityKind::Beneficiary,
        EntityKind::OriginAccount,
        EntityKind::Submerchant,
    ];

    /// The stored code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind with a stored code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<EntityKind> {
        EntityKind::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// As rules write it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            EntityKind::Payer => "payer",
            EntityKind::Email => "email",
            EntityKind::Phone => "phone",
            EntityKind::Customer => "customer",
            EntityKind::Device => "device",
            EntityKind::Ip => "ip",
            EntityKind::Card => "card",
            EntityKind::Beneficiary => "beneficiary",
            EntityKind::OriginAccount => "origin_account",
            EntityKind::Submerchant => "submerchant",
        }
    }

    /// The kind as rules write it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<EntityKind> {
        EntityKind::ALL.into_iter().find(|kind| kind.text() == text)
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// An entity of one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// Its kind.
    pub kind: EntityKind,
    /// Its keyed hash.
    pub hash: Hash128,
}
