//! One owned partition, from its announcement to its leaving, as a state machine without a thread.

use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::position::{Offset, OutputRef, Partition, Topic, TopicPartition};
use crate::log::Appended;
use crate::shard::Shard;
use crate::shard::core::Core;
use crate::shard::effects::DirectoryChange;
use crate::state::key::{Kind, prefix};
use crate::state::row::Row;
use crate::store::Store;
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, Announce};
use crate::worker::ack::{Ack, Inbox};
use crate::worker::checkpoint::{Job, JobDone, Meta, Progress};
use crate::worker::outbox::{Landed, Outbox};
use crate::worker::recover::{self, Plan};
use crate::worker::running::{Failure, Running};
use crate::worker::status::{Phase, Status};
use crate::worker::turn::Turned;
use crate::worker::{Options, Parts};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Failures at one position before the partition is parked.
const TRIES: u32 = 3;
/// Half of the first wait before a poisoned shard is opened again; doubles.
const POISON_MS: u64 = 50;
/// Rows of one scan.
const SCAN: usize = 1_024;

/// One owned partition.
#[derive(Debug)]
pub struct Owner {
    parts: Parts,
    options: Options,
    partition: Partition,
    status: Arc<Status>,
    stage: Stage,
    incarnation: u64,
    failures: Failures,
    closing: bool,
    /// The engine version that the log asks for and this binary has not.
    needs: Option<u32>,
    /// The wait before the next announcement behind a foreign one.
    again_ms: u64,
}

#[derive(Debug)]
enum Stage {
    /// To be opened at this time.
    Waiting(Duration),
    /// Announced, not yet acknowledged; perhaps with the state held at a foreign announcement.
    Announcing { inbox: Arc<Inbox>, nonce: String, held: Option<Box<Running>> },
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
            failures: Failures::default(),
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

    /// A checkpoint to be written, if there is one; its outcome goes to [`Owner::checkpointed`].
    pub fn take_job(&mut self) -> Option<Job> {
        match &mut self.stage {
            Stage::Running(running) | Stage::Held(running, _) => running.job.take(),
            Stage::Waiting(_) | Stage::Announcing { .. } | Stage::Ended(_) => None,
        }
    }

    /// Takes the outcome of a checkpoint's writing; that of an earlier life is nothing to this one.
    pub fn checkpointed(&mut self, done: JobDone) {
        let running = match &mut self.stage {
            Stage::Running(running) | Stage::Held(running, _) => running,
            Stage::Announcing { held: Some(running), .. } => running,
            Stage::Waiting(_) | Stage::Announcing { .. } | Stage::Ended(_) => return,
        };
        if running.incarnation != done.incarnation {
            return;
        }
        match running.checkpointed(done, &self.parts) {
            Ok(state_bytes) => {
                let now = self.parts.clock.now().0.max(0).unsigned_abs();
                self.status.set_checkpoint(now, state_bytes);
            }
            Err(failure) => self.fail(&failure),
        }
    }

    /// Moves on as far as one turn goes.
    pub fn turn(&mut self) -> OwnerTurn {
        let now = self.parts.clock.elapsed();
        let stage = std::mem::replace(&mut self.stage, Stage::Waiting(now));
        let moved = match stage {
            Stage::Waiting(_) | Stage::Held(..) if self.closing => {
                self.stage = Stage::Ended(self.end());
                Ok(OwnerTurn::Ended(self.end()))
            }
            Stage::Waiting(until) | Stage::Held(_, until) if now < until => {
                self.stage = stage;
                Ok(OwnerTurn::Idle(until.saturating_sub(now)))
            }
            Stage::Waiting(_) => self.announce(None),
            Stage::Held(running, _) => self.announce(Some(running)),
            Stage::Announcing { inbox, nonce, held } => self.announcing(inbox, nonce, held),
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
        if let Failure::Log(why) = failure {
            self.status.set_phase(Phase::Left);
            self.stage = Stage::Ended(End::Log(why.clone()));
            return;
        }
        self.parts.notes.poisoned();
        // What is behind the checkpoint will be read again, and may have come to another end by then.
        self.needs = None;
        let at = Some(Offset(self.status.applied()));
        self.failures.count = if self.failures.at == at { self.failures.count + 1 } else { 1 };
        self.failures.at = at;
        let now = self.parts.clock.elapsed();
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

    /// Appends an announcement. From its acknowledgement on the partition is this owner's.
    fn announce(&mut self, held: Option<Box<Running>>) -> Result<OwnerTurn, Failure> {
        let mut random = [0; 32];
        let entropy = self.parts.clock.entropy(&mut random);
        entropy.map_err(|error| Failure::Poison(error.to_string()))?;
        let nonce = Digest256(random).to_string();
        let engines = self.parts.engines.versions();
        let body = Announce { worker: self.options.name.clone(), nonce: nonce.clone(), engines };
        let record =
            product_record(OrgId::INSTALLATION, RecordType::Announce, &internal::write(&body), &nonce)
                .map_err(|error| Failure::Poison(error.to_string()))?;
        let inbox = Inbox::new(&self.parts.signal);
        let to = TopicPartition::new(Topic::Requests, self.partition);
        match self.parts.log.append(to, vec![record], inbox.done(Ack::Announced)) {
            Ok(()) => self.stage = Stage::Announcing { inbox, nonce, held },
            Err(crate::log::AppendError::Closed(why)) => return Err(Failure::Log(why)),
            Err(_) => {
                let again =
                    self.parts.clock.elapsed() + Duration::from_millis(self.options.announce_again_ms);
                self.stage = match held {
                    Some(running) => Stage::Held(running, again),
                    None => Stage::Waiting(again),
                };
            }
        }
        Ok(OwnerTurn::Busy)
    }

    fn announcing(
        &mut self,
        inbox: Arc<Inbox>,
        nonce: String,
        held: Option<Box<Running>>,
    ) -> Result<OwnerTurn, Failure> {
        let acks = inbox.take();
        let announced = acks.into_iter().find_map(|ack| match ack {
            Ack::Announced(result) => Some(result),
            Ack::Outputs(..) => None,
        });
        match announced {
            None => {
                self.stage = Stage::Announcing { inbox, nonce, held };
                Ok(OwnerTurn::Idle(Duration::from_secs(1)))
            }
            Some(Ok(appended)) => {
                let running = self.recover(&appended, nonce, inbox, held)?;
                self.stage = Stage::Running(running);
                Ok(OwnerTurn::Busy)
            }
            Some(Err(crate::log::AppendError::Closed(why))) => Err(Failure::Log(why)),
            Some(Err(_)) => {
                let again =
                    self.parts.clock.elapsed() + Duration::from_millis(self.options.announce_again_ms);
                self.stage = match held {
                    Some(running) => Stage::Held(running, again),
                    None => Stage::Waiting(again),
                };
                Ok(OwnerTurn::Busy)
            }
        }
    }

    /// Opens the partition behind an acknowledged announcement, from what is held or from the store.
    fn recover(
        &mut self,
        announced: &Appended,
        nonce: String,
        inbox: Arc<Inbox>,
        held: Option<Box<Running>>,
    ) -> Result<Box<Running>, Failure> {
        let log = &*self.parts.log;
        if let Some(mut running) = held {
            let landed = recover::read_tails(log, self.partition, running.outbox.landed())?;
            running.outbox.restart(landed);
            running.emitted = outputs(landed);
            (running.epoch, running.nonce, running.inbox) = (announced.first, nonce, inbox);
            return Ok(running);
        }
        self.incarnation += 1;
        let store = (self.parts.open_store)(self.partition)?;
        let checkpoint = match store.checkpoint()? {
            Some(bytes) => Some(Meta::decode(&bytes).map_err(|bad| Failure::Poison(bad.to_string()))?),
            None => None,
        };
        let found = recover::look(log, self.partition, checkpoint)?;
        let start = found.bounds.start;
        let (core, known) = match recover::plan(found) {
            Plan::FromStart => (Core::default(), [None; 3]),
            Plan::FromCheckpoint(meta) => (meta.core, meta.outputs),
            Plan::Refuse(refused) => return Err(Failure::Poison(refused.to_string())),
        };
        self.parts.directory.opened(self.partition, directory(&*store)?);
        let landed = recover::read_tails(log, self.partition, known)?;
        let next = core.next().max(start);
        let reader = log.reader(TopicPartition::new(Topic::Requests, self.partition), next)?;
        tracing::info!(partition = self.partition.0, epoch = announced.first.0, from = next.0, "opening");
        let shard = Shard::new(self.partition, self.parts.log.partitions(), self.parts.engines.clone(), core);
        Ok(Box::new(Running {
            partition: self.partition,
            frozen_next: shard.core().next(),
            shard,
            store,
            reader,
            epoch: announced.first,
            nonce,
            inbox,
            outbox: Outbox::new(landed),
            emitted: outputs(landed),
            carried: VecDeque::new(),
            reached: None,
            wanted: None,
            progress: Progress::None,
            job: None,
            frozen_at: self.parts.clock.elapsed(),
            incarnation: self.incarnation,
        }))
    }

    fn run(&mut self, mut running: Box<Running>) -> Result<OwnerTurn, Failure> {
        let closing = self.closing || self.needs.is_some();
        let turned = running.turn(&self.parts, &self.options, closing)?;
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
        let end = self.parts.log.bounds(TopicPartition::new(Topic::Requests, self.partition))?.end;
        let behind = end.0.saturating_sub(next.0);
        // Behind a turn that applied nothing stands only what came since it polled.
        let unpolled = if behind > 0 { running.reached } else { None };
        let oldest = running.carried.front().map(|record| record.timestamp).or(unpolled);
        let lag_ms = oldest.map_or(0, |at| self.parts.clock.now().since(at).max(0).unsigned_abs());
        self.status.set_applied(next.0, behind, lag_ms);
        if running.is_settled() {
            // Nothing waits for a checkpoint, so none is old.
            self.status.set_settled(self.parts.clock.now().0.max(0).unsigned_abs());
        }
        if next > running.epoch && self.status.phase() != Phase::Running {
            self.again_ms = self.options.announce_again_ms;
            self.failures = Failures::default();
            self.status.set_phase(Phase::Running);
        }
        Ok(())
    }
}

fn outputs(landed: [Option<Landed>; 3]) -> [Option<OutputRef>; 3] {
    landed.map(|landed| landed.map(|landed| landed.output))
}

/// What gateways are to know, from the rows of a store; what is behind its checkpoint follows as changes.
fn directory(store: &dyn Store) -> Result<Vec<DirectoryChange>, Failure> {
    let mut entries = Vec::new();
    for kind in [Kind::Organization, Kind::ApiKey] {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = store.scan(&prefix(kind), after.as_deref(), SCAN)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, value) in rows {
                let row = Row::decode(kind, &value).map_err(|bad| Failure::Poison(bad.to_string()))?;
                let org = key.get(1..17).and_then(|bytes| bytes.try_into().ok()).map(OrgId::from_bytes);
                match (row, org) {
                    (Row::Organization(org), _) => entries.push(DirectoryChange::Organization(org)),
                    (Row::ApiKey(key), Some(org)) => entries.push(DirectoryChange::ApiKey(org, key)),
                    _ => {}
                }
            }
        }
    }
    Ok(entries)
}
