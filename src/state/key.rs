//! Keys of stored rows: one registry, codes never reused. A key is its kind, the organization and what
//! tells the row apart, in an order in which rows that are read together lie together.

use crate::base::hash::{Digest256, Hash128};
use crate::base::id::OrgId;
use crate::base::position::Offset;
use crate::domain::decision::Flow;
use crate::domain::entity::{Entity, EntityKind};
use std::hash::{Hash, Hasher};

/// What a row is; the codes are stored. 0 is the store's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An organization.
    Organization = 1,
    /// An API key.
    ApiKey = 2,
    /// Scoring settings of a flow.
    Settings = 3,
    /// The pack in force in a flow.
    ActivePack = 4,
    /// A pack's document.
    Pack = 5,
    /// Named lists of the organization.
    Lists = 6,
    /// What holds for the whole installation.
    Installation = 7,
    /// A signed record of the product's own that was applied.
    Signature = 8,
    /// A request already decided.
    Idempotency = 16,
    /// A session.
    Session = 17,
    /// One attempt's decision.
    Decision = 18,
    /// An event that is counted.
    Event = 19,
    /// The head of an entity's postings.
    Head = 32,
    /// A page of an entity's postings.
    Page = 33,
}

impl Kind {
    /// Every kind, by code.
    pub const ALL: [Kind; 14] = [
        Kind::Organization,
        Kind::ApiKey,
        Kind::Settings,
        Kind::ActivePack,
        Kind::Pack,
        Kind::Lists,
        Kind::Installation,
        Kind::Signature,
        Kind::Idempotency,
        Kind::Session,
        Kind::Decision,
        Kind::Event,
        Kind::Head,
        Kind::Page,
    ];

    /// The kind of an encoded key.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Kind> {
        let code = *key.first()?;
        Kind::ALL.into_iter().find(|kind| *kind as u8 == code)
    }

    /// What people call it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Kind::Organization => "organization",
            Kind::ApiKey => "api_key",
            Kind::Settings => "settings",
            Kind::ActivePack => "active_pack",
            Kind::Pack => "pack",
            Kind::Lists => "lists",
            Kind::Installation => "installation",
            Kind::Signature => "signature",
            Kind::Idempotency => "idempotency",
            Kind::Session => "session",
            Kind::Decision => "decision",
            Kind::Event => "event",
            Kind::Head => "head",
            Kind::Page => "page",
        }
    }
}

impl Kind {
    /// Whether there are as many rows of it as there are events, or those that events concern; there are few of
    /// any other.
    #[must_use]
    pub const fn is_of_events(self) -> bool {
        self as u8 >= Kind::Idempotency as u8 || matches!(self, Kind::Signature)
    }
}

/// Which requests share an idempotency key; the codes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Pay-in.
    Payin = 1,
    /// Payout.
    Payout = 2,
    /// Pay-in, asked by a browser.
    Precheck = 3,
}

impl Scope {
    /// Every scope, by code.
    pub const ALL: [Scope; 3] = [Scope::Payin, Scope::Payout, Scope::Precheck];

    /// What people call it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Scope::Payin => "payin",
            Scope::Payout => "payout",
            Scope::Precheck => "precheck",
        }
    }
}

/// The key of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An organization.
    Organization(OrgId),
    /// An API key, by the digest of its text.
    ApiKey(OrgId, Digest256),
    /// Scoring settings.
    Settings(OrgId, Flow),
    /// The pack in force.
    ActivePack(OrgId, Flow),
    /// A pack's document, by its content hash.
    Pack(OrgId, Digest256),
    /// Named lists.
    Lists(OrgId),
    /// What holds for the whole installation.
    Installation,
    /// A signed record that was applied, by the mark of its signature.
    Signature(Hash128),
    /// A request already decided, by the hash of its idempotency key.
    Idempotency(OrgId, Scope, Hash128),
    /// A session, by the hash of its id.
    Session(OrgId, Flow, Hash128),
    /// A decision: session and attempt.
    Decision(OrgId, Flow, Hash128, u32),
    /// An event, by the offset of its request.
    Event(OrgId, Offset),
    /// The head of an entity.
    Head(OrgId, Flow, Entity),
    /// A page of an entity, by its number.
    Page(OrgId, Flow, Entity, u64),
}

/// The hashes in keys are keyed ones, or of what few may write: eight of their bytes are spread well.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let first8 = |bytes: &[u8]| u64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default());
        let (hash, rest) = match self {
            Key::Installation => (0, 0),
            Key::Organization(org) | Key::Lists(org) => (first8(org.as_bytes()), 0),
            Key::Settings(org, flow) | Key::ActivePack(org, flow) => (first8(org.as_bytes()), *flow as u64),
            Key::ApiKey(_, digest) | Key::Pack(_, digest) => (first8(&digest.0), 0),
            Key::Signature(hash) => (first8(&hash.0), 0),
            Key::Idempotency(_, scope, hash) => (first8(&hash.0), *scope as u64),
            Key::Session(_, flow, hash) => (first8(&hash.0), *flow as u64),
            Key::Decision(_, flow, hash, attempt) => {
                (first8(&hash.0), u64::from(*attempt) << 8 | *flow as u64)
            }
            Key::Event(org, offset) => (first8(org.as_bytes()), offset.0),
            Key::Head(_, flow, entity) => (first8(&entity.hash.0), *flow as u64),
            Key::Page(_, flow, entity, number) => (first8(&entity.hash.0), number << 8 | *flow as u64),
        };
        state.write_u64(hash);
        state.write_u64(rest);
        state.write_u8(self.kind() as u8);
    }
}

impl Key {
    /// What the row is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Key::Organization(..) => Kind::Organization,
            Key::ApiKey(..) => Kind::ApiKey,
            Key::Settings(..) => Kind::Settings,
            Key::ActivePack(..) => Kind::ActivePack,
            Key::Pack(..) => Kind::Pack,
            Key::Lists(..) => Kind::Lists,
            Key::Installation => Kind::Installation,
            Key::Signature(..) => Kind::Signature,
            Key::Idempotency(..) => Kind::Idempotency,
            Key::Session(..) => Kind::Session,
            Key::Decision(..) => Kind::Decision,
            Key::Event(..) => Kind::Event,
            Key::Head(..) => Kind::Head,
            Key::Page(..) => Kind::Page,
        }
    }

    /// The organization the row belongs to.
    #[must_use]
    pub const fn organization(&self) -> OrgId {
        match self {
            Key::Installation | Key::Signature(_) => OrgId::INSTALLATION,
            Key::Organization(org)
            | Key::ApiKey(org, ..)
            | Key::Settings(org, ..)
            | Key::ActivePack(org, ..)
            | Key::Pack(org, ..)
            | Key::Lists(org)
            | Key::Idempotency(org, ..)
            | Key::Session(org, ..)
            | Key::Decision(org, ..)
            | Key::Event(org, ..)
            | Key::Head(org, ..)
            | Key::Page(org, ..) => *org,
        }
    }

    /// The stored key: kind, organization, and the rest in fixed-width big-endian, so that keys order as
    /// their parts do.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push(self.kind() as u8);
        out.extend_from_slice(self.organization().as_bytes());
        match self {
            Key::Organization(_) | Key::Lists(_) | Key::Installation => {}
            Key::Signature(mark) => out.extend_from_slice(&mark.0),
            Key::ApiKey(_, digest) | Key::Pack(_, digest) => out.extend_from_slice(&digest.0),
            Key::Settings(_, flow) | Key::ActivePack(_, flow) => out.push(*flow as u8),
            Key::Idempotency(_, scope, hash) => {
                out.push(*scope as u8);
                out.extend_from_slice(&hash.0);
            }
            Key::Session(_, flow, hash) => {
                out.push(*flow as u8);
                out.extend_from_slice(&hash.0);
            }
            Key::Decision(_, flow, hash, attempt) => {
                out.push(*flow as u8);
                out.extend_from_slice(&hash.0);
                out.extend_from_slice(&attempt.to_be_bytes());
            }
            Key::Event(_, offset) => out.extend_from_slice(&offset.0.to_be_bytes()),
            Key::Head(_, flow, entity) => push_entity(&mut out, *flow, entity),
            Key::Page(_, flow, entity, number) => {
                push_entity(&mut out, *flow, entity);
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out
    }

    /// Reads a stored key; none if it is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Key> {
        let kind = Kind::of(bytes)?;
        let mut rest = Rest(bytes.get(1..)?);
        let org = OrgId::from_bytes(rest.take()?);
        let key = match kind {
            Kind::Organization => Key::Organization(org),
            Kind::ApiKey => Key::ApiKey(org, Digest256(rest.take()?)),
            Kind::Settings => Key::Settings(org, rest.flow()?),
            Kind::ActivePack => Key::ActivePack(org, rest.flow()?),
            Kind::Pack => Key::Pack(org, Digest256(rest.take()?)),
            Kind::Lists => Key::Lists(org),
            Kind::Installation if org == OrgId::INSTALLATION => Key::Installation,
            Kind::Signature if org == OrgId::INSTALLATION => Key::Signature(Hash128(rest.take()?)),
            Kind::Installation | Kind::Signature => return None,
            Kind::Idempotency => {
                let [code] = rest.take()?;
                let scope = Scope::ALL.into_iter().find(|scope| *scope as u8 == code)?;
                Key::Idempotency(org, scope, Hash128(rest.take()?))
            }
            Kind::Session => Key::Session(org, rest.flow()?, Hash128(rest.take()?)),
            Kind::Decision => {
                Key::Decision(org, rest.flow()?, Hash128(rest.take()?), u32::from_be_bytes(rest.take()?))
            }
            Kind::Event => Key::Event(org, Offset(u64::from_be_bytes(rest.take()?))),
            Kind::Head => Key::Head(org, rest.flow()?, rest.entity()?),
            Kind::Page => Key::Page(org, rest.flow()?, rest.entity()?, u64::from_be_bytes(rest.take()?)),
        };
        rest.0.is_empty().then_some(key)
    }
}

/// What of a stored key is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn flow(&mut self) -> Option<Flow> {
        let [code] = self.take()?;
        Flow::from_code(code)
    }

    fn entity(&mut self) -> Option<Entity> {
        let [code] = self.take()?;
        Some(Entity { kind: EntityKind::from_code(code)?, hash: Hash128(self.take()?) })
    }
}

fn push_entity(out: &mut Vec<u8>, flow: Flow, entity: &Entity) {
    out.push(flow as u8);
    out.push(entity.kind.code());
    out.extend_from_slice(&entity.hash.0);
}

/// The prefix under which all rows of a kind lie.
#[must_use]
pub fn prefix(kind: Kind) -> Vec<u8> {
    vec![kind as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_keys_are_as_they_ever_were() {
        let org = OrgId::from_bytes([0xab; 16]);
        let entity = Entity { kind: EntityKind::Card, hash: Hash128([2; 16]) };
        let hex =
            |key: Key| key.encode().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let (org_hex, hash_hex) = ("ab".repeat(16), "02".repeat(16));
        let table = [
            (Key::Organization(org), format!("01{org_hex}")),
            (Key::ApiKey(org, Digest256([3; 32])), format!("02{org_hex}{}", "03".repeat(32))),
            (Key::Settings(org, Flow::Payin), format!("03{org_hex}01")),
            (Key::ActivePack(org, Flow::Payout), format!("04{org_hex}02")),
            (Key::Pack(org, Digest256([3; 32])), format!("05{org_hex}{}", "03".repeat(32))),
            (Key::Lists(org), format!("06{org_hex}")),
            (Key::Installation, format!("07{}", "00".repeat(16))),
            (Key::Signature(entity.hash), format!("08{}{hash_hex}", "00".repeat(16))),
            (Key::Idempotency(org, Scope::Payin, entity.hash), format!("10{org_hex}01{hash_hex}")),
            (Key::Session(org, Flow::Payin, entity.hash), format!("11{org_hex}01{hash_hex}")),
            (Key::Decision(org, Flow::Payin, entity.hash, 1), format!("12{org_hex}01{hash_hex}00000001")),
            (Key::Event(org, Offset(258)), format!("13{org_hex}0000000000000102")),
            (Key::Head(org, Flow::Payin, entity), format!("20{org_hex}0107{hash_hex}")),
            (Key::Page(org, Flow::Payin, entity, 1), format!("21{org_hex}0107{hash_hex}0000000000000001")),
        ];
        for (key, expected) in table {
            assert_eq!(hex(key), expected, "{key:?}");
            let mut bytes = key.encode();
            assert_eq!(Kind::of(&bytes), Some(key.kind()));
            assert_eq!(Key::decode(&bytes), Some(key));
            bytes.push(0);
            assert_eq!(Key::decode(&bytes), None, "a byte more than {key:?}");
            for end in 0..bytes.len() - 1 {
                assert_eq!(Key::decode(&bytes[..end]), None, "{key:?} cut at {end}");
            }
        }
    }
}
