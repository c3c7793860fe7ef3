//! The commands of the simulation. Each does one thing to the log, whole, and calls back before it returns.

use super::group::Change;
use super::state::{News, Resend};
use super::{MemoryLog, Producer};
use crate::base::position::{Offset, Partition, TopicPartition};
use crate::log::{AppendError, Bounds, LogError, Stored};

/// How a waiting batch ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landing {
    /// It becomes durable and is acknowledged.
    Acked,
    /// It becomes durable, but its producer hears [`AppendError::Closed`].
    AckLost,
    /// It becomes durable and is acknowledged, and a copy stays that [`MemoryLog::land_copy`] may land.
    Copied,
    /// Its first records, so many, become durable and the others are gone; its producer hears
    /// [`AppendError::Closed`].
    Torn(usize),
    /// It is gone, and its producer hears why.
    Failed(AppendError),
    /// It is gone, and nobody hears of it.
    Dropped,
}

/// Batches of one producer that wait for one topic-partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Whose they are.
    pub producer: Producer,
    /// Where they go.
    pub to: TopicPartition,
    /// How many there are.
    pub batches: usize,
}

/// Everything a topic-partition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// Its bounds.
    pub bounds: Bounds,
    /// Its records, in order.
    pub records: Vec<Stored>,
}

impl MemoryLog {
    /// What waits, in a fixed order.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        let state = self.inner.state();
        let waiting = state.waiting.iter();
        waiting
            .map(|((producer, to), queue)| Waiting { producer: *producer, to: *to, batches: queue.len() })
            .collect()
    }

    /// Ends the oldest batch that `producer` has waiting for `to`; false if there is none.
    pub fn land(&self, producer: Producer, to: TopicPartition, how: Landing) -> bool {
        let timestamp = self.inner.clock.now();
        let mut news = News::default();
        let mut state = self.inner.state();
        let Some(mut batch) = state.next_batch(producer, to) else { return false };
        if let Landing::Torn(first) = how {
            batch.records.truncate(first);
        }
        let lands = !matches!(how, Landing::Failed(_) | Landing::Dropped);
        let landed = if lands { state.land(to, &batch.records, timestamp, &mut news) } else { None };
        if how == Landing::Copied {
            state.copies.push(Resend { producer, to, records: batch.records });
        }
        drop(state);
        let answer = match how {
            Landing::Acked | Landing::Copied => landed.map(Ok),
            Landing::AckLost | Landing::Torn(_) => {
                Some(Err(AppendError::Closed("the acknowledgement was lost".to_owned())))
            }
            Landing::Failed(error) => Some(Err(error)),
            Landing::Dropped => None,
        };
        news.answers.extend(batch.done.zip(answer));
        news.tell();
        true
    }

    /// Lands and acknowledges the `count` oldest batches that `producer` has waiting for `to`; tells how many
    /// there were.
    pub fn flush(&self, producer: Producer, to: TopicPartition, count: usize) -> usize {
        (0..count).take_while(|_| self.land(producer, to, Landing::Acked)).count()
    }

    /// Lands and acknowledges everything that waits, also what callbacks append meanwhile.
    pub fn flush_all(&self) {
        while let Some(Waiting { producer, to, .. }) = self.waiting().first().copied() {
            self.land(producer, to, Landing::Acked);
        }
    }

    /// The copies that may still land: whose they are and where they go.
    #[must_use]
    pub fn copies(&self) -> Vec<(Producer, TopicPartition)> {
        self.inner.state().copies.iter().map(|copy| (copy.producer, copy.to)).collect()
    }

    /// Lands a copy once more, unheard: a resend of what was there already. It stays and may land again.
    pub fn land_copy(&self, index: usize) -> bool {
        let mut news = News::default();
        let mut state = self.inner.state();
        let Some(copy) = state.copies.get(index).cloned() else { return false };
        state.land(copy.to, &copy.records, self.inner.clock.now(), &mut news);
        drop(state);
        news.tell();
        true
    }

    /// Forgets a copy.
    pub fn drop_copy(&self, index: usize) -> bool {
        let mut state = self.inner.state();
        let known = index < state.copies.len();
        if known {
            state.copies.remove(index);
        }
        known
    }

    /// The producer is gone: nobody hears how its batches end and it is told nothing more. They still wait
    /// and may land late, until [`MemoryLog::drop_waiting`].
    pub fn crash(&self, producer: Producer) {
        let mut state = self.inner.state();
        let batches = state.waiting.iter_mut().filter(|((of, _), _)| *of == producer);
        let unheard: Vec<_> =
            batches.flat_map(|(_, queue)| queue.iter_mut()).map(|batch| batch.done.take()).collect();
        state.group.forget(producer);
        // A callback may own what has to lock the log when it is dropped.
        drop(state);
        drop(unheard);
    }

    /// Loses what a producer has waiting, or its waiting batches for `to`: an unflushed tail. Nobody hears.
    pub fn drop_waiting(&self, producer: Producer, to: Option<TopicPartition>) {
        let mut state = self.inner.state();
        let gone = |(of, at): &(Producer, TopicPartition)| *of == producer && to.is_none_or(|to| to == *at);
        let waiting = std::mem::take(&mut state.waiting);
        let (lost, kept) = waiting.into_iter().partition(|(key, _)| gone(key));
        state.waiting = kept;
        drop(state);
        drop::<std::collections::BTreeMap<_, _>>(lost);
    }

    /// Refuses a producer's appends with `error` from now on, or takes them again.
    pub fn refuse_appends(&self, producer: Producer, error: Option<AppendError>) {
        let mut state = self.inner.state();
        match error {
            Some(error) => drop(state.refused.insert(producer, error)),
            None => drop(state.refused.remove(&producer)),
        }
    }

    /// Fails all reads of a worker with `error` from now on, or lets it read again.
    pub fn refuse_reads(&self, producer: Producer, error: Option<LogError>) {
        let mut state = self.inner.state();
        match error {
            Some(error) => drop(state.unreadable.insert(producer, error)),
            None => drop(state.unreadable.remove(&producer)),
        }
    }

    /// Leaves out the next `count` offsets of a topic-partition.
    pub fn skip(&self, of: TopicPartition, count: u64) {
        if let Some(slot) = self.inner.state().slots.get_mut(&of) {
            slot.bounds.end = Offset(slot.bounds.end.0.saturating_add(count));
            if slot.records.is_empty() {
                slot.bounds.start = slot.bounds.start.min(slot.bounds.end);
            }
        }
    }

    /// Takes away the records below `to`, which becomes the start.
    pub fn trim(&self, of: TopicPartition, to: Offset) {
        if let Some(slot) = self.inner.state().slots.get_mut(&of) {
            let to = to.clamp(slot.bounds.start, slot.bounds.end);
            slot.bounds.start = to;
            slot.records.retain(|stored| stored.offset >= to);
        }
    }

    /// Loses the durable records from `to` on, which becomes the end: what no log may do.
    pub fn lose_tail(&self, of: TopicPartition, to: Offset) {
        if let Some(slot) = self.inner.state().slots.get_mut(&of) {
            let to = to.clamp(slot.bounds.start, slot.bounds.end);
            slot.bounds.end = to;
            slot.records.retain(|stored| stored.offset < to);
        }
    }

    /// Everything a topic-partition holds; none if it is unknown.
    #[must_use]
    pub fn dump(&self, of: TopicPartition) -> Option<Dump> {
        let state = self.inner.state();
        let slot = state.slots.get(&of)?;
        Some(Dump { bounds: slot.bounds, records: slot.records.iter().cloned().collect() })
    }

    /// Tells a worker that it owns a partition. Whoever owned it before is not told: a zombie.
    pub fn assign(&self, partition: Partition, to: Producer) {
        self.change(to, Change::Gain(partition));
    }

    /// Asks a worker to give a partition up.
    pub fn revoke(&self, partition: Partition, from: Producer) {
        self.change(from, Change::Revoke(partition));
    }

    /// Whether a worker was asked to give a partition up and has not done so.
    #[must_use]
    pub fn is_revoking(&self, partition: Partition, from: Producer) -> bool {
        self.inner.state().group.awaits(partition, from)
    }

    /// Tells a worker that a partition is another's already.
    pub fn lose(&self, partition: Partition, from: Producer) {
        self.change(from, Change::Lose(partition));
    }

    fn change(&self, member: Producer, change: Change) {
        let signal = self.inner.state().group.tell(member, change);
        if let Some(signal) = signal {
            signal.raise();
        }
    }
}
