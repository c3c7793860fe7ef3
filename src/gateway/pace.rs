//! What a connection is at, and how long it may dawdle there.

use crate::base::clock::Clock;
use crate::gateway::options::{ABANDONED, Bounds, CHATTER_BYTES};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Times are microseconds of the elapsed clock; written by the connection's task, and in HTTP/2 by those of
/// its requests.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    /// Since when a header block is being read; [`NEVER`] for none.
    head: AtomicU64,
    /// Since when there is no request.
    idle: AtomicU64,
    /// Requests without an answer yet.
    running: AtomicUsize,
    /// HTTP/2, where bytes between requests are no header block.
    multiplexed: AtomicBool,
    /// Bytes since the last request ended or began.
    chatter: AtomicUsize,
    /// Requests that their caller gave up, less those that were answered since.
    abandoned: AtomicUsize,
}

const NEVER: u64 = u64::MAX;

/// Why a connection has been open long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A header block that does not come to its end.
    Head,
    /// No request.
    Idle,
}

impl Pace {
    /// A connection that just opened: its first header block is due.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = micros(clock.elapsed());
        Self {
            clock,
            head: AtomicU64::new(now),
            idle: AtomicU64::new(now),
            running: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            chatter: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(super) fn bytes_came(&self, bytes: usize) {
        if self.running.load(Ordering::Relaxed) > 0 {
            return;
        }
        if self.multiplexed.load(Ordering::Relaxed) {
            self.chatter.fetch_add(bytes, Ordering::Relaxed);
        } else if self.head.load(Ordering::Relaxed) == NEVER {
            self.head.store(micros(self.now()), Ordering::Relaxed);
        }
    }

    /// A header block is whole and its request runs.
    pub(super) fn begin(self: &Arc<Self>, multiplexed: bool) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        self.head.store(NEVER, Ordering::Relaxed);
        self.chatter.store(0, Ordering::Relaxed);
        Running { pace: Arc::clone(self), answered: false }
    }

    /// When the connection has dawdled too long, and at what; never while a request runs.
    pub(super) fn due(&self, bounds: &Bounds) -> Option<(Duration, Due)> {
        if self.running.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some(match self.head.load(Ordering::Relaxed) {
            NEVER => {
                let idle = Duration::from_micros(self.idle.load(Ordering::Relaxed));
                (idle + bounds.keep_alive, Due::Idle)
            }
            since => (Duration::from_micros(since) + bounds.header, Due::Head),
        })
    }

    /// Whether the caller makes work that is no request: frames without end, or requests that it takes back
    /// and does not wait for. HTTP/1 has neither.
    pub(super) fn is_flooding(&self) -> bool {
        self.chatter.load(Ordering::Relaxed) > CHATTER_BYTES
            || self.abandoned.load(Ordering::Relaxed) > ABANDONED
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(NEVER)
}

/// A request without an answer yet.
#[derive(Debug)]
pub(super) struct Running {
    pace: Arc<Pace>,
    answered: bool,
}

impl Running {
    /// The request has its answer.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Self { pace, answered } = self;
        let counted = |count: usize| if *answered { count.checked_sub(1) } else { count.checked_add(1) };
        // Nothing was abandoned that an answer could make up for.
        let _none = pace.abandoned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
        pace.idle.store(micros(pace.now()), Ordering::Relaxed);
        pace.chatter.store(0, Ordering::Relaxed);
        pace.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::ManualClock;
    use crate::base::time::Ms;

    fn pace() -> (Arc<ManualClock>, Arc<Pace>) {
        let clock = Arc::new(ManualClock::new(Ms(0), 1));
        (Arc::clone(&clock), Arc::new(Pace::new(clock)))
    }

    #[test]
    fn a_head_is_due_from_its_first_byte_and_silence_from_the_last_answer() {
        let bounds = Bounds::default();
        let (clock, pace) = pace();
        let due = |ms, what| Some((Duration::from_millis(ms), what));
        assert_eq!(pace.due(&bounds), due(5_000, Due::Head));
        let running = pace.begin(false);
        assert_eq!(pace.due(&bounds), None);
        clock.set(Ms(1_000));
        running.answered();
        assert_eq!(pace.due(&bounds), due(76_000, Due::Idle));
        clock.set(Ms(9_000));
        pace.bytes_came(1);
        clock.set(Ms(10_000));
        pace.bytes_came(1);
        assert_eq!(pace.due(&bounds), due(14_000, Due::Head));
    }

    #[test]
    fn frames_without_requests_are_a_flood_and_bodies_are_not() {
        let (_, pace) = pace();
        let running = pace.begin(true);
        pace.bytes_came(10 * CHATTER_BYTES);
        running.answered();
        pace.bytes_came(CHATTER_BYTES);
        assert!(!pace.is_flooding());
        pace.bytes_came(1);
        assert!(pace.is_flooding());
    }

    #[test]
    fn callers_may_give_up_requests_as_long_as_they_wait_for_others() {
        let (_, pace) = pace();
        for _ in 0..10 * ABANDONED {
            drop(pace.begin(true));
            pace.begin(true).answered();
        }
        assert!(!pace.is_flooding());
        (0..=ABANDONED).for_each(|_| drop(pace.begin(true)));
        assert!(pace.is_flooding());
    }
}
