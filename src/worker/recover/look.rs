//! Looking at the log for what checkpoints say of it.

use super::Candidate;
use crate::base::hash::{Digest256, crc32, sha256};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::{Bounds, Contents, LogError, PollLimit, Stored, read_before};
use crate::wire::envelope::{Envelope, RecordType};
use crate::wire::internal::{self, Genesis};
use crate::wire::record::Content;
use crate::wire::signature::{Origin, Trust};
use crate::worker::checkpoint::Meta;

/// What the requests topic holds.
pub(in crate::worker) fn bounds(log: &dyn Contents, partition: Partition) -> Result<Bounds, LogError> {
    log.bounds(TopicPartition::new(Topic::Requests, partition))
}

/// The genesis, if it is near the start of what the requests topic holds: where it stands, and the digest of its
/// body.
pub(in crate::worker) fn genesis(
    log: &dyn Contents,
    partition: Partition,
    trust: &Trust,
) -> Result<Option<(Offset, Digest256)>, LogError> {
    let of = TopicPartition::new(Topic::Requests, partition);
    let mut found = None;
    visit_start(log, of, &mut |record| {
        let Some(body) = genesis_body(record) else { return false };
        let is_own = Content::read(&record.content).is_ok_and(|content| {
            matches!(trust.origin(of, record.timestamp, &content), Origin::Own | Origin::Signed(_))
        });
        if is_own {
            found = Some((record.offset, sha256(body)));
        }
        is_own
    })?;
    Ok(found)
}

/// A checkpoint with what the log holds where it stands. What the log no longer holds is none.
pub(in crate::worker) fn candidate(
    log: &dyn Contents,
    partition: Partition,
    meta: Meta,
) -> Result<Candidate, LogError> {
    let requests = TopicPartition::new(Topic::Requests, partition);
    let bounds = log.bounds(requests)?;
    let applied = match meta.core.applied {
        Some(applied) => record_at(log, requests, bounds, applied.offset)?,
        None => None,
    };
    let applied = applied.map(|record| crc32(&[&record.content]));
    // Where the checkpoint's genesis was trimmed, another one in the log is a dead letter, not its own.
    let genesis = match meta.core.genesis {
        Some(mark) => record_at(log, requests, bounds, mark.offset)?.map(|record| {
            let content = Content::read(&record.content).ok();
            sha256(content.and_then(|content| content.value).unwrap_or_default())
        }),
        None => None,
    };
    Ok(Candidate { meta, applied, genesis })
}

/// The record at exactly this offset, if the log holds it.
fn record_at(
    log: &dyn Contents,
    of: TopicPartition,
    bounds: Bounds,
    at: Offset,
) -> Result<Option<Stored>, LogError> {
    if at < bounds.start || at >= bounds.end {
        return Ok(None);
    }
    let one = PollLimit { records: 1, bytes: 1 };
    let record = read_before(&mut *log.reader(of, at)?, bounds.end, one)?.into_iter().next();
    Ok(record.filter(|record| record.offset == at))
}

/// Shows the records near the log's start, until one is what was looked for. What stands before genesis are dead
/// letters and few, among them what is called a genesis and is none.
///
/// # Errors
/// The log failed.
pub fn visit_start(
    log: &dyn Contents,
    requests: TopicPartition,
    is_it: &mut dyn FnMut(&Stored) -> bool,
) -> Result<(), LogError> {
    let bounds = log.bounds(requests)?;
    let mut reader = log.reader(requests, bounds.start)?;
    let mut left = PollLimit { records: limits::TURN_RECORDS, bytes: limits::TURN_BYTES };
    // Nearly always it is the first, and damage behind it is for whoever reads that far. How much one poll gives is
    // the log's affair; how near is near is not.
    let mut step = 1;
    while left.records > 0 && left.bytes > 0 {
        let limit = PollLimit { records: left.records.min(step), bytes: left.bytes };
        step *= 8;
        let records = read_before(&mut *reader, bounds.end, limit)?;
        if records.is_empty() || records.iter().any(&mut *is_it) {
            return Ok(());
        }
        let bytes = records.iter().map(|record| record.content.len()).sum();
        left.bytes = left.bytes.saturating_sub(bytes);
        left.records = left.records.saturating_sub(records.len());
    }
    Ok(())
}

/// The body of a record that is a genesis by its type and can be read as one, whoever wrote it.
#[must_use]
pub fn genesis_body(record: &Stored) -> Option<&[u8]> {
    let content = Content::read(&record.content).ok()?;
    let envelope = Envelope::read(&content, true).ok()?;
    let body = content.value.unwrap_or_default();
    let is_genesis = envelope.kind == RecordType::Genesis && internal::read::<Genesis>(body).is_ok();
    is_genesis.then_some(body)
}
