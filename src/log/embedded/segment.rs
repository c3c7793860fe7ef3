//! A segment as readers know it: its bounds, how much of it is durable, and a sparse index by which a
//! reader finds a place. An index says where to begin to read; what is read there is verified anyway.

use super::format::{Header, segment_name};
use crate::base::position::Offset;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of file between two entries of a slot's index.
const STRIDE: u64 = 64 << 10;

/// A segment that holds, or may come to hold, durable frames.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) name: String,
    /// Each slot's next offset when it began, for all slots of this program.
    pub(super) starts: Vec<Offset>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    durable: u64,
    sealed: bool,
    /// None until a reader needs it.
    index: Option<Index>,
}

impl Segment {
    /// A segment of which `durable` bytes are durable.
    pub(super) fn new(header: Header, slots: usize, durable: u64, index: Option<Index>) -> Arc<Self> {
        let mut starts = header.starts.clone();
        // Topics are only ever added, behind the others: slots keep their numbers.
        starts.resize(slots, Offset(0));
        let name = segment_name(header.number);
        let sealed = index.is_none();
        Arc::new(Self { header, name, starts, state: Mutex::new(State { durable, sealed, index }) })
    }

    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    pub(super) fn start(&self, slot: usize) -> Offset {
        self.starts.get(slot).copied().unwrap_or_default()
    }

    /// Bytes that are durable.
    pub(super) fn durable(&self) -> u64 {
        self.state().durable
    }

    /// Bytes that are durable, unless no more is written to it.
    pub(super) fn unsealed(&self) -> Option<u64> {
        let state = self.state();
        (!state.sealed).then_some(state.durable)
    }

    /// True once no more is written to it.
    pub(super) fn is_sealed(&self) -> bool {
        self.state().sealed
    }

    /// More is durable; `entries` are its frames.
    pub(super) fn grow(&self, durable: u64, frames: impl Iterator<Item = (usize, Offset, u64)>) {
        let mut state = self.state();
        state.durable = durable;
        if let Some(index) = &mut state.index {
            frames.for_each(|(slot, offset, at)| index.note(slot, offset, at));
        }
    }

    /// The seal is durable.
    pub(super) fn seal(&self, durable: u64) {
        let mut state = self.state();
        state.durable = durable;
        state.sealed = true;
    }

    /// Where to begin to look for a record of `slot` at or behind `offset`, or what the index has not
    /// been loaded for.
    pub(super) fn find(&self, slot: usize, offset: Offset) -> Option<Found> {
        self.state().index.as_ref().map(|index| index.find(slot, offset))
    }

    pub(super) fn set_index(&self, index: Index) {
        let mut state = self.state();
        if state.index.is_none() {
            state.index = Some(index);
        }
    }

    /// Frees the index of a sealed segment.
    pub(super) fn drop_index(&self) {
        let mut state = self.state();
        if state.sealed {
            state.index = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an index knows of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Begin at this byte, where the record with this offset is.
    At(Offset, u64),
    /// Begin at the segment's first frame: the slot has no record here, or a skip before its first.
    Begin,
}

/// Places of some frames of each slot: the first, and one about each [`STRIDE`] bytes of file.
#[derive(Debug)]
pub(super) struct Index(Vec<Vec<(Offset, u64)>>);

impl Index {
    pub(super) fn new(slots: usize) -> Self {
        Self(vec![Vec::new(); slots])
    }

    pub(super) fn note(&mut self, slot: usize, offset: Offset, at: u64) {
        let Some(entries) = self.0.get_mut(slot) else { return };
        if entries.last().is_none_or(|(_, last)| at - last >= STRIDE) {
            entries.push((offset, at));
        }
    }

    fn find(&self, slot: usize, offset: Offset) -> Found {
        let entries = self.0.get(slot).map(Vec::as_slice).unwrap_or_default();
        let behind = entries.partition_point(|(known, _)| *known <= offset);
        let known = behind.checked_sub(1).and_then(|last| entries.get(last));
        known.map_or(Found::Begin, |(offset, at)| Found::At(*offset, *at))
    }
}
