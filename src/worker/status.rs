//! How an owned partition is doing, for whoever asks: written by its owner, read by anyone.

use crate::base::position::Offset;
use crate::worker::snapshot::Mark;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Characters kept of the text of a failure.
const FAILURE_CHARS: usize = 1_000;

/// What the log must keep, so that the partition can begin from either of its newest two snapshots: nothing
/// below these offsets is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Of the requests topic.
    pub requests: Offset,
    /// Of the output topics, in the order of [`Topic::OUTPUTS`](crate::base::position::Topic::OUTPUTS).
    pub outputs: [Offset; 3],
}

/// What an owned partition is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Announcing, restoring, replaying.
    Opening = 0,
    /// Deciding.
    Running = 1,
    /// Poisoned; about to be opened again.
    Poisoned = 2,
    /// Given up for now; tries again later.
    Parked = 3,
    /// Left.
    Left = 4,
}

impl Phase {
    /// For people and programs.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Phase::Opening => "opening",
            Phase::Running => "running",
            Phase::Poisoned => "poisoned",
            Phase::Parked => "parked",
            Phase::Left => "left",
        }
    }
}

/// The state of one owned partition; a snapshot of each part by itself.
#[derive(Debug, Default)]
pub struct Status {
    phase: AtomicU8,
    /// Offset behind the last record applied.
    applied: AtomicU64,
    /// Records durable and not yet applied.
    lag_records: AtomicU64,
    /// Age of the oldest of them in milliseconds.
    lag_ms: AtomicU64,
    /// Wall time when a durable checkpoint last held everything applied, epoch milliseconds; 0 for never.
    checkpoint_at: AtomicU64,
    /// Bytes of the store.
    state_bytes: AtomicU64,
    /// Wall time of the newest snapshot, epoch milliseconds; 0 for none.
    snapshot_at: AtomicU64,
    /// Bytes of its files.
    snapshot_bytes: AtomicU64,
    keep: Mutex<Option<Keep>>,
    /// Why it could not go on the last time; none once it decides again.
    failure: Mutex<Option<String>>,
    /// Whether somebody asked it to wait no longer; written by anyone, taken by the owner.
    hurried: AtomicBool,
    /// Rows in memory.
    rows: AtomicU64,
    /// The engine version in force; 0 before genesis.
    engine: AtomicU32,
}

impl Status {
    /// What it is at.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            1 => Phase::Running,
            2 => Phase::Poisoned,
            3 => Phase::Parked,
            4 => Phase::Left,
            _ => Phase::Opening,
        }
    }

    /// The engine version in force; 0 before genesis.
    #[must_use]
    pub fn engine(&self) -> u32 {
        self.engine.load(Ordering::Relaxed)
    }

    pub(super) fn set_engine(&self, version: u32) {
        self.engine.store(version, Ordering::Relaxed);
    }

    /// Offset behind the last record applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Relaxed)
    }

    /// Records durable and not yet applied.
    #[must_use]
    pub fn lag_records(&self) -> u64 {
        self.lag_records.load(Ordering::Relaxed)
    }

    /// Age of the oldest record not yet applied, in milliseconds.
    #[must_use]
    pub fn lag_ms(&self) -> u64 {
        self.lag_ms.load(Ordering::Relaxed)
    }

    /// Wall time when a durable checkpoint last held everything applied, in epoch milliseconds, 0 for never.
    #[must_use]
    pub fn checkpoint_at(&self) -> u64 {
        self.checkpoint_at.load(Ordering::Relaxed)
    }

    /// Bytes of the store.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        self.state_bytes.load(Ordering::Relaxed)
    }

    /// Wall time of the newest snapshot in epoch milliseconds, 0 for none.
    #[must_use]
    pub fn snapshot_at(&self) -> u64 {
        self.snapshot_at.load(Ordering::Relaxed)
    }

    /// Bytes of the newest snapshot's files.
    #[must_use]
    pub fn snapshot_bytes(&self) -> u64 {
        self.snapshot_bytes.load(Ordering::Relaxed)
    }

    /// What the log must keep for the older of the newest two snapshots. None while there are fewer, or as
    /// long as the archive was not seen: then everything is needed.
    #[must_use]
    pub fn keep(&self) -> Option<Keep> {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest two snapshots, the newest first.
    pub(super) fn set_snapshots(&self, newest: &[Mark]) {
        let (at, bytes) =
            newest.first().map_or((0, 0), |mark| (mark.taken_at.0.max(0).unsigned_abs(), mark.bytes));
        self.snapshot_at.store(at, Ordering::Relaxed);
        self.snapshot_bytes.store(bytes, Ordering::Relaxed);
        let keep = crate::worker::snapshot::keep(newest);
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
    }

    /// Why it could not go on the last time, while it does not decide.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the owner of a poisoned or parked partition to try again at once; raise the worker's signal
    /// behind it. Tells whether there was anything to ask for.
    pub fn hurry(&self) -> bool {
        let waits = matches!(self.phase(), Phase::Poisoned | Phase::Parked);
        self.hurried.store(waits, Ordering::Relaxed);
        waits
    }

    pub(super) fn take_hurry(&self) -> bool {
        self.hurried.swap(false, Ordering::Relaxed)
    }

    pub(super) fn set_failure(&self, failure: Option<String>) {
        let failure = failure.map(|text| text.chars().take(FAILURE_CHARS).collect());
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Rows in memory.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(super) fn set_rows(&self, rows: usize) {
        self.rows.store(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn set_applied(&self, next: u64, lag_records: u64, lag_ms: u64) {
        self.applied.store(next, Ordering::Relaxed);
        self.lag_records.store(lag_records, Ordering::Relaxed);
        self.lag_ms.store(lag_ms, Ordering::Relaxed);
    }

    pub(super) fn set_settled(&self, at_ms: u64) {
        self.checkpoint_at.store(at_ms, Ordering::Relaxed);
    }

    pub(super) fn set_checkpoint(&self, at_ms: u64, state_bytes: u64) {
        self.checkpoint_at.store(at_ms, Ordering::Relaxed);
        self.state_bytes.store(state_bytes, Ordering::Relaxed);
    }
}
