//! Recovery: what was found decides what is done, in a pure function; then it is done.

use crate::base::hash::{crc32, sha256};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::{Bounds, Log, LogError, PollLimit, Stored};
use crate::wire::chain::{ChainReader, Link, Taken};
use crate::wire::envelope::{Envelope, RecordType};
use crate::wire::internal::{self, Genesis};
use crate::wire::record::Content;
use crate::worker::checkpoint::Meta;
use crate::worker::outbox::Landed;
use std::fmt;

/// Records read at once while looking for something.
const SLICE: PollLimit = PollLimit { records: 4_096, bytes: 8 << 20 };

/// What was found of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What the requests topic holds.
    pub bounds: Bounds,
    /// The store's checkpoint.
    pub checkpoint: Option<Meta>,
    /// The checksum of the log's record where the checkpoint's last one stood.
    pub applied: Option<u32>,
    /// The digest of the log's genesis and where it stands.
    pub genesis: Option<(Offset, crate::base::hash::Digest256)>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Begin with the first record of the log.
    FromStart,
    /// Begin behind the checkpoint.
    FromCheckpoint(Box<Meta>),
    /// Neither is sound.
    Refuse(Refused),
}

/// Why a shard does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The log has another genesis than the checkpoint's.
    ForeignLog,
    /// The log's record at the checkpoint's position is another.
    OtherRecord(Offset),
    /// The checkpoint's position is no longer, or not yet, in the log.
    Outside(Offset),
    /// There is no checkpoint, and the log's beginning is trimmed.
    NothingToStartFrom,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::ForeignLog => f.write_str("the checkpoint belongs to another log: its genesis differs"),
            Refused::OtherRecord(at) => {
                write!(f, "the checkpoint belongs to another log: the record at offset {at} differs")
            }
            Refused::Outside(at) => write!(f, "the checkpoint's position {at} is not in the log"),
            Refused::NothingToStartFrom => {
                f.write_str("there is no checkpoint, and the log no longer holds its beginning")
            }
        }
    }
}

/// Chooses what to begin from.
#[must_use]
pub fn plan(found: Found) -> Plan {
    let Some(meta) = found.checkpoint else {
        // What stands before genesis has outputs too, so a log that lost any of it is not whole.
        let untrimmed = found.bounds.start == Offset(0) && found.genesis.is_some();
        let whole = untrimmed || found.bounds.start == found.bounds.end;
        return if whole { Plan::FromStart } else { Plan::Refuse(Refused::NothingToStartFrom) };
    };
    if let (Some(mark), Some((offset, digest))) = (meta.core.genesis, found.genesis)
        && (mark.offset, mark.digest) != (offset, digest)
    {
        return Plan::Refuse(Refused::ForeignLog);
    }
    match (meta.core.applied, found.applied) {
        (None, _) => Plan::FromCheckpoint(Box::new(meta)),
        (Some(applied), None) => Plan::Refuse(Refused::Outside(applied.offset)),
        (Some(applied), Some(checksum)) if applied.checksum == checksum => {
            Plan::FromCheckpoint(Box::new(meta))
        }
        (Some(applied), Some(_)) => Plan::Refuse(Refused::OtherRecord(applied.offset)),
    }
}

/// Looks at the log for what a checkpoint says of it.
pub(super) fn look(log: &dyn Log, partition: Partition, checkpoint: Option<Meta>) -> Result<Found, LogError> {
    let requests = TopicPartition::new(Topic::Requests, partition);
    let bounds = log.bounds(requests)?;
    let core = checkpoint.as_ref().map(|meta| &meta.core);
    let applied = match core.and_then(|core| core.applied) {
        Some(applied) => record_at(log, requests, bounds, applied.offset)?,
        None => None,
    };
    let applied = applied.map(|record| crc32(&[&record.content]));
    let genesis = match core.and_then(|core| core.genesis) {
        // Where the checkpoint's genesis was trimmed, another one in the log is a dead letter, not its own.
        Some(mark) => record_at(log, requests, bounds, mark.offset)?.map(|record| {
            let content = Content::read(&record.content).ok();
            (record.offset, sha256(content.and_then(|content| content.value).unwrap_or_default()))
        }),
        None => find_genesis(log, requests, bounds)?,
    };
    Ok(Found { bounds, checkpoint, applied, genesis })
}

/// The record at exactly this offset, if the log holds it.
fn record_at(
    log: &dyn Log,
    of: TopicPartition,
    bounds: Bounds,
    at: Offset,
) -> Result<Option<Stored>, LogError> {
    if at < bounds.start || at >= bounds.end {
        return Ok(None);
    }
    let one = PollLimit { records: 1, bytes: 1 };
    let record = log.reader(of, at)?.poll(one)?.into_iter().next();
    Ok(record.filter(|record| record.offset == at))
}

/// The first genesis record near the log's start; what stands before it are dead letters and few, among
/// them what is called a genesis and cannot be read as one.
fn find_genesis(
    log: &dyn Log,
    requests: TopicPartition,
    bounds: Bounds,
) -> Result<Option<(Offset, crate::base::hash::Digest256)>, LogError> {
    if bounds.start == bounds.end {
        return Ok(None);
    }
    let mut reader = log.reader(requests, bounds.start)?;
    let first = reader.poll(PollLimit { records: limits::TURN_RECORDS, bytes: limits::TURN_BYTES })?;
    Ok(first.iter().find_map(|record| {
        let content = Content::read(&record.content).ok()?;
        let envelope = Envelope::read(&content).ok()?;
        let body = content.value.unwrap_or_default();
        let is_genesis = envelope.kind == RecordType::Genesis && internal::read::<Genesis>(body).is_ok();
        is_genesis.then(|| (record.offset, sha256(body)))
    }))
}

/// Reads every output topic to its end under the reader's rule, from the last output known to be there:
/// what the log holds of this shard's outputs.
pub(super) fn read_tails(
    log: &dyn Log,
    partition: Partition,
    known: [Option<Landed>; 3],
) -> Result<[Option<Landed>; 3], LogError> {
    let mut landed = [None; 3];
    for ((slot, topic), known) in landed.iter_mut().zip(Topic::OUTPUTS).zip(known) {
        *slot = read_tail(log, TopicPartition::new(topic, partition), known)?;
    }
    Ok(landed)
}

fn read_tail(log: &dyn Log, of: TopicPartition, known: Option<Landed>) -> Result<Option<Landed>, LogError> {
    let bounds = log.bounds(of)?;
    let from = known.map_or(Offset(0), |known| known.at);
    let mut reader = log.reader(of, from.clamp(bounds.start, bounds.end))?;
    let mut chain = ChainReader::after(known.map(|known| known.output));
    let mut landed = known;
    loop {
        let records = reader.poll(SLICE)?;
        if records.is_empty() {
            return Ok(landed);
        }
        for record in records {
            let link = Content::read(&record.content).ok().and_then(|content| Link::read(&content));
            let Some(link) = link else { continue };
            if chain.take(record.offset, &link) == Taken::Next {
                landed = Some(Landed { output: link.output, at: record.offset });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::ManualClock;
    use crate::base::id::OrgId;
    use crate::base::time::Ms;
    use crate::log::memory::{MemoryLog, Producer};
    use crate::shard::core::{Applied, Core, GenesisMark};
    use crate::wire::envelope::product_record;
    use crate::wire::header;
    use crate::wire::record::Builder;
    use std::sync::Arc;

    fn found(checkpoint: Option<(u64, u32)>, applied: Option<u32>, genesis: Option<&[u8]>) -> Found {
        let mark = GenesisMark { offset: Offset(0), digest: sha256(b"ours") };
        let meta = checkpoint.map(|(offset, checksum)| Meta {
            core: Core {
                genesis: Some(mark),
                applied: Some(Applied { offset: Offset(offset), checksum }),
                ..Core::default()
            },
            outputs: [None; 3],
        });
        Found {
            bounds: Bounds { start: Offset(0), end: Offset(9) },
            checkpoint: meta,
            applied,
            genesis: genesis.map(|body| (Offset(0), sha256(body))),
        }
    }

    #[test]
    fn what_is_found_decides() {
        let refuse = Plan::Refuse;
        assert_eq!(plan(found(None, None, Some(b"ours"))), Plan::FromStart);
        assert_eq!(plan(found(None, None, None)), refuse(Refused::NothingToStartFrom));
        let mut trimmed = found(None, None, Some(b"ours"));
        trimmed.bounds.start = Offset(1);
        assert_eq!(plan(trimmed), refuse(Refused::NothingToStartFrom), "genesis stands, what was before not");
        let mut empty = found(None, None, None);
        empty.bounds.end = Offset(0);
        assert_eq!(plan(empty), Plan::FromStart);
        assert!(matches!(plan(found(Some((5, 1)), Some(1), Some(b"ours"))), Plan::FromCheckpoint(_)));
        assert!(
            matches!(plan(found(Some((5, 1)), Some(1), None)), Plan::FromCheckpoint(_)),
            "genesis trimmed"
        );
        assert_eq!(plan(found(Some((5, 1)), Some(1), Some(b"other"))), refuse(Refused::ForeignLog));
        assert_eq!(
            plan(found(Some((5, 1)), Some(2), Some(b"ours"))),
            refuse(Refused::OtherRecord(Offset(5)))
        );
        assert_eq!(plan(found(Some((50, 1)), None, Some(b"ours"))), refuse(Refused::Outside(Offset(50))));
    }

    #[test]
    fn what_stands_before_the_last_output_was_taken_by_nobody() {
        let log = MemoryLog::auto_flush(1, Arc::new(ManualClock::new(Ms(0), 0))).handle(Producer(1));
        let events = TopicPartition::new(Topic::Events, Partition(0));
        // The first batch failed, the second landed; both were handed over again, and the first landed.
        for (at, prev) in [("1", "0/0"), ("0", "-")] {
            let mut record = Builder::new(b"", Some(b"{}")).unwrap();
            record.header(header::POSITION, format!("0:{at}").as_bytes()).unwrap();
            record.header(header::INDEX, b"0").unwrap();
            record.header(header::PREV, prev.as_bytes()).unwrap();
            log.append(events, vec![record.finish()], Box::new(|_| ())).unwrap();
        }
        let last = Landed { output: "0/0".parse().unwrap(), at: Offset(1) };
        assert_eq!(read_tail(&log, events, Some(last)), Ok(Some(last)));
        assert_eq!(read_tail(&log, events, None), Ok(Some(last)));
    }

    #[test]
    fn a_topic_that_was_trimmed_is_read_from_its_start() {
        let memory = MemoryLog::auto_flush(1, Arc::new(ManualClock::new(Ms(0), 0)));
        let log = memory.handle(Producer(1));
        let events = TopicPartition::new(Topic::Events, Partition(0));
        for (at, prev) in [("0", "-"), ("1", "0/0"), ("2", "1/0"), ("3", "2/0")] {
            let mut record = Builder::new(b"", Some(b"{}")).unwrap();
            record.header(header::POSITION, format!("0:{at}").as_bytes()).unwrap();
            record.header(header::INDEX, b"0").unwrap();
            record.header(header::PREV, prev.as_bytes()).unwrap();
            log.append(events, vec![record.finish()], Box::new(|_| ())).unwrap();
        }
        let landed = |at: u64| Landed { output: format!("{at}/0").parse().unwrap(), at: Offset(at) };
        for known in [0, 1, 3] {
            assert_eq!(read_tail(&log, events, Some(landed(known))), Ok(Some(landed(3))));
        }
        memory.trim(events, Offset(2));
        assert_eq!(read_tail(&log, events, Some(landed(1))), Ok(Some(landed(3))), "it goes on at the start");
        memory.trim(events, Offset(4));
        assert_eq!(read_tail(&log, events, Some(landed(3))), Ok(Some(landed(3))), "all of it is known");
    }

    #[test]
    fn another_genesis_in_the_log_is_nothing_to_a_checkpoint() {
        let memory = MemoryLog::auto_flush(1, Arc::new(ManualClock::new(Ms(0), 0)));
        let log = memory.handle(Producer(1));
        let genesis = Genesis {
            installation: OrgId::INSTALLATION.to_string(),
            topic: "t".to_owned(),
            partitions: 1,
            key_digest: String::new(),
            engine: 1,
        };
        let body = internal::write(&genesis);
        let bodies: [&[u8]; 3] = [b"{}", &body, br#"{"installation":"another"}"#];
        let requests = TopicPartition::new(Topic::Requests, Partition(0));
        for body in bodies {
            let record = product_record(OrgId::INSTALLATION, RecordType::Genesis, body, "g").unwrap();
            log.append(requests, vec![record], Box::new(|_| ())).unwrap();
        }
        let genesis_of = |checkpoint| look(&log, Partition(0), checkpoint).unwrap().genesis;
        let own = Some((Offset(1), sha256(&body)));
        assert_eq!(genesis_of(None), own, "what cannot be read as a genesis is none");
        let mark = GenesisMark { offset: Offset(1), digest: sha256(&body) };
        let core = Core { genesis: Some(mark), ..Core::default() };
        let meta = Meta { core, outputs: [None; 3] };
        assert_eq!(genesis_of(Some(meta.clone())), own);
        memory.trim(requests, Offset(2));
        assert_eq!(genesis_of(Some(meta)), None, "it was trimmed");
    }
}
