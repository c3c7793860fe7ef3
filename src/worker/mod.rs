//! Owns partitions: a shard each, fed from the log and kept in a store.
//!
//! [`owner::Owner`] is one owned partition as a state machine without a thread: the simulation turns it by
//! hand. [`thread`] turns it for real. The order of section 3 of the design is [`turn`]'s, and nobody
//! else's: poll, plan, step, emit, checkpoint.

pub mod ack;
pub mod checkpoint;
pub mod job;
pub mod local;
pub mod outbox;
pub mod owner;
pub mod recover;
pub mod replay;
pub mod restore;
pub mod sieve;
pub mod snapshot;
pub mod status;
pub mod thread;

mod opening;
mod running;
#[cfg(test)]
mod tests;
mod turn;

use crate::archive::Archive;
use crate::base::clock::Clock;
use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::Log;
use crate::shard::effects::{DirectoryChange, Note, Reply};
use crate::shard::engine::Engines;
use crate::store::Stores;
use crate::wire::signature::Trust;
use std::fmt::Debug;
use std::sync::Arc;

/// Where answers to waiting callers go; best effort.
pub trait Replies: Send + Sync + Debug {
    /// An answer. Must not block.
    fn reply(&self, reply: Reply);
}

/// Who holds organizations and keys in memory.
pub trait Directory: Send + Sync + Debug {
    /// A partition was opened, and these are all its entries.
    fn opened(&self, partition: Partition, entries: Vec<DirectoryChange>);
    /// An entry changed.
    fn changed(&self, partition: Partition, change: DirectoryChange);
    /// A partition was given up: what becomes of its entries is told elsewhere.
    fn closed(&self, partition: Partition);
}

/// Who counts.
pub trait Notes: Send + Sync + Debug {
    /// Something a step noted.
    fn note(&self, note: &Note);
    /// A turn applied this many records in this time.
    fn turn(&self, records: usize, spent: std::time::Duration);
    /// A checkpoint of this many rows and bytes became durable.
    fn checkpoint(&self, rows: usize, bytes: usize, spent: std::time::Duration);
    /// A snapshot is in force; so many bytes were put into the archive for it.
    fn snapshot(&self, put_bytes: u64, spent: std::time::Duration);
    /// A partition was opened from a snapshot.
    fn restored(&self);
    /// A snapshot failed.
    fn snapshot_failed(&self);
    /// A shard was poisoned.
    fn poisoned(&self);
}

/// What a worker works with.
#[derive(Clone)]
pub struct Parts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The stores here.
    pub stores: Arc<dyn Stores>,
    /// Where snapshots go and come from; none where nothing is to outlive the stores.
    pub archive: Option<Arc<dyn Archive>>,
    /// Engine versions this binary runs.
    pub engines: Engines,
    /// Who is believed in the log.
    pub trust: Trust,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Waiting callers.
    pub replies: Arc<dyn Replies>,
    /// Organizations and keys.
    pub directory: Arc<dyn Directory>,
    /// Counters.
    pub notes: Arc<dyn Notes>,
    /// Raised by whoever has news for this worker.
    pub signal: Arc<Signal>,
}

impl Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("log", &self.log).finish_non_exhaustive()
    }
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's name in announcements.
    pub name: String,
    /// Records of one turn at most.
    pub turn_records: usize,
    /// Milliseconds between checkpoints.
    pub checkpoint_ms: u64,
    /// Changed rows after which a checkpoint does not wait for its time.
    pub checkpoint_rows: usize,
    /// Milliseconds between snapshots.
    pub snapshot_ms: u64,
    /// Bytes of log after which a snapshot does not wait for its time.
    pub snapshot_bytes: u64,
    /// Milliseconds until a snapshot that failed is tried again.
    pub snapshot_again_ms: u64,
    /// For how many days the last snapshot of each is kept, as long as the log holds its position.
    pub snapshot_days: u32,
    /// Milliseconds that an opening waits for the archive where the state here would do.
    pub archive_wait_ms: u64,
    /// Rows kept in memory.
    pub resident_rows: usize,
    /// Milliseconds until a parked shard tries again.
    pub park_ms: u64,
    /// Milliseconds of the first wait before announcing again behind a foreign announcement; doubles.
    pub announce_again_ms: u64,
    /// The longest such wait.
    pub announce_again_max_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            // Few enough that what planning read is still in the processor's caches when the step wants it.
            turn_records: 256,
            checkpoint_ms: 5_000,
            // A busy shard writes every second or so, not several times: what changes often is written once.
            checkpoint_rows: 200_000,
            snapshot_ms: 600_000,
            snapshot_bytes: 1 << 30,
            snapshot_again_ms: 60_000,
            snapshot_days: 30,
            archive_wait_ms: 2_000,
            resident_rows: 400_000,
            park_ms: 300_000,
            announce_again_ms: 100,
            announce_again_max_ms: 6_000,
        }
    }
}
