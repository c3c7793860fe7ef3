//! Organizations and their API keys: the contract's section 2.1.

use crate::base::hash::{Digest256, EntityKey};
use crate::base::id::OrgId;
use crate::base::time::Ms;

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id, which is the key of its records.
    pub id: OrgId,
    /// The id that appears in provider URLs.
    pub profile_id: OrgId,
    /// Its name.
    pub name: String,
    /// Its business.
    pub kind: OrganizationKind,
    /// The language of descriptions.
    pub locale: Locale,
    /// The secret of its entity hashes.
    pub entity_key: EntityKey,
    /// Whether checkout keys may assess.
    pub allow_publishable_assess: bool,
}

/// An organization's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum OrganizationKind {
    /// A merchant.
    Comercio = 1,
    /// A payment service provider.
    Psp = 2,
    /// A bank.
    Banco = 3,
}

impl OrganizationKind {
    const ALL: [OrganizationKind; 3] =
        [OrganizationKind::Comercio, OrganizationKind::Psp, OrganizationKind::Banco];

    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            OrganizationKind::Comercio => "comercio",
            OrganizationKind::Psp => "psp",
            OrganizationKind::Banco => "banco",
        }
    }

    /// The kind as the contract writes it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.text() == text)
    }

    /// The kind with a stored code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// A language of descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Locale {
    /// English.
    #[default]
    En = 1,
    /// Spanish.
    Es = 2,
}

impl Locale {
    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::Es => "es",
        }
    }

    /// The locale as the contract writes it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Locale::En, Locale::Es].into_iter().find(|locale| locale.text() == text)
    }

    /// The locale with a stored code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Locale::En, Locale::Es].into_iter().find(|locale| *locale as u8 == code)
    }
}

/// What a key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyType {
    /// Backends.
    Server = 1,
    /// Browsers and apps.
    Checkout = 2,
    /// Senders of events.
    Ingest = 3,
}

impl KeyType {
    /// Every type, by code.
    pub const ALL: [KeyType; 3] = [KeyType::Server, KeyType::Checkout, KeyType::Ingest];

    /// What its keys begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            KeyType::Server => "clm_sk_",
            KeyType::Checkout => "clm_pub_",
            KeyType::Ingest => "clm_wh_",
        }
    }

    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            KeyType::Server => "server",
            KeyType::Checkout => "checkout",
            KeyType::Ingest => "ingest",
        }
    }

    /// The type as the contract writes it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.text() == text)
    }

    /// The type with a stored code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }

    /// What the type allows at most; the default of a new key.
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            KeyType::Server => &[
                Permission::Assess,
                Permission::FraudReport,
                Permission::TransactionsRead,
                Permission::TransactionsWrite,
                Permission::SubmerchantsRead,
                Permission::SubmerchantsWrite,
            ],
            KeyType::Checkout => &[Permission::Assess],
            KeyType::Ingest => &[Permission::EventsIngest],
        }
    }
}

/// What a key may do; the numbers are bits of the stored set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Permission {
    /// Assess, payout, release.
    Assess = 0,
    /// Report fraud.
    FraudReport = 1,
    /// Read transactions.
    TransactionsRead = 2,
    /// Write outcomes.
    TransactionsWrite = 3,
    /// Read submerchants.
    SubmerchantsRead = 4,
    /// Write submerchants.
    SubmerchantsWrite = 5,
    /// Send events.
    EventsIngest = 6,
}

impl Permission {
    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Permission::Assess => "assess",
            Permission::FraudReport => "fraud:report",
            Permission::TransactionsRead => "transactions:read",
            Permission::TransactionsWrite => "transactions:write",
            Permission::SubmerchantsRead => "submerchants:read",
            Permission::SubmerchantsWrite => "submerchants:write",
            Permission::EventsIngest => "events:ingest",
        }
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(pub u32);

impl Permissions {
    /// The set of `permissions`.
    #[must_use]
    pub fn of(permissions: &[Permission]) -> Self {
        Self(permissions.iter().fold(0, |bits, permission| bits | 1 << (*permission as u8)))
    }

    /// Whether the set holds `permission`.
    #[must_use]
    pub const fn holds(self, permission: Permission) -> bool {
        self.0 >> (permission as u8) & 1 == 1
    }
}

/// What an API key is good for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyState {
    /// It works.
    Active = 1,
    /// Switched off.
    Disabled = 2,
    /// Gone for good.
    Revoked = 3,
}

impl KeyState {
    /// The state with a stored code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(KeyState::Active),
            2 => Some(KeyState::Disabled),
            3 => Some(KeyState::Revoked),
            _ => None,
        }
    }

    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            KeyState::Active => "active",
            KeyState::Disabled => "disabled",
            KeyState::Revoked => "revoked",
        }
    }

    /// The state as the contract writes it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [KeyState::Active, KeyState::Disabled, KeyState::Revoked]
            .into_iter()
            .find(|state| state.text() == text)
    }
}

/// An API key as it is kept: never its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// `key_…`.
    pub id: String,
    /// Keyed SHA-256 of its text.
    pub digest: Digest256,
    /// What it is made for.
    pub kind: KeyType,
    /// How it is shown.
    pub display: String,
    /// A person's name for it.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether it works.
    pub state: KeyState,
    /// When it stops to work.
    pub expires_at: Option<Ms>,
    /// Requests a minute; none is no limit.
    pub per_minute: Option<u32>,
    /// Requests a day; none is no limit.
    pub per_day: Option<u32>,
    /// Origins a browser may call from; empty is any.
    pub allowed_origins: Vec<String>,
}

impl ApiKey {
    /// Whether the key works at `now`.
    #[must_use]
    pub fn is_active(&self, now: Ms) -> bool {
        self.state == KeyState::Active && self.expires_at.is_none_or(|end| now < end)
    }
}
