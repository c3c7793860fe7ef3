//! What every log must do, run over each of them. Records are contents in the form of `wire::record`, for a log
//! may keep them in another form; what keeps any bytes is that log's own affair.

mod checks;

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

/// A log under test, empty and with three partitions, and what only its owner can do to it.
pub(super) trait Harness {
    fn log(&self) -> Arc<dyn Log>;
    /// Nothing becomes durable from now on.
    fn hold(&self);
    /// Everything that was appended becomes durable, soon.
    fn flush(&self);
    /// The process ends without notice and starts again.
    fn restart(&mut self);
    /// Makes a gap of about so many offsets; the offsets of records that it could not be made without.
    fn skip(&self, of: TopicPartition, count: u64) -> Vec<u64>;
    /// Fills the queue of what is empty; how many records were taken.
    fn make_busy(&self, to: TopicPartition) -> u64;
    /// Whether a poll gives all there is, if its limits allow.
    fn gives_all(&self) -> bool {
        true
    }
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

    fn skip(&self, of: TopicPartition, count: u64) -> Vec<u64> {
        self.log.skip(of, count);
        vec![]
    }

    fn make_busy(&self, _: TopicPartition) -> u64 {
        self.log.refuse_appends(self.producer, Some(AppendError::Busy));
        0
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

    fn skip(&self, of: TopicPartition, count: u64) -> Vec<u64> {
        let to = Offset(self.embedded().bounds(of).unwrap().end.0 + count);
        let (tell, told) = channel();
        self.embedded().skip(of, to, Box::new(move |how| tell.send(how).unwrap())).unwrap();
        told.recv().unwrap().unwrap();
        vec![]
    }

    fn make_busy(&self, to: TopicPartition) -> u64 {
        self.disk.hold();
        let mut taken = 0;
        while self.embedded().append(to, vec![record(b"full")], Box::new(|_| {})).is_ok() {
            taken += 1;
            assert!(taken < 100_000, "the queue has no bound");
            if taken == 1 {
                self.disk.wait_held();
            }
        }
        taken
    }
}

/// A log that is under test here; others run the checks where they are.
fn each(check: fn(&mut dyn Harness)) {
    check(&mut Memory { log: MemoryLog::new(3, clock()), producer: Producer(1) });
    check(&mut Embedded::new(options(3)));
    // Everything is read from the files, over many segments.
    check(&mut Embedded::new(Options { segment_bytes: 700, tail_bytes: 0, ..options(3) }));
    check(&mut Embedded::new(Options { segment_bytes: 5_000, tail_bytes: 1_000, ..options(3) }));
}

macro_rules! checks {
    ($($name:ident,)*) => {
        mod in_memory_and_files {
            $(#[test] fn $name() { super::each(super::checks::$name); })*
        }

        #[cfg(feature = "kafka")]
        mod on_kafka {
            $(#[test] fn $name() { crate::log::kafka::tests::harness::on_broker(super::checks::$name); })*
        }
    };
}

checks! {
    nothing_is_seen_before_it_is_durable,
    what_was_not_durable_is_gone_after_a_crash_and_the_rest_is_there,
    each_partition_keeps_its_order_and_its_own_offsets,
    answers_come_in_the_order_of_the_appends,
    a_reader_may_stand_anywhere_inside_also_in_a_gap,
    no_record_is_the_end_only_where_the_position_says_so,
    a_poll_keeps_to_its_limits_but_gives_at_least_one,
    a_reader_at_the_end_goes_on_when_there_is_more,
    a_signal_is_raised_for_its_partition_only_and_while_it_lives,
    a_full_queue_says_so_and_takes_again_later,
    records_of_every_size_come_back_as_they_were,
    what_is_not_there_is_refused,
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

/// A record of which only the value matters.
pub(super) fn record(value: &[u8]) -> Bytes {
    record::Builder::new(b"key", Some(value)).unwrap().finish()
}

/// The value of a record.
pub(super) fn value(stored: &Stored) -> &[u8] {
    record::Content::read(&stored.content).unwrap().value.unwrap_or_default()
}

/// Appends records with these values.
pub(super) fn append_values(log: &dyn Log, to: TopicPartition, values: &[&[u8]]) -> Answer {
    let records: Vec<Bytes> = values.iter().map(|value| record(value)).collect();
    append(log, to, &records.iter().map(|record| &record[..]).collect::<Vec<_>>())
}

/// Everything from `from` up to the end there is, polled in pieces of `limit`.
pub(super) fn read_from(log: &dyn Log, at: TopicPartition, from: u64, limit: PollLimit) -> Vec<Stored> {
    let end = log.bounds(at).unwrap().end;
    let mut reader = log.reader(at, Offset(from)).unwrap();
    let mut read: Vec<Stored> = Vec::new();
    loop {
        let records = read_before(&mut *reader, end, limit).unwrap();
        let Some(last) = records.last() else { return read };
        assert!(records.len() <= limit.records.max(1));
        assert!(reader.position() >= last.offset.next());
        read.extend(records);
    }
}

/// What comes next, waited for up to the end there is.
fn next(log: &dyn Log, at: TopicPartition, reader: &mut dyn Reader) -> Vec<Stored> {
    read_before(reader, log.bounds(at).unwrap().end, ALL).unwrap()
}

/// The offsets of records that nobody else's stand between.
fn placed(appended: &Appended) -> std::ops::RangeInclusive<u64> {
    appended.first.0..=appended.last.0
}

fn offsets(records: &[Stored]) -> Vec<u64> {
    records.iter().map(|stored| stored.offset.0).collect()
}

fn appended(harness: &dyn Harness, to: TopicPartition, values: &[&[u8]]) -> Appended {
    let told = append_values(&*harness.log(), to, values);
    harness.flush();
    answer(&told).unwrap()
}
