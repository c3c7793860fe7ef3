//! The log as one worker of the simulation sees it. It can do nothing that a real log could not.

use super::state::{Batch, News};
use super::{Inner, Producer};
use crate::base::limits;
use crate::base::position::{Offset, TopicPartition};
use crate::base::signal::Signal;
use crate::log::{AppendError, Bounds, Contents, Done, Log, LogError, Membership, PollLimit, Reader, Stored};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The largest content taken, as in the embedded log.
const CONTENT_BYTES: usize = limits::RECORD_BYTES + 1024;

/// A producer's view of a [`super::MemoryLog`].
#[derive(Debug, Clone)]
pub struct Handle {
    pub(super) inner: Arc<Inner>,
    pub(super) producer: Producer,
}

impl Handle {
    /// Whose view it is.
    #[must_use]
    pub fn producer(&self) -> Producer {
        self.producer
    }
}

impl Contents for Handle {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        let state = self.inner.state();
        if let Some(error) = state.unreadable.get(&self.producer) {
            return Err(error.clone());
        }
        state.slots.get(&of).map(|slot| slot.bounds).ok_or(LogError::NoPartition(of))
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        let bounds = self.bounds(of)?;
        if from < bounds.start || from > bounds.end {
            return Err(LogError::OutOfRange { wanted: from, bounds });
        }
        Ok(Box::new(MemoryReader { log: self.clone(), of, position: from }))
    }
}

impl Log for Handle {
    fn partitions(&self) -> u16 {
        self.inner.partitions
    }

    fn append(&self, to: TopicPartition, records: Vec<Bytes>, done: Done) -> Result<(), AppendError> {
        let mut state = self.inner.state();
        if !state.slots.contains_key(&to) {
            return Err(AppendError::Closed(LogError::NoPartition(to).to_string()));
        }
        if records.is_empty() {
            return Err(AppendError::Closed("there is nothing to append".to_owned()));
        }
        if records.iter().any(|record| record.len() > CONTENT_BYTES) {
            return Err(AppendError::TooLarge);
        }
        if let Some(error) = state.refused.get(&self.producer) {
            return Err(error.clone());
        }
        if !state.auto_flush {
            let batch = Batch { records, done: Some(done) };
            state.waiting.entry((self.producer, to)).or_default().push_back(batch);
            return Ok(());
        }
        let mut news = News::default();
        let landed = state.land(to, &records, self.inner.clock.now(), &mut news);
        news.answers.extend(landed.map(|appended| (done, Ok(appended))));
        drop(state);
        news.tell();
        Ok(())
    }

    fn subscribe(&self, of: TopicPartition, signal: &Arc<Signal>) {
        if let Some(slot) = self.inner.state().slots.get_mut(&of) {
            slot.watchers.push(Arc::downgrade(signal));
        }
    }

    fn join(&self, signal: &Arc<Signal>) -> Result<Box<dyn Membership>, LogError> {
        let mut state = self.inner.state();
        if let Some(error) = state.unreadable.get(&self.producer) {
            return Err(error.clone());
        }
        if state.auto_flush {
            // Without commands there is one member, which has everything.
            state.group.assign_all(self.producer, self.inner.partitions);
        }
        Ok(state.group.join(self.producer, signal, &self.inner))
    }
}

#[derive(Debug)]
struct MemoryReader {
    log: Handle,
    of: TopicPartition,
    position: Offset,
}

impl Reader for MemoryReader {
    fn poll(&mut self, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
        let bounds = self.log.bounds(self.of)?;
        if self.position < bounds.start || self.position > bounds.end {
            return Err(LogError::OutOfRange { wanted: self.position, bounds });
        }
        let state = self.log.inner.state();
        let Some(slot) = state.slots.get(&self.of) else { return Ok(Vec::new()) };
        let begin = slot.records.partition_point(|stored| stored.offset < self.position);
        let mut records: Vec<Stored> = Vec::new();
        let mut bytes = 0;
        for stored in slot.records.range(begin..) {
            bytes += stored.content.len();
            if !records.is_empty() && (records.len() >= limit.records || bytes > limit.bytes) {
                break;
            }
            self.position = stored.offset.next();
            records.push(stored.clone());
        }
        if records.is_empty() {
            self.position = slot.bounds.end;
        }
        Ok(records)
    }

    fn position(&self) -> Offset {
        self.position
    }

    fn end(&self) -> Offset {
        let end = self.log.inner.state().slots.get(&self.of).map(|slot| slot.bounds.end);
        end.map_or(self.position, |end| end.max(self.position))
    }

    fn wait(&mut self, _: Duration) -> bool {
        false
    }
}
