//! How a row is named by a person. Most keys are keyed hashes of what callers wrote, so what was written is
//! read as a request would be and hashed with the organization's key.

use crate::base::hash::{Digest256, Hash128};
use crate::base::position::Offset;
use crate::cli::ending::Ending;
use crate::domain::access::Organization;
use crate::domain::decision::Flow;
use crate::domain::entity::{Entity, EntityKind};
use crate::shard::engine::{Engines, SHIPPED_VERSION};
use crate::shard::naming::{self, Repeat};
use crate::state::key::{Key, Kind, Scope};
use crate::state::row::Row;
use crate::wire::assess;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

#[derive(Debug, Clone, Args)]
pub(super) struct Arguments {
    /// A session's or decision's `ps_…`; of API keys one `key_…`, of packs one SHA-256, all without it
    #[arg(long)]
    pub(super) id: Option<String>,
    /// Which attempt of a decision; the latest without it
    #[arg(long)]
    pub(super) attempt: Option<u32>,
    /// The flow
    #[arg(long, default_value = "payin", value_parser = flow)]
    pub(super) flow: Flow,
    /// An idempotency key
    #[arg(long)]
    pub(super) key: Option<String>,
    /// In place of an idempotency key: the order, with --payment
    #[arg(long, requires = "payment", conflicts_with = "key")]
    pub(super) order: Option<String>,
    /// The payment of --order
    #[arg(long, requires = "order")]
    pub(super) payment: Option<String>,
    /// Whose idempotency keys: payin, payout or precheck
    #[arg(long, default_value = "payin", value_parser = scope)]
    pub(super) scope: Scope,
    /// The offset of an event's request
    #[arg(long)]
    pub(super) offset: Option<u64>,
    /// payer, email, phone, customer, device, ip or card
    #[arg(long, value_parser = entity)]
    pub(super) entity: Option<EntityKind>,
    /// What callers write of an entity, such as ana@example.com; a card is its hash, or 411111+1234
    #[arg(long)]
    pub(super) value: Option<String>,
    /// Which member of requests the value is; a payer's is the e-mail address without it
    #[arg(long, value_enum)]
    pub(super) by: Option<By>,
    /// Which page of an entity; a head lists them
    #[arg(long)]
    pub(super) page: Option<u64>,
}

/// A member of requests that can name an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum By {
    Email,
    Phone,
    CustomerId,
    Fingerprint,
    Ip,
    CardHash,
    CardDigits,
}

/// What a person named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// A row.
    One(Key),
    /// The rows under a prefix, or of them the one that is called so.
    Those { prefix: Vec<u8>, id: Option<String> },
}

fn flow(text: &str) -> Result<Flow, String> {
    Flow::from_text(text).ok_or_else(|| "there are payin and payout".to_owned())
}

fn scope(text: &str) -> Result<Scope, String> {
    let found = Scope::ALL.into_iter().find(|scope| scope.text() == text);
    found.ok_or_else(|| format!("there are {}", Scope::ALL.map(Scope::text).join(", ")))
}

fn entity(text: &str) -> Result<EntityKind, String> {
    EntityKind::from_text(text)
        .ok_or_else(|| format!("there are {}", EntityKind::ALL.map(EntityKind::text).join(", ")))
}

/// Whether a row among others is called `id`.
pub(super) fn is_called(key: &Key, row: &Row, id: &str) -> bool {
    let own = if let Row::ApiKey(row) = row { row.id == id } else { false };
    own || matches!(key, Key::Pack(_, digest) | Key::ApiKey(_, digest) if Digest256::from_hex(id) == Some(*digest))
}

/// Reads a row that tells how another is named.
type Read<'a> = &'a dyn Fn(&Key) -> Result<Option<Row>, Ending>;

impl Arguments {
    /// What is named of `org`'s rows of `kind`.
    pub(super) fn name(&self, kind: Kind, org: &Organization, read: Read<'_>) -> Result<Name, Ending> {
        Ok(Name::One(match kind {
            Kind::Organization => Key::Organization(org.id),
            Kind::Settings => Key::Settings(org.id, self.flow),
            Kind::ActivePack => Key::ActivePack(org.id, self.flow),
            Kind::Lists => Key::Lists(org.id),
            Kind::Installation => Key::Installation,
            Kind::Signature => {
                let id = self.id.as_ref().ok_or_else(|| missing("--id"))?;
                let twice = Digest256::from_hex(&format!("{id}{id}"));
                let mark = twice.map(|twice| Hash128::first_of(&twice));
                Key::Signature(mark.ok_or_else(|| Ending::usage(&"--id must be 32 hexadecimal digits"))?)
            }
            Kind::ApiKey | Kind::Pack => {
                // A key begins with its kind and its organization.
                let prefix = [&[kind as u8][..], org.id.as_bytes()].concat();
                return Ok(Name::Those { prefix, id: self.id.clone() });
            }
            Kind::Idempotency => {
                let repeat = match (&self.key, &self.order, &self.payment) {
                    (Some(key), _, _) => Repeat::Key(key),
                    (None, Some(order), Some(payment)) => Repeat::Order(order, payment),
                    (None, _, _) => return Err(missing("--key, or --order and --payment")),
                };
                Key::Idempotency(org.id, self.scope, naming::idempotency(&org.entity_key, repeat))
            }
            Kind::Session => self.session(org)?,
            Kind::Decision => self.decision(org, read)?,
            Kind::Event => Key::Event(org.id, Offset(self.offset.ok_or_else(|| missing("--offset"))?)),
            Kind::Head => Key::Head(org.id, self.flow, self.entity(org)?),
            Kind::Page => {
                Key::Page(org.id, self.flow, self.entity(org)?, self.page.ok_or_else(|| missing("--page"))?)
            }
        }))
    }

    fn session(&self, org: &Organization) -> Result<Key, Ending> {
        let id = self.id.as_ref().ok_or_else(|| missing("--id"))?;
        Ok(Key::Session(org.id, self.flow, naming::session(&org.entity_key, id)))
    }

    fn decision(&self, org: &Organization, read: Read<'_>) -> Result<Key, Ending> {
        let key = self.session(org)?;
        let Key::Session(_, _, hash) = key else { return Err(missing("--id")) };
        let attempt = match (self.attempt, read(&key)?) {
            (Some(attempt), _) => attempt,
            (None, Some(Row::Session(row))) => row.attempts,
            (None, _) => 1,
        };
        Ok(Key::Decision(org.id, self.flow, hash, attempt))
    }

    fn entity(&self, org: &Organization) -> Result<Entity, Ending> {
        let kind = self.entity.ok_or_else(|| missing("--entity"))?;
        let value = self.value.as_ref().ok_or_else(|| missing("--value"))?;
        let by = match (self.by, kind) {
            (Some(by), _) => by,
            (None, EntityKind::Payer | EntityKind::Email) => By::Email,
            (None, EntityKind::Phone) => By::Phone,
            (None, EntityKind::Customer) => By::CustomerId,
            (None, EntityKind::Device) => By::Fingerprint,
            (None, EntityKind::Ip) => By::Ip,
            (None, EntityKind::Card) if value.contains('+') => By::CardDigits,
            (None, EntityKind::Card) => By::CardHash,
            (None, EntityKind::Beneficiary | EntityKind::OriginAccount | EntityKind::Submerchant) => {
                return Err(Ending::usage(&format!("the flow {} counts by no {kind}", self.flow)));
            }
        };
        let request = assess::read(request(by, value).to_string().as_bytes());
        let request = request.map_err(|faults| {
            let faults: Vec<_> =
                faults.iter().map(|fault| format!("--value: {} {}", fault.field, fault.message)).collect();
            Ending::inputs(&faults)
        })?;
        let engines = Engines::shipped().map_err(|error| Ending::failed(&error))?;
        let engine =
            engines.get(SHIPPED_VERSION).ok_or_else(|| Ending::failed(&"the shipped engine is missing"))?;
        let mut entities = Vec::new();
        engine.catalogue.pipeline.entities(&request, &org.entity_key, &mut entities);
        let found = entities.into_iter().find(|entity| entity.kind == kind);
        found.ok_or_else(|| Ending::input(&format!("`{value}` names no {kind}")))
    }
}

/// A request in which nothing but the value is given.
fn request(by: By, value: &str) -> Value {
    let mut request = json!({"amount": 0, "currency": "USD"});
    let (bin, last4) = value.split_once('+').unwrap_or((value, ""));
    let (name, member) = match by {
        By::Email => ("email", json!(value)),
        By::Phone => ("phone", json!(value)),
        By::CustomerId => ("customer_id", json!(value)),
        By::Fingerprint => ("device", json!({"fingerprint": value})),
        By::Ip => ("device", json!({"ip": value})),
        By::CardHash => ("payment_method", json!({"card_hash": value})),
        By::CardDigits => ("payment_method", json!({"card_bin": bin, "card_last4": last4})),
    };
    if let Value::Object(members) = &mut request {
        members.insert(name.to_owned(), member);
    }
    request
}

fn missing(what: &str) -> Ending {
    Ending::usage(&format!("{what} is missing: that is what names such a row"))
}
