//! What the writer makes visible and readers see: bounds, the tail in memory, the segments. Only the
//! writer publishes, and only what is durable: first the segment's bytes, then the slot's records.

use super::disk::Disk;
use super::format::Layout;
use super::segment::Segment;
use crate::base::position::{Offset, TopicPartition};
use crate::base::signal::Signal;
use crate::log::{Bounds, LogError, PollLimit, Stored};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

/// Indexes of sealed segments held at once.
const INDEXES: usize = 16;

/// Shared by the writer, the readers and the log's own face.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) layout: Layout,
    slots: Vec<Mutex<Slot>>,
    /// In their order; the writer adds at the end, `trim` takes from the front. Never empty.
    segments: RwLock<Vec<Arc<Segment>>>,
    /// Sealed segments whose index is in memory, the oldest first.
    indexed: Mutex<VecDeque<Arc<Segment>>>,
    /// Why nothing is appended any more.
    closed: OnceLock<String>,
}

#[derive(Debug)]
struct Slot {
    bounds: Bounds,
    /// The newest records, without a gap from `tail_start` to the end.
    tail: VecDeque<Stored>,
    tail_start: Offset,
    watchers: Vec<Weak<Signal>>,
}

/// What a poll finds in memory.
#[derive(Debug)]
pub(super) enum Tail {
    /// There is no record before the end, which is here.
    End(Offset),
    /// The next records.
    Records(Vec<Stored>),
    /// They are in the files, before this offset.
    Files(Offset),
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        layout: Layout,
        segments: Vec<Arc<Segment>>,
        ends: &[Offset],
    ) -> Self {
        let first = segments.first();
        let slots = ends.iter().enumerate().map(|(slot, &end)| {
            let start = first.map_or(end, |segment| segment.start(slot));
            let bounds = Bounds { start, end };
            Mutex::new(Slot { bounds, tail: VecDeque::new(), tail_start: end, watchers: Vec::new() })
        });
        let slots = slots.collect();
        let (segments, indexed) = (RwLock::new(segments), Mutex::new(VecDeque::new()));
        Self { disk, layout, slots, segments, indexed, closed: OnceLock::new() }
    }

    pub(super) fn slot_of(&self, of: TopicPartition) -> Result<usize, LogError> {
        self.layout.slot(of).ok_or(LogError::NoPartition(of))
    }

    pub(super) fn bounds(&self, slot: usize) -> Bounds {
        self.slot(slot).map_or(Bounds { start: Offset(0), end: Offset(0) }, |slot| slot.bounds)
    }

    /// What a reader that stands at `from` finds without touching a file.
    pub(super) fn tail(&self, slot: usize, from: Offset, limit: PollLimit) -> Result<Tail, LogError> {
        let Some(slot) = self.slot(slot) else { return Ok(Tail::End(from)) };
        if from < slot.bounds.start || from > slot.bounds.end {
            return Err(LogError::OutOfRange { wanted: from, bounds: slot.bounds });
        }
        if from == slot.bounds.end {
            return Ok(Tail::End(slot.bounds.end));
        }
        if from < slot.tail_start {
            return Ok(Tail::Files(slot.bounds.end));
        }
        let begin = slot.tail.partition_point(|stored| stored.offset < from);
        let mut records = Vec::new();
        let mut bytes = 0;
        for stored in slot.tail.range(begin..) {
            bytes += stored.content.len();
            if !records.is_empty() && (records.len() >= limit.records || bytes > limit.bytes) {
                break;
            }
            records.push(stored.clone());
        }
        // A skip may be all there is between the reader and the end.
        Ok(if records.is_empty() { Tail::End(slot.bounds.end) } else { Tail::Records(records) })
    }

    /// Makes durable records visible and wakes who waits for them.
    pub(super) fn publish(&self, slot: usize, records: Vec<Stored>, end: Offset) {
        let Some(mut slot) = self.slot(slot) else { return };
        slot.tail.extend(records);
        slot.bounds.end = end;
        slot.watchers.retain(|watcher| {
            let signal = watcher.upgrade();
            signal.inspect(|signal| signal.raise()).is_some()
        });
    }

    /// Takes the oldest record of a slot out of memory.
    pub(super) fn evict(&self, slot: usize) {
        let Some(mut slot) = self.slot(slot) else { return };
        if let Some(oldest) = slot.tail.pop_front() {
            slot.tail_start = oldest.offset.next();
        }
    }

    pub(super) fn watch(&self, slot: usize, signal: &Arc<Signal>) {
        if let Some(mut slot) = self.slot(slot) {
            slot.watchers.push(Arc::downgrade(signal));
        }
    }

    fn slot(&self, slot: usize) -> Option<MutexGuard<'_, Slot>> {
        Some(self.slots.get(slot)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The segments there are, in order.
    pub(super) fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The segment in which a record of `slot` at or behind `from` may be.
    pub(super) fn segment_for(&self, slot: usize, from: Offset) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.start(slot) <= from);
        segments.get(behind.checked_sub(1)?).cloned()
    }

    /// The segment with a number.
    pub(super) fn segment(&self, number: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let first = segments.first()?.number();
        segments.get(usize::try_from(number.checked_sub(first)?).ok()?).cloned()
    }

    pub(super) fn add_segment(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    /// Takes the `count` oldest segments out, so that no reader finds them any more.
    pub(super) fn drop_segments(&self, count: usize) -> Vec<Arc<Segment>> {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<_> = segments.drain(..count).collect();
        let Some(first) = segments.first() else { return gone };
        for (number, start) in first.starts.iter().enumerate() {
            if let Some(mut slot) = self.slot(number) {
                slot.bounds.start = slot.bounds.start.max(*start);
            }
        }
        gone
    }

    /// Remembers that a sealed segment's index is in memory, and frees the oldest beyond some.
    pub(super) fn indexed(&self, segment: &Arc<Segment>) {
        let mut indexed = self.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        indexed.retain(|known| known.number() != segment.number());
        indexed.push_back(Arc::clone(segment));
        if indexed.len() > INDEXES
            && let Some(oldest) = indexed.pop_front()
        {
            oldest.drop_index();
        }
    }

    /// Says why nothing is appended any more; the first reason stays.
    pub(super) fn close(&self, why: &str) -> String {
        self.closed.get_or_init(|| why.to_owned()).clone()
    }

    pub(super) fn closed(&self) -> Option<&str> {
        self.closed.get().map(String::as_str)
    }
}
