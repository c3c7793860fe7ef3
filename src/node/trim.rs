//! Keeps the log from growing for ever: every minute what recovery, readers and age leave is trimmed.
//!
//! Recovery needs the record its state stands on. A partition that nobody writes to would hold the log with
//! that record for ever, so it is given a tick, which changes nothing, and its next snapshot stands on that.

use crate::base::collections::Map;
use crate::base::id::OrgId;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::time::{HOUR_MS, Ms};
use crate::log::embedded::{EmbeddedLog, Held, Trim, Trimmed};
use crate::log::{Contents, Log, LogError, Readers};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, Tick};
use crate::worker::status::Keep;
use std::sync::Arc;

/// How a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Milliseconds for which a record is kept for its age alone.
    pub retention_ms: i64,
    /// Bytes beyond which only recovery keeps a record.
    pub max_bytes: u64,
    /// Milliseconds without a record after which a partition that holds the log is given a tick.
    pub idle_ms: i64,
}

impl Options {
    /// A log that is kept for so long and so large at most.
    #[must_use]
    pub const fn new(retention_ms: i64, max_bytes: u64) -> Self {
        Self { retention_ms, max_bytes, idle_ms: HOUR_MS }
    }
}

/// Trims a log, round by round.
#[derive(Debug)]
pub struct Trimmer {
    log: Arc<EmbeddedLog>,
    readers: Readers,
    options: Options,
    /// Where the requests of a partition ended when they were first seen to end there, and when that was.
    ends: Map<Partition, (Offset, Ms)>,
}

/// What a round came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// What went and what is left.
    pub trimmed: Trimmed,
    /// Age of the oldest record.
    pub oldest_ms: i64,
    /// Partitions that were given a tick.
    pub ticked: Vec<Partition>,
}

impl Trimmer {
    /// Nothing is trimmed before the first round.
    #[must_use]
    pub fn new(log: Arc<EmbeddedLog>, readers: Readers, options: Options) -> Self {
        Self { log, readers, options, ends: Map::default() }
    }

    /// Trims what may go at `now`. A partition without a `Keep`, or not named, is kept whole.
    ///
    /// # Errors
    /// The log failed.
    pub fn round(&mut self, now: Ms, keeps: &[(Partition, Option<Keep>)]) -> Result<Round, LogError> {
        let trim = Trim {
            needed: needed(keeps),
            unread: self.readers.unread(),
            older_than: now.plus(-self.options.retention_ms),
            max_bytes: self.options.max_bytes,
        };
        let trimmed = self.log.trim(&trim)?;
        let oldest_ms = self.log.oldest()?.map_or(0, |oldest| now.since(oldest).max(0));
        let idle = self.idle(now)?;
        let ticked = holders(&trimmed.held).filter(|partition| idle.contains(partition)).collect();
        let round = Round { trimmed, oldest_ms, ticked };
        round.ticked.iter().try_for_each(|partition| self.tick(*partition, now))?;
        Ok(round)
    }

    /// Partitions whose requests have ended where they end for long enough.
    fn idle(&mut self, now: Ms) -> Result<Vec<Partition>, LogError> {
        let mut idle = Vec::new();
        for partition in (0..self.log.partitions()).map(Partition) {
            let end = self.log.bounds(TopicPartition::new(Topic::Requests, partition))?.end;
            let seen = self.ends.entry(partition).or_insert((end, now));
            if seen.0 != end {
                *seen = (end, now);
            }
            if now.since(seen.1) >= self.options.idle_ms {
                // The clock begins anew whether or not a tick comes of it.
                seen.1 = now;
                idle.push(partition);
            }
        }
        Ok(idle)
    }

    fn tick(&self, partition: Partition, now: Ms) -> Result<(), LogError> {
        let of = TopicPartition::new(Topic::Requests, partition);
        let id = format!("trim-{partition}-{}", now.0);
        let record = product_record(OrgId::INSTALLATION, RecordType::Tick, &internal::write(&Tick {}), &id);
        let record = record.map_err(|error| LogError::Closed(error.to_string()))?;
        // One that is refused is made good in an hour.
        match self.log.append(of, vec![record], Box::new(|_| ())) {
            Err(crate::log::AppendError::Closed(why)) => Err(LogError::Closed(why)),
            _ => Ok(()),
        }
    }
}

/// The first offset needed of each partition of each topic.
fn needed(keeps: &[(Partition, Option<Keep>)]) -> Vec<(TopicPartition, Offset)> {
    let known = keeps.iter().filter_map(|(partition, keep)| Some((*partition, (*keep)?)));
    let of = |(partition, keep): (Partition, Keep)| {
        let outputs = Topic::OUTPUTS.into_iter().zip(keep.outputs);
        let all = [(Topic::Requests, keep.requests)].into_iter().chain(outputs);
        all.map(move |(topic, from)| (TopicPartition::new(topic, partition), from))
    };
    known.flat_map(of).collect()
}

/// Partitions whose requests hold the log for recovery alone.
fn holders(held: &Held) -> impl Iterator<Item = Partition> {
    let held = match held {
        Held::Recovery(held) => held.as_slice(),
        Held::Nothing | Held::Age | Held::Readers(_) => &[],
    };
    held.iter().filter(|of| of.topic == Topic::Requests).map(|of| of.partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock};
    use crate::log::PollLimit;
    use crate::log::embedded;
    use crate::wire::envelope::Envelope;
    use crate::wire::record::Content;
    use bytes::Bytes;
    use std::sync::mpsc::channel;

    const START: i64 = 1_780_000_000_000;

    struct World {
        log: Arc<EmbeddedLog>,
        clock: Arc<ManualClock>,
        trimmer: Trimmer,
        _folder: tempfile::TempDir,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Ms(START), 1));
        let options =
            embedded::Options { segment_bytes: 2_000, ..embedded::Options::new(folder.path().to_owned(), 2) };
        let log = EmbeddedLog::open(&options, Arc::clone(&clock) as Arc<dyn Clock>, &[]).unwrap().0;
        let log = Arc::new(log);
        let options = Options { retention_ms: 10_000, max_bytes: 1 << 30, idle_ms: 60_000 };
        let trimmer = Trimmer::new(Arc::clone(&log), Readers::default(), options);
        World { log, clock, trimmer, _folder: folder }
    }

    impl World {
        fn append(&self, topic: Topic, partition: u16, count: usize) {
            for _ in 0..count {
                let (told, done) = channel();
                let tell = Box::new(move |outcome: Result<_, _>| told.send(outcome.is_ok()).unwrap());
                let of = TopicPartition::new(topic, Partition(partition));
                self.log.append(of, vec![Bytes::from_static(&[7; 300])], tell).unwrap();
                assert!(done.recv().unwrap());
            }
        }

        fn end(&self, topic: Topic, partition: u16) -> u64 {
            self.log.bounds(TopicPartition::new(topic, Partition(partition))).unwrap().end.0
        }

        fn start(&self, topic: Topic, partition: u16) -> u64 {
            self.log.bounds(TopicPartition::new(topic, Partition(partition))).unwrap().start.0
        }

        /// A round as if each partition had just taken its second snapshot but for those that stand.
        fn round(&mut self, at: i64, stands: &[(u16, u64)]) -> Round {
            self.clock.set(Ms(START + at));
            let keeps = [0, 1].map(|partition| {
                let stands = stands.iter().find(|stands| stands.0 == partition).map(|stands| stands.1);
                let requests = stands.unwrap_or(self.end(Topic::Requests, partition).saturating_sub(1));
                let outputs = Topic::OUTPUTS.map(|topic| Offset(self.end(topic, partition)));
                (Partition(partition), Some(Keep { requests: Offset(requests), outputs }))
            });
            self.trimmer.round(Ms(START + at), &keeps).unwrap()
        }
    }

    #[test]
    fn an_idle_partition_is_given_a_tick_and_holds_the_log_no_more() {
        let mut world = world();
        world.append(Topic::Requests, 1, 1);
        world.append(Topic::Requests, 0, 40);
        let held = TopicPartition::new(Topic::Requests, Partition(1));
        let round = world.round(20_000, &[]);
        assert_eq!((round.trimmed.segments, &round.trimmed.held), (0, &Held::Recovery(vec![held])));
        assert_eq!((round.oldest_ms, round.ticked), (20_000, vec![]), "it was not idle for long");
        assert_eq!(world.round(79_999, &[]).ticked, []);
        assert_eq!(world.round(80_000, &[]).ticked, [Partition(1)]);
        // The tick is durable before what is appended behind it.
        world.append(Topic::Requests, 0, 1);
        assert_eq!(world.round(80_001, &[(1, 0)]).ticked, []);
        assert_eq!(world.round(140_000, &[(1, 0)]).ticked, [], "one tick at a time");
        // Its older snapshot still stands on the record before: another tick lets it take another.
        assert_eq!(world.round(140_001, &[(1, 0)]).ticked, [Partition(1)]);
        world.append(Topic::Requests, 0, 1);
        let round = world.round(140_002, &[(1, 1)]);
        assert!(round.trimmed.segments > 2 && round.ticked.is_empty(), "{round:?}");
        let limit = PollLimit { records: 9, bytes: 9_000 };
        let ticks = world.log.reader(held, Offset(1)).unwrap().poll(limit).unwrap();
        for tick in ticks {
            let content = Content::read(&tick.content).unwrap();
            assert_eq!(Envelope::read(&content, true).unwrap().kind, RecordType::Tick);
            assert!(internal::read::<Tick>(content.value.unwrap()).is_ok());
        }
        assert_eq!(world.end(Topic::Requests, 1), 3);
    }

    #[test]
    fn an_idle_output_topic_holds_nothing() {
        let mut world = world();
        world.append(Topic::DeadLetters, 0, 1);
        world.append(Topic::Requests, 0, 20);
        world.append(Topic::Requests, 1, 20);
        let round = world.round(20_000, &[]);
        assert!(round.trimmed.segments > 2, "{round:?}");
        assert_eq!((world.start(Topic::DeadLetters, 0), world.end(Topic::DeadLetters, 0)), (1, 1));
    }

    #[test]
    fn a_partition_without_a_snapshot_is_kept_whole() {
        let mut world = world();
        world.append(Topic::Requests, 0, 20);
        world.append(Topic::Decisions, 0, 20);
        world.clock.set(Ms(START + 99_000));
        for keeps in [&[(Partition(0), None)][..], &[]] {
            let round = world.trimmer.round(Ms(START + 99_000), keeps).unwrap();
            assert_eq!(round.trimmed.segments, 0, "{keeps:?}");
        }
        assert!(world.round(99_000, &[]).trimmed.segments > 2);
    }

    #[test]
    fn what_is_young_stays() {
        let mut world = world();
        world.append(Topic::Requests, 0, 20);
        let round = world.round(10_000, &[]);
        assert_eq!((round.trimmed.segments, round.trimmed.held), (0, Held::Age));
        assert!(world.round(10_001, &[]).trimmed.segments > 2);
    }
}
