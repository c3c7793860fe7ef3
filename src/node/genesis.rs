//! The log of a server: opened against the checkpoints that rely on it, and begun with a genesis record in
//! every partition.

use crate::base::clock::Clock;
use crate::base::hash::{Digest256, sha256};
use crate::base::id::OrgId;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::embedded::{EmbeddedLog, Opened, Options};
use crate::log::{AppendError, Appended, Contents, Log, LogError};
use crate::node::config::{Config, PARTITIONS};
use crate::node::data::Data;
use crate::node::installation::InstallationKey;
use crate::node::serve::Failure;
use crate::node::states::States;
use crate::shard::engine::SHIPPED_VERSION;
use crate::store::rocks::Resources;
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, Genesis};
use crate::wire::record::Content;
use crate::wire::signature::{Origin, Trust};
use crate::worker::recover::{genesis_body, visit_start};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Opens the log of `data`, or begins one.
pub(super) fn open_log(
    config: &Config,
    data: &Data,
    clock: &Arc<dyn Clock>,
    resources: &Resources,
) -> Result<(EmbeddedLog, Opened), Failure> {
    let states = States::read(data, resources);
    let (floors, folder) = (states.floors(), data.log());
    let open = |partitions: u16| {
        let (may_cut, segment_bytes) = (states.all, config.log_segment_bytes);
        let options = Options { may_cut, segment_bytes, ..Options::new(data.log(), partitions) };
        EmbeddedLog::open(&options, Arc::clone(clock), &floors)
    };
    let opened = match (open(config.partitions.unwrap_or(PARTITIONS)), config.partitions) {
        // The number was fixed when the log began, and nobody asked for another.
        (Err(LogError::OtherPartitions { stored, .. }), None) if stored > 0 => open(stored),
        (opened, _) => opened,
    };
    let strangers = match &opened {
        Ok((log, _)) => states.strangers(log, &folder),
        Err(LogError::Damaged { .. }) => states.strangers_to_closed(&folder),
        Err(_) => Vec::new(),
    };
    if !strangers.is_empty() {
        let told = strangers.join("; ");
        return Err(Failure::Input(format!("{told}; what is moved away is made again from the log")));
    }
    opened.map_err(|error| match error {
        LogError::OtherPartitions { .. } | LogError::Locked(_) => Failure::Input(error.to_string()),
        LogError::Damaged { file, at, what } => {
            let file = folder.join(file);
            let damage = format!("{} is damaged at byte {at}: {what}", file.display());
            let bereft = states.bereft(&folder);
            if bereft.is_empty() {
                return Failure::Failed(damage);
            }
            let why = "either the log lost its end, or that is the state of another one";
            Failure::Failed(format!("{damage}; {}: {why}", bereft.join("; ")))
        }
        LogError::OutOfRange { .. }
        | LogError::NoPartition(_)
        | LogError::Io { .. }
        | LogError::WrongTopic { .. }
        | LogError::Unreachable(_)
        | LogError::Closed(_) => Failure::Failed(error.to_string()),
    })
}

/// How long a log is waited for.
const WITHIN: Duration = Duration::from_secs(30);

/// Appends, and waits until what was appended is durable.
pub(super) fn append(
    log: &dyn Log,
    to: TopicPartition,
    records: Vec<Bytes>,
) -> Result<Appended, AppendError> {
    let (told, done) = channel();
    let tell = Box::new(move |outcome| drop(told.send(outcome)));
    log.append(to, records, tell)?;
    done.recv_timeout(WITHIN).unwrap_or_else(|_| {
        let why = "it did not tell in time what became of a record, which may be in it or come into it still";
        Err(AppendError::Closed(why.to_owned()))
    })
}

/// Whether any partition has had a record.
pub(super) fn is_begun(log: &dyn Log) -> bool {
    let mut requests =
        (0..log.partitions()).map(|number| TopicPartition::new(Topic::Requests, Partition(number)));
    requests.any(|of| log.bounds(of).is_ok_and(|bounds| bounds.end > Offset(0)))
}

/// Whose log it is.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) key: &'a InstallationKey,
    /// Who is believed in it.
    pub(super) trust: &'a Trust,
    pub(super) clock: &'a dyn Clock,
}

/// Writes the genesis of every partition that has none, and checks the others'.
pub(super) fn begin(log: &dyn Log, own: &Own<'_>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let body = internal::write(&Genesis {
        installation: own.key.id(),
        topic: Topic::Requests.name().to_owned(),
        partitions: log.partitions(),
        key_digest: own.key.digest().to_string(),
        engine: SHIPPED_VERSION,
    });
    for partition in (0..log.partitions()).map(Partition) {
        if found(log, partition, own.key, own.trust)? != Found::Nothing {
            continue;
        }
        let of = TopicPartition::new(Topic::Requests, partition);
        let id = format!("genesis-{partition}");
        let record = product_record(OrgId::INSTALLATION, RecordType::Genesis, &body, &id);
        let record = record.and_then(|record| own.trust.sign(of, own.clock.now(), record));
        append(log, of, vec![record.map_err(|error| failed(&error))?]).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// What a partition's log holds near its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The genesis, and the digest of its body.
    Genesis(Digest256),
    /// Records without their beginning: it was trimmed, and where all was trimmed there was a genesis.
    Trimmed,
    /// Nothing that begins it.
    Nothing,
}

/// The genesis of a partition. Under another key no API key of the log would be known any more; what was trimmed
/// cannot be checked.
///
/// # Errors
/// It was begun with another installation key, or the log failed.
pub(super) fn found(
    log: &dyn Contents,
    partition: Partition,
    key: &InstallationKey,
    trust: &Trust,
) -> Result<Found, Failure> {
    let failed = |error: LogError| Failure::Failed(error.to_string());
    let of = TopicPartition::new(Topic::Requests, partition);
    if log.bounds(of).map_err(failed)?.start > Offset(0) {
        return Ok(Found::Trimmed);
    }
    let digest = key.digest().to_string();
    let (mut own, mut is_anothers) = (None, false);
    visit_start(log, of, &mut |record| {
        let Some(body) = genesis_body(record) else { return false };
        let is_under_key = internal::read::<Genesis>(body).is_ok_and(|genesis| genesis.key_digest == digest);
        let origin =
            Content::read(&record.content).map(|content| trust.origin(of, record.timestamp, &content));
        match origin {
            Ok(Origin::Own | Origin::Signed(_)) if is_under_key => own = Some(sha256(body)),
            // Any stranger can write one that only looks like it.
            Ok(Origin::Foreign(_) | Origin::Late) if is_under_key => {}
            _ => is_anothers = true,
        }
        own.is_some()
    })
    .map_err(failed)?;
    match own {
        Some(digest) => Ok(Found::Genesis(digest)),
        None if is_anothers => {
            Err(Failure::Input("the log was begun with another installation key".to_owned()))
        }
        None => Ok(Found::Nothing),
    }
}
