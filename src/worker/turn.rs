//! The turn: poll, plan, step, emit, checkpoint. Nobody else moves a shard forward.

use crate::base::limits;
use crate::base::position::Topic;
use crate::log::{PollLimit, Stored};
use crate::shard::decode::Planned;
use crate::shard::effects::Effects;
use crate::shard::{Stepped, Stop};
use crate::state::key::Key;
use crate::state::working::{Frozen, Missing};
use crate::wire::header;
use crate::worker::ack::Ack;
use crate::worker::checkpoint::{Awaiting, Meta, Progress, Writing, Written};
use crate::worker::running::{Failure, Running};
use crate::worker::{Options, Parts};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of outputs on their way beyond which no more records are taken.
const OUTBOX_BYTES: usize = 32 << 20;

/// Checkpoints' worth of changed rows beyond which no more records are taken, where a store is slow.
pub(super) const DIRTY_CHECKPOINTS: usize = 4;

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// Something was done; there may be more to do.
    Busy,
    /// There is nothing to do now.
    Idle,
    /// Another's announcement stands next; nothing behind it may be done.
    Superseded,
    /// The next record needs an engine version that this binary has not.
    Engine(u32),
}

impl Running {
    /// One turn. With `closing`, no more records are taken; with `copy`, the checkpoint that is written next,
    /// or the one there is, is copied for a snapshot.
    pub(super) fn turn(
        &mut self,
        parts: &Parts,
        options: &Options,
        (closing, copy): (bool, bool),
    ) -> Result<Turned, Failure> {
        let began = parts.clock.elapsed();
        self.take_acks()?;
        self.shard.working().begin_turn(options.resident_rows);
        if !closing {
            self.poll(options)?;
        }
        let mut effects = Effects::default();
        self.reached = None;
        let (applied, halted) = if closing { (0, None) } else { self.decide(&mut effects)? };
        self.emit(effects, parts)?;
        if applied > 0 {
            parts.notes.turn(applied, parts.clock.elapsed().saturating_sub(began));
        }
        self.checkpoint(parts, options, closing, copy && !closing);
        match halted {
            Some(halted) => Ok(halted),
            None if applied > 0 || self.wanted.is_some() => Ok(Turned::Busy),
            None => Ok(Turned::Idle),
        }
    }

    fn take_acks(&mut self) -> Result<(), Failure> {
        for ack in self.inbox.take() {
            if let Ack::Outputs(topic, number, result) = ack {
                self.outbox.answered(topic, number, result).map_err(Failure::Log)?;
            }
        }
        Ok(())
    }

    /// Takes records behind those carried over, if there is room for what they lead to.
    fn poll(&mut self, options: &Options) -> Result<(), Failure> {
        let dirty = self.shard.working().dirty_rows();
        let room = dirty < options.checkpoint_rows.saturating_mul(DIRTY_CHECKPOINTS);
        if self.carried.is_empty() && room && self.outbox.bytes() < OUTBOX_BYTES {
            let limit = PollLimit { records: options.turn_records, bytes: limits::TURN_BYTES };
            self.carried.extend(self.reader.poll(limit)?);
        }
        Ok(())
    }

    /// Plans the batch, reads what it needs, and steps its records in their order, as far as they go.
    fn decide(&mut self, effects: &mut Effects) -> Result<(usize, Option<Turned>), Failure> {
        let batch: Vec<Stored> = std::mem::take(&mut self.carried).into();
        let shard = &self.shard;
        let planned: Vec<Planned<'_>> = batch
            .iter()
            .map(|record| shard.decode(record.offset, record.timestamp, &record.content))
            .collect();
        self.read_ahead(&planned)?;
        let mut applied = 0;
        let mut halted = None;
        for record in &planned {
            match self.is_foreign(record) {
                Ok(false) => {}
                Ok(true) => {
                    halted = Some(Turned::Superseded);
                    break;
                }
                Err(Missing::Unread(key)) => {
                    self.wanted = Some(key);
                    break;
                }
                Err(Missing::Broken(key)) => {
                    return Err(Failure::Poison(format!("row {key:?} is of another kind")));
                }
            }
            match self.shard.step(record, effects)? {
                Stepped::Applied => {
                    applied += 1;
                    self.reached = Some(record.timestamp);
                }
                Stepped::Unread(key) => {
                    self.wanted = Some(key);
                    break;
                }
                Stepped::Stop(Stop::Engine(version)) => {
                    halted = Some(Turned::Engine(version));
                    break;
                }
            }
        }
        drop(planned);
        self.applied_bytes +=
            batch.iter().take(applied).map(|record| record.content.len() as u64).sum::<u64>();
        self.carried.extend(batch.into_iter().skip(applied));
        Ok((applied, halted))
    }

    /// An announcement behind this owner's own, made by another. A copy of one takes nothing from anybody.
    fn is_foreign(&self, record: &Planned<'_>) -> Result<bool, Missing> {
        let is_news = record.offset > self.epoch;
        let is_other = record.announcement().is_some_and(|nonce| nonce != self.nonce);
        Ok(is_news && is_other && !self.shard.is_copy(record)?)
    }

    /// Reads the rows the batch wants, round by round: a head names its pages, an entry its decision. Of what
    /// there is many of, only a row that is there names another: most records found none, and are done.
    fn read_ahead(&mut self, planned: &[Planned<'_>]) -> Result<(), Failure> {
        let mut named: Vec<Key> = self.wanted.take().into_iter().collect();
        let mut open: Vec<(&Planned<'_>, Range<usize>)> =
            planned.iter().map(|record| (record, 0..0)).collect();
        for _ in 0..limits::PLAN_ROUNDS {
            open.retain_mut(|(record, names)| {
                let before = named.len();
                self.shard.wants(record, &mut named);
                *names = before..named.len();
                named.len() > before
            });
            if named.is_empty() {
                return Ok(());
            }
            let there = self.load(named.clone())?;
            let leads_on = |key: &Key| !key.kind().is_of_events() || there.binary_search(key).is_ok();
            open.retain(|(_, names)| {
                named.get(names.clone()).is_some_and(|names| names.iter().any(leads_on))
            });
            named.clear();
        }
        Ok(())
    }

    /// Reads rows from the store; tells which are there, in order.
    fn load(&mut self, mut wanted: Vec<Key>) -> Result<Vec<Key>, Failure> {
        wanted.sort_unstable();
        wanted.dedup();
        let keys: Vec<Vec<u8>> = wanted.iter().map(Key::encode).collect();
        let values = self.store.read(&keys)?;
        let mut there = Vec::new();
        for (key, value) in wanted.into_iter().zip(values) {
            self.shard.working().load(key, value.as_deref())?;
            there.extend(value.is_some().then_some(key));
        }
        Ok(there)
    }

    /// Hands the outputs over in their order and tells those who wait. What the log already held when the
    /// partition was taken is not emitted again.
    fn emit(&mut self, effects: Effects, parts: &Parts) -> Result<(), Failure> {
        let epoch = self.epoch.to_string();
        let mut outputs = Vec::with_capacity(effects.outputs.len());
        for mut output in effects.outputs {
            let held = Topic::OUTPUTS.iter().zip(&self.emitted).find(|(topic, _)| **topic == output.topic);
            if held.is_some_and(|(_, held)| Some(output.output) <= *held) {
                continue;
            }
            let stamped = output.record.header(header::EPOCH, epoch.as_bytes());
            stamped.map_err(|error| Failure::Poison(error.to_string()))?;
            let record = output.record.finish();
            self.applied_bytes += record.len() as u64;
            outputs.push((output.topic, output.output, record));
        }
        if !outputs.is_empty() {
            self.outbox.push(outputs);
        }
        self.outbox.send(&*parts.log, self.partition, &self.inbox).map_err(Failure::Log)?;
        // What a reply acknowledges is in force at the door before whoever waits hears of it.
        effects.directory.into_iter().for_each(|change| parts.directory.changed(self.partition, change));
        effects.replies.into_iter().for_each(|reply| parts.replies.reply(reply));
        effects.notes.iter().for_each(|note| parts.notes.note(note));
        Ok(())
    }

    /// Freezes when it is time, and has the frozen state written once every output before it is
    /// acknowledged.
    fn checkpoint(&mut self, parts: &Parts, options: &Options, closing: bool, copy: bool) {
        let now = parts.clock.elapsed();
        let next = self.shard.core().next();
        let news = next > self.frozen_next;
        let due = closing
            || now.saturating_sub(self.frozen_at).as_millis() >= u128::from(options.checkpoint_ms)
            || self.shard.working().dirty_rows() >= options.checkpoint_rows;
        if matches!(self.progress, Progress::None) && due && news {
            let core = self.shard.core().clone();
            self.progress = Progress::Awaiting(Awaiting { frozen: self.shard.working().freeze(), core });
            self.frozen_at = now;
            self.frozen_next = next;
        }
        match std::mem::replace(&mut self.progress, Progress::None) {
            Progress::Awaiting(ready) if self.outbox.holds(&ready.core.chains) => {
                let meta = Meta { core: ready.core, outputs: self.outbox.landed() };
                self.write(Some(ready.frozen), meta.encode(), copy, now);
            }
            // The checkpoint there is has all there is.
            Progress::None if copy && !news => self.write(None, Vec::new(), true, now),
            other @ (Progress::None | Progress::Awaiting(_) | Progress::Writing { .. }) => {
                self.progress = other
            }
        }
    }

    fn write(&mut self, frozen: Option<Frozen>, meta: Vec<u8>, export: bool, now: Duration) {
        let rows = frozen.as_ref().map_or(0, |frozen| frozen.rows.len());
        self.progress = Progress::Writing { rows, began: now };
        self.job = Some(Box::new(Writing {
            store: Arc::clone(&self.store),
            frozen,
            meta,
            export,
            incarnation: self.incarnation,
        }));
    }

    /// Takes the outcome of a checkpoint's writing.
    pub(super) fn checkpointed(&mut self, done: &Written, parts: &Parts) -> Result<(), Failure> {
        done.result.clone()?;
        if let Some(generation) = done.generation {
            self.shard.working().persisted(generation);
            if let Progress::Writing { rows, began } = self.progress {
                let spent = parts.clock.elapsed().saturating_sub(began);
                parts.notes.checkpoint(rows, done.bytes, spent);
            }
        }
        self.progress = Progress::None;
        Ok(())
    }

    /// Whether there is nothing left to write or to be acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        self.outbox.is_empty()
            && matches!(self.progress, Progress::None)
            && self.job.is_none()
            && self.frozen_next >= self.shard.core().next()
    }
}
