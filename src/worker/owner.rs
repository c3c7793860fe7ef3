//! One owned partition, from its announcement to its leaving, as a state machine without a thread.

use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::store::StoreError;
use crate::worker::checkpoint::Written;
use crate::worker::job::{Job, JobDone};
use crate::worker::opening::{Announcing, Restoring};
use crate::worker::running::{Failure, Running};
use crate::worker::snapshot::pace::Pace;
use crate::worker::snapshot::take::{Of, Taking, TakingDone, Trouble};
use crate::worker::status::{Phase, Status};
use crate::worker::turn::Turned;
use crate::worker::{Options, Parts};
use std::sync::Arc;
use std::time::Duration;

/// Failures at one position before the partition is parked.
const TRIES: u32 = 3;
/// The wait before a log that does not answer is asked again.
const AWAY_MS: u64 = 1_000;
/// The first wait for room on a full disk; doubles.
const FULL_MS: u64 = 1_000;
/// From so long a wait on whoever waits for the partition need not.
const PARKED_MS: u64 = 60_000;
/// Half of the first wait before a poisoned shard is opened again; doubles.
const POISON_MS: u64 = 50;

/// One owned partition.
#[derive(Debug)]
pub struct Owner {
    pub(super) parts: Parts,
    pub(super) options: Options,
    pub(super) partition: Partition,
    pub(super) status: Arc<Status>,
    pub(super) stage: Stage,
    /// Counts openings, and tells what was asked for in one from what was in another.
    pub(super) incarnation: u64,
    /// When snapshots are due.
    pub(super) pace: Pace,
    /// A snapshot to be taken by others.
    snapshot: Option<Box<Taking>>,
    /// The store here is damaged, and to be set aside before it is opened again.
    pub(super) aside: bool,
    failures: Failures,
    /// The wait for room when the disk is full the next time.
    full_ms: u64,
    closing: bool,
    /// The engine version that the log asks for and this binary has not.
    needs: Option<u32>,
    /// The wait before the next announcement behind a foreign one.
    again_ms: u64,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// To be opened at this time.
    Waiting(Duration),
    /// Announced, not yet acknowledged.
    Announcing(Box<Announcing>),
    /// Announced; looking for what to begin from.
    Restoring(Box<Restoring>),
    /// Superseded; announces again at this time.
    Held(Box<Running>, Duration),
    /// Open.
    Running(Box<Running>),
    /// Given up.
    Ended(End),
}

/// Failures in a row at one position.
#[derive(Debug, Default)]
struct Failures {
    at: Option<Offset>,
    count: u32,
}

/// What a turn of an owner came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnerTurn {
    /// There may be more to do at once.
    Busy,
    /// Nothing to do for so long, unless the signal is raised.
    Idle(Duration),
    /// It ended.
    Ended(End),
}

/// How an owner ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It was asked to leave, and everything it did is in its checkpoint.
    Left,
    /// It left before a record that asks for this engine version.
    Engine(u32),
    /// The log failed for good.
    Log(String),
}

impl Owner {
    /// An owner of `partition`, about to announce itself.
    #[must_use]
    pub fn new(parts: Parts, options: Options, partition: Partition, status: Arc<Status>) -> Self {
        let of = TopicPartition::new(Topic::Requests, partition);
        parts.log.subscribe(of, &parts.signal);
        let again_ms = options.announce_again_ms;
        status.set_phase(Phase::Opening);
        Self {
            parts,
            options,
            partition,
            status,
            stage: Stage::Waiting(Duration::ZERO),
            incarnation: 0,
            pace: Pace::default(),
            snapshot: None,
            aside: false,
            failures: Failures::default(),
            full_ms: FULL_MS,
            closing: false,
            needs: None,
            again_ms,
        }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Asks it to leave with a last checkpoint.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Something to be done for it, if there is any; what becomes of it goes to [`Owner::finished`].
    pub fn take_job(&mut self) -> Option<Job> {
        let job = match &mut self.stage {
            Stage::Running(running) | Stage::Held(running, _) => running.job.take().map(Job::Checkpoint),
            Stage::Restoring(restoring) => {
                let held = restoring.held_mut().and_then(|running| running.job.take());
                held.map(Job::Checkpoint).or_else(|| restoring.take_job().map(Job::Restore))
            }
            Stage::Waiting(_) | Stage::Announcing(_) | Stage::Ended(_) => None,
        };
        job.or_else(|| self.snapshot.take().map(Job::Snapshot))
    }

    /// Takes what became of a job.
    pub fn finished(&mut self, done: JobDone) {
        let taken = match done {
            JobDone::Checkpoint(done) => self.checkpointed(*done),
            JobDone::Snapshot(done) => self.snapshotted(*done),
            JobDone::Restore(done) => self.restored(*done),
        };
        if let Err(failure) = taken {
            self.fail(&failure);
        }
    }

    /// Takes the outcome of a checkpoint's writing; that of an earlier life is nothing to this one.
    fn checkpointed(&mut self, mut done: Written) -> Result<(), Failure> {
        let running = match &mut self.stage {
            Stage::Running(running) | Stage::Held(running, _) => running,
            Stage::Announcing(announcing) => match announcing.held_mut() {
                Some(running) => running,
                None => return Ok(()),
            },
            Stage::Restoring(restoring) => match restoring.held_mut() {
                Some(running) => running,
                None => return Ok(()),
            },
            Stage::Waiting(_) | Stage::Ended(_) => return Ok(()),
        };
        if running.incarnation != done.incarnation {
            return Ok(());
        }
        running.checkpointed(&done, &self.parts)?;
        if done.generation.is_some() {
            self.full_ms = FULL_MS;
            let now = self.parts.clock.now().0.max(0).unsigned_abs();
            self.status.set_checkpoint(now, done.state_bytes);
        }
        match (done.export.take(), self.parts.archive.clone()) {
            (Some(Ok(export)), Some(archive)) => {
                self.snapshot = Some(Box::new(Taking::new(Of {
                    archive,
                    log: Arc::clone(&self.parts.log),
                    clock: Arc::clone(&self.parts.clock),
                    partition: self.partition,
                    epoch: running.epoch,
                    export,
                    days: self.options.snapshot_days,
                    cache: std::mem::take(&mut self.pace.cache),
                })));
                Ok(())
            }
            (Some(Err(error)), _) => self.no_snapshot(&error.into()),
            _ => Ok(()),
        }
    }

    /// Takes what became of a snapshot; what is in force is so whoever put it there.
    fn snapshotted(&mut self, done: TakingDone) -> Result<(), Failure> {
        self.pace.cache = done.cache;
        match done.result {
            Ok(taken) => {
                if let Some(mark) = taken.newest.first() {
                    let (number, position, bytes) = (mark.number, mark.position.0, mark.bytes);
                    let put = taken.put_bytes;
                    tracing::info!(partition = self.partition.0, number, position, bytes, put, "snapshot");
                }
                self.parts.notes.snapshot(taken.put_bytes, taken.spent);
                self.status.set_snapshots(&taken.newest);
                self.pace.took(taken.newest);
                Ok(())
            }
            Err(trouble) => {
                let own = self.running().is_some_and(|running| running.epoch == done.epoch);
                match self.no_snapshot(&trouble) {
                    Err(failure) if own => Err(failure),
                    Ok(()) | Err(_) => Ok(()),
                }
            }
        }
    }

    /// Says so. Where the copy is damaged, so is the store.
    fn no_snapshot(&mut self, trouble: &Trouble) -> Result<(), Failure> {
        self.pace.failed(self.parts.clock.elapsed(), &self.options);
        if let Trouble::Superseded(_) = trouble {
            tracing::info!(partition = self.partition.0, %trouble, "no snapshot");
            return Ok(());
        }
        tracing::warn!(partition = self.partition.0, %trouble, "a snapshot failed");
        self.parts.notes.snapshot_failed();
        if let Trouble::Store(damaged @ StoreError::Damaged { .. }) = trouble {
            return Err(damaged.clone().into());
        }
        Ok(())
    }

    fn running(&self) -> Option<&Running> {
        match &self.stage {
            Stage::Running(running) | Stage::Held(running, _) => Some(running),
            Stage::Restoring(restoring) => restoring.held(),
            Stage::Waiting(_) | Stage::Announcing(_) | Stage::Ended(_) => None,
        }
    }

    /// Moves on as far as one turn goes.
    pub fn turn(&mut self) -> OwnerTurn {
        let now = self.parts.clock.elapsed();
        let hurried = self.status.take_hurry();
        if hurried {
            // Somebody made room, or means to.
            self.full_ms = FULL_MS;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Waiting(now));
        let moved = match stage {
            Stage::Waiting(_) | Stage::Announcing(_) | Stage::Held(..) | Stage::Restoring(_)
                if self.closing =>
            {
                self.stage = Stage::Ended(self.end());
                Ok(OwnerTurn::Ended(self.end()))
            }
            Stage::Waiting(until) | Stage::Held(_, until) if now < until && !hurried => {
                self.stage = stage;
                Ok(OwnerTurn::Idle(until.saturating_sub(now)))
            }
            Stage::Waiting(_) => self.announce(None),
            Stage::Held(running, _) => self.announce(Some(running)),
            Stage::Announcing(announcing) => self.announcing(announcing),
            Stage::Restoring(restoring) => self.restoring(restoring),
            Stage::Running(running) => self.run(running),
            Stage::Ended(end) => {
                self.stage = Stage::Ended(end.clone());
                Ok(OwnerTurn::Ended(end))
            }
        };
        moved.unwrap_or_else(|failure| {
            self.fail(&failure);
            if let Stage::Ended(end) = &self.stage { OwnerTurn::Ended(end.clone()) } else { OwnerTurn::Busy }
        })
    }

    /// A panic outside of a step: what is in memory may be half done.
    pub fn panicked(&mut self) {
        self.fail(&Failure::Poison("a panic outside of a step".to_owned()));
    }

    fn end(&self) -> End {
        self.needs.map_or(End::Left, End::Engine)
    }

    /// Poisons the shard: nothing in memory is used again. After some failures at one position it is
    /// parked.
    fn fail(&mut self, failure: &Failure) {
        tracing::error!(partition = self.partition.0, %failure, "the shard cannot go on");
        self.status.set_failure(Some(failure.to_string()));
        if let Failure::Log(why) = failure {
            self.status.set_phase(Phase::Left);
            self.stage = Stage::Ended(End::Log(why.clone()));
            return;
        }
        // What is behind the checkpoint will be read again, and may have come to another end by then.
        self.needs = None;
        let now = self.parts.clock.elapsed();
        if let Failure::Away(_) = failure {
            // No fault of the shard's, however often: it is not parked for it.
            self.status.set_phase(Phase::Opening);
            self.stage = Stage::Waiting(now + Duration::from_millis(AWAY_MS));
            return;
        }
        self.parts.notes.poisoned();
        if let Failure::Full(_) = failure {
            let wait = self.full_ms.min(self.options.park_ms);
            self.status.set_phase(if wait < PARKED_MS { Phase::Poisoned } else { Phase::Parked });
            self.stage = Stage::Waiting(now + Duration::from_millis(wait));
            self.full_ms = wait * 2;
            return;
        }
        self.aside |= matches!(failure, Failure::Damaged(_));
        let at = Some(Offset(self.status.applied()));
        self.failures.count = if self.failures.at == at { self.failures.count + 1 } else { 1 };
        self.failures.at = at;
        if self.failures.count >= TRIES {
            self.failures = Failures::default();
            self.status.set_phase(Phase::Parked);
            self.stage = Stage::Waiting(now + Duration::from_millis(self.options.park_ms));
            tracing::error!(partition = self.partition.0, "the shard is parked");
        } else {
            self.status.set_phase(Phase::Poisoned);
            // A checkpoint still being written holds the store open for a moment.
            let wait = Duration::from_millis(POISON_MS << self.failures.count);
            self.stage = Stage::Waiting(now + wait);
        }
    }

    fn run(&mut self, mut running: Box<Running>) -> Result<OwnerTurn, Failure> {
        let closing = self.closing || self.needs.is_some();
        let now = self.parts.clock.elapsed();
        let core = running.shard.core();
        let position = core.genesis.and(core.applied).map(|applied| applied.offset);
        let copy = self.parts.archive.is_some() && self.pace.is_due(position, now, &self.options);
        let turned = running.turn(&self.parts, &self.options, (closing, copy))?;
        self.pace.applied(std::mem::take(&mut running.applied_bytes));
        if running.job.as_ref().is_some_and(|job| job.export) {
            self.pace.begun(now, &self.options);
        }
        self.tell(&running)?;
        match turned {
            Turned::Superseded => {
                let wait = Duration::from_millis(self.again_ms);
                self.again_ms = (self.again_ms * 2).min(self.options.announce_again_max_ms);
                tracing::warn!(partition = self.partition.0, "another worker announced itself");
                self.status.set_phase(Phase::Opening);
                self.stage = Stage::Held(running, self.parts.clock.elapsed() + wait);
                return Ok(OwnerTurn::Idle(wait));
            }
            Turned::Engine(version) => self.needs = Some(version),
            Turned::Busy | Turned::Idle => {}
        }
        if closing && running.is_settled() {
            self.status.set_phase(Phase::Left);
            self.stage = Stage::Ended(self.end());
            return Ok(OwnerTurn::Ended(self.end()));
        }
        self.stage = Stage::Running(running);
        Ok(match turned {
            Turned::Busy => OwnerTurn::Busy,
            Turned::Idle | Turned::Superseded | Turned::Engine(_) => {
                OwnerTurn::Idle(Duration::from_millis(self.options.checkpoint_ms.clamp(1, 1_000)))
            }
        })
    }

    fn tell(&mut self, running: &Running) -> Result<(), Failure> {
        let next = running.shard.core().next();
        let end = running.reader.end();
        let behind = end.0.saturating_sub(next.0);
        // Behind a turn that applied nothing stands only what came since it polled.
        let unpolled = if behind > 0 { running.reached } else { None };
        let oldest = running.carried.front().map(|record| record.timestamp).or(unpolled);
        let lag_ms = oldest.map_or(0, |at| self.parts.clock.now().since(at).max(0).unsigned_abs());
        self.status.set_applied(next.0, behind, lag_ms);
        self.status.set_rows(running.shard.resident_rows());
        self.status.set_engine(running.shard.core().engine);
        if running.is_settled() {
            // Nothing waits for a checkpoint, so none is old.
            self.status.set_settled(self.parts.clock.now().0.max(0).unsigned_abs());
        }
        if next > running.epoch && self.status.phase() != Phase::Running {
            self.again_ms = self.options.announce_again_ms;
            self.failures = Failures::default();
            self.status.set_failure(None);
            self.status.set_phase(Phase::Running);
        }
        Ok(())
    }
}
