//! Plans as a table, and looking at a log.

use super::look;
use super::tails::read_tail;
use super::*;
use crate::base::clock::ManualClock;
use crate::base::hash::{crc32, sha256};
use crate::base::id::OrgId;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use crate::log::memory::{Handle, MemoryLog, Producer};
use crate::log::{AppendError, Contents, Done, Log, LogError, Membership, PollLimit, Reader, Stored};
use crate::shard::core::{Applied, Core, GenesisMark};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::header;
use crate::wire::internal::{self, Genesis};
use crate::wire::record::Builder;
use crate::wire::signature::Trust;
use crate::worker::outbox::Landed;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A checkpoint at `position` of the log that began with `genesis`; the log holds the record with that
/// checksum there, and its genesis where it stood, as far as it was not trimmed.
fn candidate(position: u64, in_log: Option<u32>, genesis: &[u8], log_genesis: Option<&[u8]>) -> Candidate {
    let core = Core {
        genesis: Some(GenesisMark { offset: Offset(0), digest: sha256(genesis) }),
        applied: Some(Applied { offset: Offset(position), checksum: 7 }),
        ..Core::default()
    };
    let meta = Meta { core, outputs: [None; 3] };
    Candidate { meta, applied: in_log, genesis: log_genesis.map(sha256) }
}

/// One that the log holds.
fn sound(position: u64) -> Candidate {
    candidate(position, Some(7), b"ours", Some(b"ours"))
}

fn local(candidate: Candidate) -> Local {
    Local::Checkpoint(Box::new(candidate))
}

fn snapshots<const N: usize>(found: [(u64, Result<Candidate, &str>); N]) -> Archived {
    let each = found.into_iter().map(|(number, found)| (number, found.map_err(str::to_owned)));
    Archived::Snapshots(each.collect(), 0)
}

/// The log holds 0..9, or what is left of that behind a trim.
fn seen(trimmed_to: u64, local: Local, archive: Archived) -> Seen {
    let genesis = (trimmed_to == 0).then(|| (Offset(0), sha256(b"ours")));
    let bounds = Bounds { start: Offset(trimmed_to), end: Offset(9) };
    Seen { bounds, genesis, local, archive, tried: BTreeMap::new() }
}

fn told(plan: &Plan) -> String {
    plan.to_string()
}

#[test]
fn the_newest_that_the_log_holds_is_taken() {
    let none = || snapshots([]);
    let silent = || Archived::Silent("the archive failed: no route".to_owned());
    let here = "go on from the state here, which ends before";
    let foreign = || candidate(5, Some(7), b"theirs", Some(b"ours"));
    let table = [
        (seen(0, Local::Empty, none()), "begin with the first record of the log"),
        (seen(0, Local::Empty, silent()), "begin with the first record of the log"),
        (seen(0, Local::Empty, Archived::None), "begin with the first record of the log"),
        (seen(0, local(sound(5)), none()), &format!("{here} 6")),
        (seen(3, local(sound(5)), silent()), &format!("{here} 6")),
        (seen(5, local(sound(5)), none()), &format!("{here} 6")),
        (seen(0, local(sound(5)), snapshots([(1, Ok(sound(2))), (2, Ok(sound(4)))])), &format!("{here} 6")),
        (seen(0, local(sound(5)), snapshots([(1, Ok(sound(2))), (2, Ok(sound(5)))])), &format!("{here} 6")),
        (seen(0, local(sound(5)), snapshots([(1, Ok(sound(6))), (2, Ok(sound(4)))])), "fetch snapshot 1"),
        (seen(0, Local::Empty, snapshots([(1, Ok(sound(6))), (2, Ok(sound(6)))])), "fetch snapshot 2"),
        (seen(6, local(sound(5)), snapshots([(1, Ok(sound(6)))])), "fetch snapshot 1"),
        (seen(0, Local::Empty, snapshots([(1, Ok(sound(6))), (2, Err("cut"))])), "fetch snapshot 1"),
        (seen(0, Local::Empty, snapshots([(1, Ok(foreign()))])), "begin with the first record of the log"),
        (seen(0, local(sound(5)), snapshots([(9, Ok(foreign()))])), &format!("{here} 6")),
        (seen(0, Local::Damaged("a block".to_owned()), none()), "set the state here aside: a block"),
    ];
    for (number, (seen, due)) in table.iter().enumerate() {
        assert_eq!(told(&plan(seen)), *due, "row {number}");
    }
}

#[test]
fn what_cannot_be_begun_from_is_named() {
    let other = |position| candidate(position, Some(8), b"ours", Some(b"ours"));
    let behind = |position| candidate(position, None, b"ours", Some(b"ours"));
    let foreign = || candidate(5, Some(7), b"theirs", Some(b"ours"));
    // Where the genesis was trimmed, nothing in its place tells.
    let foreign_trimmed = || candidate(50, None, b"theirs", None);
    let kept = |position| candidate(position, Some(7), b"ours", None);
    let begins = "the log holds 4..9 and no longer its beginning";
    let table = [
        (
            seen(4, Local::Empty, snapshots([])),
            format!("there is no state here; the archive has no snapshot; {begins}"),
        ),
        (
            seen(4, local(kept(3)), snapshots([(7, Ok(kept(2))), (8, Err("cut"))])),
            format!(
                "the state here stands on offset 3, which the log no longer holds; snapshot 8 does not do: cut; \
                 snapshot 7 stands on offset 2, which the log no longer holds; {begins}"
            ),
        ),
        (
            seen(4, Local::Empty, Archived::Silent("the archive failed: no route".to_owned())),
            format!("there is no state here; the archive failed: no route; {begins}"),
        ),
        (
            seen(0, local(foreign()), snapshots([(1, Ok(sound(5)))])),
            "the state here belongs to another log: its genesis differs".to_owned(),
        ),
        (
            seen(0, local(other(5)), snapshots([(1, Ok(sound(4)))])),
            "the state here belongs to another log: the record at offset 5 differs".to_owned(),
        ),
        (
            seen(0, local(behind(9)), snapshots([(1, Ok(sound(4)))])),
            "the state here stands on offset 9, which the log ends before".to_owned(),
        ),
        (
            seen(0, local(sound(5)), snapshots([(1, Ok(behind(20)))])),
            "snapshot 1 stands on offset 20, which the log ends before".to_owned(),
        ),
        (seen(4, local(kept(3)), snapshots([(1, Ok(foreign_trimmed())), (2, Ok(kept(5)))])), String::new()),
    ];
    for (number, (seen, due)) in table.iter().enumerate() {
        let due = if due.is_empty() { "fetch snapshot 2".to_owned() } else { format!("refused: {due}") };
        assert_eq!(told(&plan(seen)), due, "row {number}");
    }
}

#[test]
fn what_was_tried_is_not_tried_again() {
    let mut seen = seen(4, Local::Empty, snapshots([(1, Ok(sound(5))), (2, Ok(sound(6)))]));
    seen.tried.insert(2, "000012.sst is damaged".to_owned());
    assert_eq!(plan(&seen), Plan::FromSnapshot(1));
    seen.tried.insert(1, "an object is gone".to_owned());
    let Plan::Refuse(why) = plan(&seen) else { panic!("there is nothing left") };
    assert!(why.contains("snapshot 2 does not do: 000012.sst is damaged"), "{why}");
    assert!(why.contains("snapshot 1 does not do: an object is gone"), "{why}");
    if let Archived::Snapshots(_, unread) = &mut seen.archive {
        *unread = 3;
    }
    assert_eq!(plan(&seen), Plan::LookFurther, "older ones may do");
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
    let own = sha256(&body);
    assert_eq!(
        look::genesis(&log, Partition(0), &Trust::Everyone).unwrap(),
        Some((Offset(1), own)),
        "what cannot be read as a genesis is none"
    );
    let mark = GenesisMark { offset: Offset(1), digest: own };
    let last = memory.dump(requests).unwrap().records.pop().unwrap();
    let applied = Applied { offset: last.offset, checksum: crc32(&[&last.content]) };
    let core = Core { genesis: Some(mark), applied: Some(applied), ..Core::default() };
    let meta = Meta { core, outputs: [None; 3] };
    let candidate = || look::candidate(&log, Partition(0), meta.clone()).unwrap();
    assert_eq!((candidate().genesis, candidate().applied), (Some(own), Some(applied.checksum)));
    memory.trim(requests, Offset(2));
    assert_eq!((candidate().genesis, candidate().applied), (None, Some(applied.checksum)), "it was trimmed");
    memory.trim(requests, Offset(3));
    assert_eq!(candidate().applied, None);
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

/// A log whose readers have fetched nothing when they are first asked, and after each poll that gave something.
#[derive(Debug)]
struct Distant {
    log: Handle,
    /// Whether a wait is for nothing.
    is_silent: bool,
}

#[derive(Debug)]
struct DistantReader {
    reader: Box<dyn Reader>,
    fetched: bool,
    is_silent: bool,
}

impl Contents for Distant {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        self.log.bounds(of)
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        let reader = self.log.reader(of, from)?;
        Ok(Box::new(DistantReader { reader, fetched: false, is_silent: self.is_silent }))
    }
}

impl Log for Distant {
    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    fn append(&self, to: TopicPartition, records: Vec<Bytes>, done: Done) -> Result<(), AppendError> {
        self.log.append(to, records, done)
    }

    fn subscribe(&self, of: TopicPartition, signal: &Arc<Signal>) {
        self.log.subscribe(of, signal);
    }

    fn join(&self, signal: &Arc<Signal>) -> Result<Box<dyn Membership>, LogError> {
        self.log.join(signal)
    }
}

impl Reader for DistantReader {
    fn poll(&mut self, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
        if !std::mem::replace(&mut self.fetched, false) {
            return Ok(vec![]);
        }
        self.reader.poll(PollLimit { records: 1, ..limit })
    }

    fn position(&self) -> Offset {
        self.reader.position()
    }

    fn end(&self) -> Offset {
        self.reader.position()
    }

    fn wait(&mut self, _: Duration) -> bool {
        self.fetched = !self.is_silent;
        self.fetched
    }
}

#[test]
fn what_was_not_fetched_yet_is_waited_for() {
    let memory = MemoryLog::auto_flush(1, Arc::new(ManualClock::new(Ms(0), 0)));
    let log = memory.handle(Producer(1));
    let [events, requests] =
        [Topic::Events, Topic::Requests].map(|topic| TopicPartition::new(topic, Partition(0)));
    for (at, prev) in [("0", "-"), ("1", "0/0"), ("2", "1/0")] {
        let mut record = Builder::new(b"", Some(b"{}")).unwrap();
        record.header(header::POSITION, format!("0:{at}").as_bytes()).unwrap();
        record.header(header::INDEX, b"0").unwrap();
        record.header(header::PREV, prev.as_bytes()).unwrap();
        log.append(events, vec![record.finish()], Box::new(|_| ())).unwrap();
    }
    let genesis = Genesis {
        installation: OrgId::INSTALLATION.to_string(),
        topic: "t".to_owned(),
        partitions: 1,
        key_digest: String::new(),
        engine: 1,
    };
    let body = internal::write(&genesis);
    let genesis = product_record(OrgId::INSTALLATION, RecordType::Genesis, &body, "g").unwrap();
    let stray = Builder::new(b"", Some(b"stray")).unwrap().finish();
    log.append(requests, vec![stray, genesis], Box::new(|_| ())).unwrap();
    memory.skip(requests, 3);
    let last = memory.dump(requests).unwrap().records.pop().unwrap();
    let applied = Applied { offset: last.offset, checksum: crc32(&[&last.content]) };
    let core = Core { applied: Some(applied), ..Core::default() };
    let meta = Meta { core, outputs: [None; 3] };

    let distant = Distant { log: log.clone(), is_silent: false };
    let landed = Landed { output: "2/0".parse().unwrap(), at: Offset(2) };
    assert_eq!(read_tail(&distant, events, None), Ok(Some(landed)));
    assert_eq!(
        look::genesis(&distant, Partition(0), &Trust::Everyone).unwrap(),
        Some((Offset(1), sha256(&body)))
    );
    let candidate = look::candidate(&distant, Partition(0), meta.clone()).unwrap();
    assert_eq!(candidate.applied, Some(applied.checksum));
    // What says nothing is not taken for empty.
    let silent = Distant { log, is_silent: true };
    assert!(matches!(read_tail(&silent, events, None), Err(LogError::Unreachable(_))));
    assert!(matches!(look::genesis(&silent, Partition(0), &Trust::Everyone), Err(LogError::Unreachable(_))));
    assert!(matches!(look::candidate(&silent, Partition(0), meta), Err(LogError::Unreachable(_))));
}
