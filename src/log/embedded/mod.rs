//! The log of one machine: one sequence of segment files in one folder, shared by all topics and
//! partitions, so that one sync covers a group of appends to any of them. It is no replicated log: what
//! the disk loses is lost.
//!
//! The one invariant: nothing is acknowledged or read that was not synced before, and what was
//! acknowledged is read as it was written or reported as damage. `format` tells the stored form, `recover`
//! what opening does with the traces of a crash.

mod disk;
mod format;
mod open;
mod plan;
mod queue;
mod reader;
mod recover;
mod retain;
mod scrub;
mod segment;
mod state;
mod still;
#[cfg(test)]
pub(in crate::log) mod tests;
mod verify;
mod view;
mod walk;
mod writer;

pub use open::Opened;
pub use plan::Held;
pub use retain::{Trim, Trimmed};
pub use scrub::{Scrub, Scrubbed};
pub use still::{Still, StillFile, StillReader};
pub use verify::{Counts, Damage, Records, Report, scan, verify};
pub use view::View;

use crate::base::clock::Clock;
use crate::base::position::{Offset, Partition, TopicPartition};
use crate::base::signal::Signal;
use crate::log::{AppendError, Assignment, Bounds, Contents, Done, Log, LogError, Membership, Reader};
use bytes::Bytes;
use disk::{Folder, Lock};
use queue::{Queue, What, Work};
use state::Shared;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder; made if it is not there.
    pub folder: PathBuf,
    /// Partitions of every topic; what the folder holds cannot be changed.
    pub partitions: u16,
    /// A segment that has this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// Bytes of the newest records held in memory for readers.
    pub tail_bytes: usize,
    /// Records that may wait to be appended.
    pub queue_records: usize,
    /// Bytes that may wait to be appended.
    pub queue_bytes: usize,
    /// Whether a torn end may be cut. Not where the floors are not all known: what is cut is gone.
    pub may_cut: bool,
}

impl Options {
    /// The usual sizes.
    #[must_use]
    pub fn new(folder: PathBuf, partitions: u16) -> Self {
        Self {
            folder,
            partitions,
            segment_bytes: 128 << 20,
            tail_bytes: 16 << 20,
            queue_records: 32_768,
            queue_bytes: 32 << 20,
            may_cut: true,
        }
    }
}

/// The log of one machine.
#[derive(Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    meta: Mutex<format::Meta>,
    _lock: Box<dyn Lock>,
}

impl EmbeddedLog {
    /// Opens the log in a folder, or begins one in an empty folder. Each of `floors` is an offset whose
    /// record must be there: of a checkpoint, or of an output that was acknowledged.
    ///
    /// # Errors
    /// Another process has the folder, the log has another number of partitions, is damaged, or misses
    /// what it must hold. A log that is not opened is not changed.
    pub fn open(
        options: &Options,
        clock: Arc<dyn Clock>,
        floors: &[(TopicPartition, Offset)],
    ) -> Result<(Self, Opened), LogError> {
        open::open(Arc::new(Folder(options.folder.clone())), options, clock, floors)
    }

    /// Lets the offsets of a partition go on at `to`, durably; a log that was restored goes on far behind
    /// its end, so that no offset is used twice. `done` is told as for an append.
    ///
    /// # Errors
    /// As for an append.
    pub fn skip(&self, of: TopicPartition, to: Offset, done: Done) -> Result<(), AppendError> {
        let slot = self.shared.slot_of(of).map_err(|error| AppendError::Closed(error.to_string()))?;
        self.queue.push(Work::new(slot, What::Skip(to), done))
    }

    /// Takes no more appends and waits until those taken are durable.
    pub fn close(&self) {
        self.queue.close("it was closed");
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last owner may be a callback, which runs on the writer itself.
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != std::thread::current().id()) {
            drop(writer.join());
        }
    }

    /// Why nothing is appended any more, once that is so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.shared.closed().map(str::to_owned)
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl Contents for EmbeddedLog {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        Ok(self.shared.bounds(self.shared.slot_of(of)?))
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(reader::SlotReader::new(Arc::clone(&self.shared), of, from)?))
    }
}

impl Log for EmbeddedLog {
    fn partitions(&self) -> u16 {
        self.shared.layout.partitions
    }

    fn append(&self, to: TopicPartition, records: Vec<Bytes>, done: Done) -> Result<(), AppendError> {
        let slot = self.shared.slot_of(to).map_err(|error| AppendError::Closed(error.to_string()))?;
        if records.is_empty() {
            return Err(AppendError::Closed("there is nothing to append".to_owned()));
        }
        if records.iter().any(|record| record.len() > format::CONTENT_BYTES) {
            return Err(AppendError::TooLarge);
        }
        self.queue.push(Work::new(slot, What::Records(records), done))
    }

    fn subscribe(&self, of: TopicPartition, signal: &Arc<Signal>) {
        if let Ok(slot) = self.shared.slot_of(of) {
            self.shared.watch(slot, signal);
        }
    }

    fn join(&self, signal: &Arc<Signal>) -> Result<Box<dyn Membership>, LogError> {
        signal.raise();
        Ok(Box::new(All { next: 0, partitions: self.partitions() }))
    }
}

/// The only member: it has every partition for good.
#[derive(Debug)]
struct All {
    next: u16,
    partitions: u16,
}

impl Membership for All {
    fn poll(&mut self) -> Option<Assignment> {
        let partition = Partition(self.next);
        (self.next < self.partitions).then(|| {
            self.next += 1;
            Assignment::Gained(partition)
        })
    }
}
