//! A worker of the simulation: a process with its own producer, clock and data folders, and the owners it
//! runs. What survives its crash is in its folders and in the log.

use super::chance::Chance;
use super::clock::{SimClock, Time};
use super::invariant::{Breach, Invariant};
use super::keeping::Keeping;
use super::profile::Profile;
use super::{engines, profile};
use crate::archive::Archive;
use crate::archive::memory::MemoryArchive;
use crate::base::clock::Clock;
use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::memory::{MemoryLog, Producer};
use crate::shard::effects::{DirectoryChange, Note, Reply};
use crate::store::memory::Folders;
use crate::wire::signature::Trust;
use crate::worker::checkpoint::Meta;
use crate::worker::job::{Job, Step};
use crate::worker::owner::{Owner, OwnerTurn};
use crate::worker::status::{Phase, Status};
use crate::worker::{Directory, Notes, Options, Parts, Replies};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What workers tell beside the log.
#[derive(Debug, Default)]
pub(super) struct Told {
    replies: Mutex<Vec<Reply>>,
    counts: Mutex<Counts>,
}

/// What workers counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) checkpoints: u64,
    pub(super) snapshots: u64,
    pub(super) restores: u64,
    pub(super) poisoned: u64,
}

impl Told {
    pub(super) fn take_replies(&self) -> Vec<Reply> {
        std::mem::take(&mut *self.replies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replies for Told {
    fn reply(&self, reply: Reply) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
    }
}

impl Directory for Told {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

impl Notes for Told {
    fn note(&self, _: &Note) {}
    fn turn(&self, _: usize, _: Duration) {}

    fn checkpoint(&self, _: usize, _: usize, _: Duration) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).checkpoints += 1;
    }

    fn snapshot(&self, _: u64, _: Duration) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).snapshots += 1;
    }

    fn restored(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).restores += 1;
    }

    fn snapshot_failed(&self) {}

    fn poisoned(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).poisoned += 1;
    }
}

/// A worker.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) clock: Arc<SimClock>,
    pub(super) folders: Folders,
    /// The newest engine version of its binary, which also has the one before.
    pub(super) engine: u32,
    keeping: Keeping,
    /// Who is believed in the log.
    trust: Trust,
    /// The process that runs now, if one does.
    pub(super) process: Option<Process>,
}

/// A run of a worker, from its start to its end.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) producer: Producer,
    parts: Parts,
    options: Options,
    pub(super) owners: BTreeMap<Partition, Owned>,
}

/// A partition that a process owns, or believes to own.
#[derive(Debug)]
pub(super) struct Owned {
    /// Tells it from any other owner there ever was.
    pub(super) serial: u64,
    owner: Owner,
    pub(super) status: Arc<Status>,
    /// To be done when the simulation says so.
    jobs: Vec<Job>,
}

impl Node {
    pub(super) fn new(name: String, time: &Time, seed: u64, profile: &Profile) -> Self {
        let clock = SimClock::new(time, seed);
        let (keeping, trust) = (profile.keeping, profile.trust.clone());
        Self { name, clock, folders: Folders::default(), engine: 1, keeping, trust, process: None }
    }

    /// Starts a process of this worker.
    pub(super) fn start(
        &mut self,
        log: &MemoryLog,
        archive: Option<&MemoryArchive>,
        producer: Producer,
        told: &Arc<Told>,
        chance: &mut Chance,
    ) -> Result<(), Breach> {
        let oldest = self.engine.saturating_sub(1).max(1);
        let engines = engines::binary(oldest, self.engine, &self.keeping);
        let engines = engines.map_err(|error| Breach::of(Invariant::Harness, error))?;
        let parts = Parts {
            log: Arc::new(log.handle(producer)),
            stores: Arc::new(self.folders.clone()),
            archive: archive.map(|archive| Arc::new(archive.handle(producer.0)) as Arc<dyn Archive>),
            engines,
            trust: self.trust.clone(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            replies: Arc::clone(told) as Arc<dyn Replies>,
            directory: Arc::clone(told) as Arc<dyn Directory>,
            notes: Arc::clone(told) as Arc<dyn Notes>,
            signal: Arc::new(Signal::default()),
        };
        let options = profile::options(self.name.clone(), chance);
        self.process = Some(Process { producer, parts, options, owners: BTreeMap::new() });
        Ok(())
    }

    pub(super) fn owned(&mut self, partition: Partition) -> Option<&mut Owned> {
        self.process.as_mut()?.owners.get_mut(&partition)
    }

    pub(super) fn owns(&self, partition: Partition) -> bool {
        self.process.as_ref().is_some_and(|process| process.owners.contains_key(&partition))
    }

    /// Begins to own a partition, from this worker's folder for it.
    pub(super) fn own(&mut self, partition: Partition, serial: u64) {
        let Some(process) = &mut self.process else { return };
        let status = Arc::<Status>::default();
        let owner =
            Owner::new(process.parts.clone(), process.options.clone(), partition, Arc::clone(&status));
        process.owners.insert(partition, Owned { serial, owner, status, jobs: Vec::new() });
    }

    /// Gives a partition up at once, whatever is under way.
    pub(super) fn drop_owner(&mut self, partition: Partition) {
        if let Some(process) = &mut self.process {
            process.owners.remove(&partition);
        }
    }

    /// Where the checkpoint of this worker's folder stands.
    pub(super) fn checkpoint(&self, partition: Partition) -> Option<u64> {
        let folder = self.folders.folder(partition);
        let content = Some(folder.content()).filter(|_| !folder.is_damaged())?;
        let meta = Meta::decode(content.checkpoint.as_deref()?).ok()?;
        meta.core.applied.map(|applied| applied.offset.0)
    }
}

impl Owned {
    pub(super) fn close(&mut self) {
        self.owner.close();
    }

    /// Offset behind the last record applied.
    pub(super) fn applied(&self) -> u64 {
        self.status.applied()
    }

    pub(super) fn phase(&self) -> Phase {
        self.status.phase()
    }

    pub(super) fn is_parked(&self) -> bool {
        self.status.phase() == Phase::Parked
    }

    /// One turn; a panic out of one is a breach.
    pub(super) fn turn(&mut self) -> Result<OwnerTurn, Breach> {
        let turned = catch_unwind(AssertUnwindSafe(|| self.owner.turn()));
        let turned = turned.map_err(|_| Breach::of(Invariant::NoPanic, "a turn panicked"))?;
        self.jobs.extend(std::iter::from_fn(|| self.owner.take_job()));
        Ok(turned)
    }

    /// Whether a checkpoint waits to be written.
    pub(super) fn has_checkpoint(&self) -> bool {
        self.jobs.iter().any(is_checkpoint)
    }

    fn take_checkpoint(&mut self) -> Option<Job> {
        let at = self.jobs.iter().position(is_checkpoint)?;
        Some(self.jobs.remove(at))
    }

    /// Writes the checkpoint that waits, if there is one.
    pub(super) fn write(&mut self) -> bool {
        let Some(job) = self.take_checkpoint() else { return false };
        self.owner.finished(job.run());
        true
    }

    /// Writes the checkpoint that waits; the process ends before it hears of it.
    pub(super) fn write_unheard(&mut self) {
        if let Some(job) = self.take_checkpoint() {
            drop(job.run());
        }
    }

    /// One step of the first job of another kind; false if there is none. A panic out of one is a breach.
    pub(super) fn work(&mut self) -> Result<bool, Breach> {
        let Some(at) = self.jobs.iter().position(|job| !is_checkpoint(job)) else { return Ok(false) };
        let job = self.jobs.remove(at);
        let step = catch_unwind(AssertUnwindSafe(|| job.step()));
        match step.map_err(|_| Breach::of(Invariant::NoPanic, "a job panicked"))? {
            Step::More(job) => self.jobs.insert(at, job),
            Step::Done(done) => self.owner.finished(done),
        }
        Ok(true)
    }

    /// Everything that waits, to its end.
    pub(super) fn work_all(&mut self) -> Result<(), Breach> {
        self.write();
        while self.work()? {}
        Ok(())
    }
}

const fn is_checkpoint(job: &Job) -> bool {
    matches!(job, Job::Checkpoint(_))
}
