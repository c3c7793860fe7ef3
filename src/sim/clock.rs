//! Time of the simulation: one time that only the simulation moves, and views of it that are wrong in ways
//! of their own, as the clocks of machines are.

use crate::base::clock::{Clock, NoEntropy};
use crate::base::hash::sha256;
use crate::base::time::Ms;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// When every simulation begins.
const BEGUN: i64 = 1_780_000_000_000;

/// The true time, in milliseconds since the beginning.
#[derive(Debug, Clone, Default)]
pub(super) struct Time(Arc<AtomicU64>);

impl Time {
    pub(super) fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }

    pub(super) fn passed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One machine's view of the time.
#[derive(Debug)]
pub(super) struct SimClock {
    time: Time,
    /// What its wall clock is off; written by the simulation between turns.
    off_ms: AtomicI64,
    seed: u64,
    drawn: AtomicU64,
}

impl SimClock {
    pub(super) fn new(time: &Time, seed: u64) -> Arc<Self> {
        let (off_ms, drawn) = (AtomicI64::new(0), AtomicU64::new(0));
        Arc::new(Self { time: time.clone(), off_ms, seed, drawn })
    }

    /// Steps the wall clock.
    pub(super) fn set_off(&self, off_ms: i64) {
        self.off_ms.store(off_ms, Ordering::Relaxed);
    }

    /// Lets the wall clock stand at `now`.
    pub(super) fn set(&self, now: Ms) {
        self.set_off(0);
        self.set_off(now.since(self.now()));
    }
}

impl Clock for SimClock {
    fn now(&self) -> Ms {
        let passed = i64::try_from(self.time.passed()).unwrap_or(i64::MAX);
        Ms(BEGUN.saturating_add(passed)).plus(self.off_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.time.passed())
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            let digest = sha256(format!("{} {number}", self.seed).as_bytes());
            chunk.iter_mut().zip(digest.0).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}
