//! What every log must do, run over each of them.

use super::embedded::tests::disk::{TestDisk, Unsynced};
use super::embedded::tests::{open_on, options};
use super::embedded::{EmbeddedLog, Options};
use super::memory::{MemoryLog, Producer};
use super::*;
use crate::base::clock::{Clock, NoEntropy};
use crate::base::limits;
use crate::base::position::Topic;
use crate::wire::record;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(super) struct TestClock(pub(super) AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Ms {
        Ms(self.0.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        bytes.fill(0xa5);
        Ok(())
    }
}

pub(super) fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(AtomicI64::new(1_000)))
}

/// A log under test and what only its owner can do to it.
trait Harness {
    fn log(&self) -> Arc<dyn Log>;
    /// Nothing becomes durable from now on.
    fn hold(&self);
    /// Everything that was appended becomes durable, soon.
    fn flush(&self);
    /// The process ends without notice and starts again.
    fn restart(&mut self);
    fn skip(&self, of: TopicPartition, count: u64);
    /// Fills the queue.
    fn make_busy(&self, to: TopicPartition);
}

struct Memory {
    log: MemoryLog,
    producer: Producer,
}

impl Harness for Memory {
    fn log(&self) -> Arc<dyn Log> {
        Arc::new(self.log.handle(self.producer))
    }

    fn hold(&self) {}

    fn flush(&self) {
        self.log.refuse_appends(self.producer, None);
        self.log.flush_all();
    }

    fn restart(&mut self) {
        self.log.crash(self.producer);
        self.log.drop_waiting(self.producer, None);
        self.producer.0 += 1;
    }

    fn skip(&self, of: TopicPartition, count: u64) {
        self.log.skip(of, count);
    }

    fn make_busy(&self, _: TopicPartition) {
        self.log.refuse_appends(self.producer, Some(AppendError::Busy));
    }
}

struct Embedded {
    disk: TestDisk,
    options: Options,
    log: Option<Arc<EmbeddedLog>>,
}

impl Embedded {
    fn new(options: Options) -> Self {
        let disk = TestDisk::default();
        let log = Some(Arc::new(open_on(&disk, &options, clock()).unwrap().0));
        Self { disk, options, log }
    }

    fn embedded(&self) -> &Arc<EmbeddedLog> {
        self.log.as_ref().unwrap()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.disk.release();
    }
}

impl Harness for Embedded {
    fn log(&self) -> Arc<dyn Log> {
        Arc::clone(self.embedded()) as Arc<dyn Log>
    }

    fn hold(&self) {
        self.disk.hold();
    }

    fn flush(&self) {
        self.disk.release();
    }

    fn restart(&mut self) {
        let crashed = self.disk.after_crash(Unsynced::Nothing);
        self.disk.release();
        self.log = None;
        self.disk = crashed;
        self.log = Some(Arc::new(open_on(&self.disk, &self.options, clock()).unwrap().0));
    }

    fn skip(&self, of: TopicPartition, count: u64) {
        let to = Offset(self.embedded().bounds(of).unwrap().end.0 + count);
        let (tell, told) = channel();
        self.embedded().skip(of, to, Box::new(move |how| tell.send(how).unwrap())).unwrap();
        told.recv().unwrap().unwrap();
    }

    fn make_busy(&self, to: TopicPartition) {
        self.disk.hold();
        let mut taken = 0;
        while self.embedded().append(to, vec![Bytes::from_static(b"full")], Box::new(|_| {})).is_ok() {
            taken += 1;
            assert!(taken < 100_000, "the queue has no bound");
            if taken == 1 {
                self.disk.wait_held();
            }
        }
    }
}

fn each(check: impl Fn(&mut dyn Harness)) {
    check(&mut Memory { log: MemoryLog::new(3, clock()), producer: Producer(1) });
    check(&mut Embedded::new(options(3)));
    // Everything is read from the files, over many segments.
    check(&mut Embedded::new(Options { segment_bytes: 700, tail_bytes: 0, ..options(3) }));
    check(&mut Embedded::new(Options { segment_bytes: 5_000, tail_bytes: 1_000, ..options(3) }));
}

pub(super) fn of(topic: Topic, partition: u16) -> TopicPartition {
    TopicPartition::new(topic, Partition(partition))
}

pub(super) type Answer = Receiver<Result<Appended, AppendError>>;

pub(super) fn append(log: &dyn Log, to: TopicPartition, records: &[&[u8]]) -> Answer {
    let (tell, told) = channel();
    let records = records.iter().map(|record| Bytes::copy_from_slice(record)).collect();
    log.append(to, records, Box::new(move |how| drop(tell.send(how)))).unwrap();
    told
}

pub(super) fn answer(told: &Answer) -> Result<Appended, AppendError> {
    told.recv_timeout(Duration::from_secs(20)).expect("an answer")
}

const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };

/// Everything from `from` on, polled in pieces of `limit`.
pub(super) fn read_from(log: &dyn Log, at: TopicPartition, from: u64, limit: PollLimit) -> Vec<Stored> {
    let mut reader = log.reader(at, Offset(from)).unwrap();
    let mut read: Vec<Stored> = Vec::new();
    loop {
        let records = reader.poll(limit).unwrap();
        if records.is_empty() {
            return read;
        }
        assert!(records.len() <= limit.records.max(1));
        assert_eq!(reader.position(), records.last().unwrap().offset.next());
        read.extend(records);
    }
}

fn offsets(records: &[Stored]) -> Vec<u64> {
    records.iter().map(|stored| stored.offset.0).collect()
}

fn appended(harness: &dyn Harness, to: TopicPartition, records: &[&[u8]]) -> Appended {
    let told = append(&*harness.log(), to, records);
    harness.flush();
    answer(&told).unwrap()
}

#[test]
fn nothing_is_seen_before_it_is_durable() {
    each(|harness| {
        let (log, at) = (harness.log(), of(Topic::Requests, 1));
        appended(harness, at, &[b"before"]);
        harness.hold();
        let signal = Arc::new(Signal::default());
        log.subscribe(at, &signal);
        let mut reader = log.reader(at, Offset(0)).unwrap();
        assert_eq!(reader.poll(ALL).unwrap().len(), 1);
        let told = append(&*log, at, &[b"a", b"b"]);
        assert!(told.recv_timeout(Duration::from_millis(30)).is_err(), "acknowledged");
        assert!(!signal.wait(Duration::ZERO), "signalled");
        assert_eq!(reader.poll(ALL), Ok(vec![]));
        assert_eq!(log.bounds(at).unwrap().end, Offset(1));
        harness.flush();
        assert_eq!(answer(&told).map(|to| (to.first.0, to.last.0)), Ok((1, 2)));
        assert!(signal.wait(Duration::from_secs(20)), "not signalled");
        assert_eq!(offsets(&reader.poll(ALL).unwrap()), [1, 2]);
    });
}

#[test]
fn what_was_not_durable_is_gone_after_a_crash_and_the_rest_is_there() {
    each(|harness| {
        let at = of(Topic::Events, 0);
        appended(harness, at, &[b"kept", b"too"]);
        appended(harness, of(Topic::Requests, 2), &[b"other"]);
        harness.hold();
        drop(append(&*harness.log(), at, &[b"lost"]));
        harness.restart();
        let log = harness.log();
        assert_eq!(log.bounds(at), Ok(Bounds { start: Offset(0), end: Offset(2) }));
        let read = read_from(&*log, at, 0, ALL);
        assert_eq!(read.iter().map(|stored| &stored.content[..]).collect::<Vec<_>>(), [&b"kept"[..], b"too"]);
        assert_eq!(appended(harness, at, &[b"next"]).first, Offset(2));
        harness.restart();
        assert_eq!(offsets(&read_from(&*harness.log(), at, 0, ALL)), [0, 1, 2]);
    });
}

#[test]
fn each_partition_keeps_its_order_and_its_own_offsets() {
    each(|harness| {
        let log = harness.log();
        let places: Vec<_> =
            Topic::ALL.into_iter().flat_map(|topic| (0..3).map(move |n| of(topic, n))).collect();
        let mut waiting = VecDeque::new();
        for round in 0..40_u8 {
            for (n, at) in places.iter().enumerate() {
                let content = [round, u8::try_from(n).unwrap()];
                let records = vec![&content[..]; usize::from(round % 3) + 1];
                waiting.push_back((*at, append(&*log, *at, &records), records.len() as u64));
            }
        }
        harness.flush();
        let mut ends = vec![0; places.len()];
        for (n, (at, told, count)) in waiting.iter().enumerate() {
            let end = &mut ends[n % places.len()];
            let got = answer(told).unwrap();
            assert_eq!((got.first.0, got.last.0), (*end, *end + count - 1), "{at}");
            *end += count;
        }
        for (n, at) in places.iter().enumerate() {
            for limit in
                [ALL, PollLimit { records: 7, bytes: usize::MAX }, PollLimit { records: 9, bytes: 5 }]
            {
                let read = read_from(&*log, *at, 0, limit);
                assert_eq!(offsets(&read), (0..ends[n]).collect::<Vec<_>>());
                assert!(read.iter().all(|stored| usize::from(stored.content[1]) == n), "a stranger in {at}");
                assert!(read.is_sorted_by_key(|stored| (stored.content[0], stored.timestamp)));
            }
        }
    });
}

#[test]
fn answers_come_in_the_order_of_the_appends() {
    each(|harness| {
        let log = harness.log();
        harness.hold();
        let order = Arc::new(Mutex::new(Vec::new()));
        let (tell, told) = channel();
        for n in 0..50_u64 {
            let (order, tell) = (Arc::clone(&order), tell.clone());
            let done = move |how: Result<Appended, AppendError>| {
                order.lock().unwrap().push(how.unwrap().first.0);
                tell.send(n).unwrap_or(());
            };
            log.append(of(Topic::Decisions, 0), vec![Bytes::from_static(b"x")], Box::new(done)).unwrap();
        }
        harness.flush();
        for _ in 0..50 {
            told.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn a_reader_may_stand_anywhere_inside_also_in_a_gap() {
    each(|harness| {
        let at = of(Topic::Requests, 0);
        harness.skip(at, 2);
        appended(harness, at, &[b"a", b"b", b"c"]);
        harness.skip(at, 5);
        appended(harness, of(Topic::Requests, 1), &[b"between"]);
        appended(harness, at, &[b"d"]);
        harness.skip(at, 3);
        for _ in 0..2 {
            let log = harness.log();
            let bounds = log.bounds(at).unwrap();
            assert_eq!(bounds.end, Offset(14));
            for from in bounds.start.0..=14 {
                let expected: Vec<u64> = [2, 3, 4, 10].into_iter().filter(|known| *known >= from).collect();
                assert_eq!(offsets(&read_from(&*log, at, from, ALL)), expected, "from {from}");
                let slow = PollLimit { records: 1, bytes: 0 };
                assert_eq!(offsets(&read_from(&*log, at, from, slow)), expected, "from {from}");
            }
            let error = log.reader(at, Offset(15)).err();
            assert_eq!(error, Some(LogError::OutOfRange { wanted: Offset(15), bounds }));
            harness.restart();
        }
    });
}

#[test]
fn a_poll_keeps_to_its_limits_but_gives_at_least_one() {
    each(|harness| {
        let at = of(Topic::Events, 2);
        appended(harness, at, &[&[1; 100], &[2; 100], &[3; 100], &[4; 100]]);
        let log = harness.log();
        for (records, bytes, expected) in
            [(0, 0, 1), (1, 1_000, 1), (9, 99, 1), (9, 100, 1), (9, 199, 1), (9, 200, 2), (3, 1_000, 3)]
        {
            let mut reader = log.reader(at, Offset(0)).unwrap();
            let read = reader.poll(PollLimit { records, bytes }).unwrap();
            assert_eq!(read.len(), expected, "{records} records, {bytes} bytes");
            assert_eq!(offsets(&reader.poll(ALL).unwrap()), (expected as u64..4).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_reader_at_the_end_goes_on_when_there_is_more() {
    each(|harness| {
        let (log, at) = (harness.log(), of(Topic::Requests, 2));
        let mut reader = log.reader(at, Offset(0)).unwrap();
        for n in 0..30_u8 {
            assert_eq!(reader.poll(ALL), Ok(vec![]));
            appended(harness, of(Topic::Requests, 1), &[&[n; 90]]);
            assert_eq!(reader.poll(ALL), Ok(vec![]));
            appended(harness, at, &[&[n; 90]]);
            let read = reader.poll(ALL).unwrap();
            assert_eq!((read.len(), &read[0].content[..]), (1, &[n; 90][..]));
        }
    });
}

#[test]
fn a_signal_is_raised_for_its_partition_only_and_while_it_lives() {
    each(|harness| {
        let log = harness.log();
        let (mine, gone) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
        log.subscribe(of(Topic::Requests, 0), &mine);
        log.subscribe(of(Topic::Requests, 0), &gone);
        let watch = Arc::downgrade(&gone);
        drop(gone);
        assert!(watch.upgrade().is_none(), "the log keeps a signal alive");
        appended(harness, of(Topic::Requests, 1), &[b"x"]);
        appended(harness, of(Topic::Events, 0), &[b"x"]);
        assert!(!mine.wait(Duration::ZERO));
        appended(harness, of(Topic::Requests, 0), &[b"x"]);
        assert!(mine.wait(Duration::from_secs(20)));
        assert!(!mine.wait(Duration::ZERO));
    });
}

#[test]
fn a_full_queue_says_so_and_takes_again_later() {
    each(|harness| {
        let (log, at) = (harness.log(), of(Topic::Requests, 0));
        harness.make_busy(at);
        let refused = log.append(at, vec![Bytes::from_static(b"x")], Box::new(|_| panic!("it was refused")));
        assert_eq!(refused, Err(AppendError::Busy));
        harness.flush();
        let deadline = 2_000;
        let taken = (0..deadline).any(|_| {
            // Waits; nobody raises it.
            Signal::default().wait(Duration::from_millis(5));
            log.append(at, vec![Bytes::from_static(b"x")], Box::new(|_| {})).is_ok()
        });
        assert!(taken);
    });
}

#[test]
fn records_of_every_size_come_back_as_they_were() {
    each(|harness| {
        let (log, at) = (harness.log(), of(Topic::DeadLetters, 0));
        let every: Vec<u8> = (0..=255).collect();
        let value = vec![b'v'; limits::RECORD_BYTES - 3];
        let mut built = record::Builder::new(b"key", Some(&value)).unwrap();
        built.header("h", b"").unwrap_or(());
        let largest = built.finish();
        let records: [&[u8]; 5] = [b"", &every, &vec![7; 300_000], &largest, &[0; 4_000]];
        for _ in 0..3 {
            appended(harness, at, &records);
        }
        let read = read_from(&*log, at, 0, PollLimit { records: 2, bytes: 1 << 20 });
        assert_eq!(read.len(), 15);
        for (n, stored) in read.iter().enumerate() {
            assert!(stored.content == records[n % 5], "record {n}");
        }
        let over = vec![0; limits::RECORD_BYTES + 1_025];
        let refused = log.append(at, vec![Bytes::new(), Bytes::from(over)], Box::new(|_| panic!("refused")));
        assert_eq!(refused, Err(AppendError::TooLarge));
        assert_eq!(log.bounds(at).unwrap().end, Offset(15));
    });
}

#[test]
fn what_is_not_there_is_refused() {
    each(|harness| {
        let log = harness.log();
        let (known, unknown) = (of(Topic::Requests, 0), of(Topic::Requests, 3));
        assert_eq!(log.partitions(), 3);
        let done = || -> Done { Box::new(|_| panic!("refused")) };
        let refused = log.append(unknown, vec![Bytes::new()], done());
        assert!(matches!(refused, Err(AppendError::Closed(_))));
        assert!(matches!(log.append(known, vec![], done()), Err(AppendError::Closed(_))));
        assert_eq!(log.bounds(unknown), Err(LogError::NoPartition(unknown)));
        assert_eq!(log.reader(unknown, Offset(0)).err(), Some(LogError::NoPartition(unknown)));
        assert_eq!(log.bounds(known), Ok(Bounds { start: Offset(0), end: Offset(0) }));
        assert_eq!(read_from(&*log, known, 0, ALL), []);
    });
}
