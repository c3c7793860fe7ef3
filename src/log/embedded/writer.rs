//! The one thread that writes. Each round takes everything that waits, writes it with one call, syncs
//! once, and only then makes it visible and answers, in order: while one group is synced the next one
//! gathers, so groups are as large as the disk is slow, without any delay of our own.
//!
//! A failed write or sync is final: nobody knows any more what the disk holds. A full disk is not, as
//! long as the file can be cut back to what was durable.

use super::disk::{Disk, DiskFile};
use super::format::{Head, Header, Kind, Salt, UNFINISHED, segment_name, write_ends};
use super::queue::{Queue, What, Work};
use super::segment::{Index, Segment};
use super::state::Shared;
use crate::base::clock::Clock;
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::{AppendError, Appended, Stored};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A buffer that grew beyond this is not kept.
const BUFFER_BYTES: usize = 4 << 20;

/// The writing end of a log.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) segment: Arc<Segment>,
    pub(super) file: Box<dyn DiskFile>,
    /// Each slot's next offset.
    pub(super) next: Vec<Offset>,
    /// The topic-partition of each slot.
    pub(super) slots: Vec<TopicPartition>,
    pub(super) newest: Ms,
    pub(super) segment_bytes: u64,
    pub(super) tail: Tail,
    pub(super) buffer: Vec<u8>,
}

/// Which records are held in memory, the oldest first.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) limit: usize,
    pub(super) bytes: usize,
    pub(super) held: VecDeque<(usize, usize)>,
}

/// How a round failed.
enum Failure {
    Full,
    Final(String),
}

/// A group as it was written: what each piece of work resulted in, and where each record stands.
#[derive(Default)]
struct Group {
    results: Vec<Appended>,
    records: Vec<Vec<Stored>>,
    places: Vec<(usize, Offset, u64)>,
    /// The offsets to go back to, in the order in which they were given.
    before: Vec<(usize, Offset)>,
}

impl Writer {
    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _closing = Closing { shared: Arc::clone(&self.shared), queue: Arc::clone(&self.queue) };
        loop {
            let work = self.queue.drain();
            if work.is_empty() {
                return;
            }
            if let Some(why) = self.shared.closed() {
                refuse(work, &AppendError::Closed(why.to_owned()));
                continue;
            }
            match self.commit(&work) {
                Ok(group) => self.publish(work, group),
                Err(Failure::Full) => refuse(work, &AppendError::Full),
                Err(Failure::Final(why)) => {
                    let why = self.shared.close(&why);
                    self.queue.close(&why);
                    refuse(work, &AppendError::Closed(why));
                }
            }
        }
    }

    /// Makes a group durable.
    fn commit(&mut self, work: &VecDeque<Work>) -> Result<Group, Failure> {
        if self.segment.durable() >= self.segment_bytes {
            self.roll()?;
        }
        let stamp = self.newest.max(self.clock.now());
        let mut group = self.encode(work, stamp);
        let written = self.write();
        if written.is_err() {
            for (slot, offset) in group.before.drain(..).rev() {
                self.set_next(slot, offset);
            }
        } else {
            self.newest = stamp;
        }
        written.map(|()| group)
    }

    /// Gives offsets and puts the frames into the buffer.
    fn encode(&mut self, work: &VecDeque<Work>, timestamp: Ms) -> Group {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let (salt, base) = (self.segment.header.salt(), self.segment.durable());
        let mut group = Group::default();
        for piece in work {
            let slot = piece.slot;
            let first = self.next.get(slot).copied().unwrap_or_default();
            group.before.push((slot, first));
            let mut next = first;
            let mut stored = Vec::new();
            match &piece.what {
                What::Skip(to) => {
                    next = next.max(*to);
                    self.frame(Kind::Skip, slot, next, timestamp, &[], &salt, &mut buffer);
                }
                What::Records(records) => {
                    stored.reserve_exact(records.len());
                    for content in records {
                        group.places.push((slot, next, base + buffer.len() as u64));
                        self.frame(Kind::Record, slot, next, timestamp, content, &salt, &mut buffer);
                        stored.push(Stored { offset: next, timestamp, content: content.clone() });
                        next = next.next();
                    }
                }
            }
            self.set_next(slot, next);
            let last = Offset(next.0.saturating_sub(1)).max(first);
            group.results.push(Appended { first, last, timestamp });
            group.records.push(stored);
        }
        self.buffer = buffer;
        group
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a frame")]
    fn frame(
        &self,
        kind: Kind,
        slot: usize,
        offset: Offset,
        timestamp: Ms,
        content: &[u8],
        salt: &Salt,
        buffer: &mut Vec<u8>,
    ) {
        let Some(of) = self.slots.get(slot).copied() else { return };
        let back = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        Head { kind, of, back, offset, timestamp, content: content.len() }.write(salt, content, buffer);
    }

    fn set_next(&mut self, slot: usize, offset: Offset) {
        if let Some(next) = self.next.get_mut(slot) {
            *next = offset;
        }
    }

    /// Writes the buffer behind what is durable and syncs it.
    fn write(&mut self) -> Result<(), Failure> {
        let durable = self.segment.durable();
        if let Err(error) = self.file.write_at(&self.buffer, durable) {
            if !is_full(&error) {
                return Err(self.fatal("write", &error));
            }
            // Synced, so that nothing of what is refused now can come back after a crash.
            let cut = self.file.truncate(durable).and_then(|()| self.file.sync());
            return Err(cut.map_or_else(|error| self.fatal("cut", &error), |()| Failure::Full));
        }
        // A full disk may show only here; then nobody knows what was written.
        self.file.sync().map_err(|error| self.fatal("sync", &error))
    }

    fn fatal(&self, what: &str, error: &io::Error) -> Failure {
        Failure::Final(format!("could not {what} {}: {error}", self.segment.name))
    }

    /// Shows a durable group and answers.
    fn publish(&mut self, work: VecDeque<Work>, group: Group) {
        let durable = self.segment.durable() + self.buffer.len() as u64;
        self.segment.grow(durable, group.places.iter().copied());
        for ((piece, records), result) in work.iter().zip(group.records).zip(&group.results) {
            let end = match piece.what {
                What::Records(_) => result.last.next(),
                What::Skip(to) => to.max(result.first),
            };
            for stored in &records {
                self.tail.bytes += stored.content.len() + size_of::<Stored>();
                self.tail.held.push_back((piece.slot, stored.content.len() + size_of::<Stored>()));
            }
            self.shared.publish(piece.slot, records, end);
        }
        while self.tail.bytes > self.tail.limit
            && let Some((slot, bytes)) = self.tail.held.pop_front()
        {
            self.tail.bytes -= bytes;
            self.shared.evict(slot);
        }
        if self.buffer.capacity() > BUFFER_BYTES {
            self.buffer = Vec::new();
        }
        for (mut piece, result) in work.into_iter().zip(group.results) {
            piece.finish(Ok(result));
        }
    }

    /// Begins a new segment. It is durable before the old one is sealed, so that a seal without a next
    /// segment means that one was lost, and it is empty until the seal is durable.
    fn roll(&mut self) -> Result<(), Failure> {
        let old = Arc::clone(&self.segment);
        let header = Header {
            number: old.number() + 1,
            newest: self.newest,
            starts: self.next.clone(),
            layout: self.shared.layout,
            nonce: old.header.nonce,
        };
        let salt = old.header.salt();
        let file = match create(&*self.shared.disk, &header) {
            Ok(file) => file,
            Err(error) if is_full(&error) => return Err(Failure::Full),
            Err(error) => return Err(self.fatal("begin the segment behind", &error)),
        };
        self.buffer.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        let ends = write_ends(self.next.get(..old.header.layout.slots()).unwrap_or_default());
        let number = Offset(header.number);
        self.frame(Kind::Seal, 0, number, self.newest, &ends, &salt, &mut buffer);
        self.buffer = buffer;
        self.write()?;
        let size = header.size();
        let index = Some(Index::new(self.slots.len()));
        let segment = Segment::new(header, self.slots.len(), size, index);
        // Readers leave the old segment when it is sealed, so the new one must be there before.
        self.shared.add_segment(Arc::clone(&segment));
        old.seal(old.durable() + self.buffer.len() as u64);
        self.shared.indexed(&old);
        self.segment = segment;
        self.file = file;
        Ok(())
    }
}

/// Makes a segment file with `header`, durable under its name.
pub(super) fn create(disk: &dyn Disk, header: &Header) -> io::Result<Box<dyn DiskFile>> {
    let name = segment_name(header.number);
    let unfinished = format!("{name}{UNFINISHED}");
    let file = disk.create(&unfinished)?;
    let whole = (file.write_at(&header.write(), 0))
        .and_then(|()| file.sync())
        .and_then(|()| disk.rename(&unfinished, &name))
        .and_then(|()| disk.sync_folder());
    if let Err(error) = whole {
        // What is left of it is no part of the log; opening removes it too.
        drop(disk.remove(&unfinished));
        return Err(error);
    }
    Ok(file)
}

/// Whether an error says that there is no space.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn refuse(work: VecDeque<Work>, why: &AppendError) {
    for mut piece in work {
        piece.finish(Err(why.clone()));
    }
}

/// Closes the log when the writer ends in any way, so that nobody waits for an answer for ever.
struct Closing {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        let why = self.shared.close("the writer has ended");
        self.queue.close(&why);
        loop {
            let left = self.queue.drain();
            if left.is_empty() {
                return;
            }
            refuse(left, &AppendError::Closed(why.clone()));
        }
    }
}
