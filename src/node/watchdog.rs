//! Signs of life for a service manager that waits for them, as long as the worker's thread goes round: a
//! server that decides nothing any more is to be started again.

use crate::base::clock::Clock;
use crate::base::position::Partition;
use crate::node::Notify;
use crate::worker::status::{Phase, Status};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// A worker that did not go round for so long is stuck. It goes round once a second when there is nothing
/// to do; reading what a partition begins with may take longer, and is no sign of anything.
const STUCK: Duration = Duration::from_secs(30);

/// What a watchdog looks at.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// Rounds of the worker's thread.
    pub(super) rounds: Arc<AtomicU64>,
    pub(super) statuses: Vec<(Partition, Arc<Status>)>,
}

/// Tells the manager that the server lives, until it is dropped.
pub(super) async fn keep(notify: Arc<Notify>, clock: Arc<dyn Clock>, watched: Watched) {
    let Some(beat) = notify.beat() else { return };
    let mut pulse = Pulse::default();
    let mut due = interval(beat);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let opening = watched.statuses.iter().any(|(_, status)| status.phase() == Phase::Opening);
        if pulse.beats(watched.rounds.load(Ordering::Relaxed), opening, clock.elapsed()) {
            notify.alive();
        } else {
            tracing::error!("the worker does not go round; the service manager is told nothing more");
        }
    }
}

/// When the worker last went round.
#[derive(Debug, Default)]
struct Pulse {
    rounds: Option<u64>,
    since: Duration,
}

impl Pulse {
    fn beats(&mut self, rounds: u64, opening: bool, now: Duration) -> bool {
        if opening || self.rounds != Some(rounds) {
            self.rounds = Some(rounds);
            self.since = now;
        }
        now.saturating_sub(self.since) < STUCK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_stands_still_is_stuck_after_a_while_unless_it_opens() {
        let mut pulse = Pulse::default();
        let mut beats = |rounds, opening, second| pulse.beats(rounds, opening, Duration::from_secs(second));
        assert!(beats(1, false, 100));
        assert!(beats(1, false, 129), "it may take its time");
        assert!(!beats(1, false, 130) && !beats(1, false, 500));
        assert!(beats(2, false, 501), "it goes on");
        assert!(beats(2, true, 600) && beats(2, true, 900) && beats(2, false, 929));
        assert!(!beats(2, false, 930));
    }
}
