//! Proving a log from the command line: where it is, and the folder that a replay keeps its state in for as
//! long as it takes.

use crate::base::clock::Clock;
use crate::base::id::OrgId;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::log::embedded::View;
use crate::log::{Contents, LogError};
#[cfg(feature = "kafka")]
use crate::node::config::{Config, Kafka};
use crate::node::data::Data;
#[cfg(feature = "kafka")]
use crate::node::serve::Failure;
use crate::shard::engine::Engines;
use crate::store::rocks::{self, Resources, RocksStores};
use crate::wire::signature::Trust;
use crate::worker::replay::{Broken, Extent, Outcome, Replay, extents};
use crate::worker::sieve::sieve;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A log to be proved.
#[derive(Debug)]
pub struct Proof {
    replay: Replay,
    clock: Arc<dyn Clock>,
    resources: Resources,
}

/// What a partition's replay came to, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// What was looked at.
    pub extent: Extent,
    /// What came of it.
    pub outcome: Outcome,
    /// Reading, deciding and comparing.
    pub spent: Duration,
}

impl Proof {
    /// The log of a data folder, as it is now; a server may be running.
    ///
    /// # Errors
    /// The log cannot be looked at.
    pub fn of_folder(data: &Data, clock: Arc<dyn Clock>) -> Result<Self, Broken> {
        Self::of(Arc::new(View::open(&data.log())?), Trust::Everyone, clock)
    }

    /// The log on Kafka, of the installation whose key the configuration gives.
    ///
    /// # Errors
    /// There is no key, the log cannot be reached, or its topics are not as they must be.
    #[cfg(feature = "kafka")]
    pub fn of_kafka(config: &Config, kafka: &Kafka, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let trust = super::kafka::key(config)?.trust(&kafka.prefix);
        let log = super::kafka::open(kafka)?;
        Self::of(Arc::new(log), trust, clock).map_err(|error| Failure::Failed(error.to_string()))
    }

    fn of(contents: Arc<dyn Contents>, trust: Trust, clock: Arc<dyn Clock>) -> Result<Self, Broken> {
        let partitions = count(&*contents)?;
        let engines = Engines::shipped().map_err(|error| Broken::Worker(error.to_string()))?;
        let replay = Replay { contents, partitions, engines, trust, clock: Arc::clone(&clock) };
        Ok(Self { replay, clock, resources: Resources::default() })
    }

    /// What the partitions hold now, or one of them.
    ///
    /// # Errors
    /// There is no such partition, or the log cannot be asked.
    pub fn extents(&self, only: Option<Partition>) -> Result<Vec<Extent>, Broken> {
        let all = (0..self.replay.partitions).map(Partition);
        let wanted: Vec<_> = only.map_or_else(|| all.collect(), |only| vec![only]);
        Ok(extents(&*self.replay.contents, &wanted)?)
    }

    /// Decides a partition's requests again, with a state in the folder for temporary files, which is gone
    /// afterwards.
    ///
    /// # Errors
    /// The log cannot be read, or the state not be kept.
    pub fn run(&self, extent: &Extent, progress: &mut dyn FnMut(u64)) -> Result<Proved, Broken> {
        let began = self.clock.elapsed();
        let scratch = Scratch::new(&*self.clock)?;
        let sieve = sieve(self.replay.engines.retention());
        let options = rocks::Options { sieve, ..rocks::Options::default() };
        let stores = RocksStores::new(scratch.0.clone(), self.resources.clone(), options);
        let stores = stores.map_err(|error| Broken::Worker(error.to_string()))?;
        let outcome = self.replay.run(extent, Arc::new(stores), progress)?;
        let spent = self.clock.elapsed().saturating_sub(began);
        Ok(Proved { extent: *extent, outcome, spent })
    }
}

/// How many partitions a log has, whatever it is.
fn count(contents: &dyn Contents) -> Result<u16, LogError> {
    let mut partitions = 0;
    loop {
        match contents.bounds(TopicPartition::new(Topic::Requests, Partition(partitions))) {
            Ok(_) => partitions += 1,
            Err(LogError::NoPartition(_)) => return Ok(partitions),
            Err(error) => return Err(error),
        }
    }
}

/// A folder for this process alone, removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(clock: &dyn Clock) -> Result<Self, Broken> {
        let mut random = [0; 16];
        clock.entropy(&mut random).map_err(|error| Broken::Worker(error.to_string()))?;
        let path = std::env::temp_dir().join(format!("clausum-replay-{}", OrgId::from_random(random)));
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&path);
        made.map_err(|error| Broken::Worker(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder is left");
        }
    }
}
