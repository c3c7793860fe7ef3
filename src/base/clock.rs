//! The door for time and randomness. Nothing else in the program asks the machine for either, so a
//! simulation that passes its own clock has no hidden inputs left.

use crate::base::hash::sha256;
use crate::base::time::Ms;
use std::fmt::Debug;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time, elapsed time and entropy.
pub trait Clock: Send + Sync + Debug {
    /// Wall time; may step in either direction.
    fn now(&self) -> Ms;
    /// Time since an arbitrary start; never goes back.
    fn elapsed(&self) -> Duration;
    /// Fills `bytes` with random bytes fit for keys.
    ///
    /// # Errors
    /// The machine has no entropy to give.
    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The machine refused to give random bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEntropy(pub String);

impl std::fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no random bytes from the operating system: {}", self.0)
    }
}

impl std::error::Error for NoEntropy {}

/// The machine's own clock and entropy.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[expect(clippy::disallowed_methods, reason = "this is the door")]
impl Clock for SystemClock {
    fn now(&self) -> Ms {
        let ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Ms(ms)
    }

    fn elapsed(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|error| NoEntropy(error.to_string()))
    }
}

/// A clock that stands until it is set, for what is decided by the times of a file. Its random bytes are
/// a sequence from its seed and fit for no key.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    begun: i64,
    seed: u64,
    drawn: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn new(now: Ms, seed: u64) -> Self {
        Self { now: AtomicI64::new(now.0), begun: now.0, seed, drawn: AtomicU64::new(0) }
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, now: Ms) {
        self.now.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Ms {
        Ms(self.now.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        let since = self.now.load(Ordering::Relaxed).saturating_sub(self.begun);
        Duration::from_millis(u64::try_from(since).unwrap_or(0))
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            let digest = sha256(format!("{} {number}", self.seed).as_bytes());
            for (byte, random) in chunk.iter_mut().zip(digest.0) {
                *byte = random;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_where_it_was_set() {
        let clock = ManualClock::new(Ms(1_000), 7);
        assert_eq!((clock.now(), clock.elapsed()), (Ms(1_000), Duration::ZERO));
        clock.set(Ms(3_500));
        assert_eq!((clock.now(), clock.elapsed()), (Ms(3_500), Duration::from_millis(2_500)));
        clock.set(Ms(500));
        assert_eq!((clock.now(), clock.elapsed()), (Ms(500), Duration::ZERO));
        let draw = |clock: &ManualClock| {
            let mut bytes = [0; 40];
            clock.entropy(&mut bytes).unwrap();
            bytes
        };
        let first = draw(&clock);
        assert_ne!(first, draw(&clock));
        assert_eq!(first, draw(&ManualClock::new(Ms(0), 7)));
    }
}
