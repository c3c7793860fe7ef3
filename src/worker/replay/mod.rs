//! The proof of a log: every output in it is the one that an undisturbed worker makes of the same requests.
//!
//! A partition's requests, from their beginning to an end that is fixed before, go through a worker of their
//! own: the same owner, turn and shard as everywhere, over a log ([`log`]) that shows it these requests and an
//! empty end behind them, and that hands what it writes to a judge ([`judge`]) instead of keeping it. The judge
//! holds each output against what the real log's topic holds under the reader's rule ([`held`]). Nothing is
//! locked, appended or changed there, so whoever owns the partition may be at work.

mod held;
mod judge;
mod log;
#[cfg(test)]
mod tests;

use crate::base::clock::Clock;
use crate::base::position::{Offset, OutputRef, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::{Bounds, Contents, LogError};
use crate::shard::effects::{DirectoryChange, Note, Reply};
use crate::shard::engine::Engines;
use crate::store::Stores;
use crate::wire::difference::Difference;
use crate::wire::signature::Trust;
use crate::worker::owner::{End, Owner, OwnerTurn};
use crate::worker::recover::look;
use crate::worker::status::Status;
use crate::worker::{Directory, Notes, Options, Parts, Replies};
use judge::Judge;
use log::Replayed;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Turns without anything done after which a shard that is not open will not be.
const IDLE_TURNS: u32 = 1_000;

/// A log to be proved.
#[derive(Debug)]
pub struct Replay {
    /// What it holds.
    pub contents: Arc<dyn Contents>,
    /// Partitions of each of its topics.
    pub partitions: u16,
    /// Engine versions this program runs.
    pub engines: Engines,
    /// Who is believed in it.
    pub trust: Trust,
    /// Time and randomness of the worker; they show in no output.
    pub clock: Arc<dyn Clock>,
}

/// How much of a partition is proved: what it holds at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The partition.
    pub partition: Partition,
    /// What the requests topic holds.
    pub requests: Bounds,
    /// What the output topics hold, in the order of [`Topic::OUTPUTS`]. No output of it came from a request
    /// behind `requests`.
    pub outputs: [Bounds; 3],
}

/// What a partition's replay came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its requests were decided again.
    Judged(Box<Report>),
    /// They cannot be, for this reason; nothing was compared.
    Not(Obstacle),
}

/// Why a partition's requests cannot be decided again from their beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The log no longer has its beginning; it begins here.
    Trimmed(Offset),
    /// There is no genesis near the beginning.
    NoGenesis,
    /// It asks for an engine version that this program has not.
    Engine(u32),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Trimmed(start) => {
                write!(f, "its requests begin with offset {start}: what was before is no longer in the log")
            }
            Obstacle::NoGenesis => f.write_str("its requests do not begin with a genesis"),
            Obstacle::Engine(version) => {
                write!(f, "it asks for the engine version {version}, which this program has not")
            }
        }
    }
}

/// What was found in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Records of the requests topic that were decided.
    pub records: u64,
    /// Rejections among what was made for the decisions topic.
    pub rejections: u64,
    /// Each output topic, in the order of [`Topic::OUTPUTS`].
    pub topics: [Tally; 3],
    /// The first of what is not as it must be.
    pub findings: Vec<Finding>,
}

/// What an output topic holds beside what was made for it. Every record that was made is one of `equal`,
/// `differing`, `missing`, `trimmed` and `awaited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Outputs made.
    pub made: u64,
    /// Those that the topic holds, byte for byte but for the epoch.
    pub equal: u64,
    /// Those that it holds otherwise.
    pub differing: u64,
    /// Those that it lacks, though later ones are there.
    pub missing: u64,
    /// Those from before the first one it still keeps.
    pub trimmed: u64,
    /// Those behind its last one: whoever owns the partition is still at them.
    pub awaited: u64,
    /// Records that repeat one taken before.
    pub duplicates: u64,
    /// Records that stood behind a gap when they came, so that no reader took them.
    pub unchained: u64,
    /// Those of the last two that are other than the output they name.
    pub altered: u64,
    /// Records that no request makes, taken or not.
    pub invented: u64,
    /// Duplicates and records behind a gap beyond the number that is compared.
    pub uncompared: u64,
}

impl Tally {
    /// Records that are not as they must be, or that are not there.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.differing + self.missing + self.altered + self.invented + self.uncompared
    }
}

impl Report {
    /// Records that are not as they must be, or that are not there.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.topics.iter().map(Tally::faults).sum()
    }
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The topic.
    pub topic: Topic,
    /// The record in it; none where one is missing.
    pub at: Option<Offset>,
    /// The output it is, or says it is; none where that cannot be read.
    pub output: Option<OutputRef>,
    /// What is wrong.
    pub what: What,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Every reader takes it, and it is other than what was made.
    Differs(Difference),
    /// No reader takes it, and it is other than the output it names.
    Altered(Difference),
    /// It is not there, and later ones are.
    Missing,
    /// No request makes it.
    Invented,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.output {
            Some(output) => write!(f, "output {output}")?,
            None => f.write_str("a record that names no output")?,
        }
        if let Some(at) = self.at {
            write!(f, " at offset {at}")?;
        }
        match &self.what {
            What::Differs(difference) => write!(f, ": {difference}"),
            What::Altered(difference) => write!(f, ", which no reader takes: {difference}"),
            What::Missing => f.write_str(" is missing, and later ones are there"),
            What::Invented => f.write_str(": no request makes it"),
        }
    }
}

/// Why a replay did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The log could not be read.
    Log(LogError),
    /// The worker could not go on.
    Worker(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Log(error) => error.fmt(f),
            Broken::Worker(why) => write!(f, "the replay cannot go on: {why}"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<LogError> for Broken {
    fn from(error: LogError) -> Self {
        Broken::Log(error)
    }
}

/// What these partitions hold now. The outputs are looked at before all requests.
///
/// # Errors
/// The log has no such partition, or could not be asked.
pub fn extents(contents: &dyn Contents, partitions: &[Partition]) -> Result<Vec<Extent>, LogError> {
    let mut extents = Vec::new();
    for partition in partitions {
        let mut outputs = [Bounds { start: Offset(0), end: Offset(0) }; 3];
        for (bounds, topic) in outputs.iter_mut().zip(Topic::OUTPUTS) {
            *bounds = contents.bounds(TopicPartition::new(topic, *partition))?;
        }
        extents.push(Extent { partition: *partition, requests: outputs[0], outputs });
    }
    for extent in &mut extents {
        extent.requests = look::bounds(contents, extent.partition)?;
    }
    Ok(extents)
}

impl Replay {
    /// Decides the requests of a partition again and compares what comes of them, with a store among `stores`
    /// that must be empty and is of no use behind it. `progress` hears how many were decided, now and then.
    ///
    /// # Errors
    /// The log or the store failed.
    pub fn run(
        &self,
        extent: &Extent,
        stores: Arc<dyn Stores>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Outcome, Broken> {
        let Extent { partition, requests, .. } = *extent;
        if requests.start > Offset(0) {
            return Ok(Outcome::Not(Obstacle::Trimmed(requests.start)));
        }
        let is_empty = requests.end == Offset(0);
        if !is_empty && look::genesis(&*self.contents, partition, &self.trust)?.is_none() {
            return Ok(Outcome::Not(Obstacle::NoGenesis));
        }
        let mut judge = Judge::new(Arc::clone(&self.contents), extent)?;
        let mut records = 0;
        if !is_empty {
            let log = Arc::new(Replayed::new(Arc::clone(&self.contents), self.partitions, extent, judge));
            match self.decide(&log, partition, stores, progress)? {
                Ok(decided) => records = decided,
                Err(version) => return Ok(Outcome::Not(Obstacle::Engine(version))),
            }
            let held = || Broken::Worker("something still holds the log that it was given".to_owned());
            judge = Arc::into_inner(log).map(Replayed::judge).ok_or_else(held)?;
        }
        let report = judge.finish()?;
        Ok(Outcome::Judged(Box::new(Report { records, ..report })))
    }

    /// Turns a worker until it has decided all there is. How many records that were, or the engine version that
    /// the next one asks for.
    fn decide(
        &self,
        log: &Arc<Replayed>,
        partition: Partition,
        stores: Arc<dyn Stores>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Result<u64, u32>, Broken> {
        let (counted, status) = (Arc::<Counted>::default(), Arc::<Status>::default());
        let parts = Parts {
            log: Arc::clone(log) as Arc<dyn crate::log::Log>,
            stores,
            archive: None,
            engines: self.engines.clone(),
            trust: self.trust.clone(),
            clock: Arc::clone(&self.clock),
            replies: Arc::new(Nobody),
            directory: Arc::new(Nobody),
            notes: Arc::clone(&counted) as Arc<dyn Notes>,
            signal: Arc::new(Signal::default()),
        };
        // Nobody waits for a checkpoint here: memory alone asks for one.
        let options = Options { name: "replay".to_owned(), checkpoint_ms: u64::MAX, ..Options::default() };
        let mut owner = Owner::new(parts, options, partition, Arc::clone(&status));
        let mut idle = 0;
        loop {
            let turn = owner.turn();
            while let Some(job) = owner.take_job() {
                owner.finished(job.run());
            }
            if let Some(error) = log.failure() {
                return Err(Broken::Log(error));
            }
            // A worker that serves would begin again; what it wrote then would be judged twice.
            if counted.poisoned.load(Ordering::Relaxed) > 0 {
                return Err(Broken::Worker(status.failure().unwrap_or_default()));
            }
            progress(counted.records.load(Ordering::Relaxed));
            match turn {
                OwnerTurn::Busy => idle = 0,
                OwnerTurn::Ended(End::Engine(version)) => return Ok(Err(version)),
                OwnerTurn::Ended(end) => return Err(Broken::Worker(format!("{end:?}"))),
                OwnerTurn::Idle(_) if status.applied() > 0 && log.is_done(status.applied()) => {
                    return Ok(Ok(counted.records.load(Ordering::Relaxed)));
                }
                OwnerTurn::Idle(_) => idle += 1,
            }
            if idle > IDLE_TURNS {
                return Err(Broken::Worker("the shard does not open".to_owned()));
            }
        }
    }
}

/// Nobody waits for answers, and no gateway asks.
#[derive(Debug)]
struct Nobody;

impl Replies for Nobody {
    fn reply(&self, _: Reply) {}
}

impl Directory for Nobody {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

#[derive(Debug, Default)]
struct Counted {
    records: AtomicU64,
    poisoned: AtomicU64,
}

impl Notes for Counted {
    fn note(&self, _: &Note) {}
    fn turn(&self, records: usize, _: Duration) {
        self.records.fetch_add(records as u64, Ordering::Relaxed);
    }
    fn checkpoint(&self, _: usize, _: usize, _: Duration) {}
    fn snapshot(&self, _: u64, _: Duration) {}
    fn restored(&self) {}
    fn snapshot_failed(&self) {}
    fn poisoned(&self) {
        self.poisoned.fetch_add(1, Ordering::Relaxed);
    }
}
