//! The door for time and randomness. Nothing else in the program asks the machine for either, so a
//! simulation that passes its own clock has no hidden inputs left.

use crate::base::time::Ms;
use std::fmt::Debug;
use std::sync::OnceLock;
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
