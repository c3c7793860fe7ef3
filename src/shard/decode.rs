//! From a stored record to a command. What cannot be one is still an outcome: it gets a rejection, a dead
//! letter or both when it is stepped.

use crate::base::hash::{Hash128, crc32};
use crate::base::id::OrgId;
use crate::base::limits;
use crate::base::murmur2::partition_of;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::domain::fault::{Details, ErrorCode, FieldCode, Refusal};
use crate::domain::payin::PayinRequest;
use crate::shard::prepared::Prepared;
use crate::wire::envelope::{BadEnvelope, DeadCode, Envelope, RecordType};
use crate::wire::internal::{self, BadInternal};
use crate::wire::record::Content;
use crate::wire::signature::{Origin, Trust};
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Where a shard's records stand.
#[derive(Debug, Clone)]
pub struct Home {
    /// The partition.
    pub partition: Partition,
    /// How many the log has.
    pub partitions: u16,
    /// Who is believed in it.
    pub trust: Trust,
}

/// A record, decoded as far as it goes.
#[derive(Debug)]
pub struct Planned<'a> {
    /// Its offset.
    pub offset: Offset,
    /// Its log timestamp.
    pub timestamp: Ms,
    pub(super) checksum: u32,
    pub(super) content: Option<Content<'a>>,
    pub(super) envelope: Option<Envelope<'a>>,
    /// The mark of a record of the product's own types that is signed: a copy of it counts for nothing. A copied
    /// request is a repeat like any other.
    pub(super) signature: Option<Hash128>,
    pub(super) decoded: Decoded,
}

/// What a record says.
#[derive(Debug)]
pub(super) enum Decoded {
    /// A dead letter, and nothing else.
    Dead(Dead),
    /// A rejection, and a dead letter besides if its body is no JSON or too large.
    Rejected(Refusal, Option<Dead>),
    /// A command of an organization.
    Command(OrgId, Command),
    /// A command of the partition.
    Partition(PartitionCommand),
    /// Decoding panicked.
    Faulted,
}

/// Why a record is a dead letter.
#[derive(Debug, Clone)]
pub(super) struct Dead {
    pub(super) code: DeadCode,
    pub(super) message: String,
    /// Byte offset of the error in the value.
    pub(super) at: usize,
}

impl Dead {
    pub(super) fn new(code: DeadCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), at: 0 }
    }
}

/// A command of an organization.
#[derive(Debug)]
pub(super) enum Command {
    Assess(Box<Assess>),
    Organization(internal::OrganizationPut),
    ApiKey(internal::ApiKeyPut),
    Settings(internal::SettingsPut),
    Pack(internal::PackPublish),
    List(internal::ListPut),
    /// A document, read when it is stepped: what is wrong with it depends on what is in force.
    Apply(Box<[u8]>),
    Maintenance(internal::MaintenancePut),
    Probe(internal::Probe),
}

/// A payment to be decided.
#[derive(Debug)]
pub(super) struct Assess {
    /// The request, with what a browser left to its connection.
    pub(super) request: PayinRequest,
    /// What repeats are compared by: the request as the caller wrote it.
    pub(super) comparable: Vec<u8>,
    /// What planning found out for the step.
    pub(super) prepared: OnceCell<Rc<Prepared>>,
}

/// A command of the partition.
#[derive(Debug)]
pub(super) enum PartitionCommand {
    Genesis(internal::Genesis),
    Announce(internal::Announce),
    Engine(internal::EngineChange),
    Tick,
}

impl<'a> Planned<'a> {
    /// Decodes a record of a shard's partition.
    #[must_use]
    pub fn decode(offset: Offset, timestamp: Ms, bytes: &'a [u8], home: &Home) -> Self {
        let checksum = crc32(&[bytes]);
        let content = Content::read(bytes).ok();
        let requests = TopicPartition::new(Topic::Requests, home.partition);
        let origin = content.map(|content| home.trust.origin(requests, timestamp, &content));
        let is_own = matches!(origin, Some(Origin::Own | Origin::Signed(_)));
        let envelope = content.map(|content| Envelope::read(&content, is_own));
        let is_internal = matches!(&envelope, Some(Ok(envelope)) if envelope.kind.is_internal());
        let decoded = match (&content, &envelope, origin) {
            (Some(_), Some(Ok(_)), Some(Origin::Foreign(why))) if is_internal => {
                Decoded::Dead(Dead::new(DeadCode::ReservedType, why))
            }
            (Some(_), Some(Ok(_)), Some(Origin::Late)) => {
                let why = "the record came into the log too long after it was signed, or before";
                Decoded::Dead(Dead::new(DeadCode::ReservedType, why))
            }
            (Some(content), Some(Ok(envelope)), _) => {
                let decode = || decode(content, envelope, home);
                catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Decoded::Faulted)
            }
            (Some(_), Some(Err(BadEnvelope { code, message })), _) => {
                Decoded::Dead(Dead::new(*code, message.clone()))
            }
            _ => Decoded::Dead(Dead::new(DeadCode::BadEnvelope, "the record's content cannot be read")),
        };
        let signature = match origin {
            Some(Origin::Signed(mark)) if is_internal => Some(mark),
            _ => None,
        };
        Self {
            offset,
            timestamp,
            checksum,
            content,
            envelope: envelope.and_then(Result::ok),
            signature,
            decoded,
        }
    }

    /// The announcement the record makes, if it makes one: the nonce.
    #[must_use]
    pub fn announcement(&self) -> Option<&str> {
        if let Decoded::Partition(PartitionCommand::Announce(announce)) = &self.decoded {
            return Some(&announce.nonce);
        }
        None
    }
}

fn decode(content: &Content<'_>, envelope: &Envelope<'_>, at: &Home) -> Decoded {
    let body = content.value.unwrap_or_default();
    if envelope.kind.is_of_partition() {
        return match decode_partition(envelope.kind, body) {
            Ok(Some(command)) => Decoded::Partition(command),
            Ok(None) => Decoded::Dead(Dead::new(DeadCode::UnknownType, "no such type here")),
            Err(bad) => Decoded::Dead(Dead::new(DeadCode::BadEnvelope, bad.0)),
        };
    }
    let key = std::str::from_utf8(content.key).ok().and_then(|key| key.parse::<OrgId>().ok());
    let Some(org) = key else {
        return Decoded::Dead(Dead::new(DeadCode::UnknownOrganization, "the key is no organization's id"));
    };
    let home = partition_of(content.key, at.partitions);
    if home != at.partition {
        let message = format!(
            "the key belongs to partition {home}, not {}; produce with partitioner=murmur2_random",
            at.partition
        );
        return Decoded::Dead(Dead::new(DeadCode::WrongPartition, message));
    }
    if envelope.kind == RecordType::Assess {
        return decode_assess(org, body, envelope);
    }
    match decode_internal(envelope.kind, body) {
        Ok(Some(command)) => Decoded::Command(org, command),
        Ok(None) => Decoded::Dead(Dead::new(DeadCode::UnknownType, "no such type here")),
        Err(bad) => Decoded::Rejected(Refusal::new(ErrorCode::ValidationError, bad.0), None),
    }
}

fn decode_assess(org: OrgId, body: &[u8], envelope: &Envelope<'_>) -> Decoded {
    if body.len() > limits::BODY_BYTES {
        let refusal = Refusal {
            code: ErrorCode::PayloadTooLarge,
            message: "the body is too large".into(),
            details: Details::Number("limit_bytes", u64::try_from(limits::BODY_BYTES).unwrap_or(u64::MAX)),
        };
        let dead = Dead::new(DeadCode::TooLarge, "the body is too large");
        return Decoded::Rejected(refusal, Some(dead));
    }
    match crate::wire::assess::read(body) {
        Ok(mut request) => {
            let comparable = crate::wire::assess::comparable(&request);
            let device = &mut request.device;
            device.ip = device.ip.or(envelope.peer_ip);
            if device.user_agent.is_none() {
                device.user_agent = envelope.peer_agent.map(str::to_owned);
            }
            Decoded::Command(
                org,
                Command::Assess(Box::new(Assess { request, comparable, prepared: OnceCell::new() })),
            )
        }
        Err(faults) => {
            let not_json = faults.iter().find(|fault| fault.code == FieldCode::Json);
            let dead = not_json.map(|fault| Dead {
                code: DeadCode::NotJson,
                message: fault.message.to_string(),
                at: fault.place.map_or(0, |place| place.offset),
            });
            Decoded::Rejected(Refusal::invalid(faults), dead)
        }
    }
}

fn decode_partition(kind: RecordType, body: &[u8]) -> Result<Option<PartitionCommand>, BadInternal> {
    Ok(Some(match kind {
        RecordType::Genesis => PartitionCommand::Genesis(internal::read(body)?),
        RecordType::Announce => PartitionCommand::Announce(internal::read(body)?),
        RecordType::Engine => PartitionCommand::Engine(internal::read(body)?),
        RecordType::Tick => {
            internal::read::<internal::Tick>(body)?;
            PartitionCommand::Tick
        }
        RecordType::Assess
        | RecordType::Organization
        | RecordType::ApiKey
        | RecordType::Settings
        | RecordType::Pack
        | RecordType::List
        | RecordType::Apply
        | RecordType::Maintenance
        | RecordType::Probe => return Ok(None),
    }))
}

fn decode_internal(kind: RecordType, body: &[u8]) -> Result<Option<Command>, BadInternal> {
    Ok(Some(match kind {
        RecordType::Organization => Command::Organization(internal::read(body)?),
        RecordType::ApiKey => Command::ApiKey(internal::read(body)?),
        RecordType::Settings => Command::Settings(internal::read(body)?),
        RecordType::Pack => Command::Pack(internal::read(body)?),
        RecordType::List => Command::List(internal::read(body)?),
        RecordType::Apply => Command::Apply(body.into()),
        RecordType::Maintenance => Command::Maintenance(internal::read(body)?),
        RecordType::Probe => Command::Probe(internal::read(body)?),
        RecordType::Assess
        | RecordType::Genesis
        | RecordType::Announce
        | RecordType::Engine
        | RecordType::Tick => return Ok(None),
    }))
}
