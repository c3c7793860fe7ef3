//! The log seam: partitioned topics of records that are durable before they are seen.
//!
//! The log knows nothing of what records mean. Everything above it works alike on every
//! implementation; `conformance` holds what they share.

#[cfg(test)]
mod conformance;
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod memory;
mod reach;
mod readers;

pub use reach::read_before;
pub use readers::{Mark, Readers, Unread};

use crate::base::position::{Offset, Partition, TopicPartition};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A record as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its offset. Offsets grow but are not dense.
    pub offset: Offset,
    /// When it was appended, by the log's clock; may go back.
    pub timestamp: Ms,
    /// Its content, in the form of `wire::record`.
    pub content: Bytes,
}

/// What an append resulted in, told exactly once for each append taken: the offsets in the order of the
/// records, or why none of them may be counted on.
pub type Done = Box<dyn FnOnce(Result<Appended, AppendError>) + Send>;

/// Records that are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub first: Offset,
    /// The offset of the last record.
    pub last: Offset,
    /// The timestamp of the last record. Where the log stamps an append whole they all carry it.
    pub timestamp: Ms,
}

/// Why an append did not become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppendError {
    /// The queue in front of the log is full; nothing was appended.
    Busy,
    /// The disk is full; nothing was appended.
    Full,
    /// A record is larger than the log takes; nothing was appended.
    TooLarge,
    /// The log has closed, or failed for good: what was handed over may or may not be in it.
    Closed(String),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Busy => f.write_str("the log's queue is full"),
            AppendError::Full => f.write_str("the log's disk is full"),
            AppendError::TooLarge => f.write_str("the record is larger than the log takes"),
            AppendError::Closed(why) => write!(f, "the log is closed: {why}"),
        }
    }
}

impl std::error::Error for AppendError {}

/// Why the log could not be opened or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogError {
    /// The offset lies before the oldest record kept or behind the end.
    OutOfRange {
        /// Where the reader stood.
        wanted: Offset,
        /// What there is.
        bounds: Bounds,
    },
    /// The topic has no such partition.
    NoPartition(TopicPartition),
    /// Another process has the log's folder.
    Locked(String),
    /// The log has, or is wanted with, a number of partitions that it cannot have.
    OtherPartitions {
        /// What it has; 0 in none.
        stored: u16,
        /// What was asked for.
        wanted: u16,
    },
    /// Stored bytes are damaged.
    Damaged {
        /// The file.
        file: String,
        /// The byte in it.
        at: u64,
        /// What is wrong there.
        what: String,
    },
    /// The file system failed.
    Io {
        /// The file or folder.
        file: String,
        /// The error's text.
        what: String,
    },
    /// A topic is not as it must be; the log is not opened.
    WrongTopic {
        /// The topic.
        topic: String,
        /// The setting, what it is, and what it must be.
        what: String,
    },
    /// The log did not answer in time. It may later.
    Unreachable(String),
    /// The log has closed or failed for good.
    Closed(String),
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::OutOfRange { wanted, bounds } => {
                write!(
                    f,
                    "offset {wanted} is outside of the log, which holds {}..{}",
                    bounds.start, bounds.end
                )
            }
            LogError::NoPartition(partition) => write!(f, "there is no {partition}"),
            LogError::Locked(folder) => write!(f, "{folder} is open in another process"),
            LogError::OtherPartitions { stored: 0, wanted } => {
                write!(f, "a log cannot have {wanted} partitions")
            }
            LogError::OtherPartitions { stored, wanted } => {
                write!(f, "the log has {stored} partitions, which cannot become {wanted}")
            }
            LogError::Damaged { file, at, what } => write!(f, "{file} is damaged at byte {at}: {what}"),
            LogError::Io { file, what } => write!(f, "{file}: {what}"),
            LogError::WrongTopic { topic, what } => write!(f, "topic {topic}: {what}"),
            LogError::Unreachable(what) => write!(f, "the log does not answer: {what}"),
            LogError::Closed(why) => write!(f, "the log is closed: {why}"),
        }
    }
}

impl std::error::Error for LogError {}

/// The half-open range of offsets a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The smallest offset a reader may stand at: that of the oldest record kept, or of a gap before it,
    /// or `end` where there is no record.
    pub start: Offset,
    /// Behind the newest durable record.
    pub end: Offset,
}

/// How much one poll may return; at least one record comes if there is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollLimit {
    /// Records.
    pub records: usize,
    /// Bytes of content.
    pub bytes: usize,
}

/// What a log holds, for whoever only reads it. Where the log is on other machines these calls wait for
/// them, so they are for threads that may wait.
pub trait Contents: Send + Sync + fmt::Debug {
    /// What a partition holds now: everything that was acknowledged to anybody before.
    ///
    /// # Errors
    /// The partition is unknown, the log does not answer in time, or it failed.
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError>;

    /// A reader that stands at `from`, which need not be the offset of a record.
    ///
    /// # Errors
    /// `from` is outside of the partition's bounds (its end is inside), or the log failed.
    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError>;
}

/// A partitioned log.
pub trait Log: Contents {
    /// Partitions of every topic.
    fn partitions(&self) -> u16;

    /// Hands `records` over to be appended in their order, one behind the other; `done` is called once
    /// they are durable or failed, from a thread of the log's, and must not block. Appends of one
    /// caller to one partition keep their order.
    ///
    /// # Errors
    /// Nothing was taken, and `done` will not be called: the queue is full, a record too large, the
    /// partition unknown ([`AppendError::Closed`]), or the log closed.
    fn append(&self, to: TopicPartition, records: Vec<Bytes>, done: Done) -> Result<(), AppendError>;

    /// Raises `signal` whenever records of `of` become visible, until the signal is dropped. Visible to a
    /// reader: where there is none, nobody may look.
    fn subscribe(&self, of: TopicPartition, signal: &Arc<Signal>);

    /// Joins the group of workers that share the partitions of the requests topic.
    ///
    /// # Errors
    /// The log failed.
    fn join(&self, signal: &Arc<Signal>) -> Result<Box<dyn Membership>, LogError>;
}

/// Reads one partition in order.
pub trait Reader: Send + fmt::Debug {
    /// The next records, durable ones only. Never waits: none means that none is here yet, which is the end of
    /// the log only where [`Reader::position`] says so. [`read_before`] waits.
    ///
    /// # Errors
    /// Damage, a trimmed position, or the log's failure.
    fn poll(&mut self, limit: PollLimit) -> Result<Vec<Stored>, LogError>;

    /// The offset from which the next poll reads: everything below was polled or is a gap. A reader that found
    /// no more stands at the log's end, also where a gap is all there is before it.
    fn position(&self) -> Offset;

    /// The log's end as far as the reader has heard, which may be some time ago. Never waits, and is never
    /// before its position.
    fn end(&self) -> Offset;

    /// Waits until a poll may tell more than the last one did, or `limit` is over; says whether it may. Where
    /// every poll goes to the end there is nothing to wait for: no, at once.
    fn wait(&mut self, limit: Duration) -> bool;
}

/// A change of what this worker owns.
#[derive(Debug)]
pub enum Assignment {
    /// The partition is this worker's from now on.
    Gained(Partition),
    /// The partition is to be given up; the group waits until the slot is dropped or released.
    Revoking(Partition, ReleaseSlot),
    /// The partition is already another's.
    Lost(Partition),
}

/// Says that a partition was given up; dropping it says so too.
#[derive(Debug)]
pub struct ReleaseSlot(Option<Box<dyn Release>>);

/// How a log hears that a partition was given up.
pub trait Release: Send + fmt::Debug {
    /// The partition was given up.
    fn released(&mut self);
}

impl ReleaseSlot {
    /// A slot that tells `release`.
    #[must_use]
    pub fn new(release: Box<dyn Release>) -> Self {
        Self(Some(release))
    }
}

impl Drop for ReleaseSlot {
    fn drop(&mut self) {
        if let Some(mut release) = self.0.take() {
            release.released();
        }
    }
}

/// This worker's place in the group.
pub trait Membership: Send + fmt::Debug {
    /// The next change, if there is one. Never waits.
    fn poll(&mut self) -> Option<Assignment>;
}
