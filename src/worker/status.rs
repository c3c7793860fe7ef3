//! How an owned partition is doing, for whoever asks: written by its owner, read by anyone.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

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
