//! What the simulated log holds. Every change goes through here under one lock; what is to be told to
//! others is collected and told by the caller after the lock is let go.

use super::Producer;
use super::group::Group;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use crate::log::{AppendError, Appended, Bounds, Done, LogError, Stored};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

#[derive(Debug)]
pub(super) struct State {
    pub(super) auto_flush: bool,
    pub(super) slots: BTreeMap<TopicPartition, Slot>,
    pub(super) waiting: BTreeMap<(Producer, TopicPartition), VecDeque<Batch>>,
    /// Copies of batches that landed and may land again, in the order in which they were made.
    pub(super) copies: Vec<Resend>,
    pub(super) refused: BTreeMap<Producer, AppendError>,
    pub(super) unreadable: BTreeMap<Producer, LogError>,
    pub(super) group: Group,
}

/// One topic-partition.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) bounds: Bounds,
    pub(super) records: VecDeque<Stored>,
    pub(super) watchers: Vec<Weak<Signal>>,
}

/// One append that waits.
pub(super) struct Batch {
    pub(super) records: Vec<Bytes>,
    /// None once nobody hears it any more.
    pub(super) done: Option<Done>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}, heard: {})", self.records.len(), self.done.is_some())
    }
}

/// A batch that landed once.
#[derive(Debug, Clone)]
pub(super) struct Resend {
    pub(super) producer: Producer,
    pub(super) to: TopicPartition,
    pub(super) records: Vec<Bytes>,
}

/// What is told to others once the lock is let go.
#[derive(Default)]
pub(super) struct News {
    pub(super) signals: Vec<Arc<Signal>>,
    pub(super) answers: Vec<(Done, Result<Appended, AppendError>)>,
}

impl News {
    pub(super) fn tell(self) {
        for signal in self.signals {
            signal.raise();
        }
        for (done, how) in self.answers {
            done(how);
        }
    }
}

impl State {
    pub(super) fn new(partitions: u16, auto_flush: bool) -> Self {
        let empty = || Slot {
            bounds: Bounds { start: Offset(0), end: Offset(0) },
            records: VecDeque::new(),
            watchers: Vec::new(),
        };
        let all = Topic::ALL.into_iter().flat_map(|topic| {
            (0..partitions).map(move |partition| TopicPartition::new(topic, Partition(partition)))
        });
        Self {
            auto_flush,
            slots: all.map(|of| (of, empty())).collect(),
            waiting: BTreeMap::new(),
            copies: Vec::new(),
            refused: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            group: Group::default(),
        }
    }

    /// Makes records durable and visible; none of them is no record and no place.
    pub(super) fn land(
        &mut self,
        to: TopicPartition,
        records: &[Bytes],
        timestamp: Ms,
        news: &mut News,
    ) -> Option<Appended> {
        let slot = self.slots.get_mut(&to)?;
        let first = slot.bounds.end;
        for content in records {
            let offset = slot.bounds.end;
            slot.records.push_back(Stored { offset, timestamp, content: content.clone() });
            slot.bounds.end = offset.next();
        }
        let last = slot.records.back().map_or(first, |stored| stored.offset);
        slot.watchers.retain(|watcher| watcher.strong_count() > 0);
        news.signals.extend(slot.watchers.iter().filter_map(Weak::upgrade));
        Some(Appended { first, last, timestamp })
    }

    /// The next batch of a queue.
    pub(super) fn next_batch(&mut self, producer: Producer, to: TopicPartition) -> Option<Batch> {
        let key = (producer, to);
        let queue = self.waiting.get_mut(&key)?;
        let batch = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&key);
        }
        batch
    }
}
