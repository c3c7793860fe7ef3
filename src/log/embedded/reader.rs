//! Reads one slot in order: from the tail in memory where it reaches, else from the segment files, each
//! record verified when it is read. A record that should be there and is not is damage, never a skip.

use super::disk::Access;
use super::format::{Head, Kind, segment_number};
use super::segment::{Found, Index, Segment};
use super::state::{Shared, Tail};
use super::walk::{Walk, failed};
use crate::base::position::{Offset, TopicPartition};
use crate::log::{LogError, PollLimit, Reader, Stored};
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A reader of one slot.
#[derive(Debug)]
pub(super) struct SlotReader {
    shared: Arc<Shared>,
    slot: usize,
    of: TopicPartition,
    position: Offset,
    /// Where it reads in the files, while it does.
    place: Option<Place>,
}

/// A place in a segment file.
#[derive(Debug)]
struct Place {
    segment: Arc<Segment>,
    walk: Walk,
    /// The offset the slot's next record must have.
    expected: Offset,
    /// The slot's next offset behind the segment, if it was sealed when the place was opened.
    end: Option<Offset>,
}

impl SlotReader {
    pub(super) fn new(shared: Arc<Shared>, of: TopicPartition, from: Offset) -> Result<Self, LogError> {
        let slot = shared.slot_of(of)?;
        let bounds = shared.bounds(slot);
        if from < bounds.start || from > bounds.end {
            return Err(LogError::OutOfRange { wanted: from, bounds });
        }
        Ok(Self { shared, slot, of, position: from, place: None })
    }

    fn read_files(&mut self, end: Offset, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
        let mut records: Vec<Stored> = Vec::new();
        let mut bytes = 0;
        // The next record of a slot may be gigabytes away: it is not looked for where it cannot be taken.
        while self.position < end && records.len() < limit.records.max(1) {
            let mut place = match self.place.take() {
                Some(place) => place,
                None => match self.seek()? {
                    Some(place) => place,
                    None => break,
                },
            };
            let Some(head) = place.next_of(self.of)? else {
                let sealed = place.segment.is_sealed();
                if sealed && (place.is_through() || place.walk.at() >= place.segment.durable()) {
                    self.place = self.next_segment(&place)?;
                    continue;
                }
                self.place = Some(place);
                // Sealed since the limit was looked at: what came before the seal is still to be read.
                if sealed { continue } else { break }
            };
            bytes += head.content;
            if !records.is_empty() && bytes > limit.bytes {
                self.place = Some(place);
                break;
            }
            let stored = place.take(&head)?;
            if stored.offset >= self.position {
                self.position = stored.offset.next();
                records.push(stored);
            } else {
                bytes -= head.content;
            }
            self.place = Some(place);
        }
        if records.is_empty()
            && let Some(place) = &self.place
        {
            // A skip was all there was. No further than it was walked: what is missing is no gap.
            self.position = place.expected.min(end).max(self.position);
        }
        Ok(records)
    }

    /// Where to begin to read, none if there is nothing to read.
    fn seek(&mut self) -> Result<Option<Place>, LogError> {
        let Some(segment) = self.shared.segment_for(self.slot, self.position) else { return Ok(None) };
        let is_first = segment.start(self.slot) == self.position;
        let found = match segment.find(self.slot, self.position) {
            Some(found) => found,
            // To make an index is to go through the whole file; the first record needs none.
            None if is_first => Found::Begin,
            None => {
                let index = load_index(&self.shared, &segment)?;
                segment.set_index(index);
                self.shared.indexed(&segment);
                segment.find(self.slot, self.position).unwrap_or(Found::Begin)
            }
        };
        let (expected, at) = match found {
            Found::At(offset, at) => (offset, at),
            Found::Begin => (segment.start(self.slot), segment.header.size()),
        };
        self.open(segment, expected, at).map(Some)
    }

    /// The begin of the next segment that has a record of the slot, or of the newest; that of `place` was read
    /// as far as it has any.
    fn next_segment(&self, place: &Place) -> Result<Option<Place>, LogError> {
        let Some(next) = self.shared.segment(place.segment.number() + 1) else { return Ok(None) };
        if next.start(self.slot) != place.expected {
            return Err(place.walk.damage("records are missing before the end of the segment"));
        }
        let next = self.shared.segment_for(self.slot, place.expected).unwrap_or(next);
        let (start, at) = (next.start(self.slot), next.header.size());
        self.open(next, start, at).map(Some)
    }

    fn open(&self, segment: Arc<Segment>, expected: Offset, at: u64) -> Result<Place, LogError> {
        let next = self.shared.segment(segment.number() + 1);
        let end = next.map(|next| next.start(self.slot));
        Ok(Place { end, ..open(&self.shared, segment, expected, at)? })
    }
}

impl Reader for SlotReader {
    fn poll(&mut self, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
        match self.shared.tail(self.slot, self.position, limit)? {
            Tail::End(end) => {
                self.position = end;
                Ok(Vec::new())
            }
            Tail::Records(records) => {
                self.place = None;
                if let Some(last) = records.last() {
                    self.position = last.offset.next();
                }
                Ok(records)
            }
            Tail::Files(end) => match self.read_files(end, limit) {
                Ok(records) => Ok(records),
                Err(error) => {
                    self.place = None;
                    // What was trimmed meanwhile is gone, not damaged.
                    let bounds = self.shared.bounds(self.slot);
                    if self.position < bounds.start {
                        return Err(LogError::OutOfRange { wanted: self.position, bounds });
                    }
                    Err(located(&self.shared, error))
                }
            },
        }
    }

    fn position(&self) -> Offset {
        self.position
    }

    fn end(&self) -> Offset {
        self.shared.bounds(self.slot).end.max(self.position)
    }

    fn wait(&mut self, _: Duration) -> bool {
        false
    }
}

impl Place {
    /// Whether nothing more of the slot is in this segment.
    fn is_through(&self) -> bool {
        self.end == Some(self.expected)
    }

    /// The next record of a slot, not verified; what is not of the slot is passed over.
    fn next_of(&mut self, of: TopicPartition) -> Result<Option<Head>, LogError> {
        if self.is_through() {
            return Ok(None);
        }
        self.walk.set_limit(self.segment.durable());
        while let Some(head) = self.walk.peek()? {
            if head.of == of {
                match head.kind {
                    Kind::Record => return Ok(Some(head)),
                    Kind::Skip => {
                        self.walk.content(&head)?;
                        self.expected = self.expected.max(head.offset);
                    }
                    Kind::Seal => {}
                }
            }
            self.walk.step(&head);
        }
        Ok(None)
    }

    fn take(&mut self, head: &Head) -> Result<Stored, LogError> {
        let content = Bytes::copy_from_slice(self.walk.content(head)?);
        if head.offset != self.expected {
            return Err(self.walk.damage("records are missing before this one"));
        }
        self.expected = head.offset.next();
        self.walk.step(head);
        Ok(Stored { offset: head.offset, timestamp: head.timestamp, content })
    }
}

fn open(shared: &Shared, segment: Arc<Segment>, expected: Offset, at: u64) -> Result<Place, LogError> {
    let file = shared.disk.open(&segment.name, Access::Read);
    let file = file.map_err(|error| missing(&segment.name, &error))?;
    let walk = Walk::new(file, segment.name.clone(), segment.header.salt(), at, segment.durable());
    Ok(Place { segment, walk, expected, end: None })
}

/// A file of the log that cannot be opened.
pub(super) fn missing(name: &str, error: &io::Error) -> LogError {
    if error.kind() == io::ErrorKind::NotFound {
        super::walk::damage(name.to_owned(), 0, "the segment is missing")
    } else {
        failed(name, error)
    }
}

/// Damage where it is. A walk that passes over what it does not want may go astray at a damaged length and
/// stop only later.
fn located(shared: &Shared, error: LogError) -> LogError {
    let LogError::Damaged { file, .. } = &error else { return error };
    let segment = segment_number(file).and_then(|number| shared.segment(number));
    let Some(segment) = segment else { return error };
    let at = segment.header.size();
    let Ok(mut place) = open(shared, segment, Offset(0), at) else { return error };
    loop {
        match place.walk.peek() {
            Ok(Some(head)) => match place.walk.content(&head) {
                Ok(_) => place.walk.step(&head),
                Err(first) => return first,
            },
            Ok(None) => return error,
            Err(first) => return first,
        }
    }
}

/// Goes through a sealed segment to find its frames. Nothing is verified here: each reader verifies what
/// it takes, and damage to one slot's records does not keep the others from being read.
fn load_index(shared: &Shared, segment: &Arc<Segment>) -> Result<Index, LogError> {
    let at = segment.header.size();
    let mut place = open(shared, Arc::clone(segment), Offset(0), at)?;
    let mut index = Index::new(shared.layout.slots());
    while let Some(head) = place.walk.peek()? {
        if let (Kind::Record, Some(slot)) = (head.kind, shared.layout.slot(head.of)) {
            index.note(slot, head.offset, place.walk.at());
        }
        place.walk.step(&head);
    }
    Ok(index)
}
