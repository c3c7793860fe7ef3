//! An open loop's sense of time: hands each request over when it is due, whatever became of those before.

use crate::base::clock::Clock;
use crate::load::progress::Progress;
use crate::load::schedule::Schedule;
use crate::load::source::Due;
use crate::load::traffic::Traffic;
use crate::telemetry::latency::Latencies;
use std::sync::Arc;
use std::time::Duration;

/// Knows when requests are due. It waits for times finer than a runtime's timers are, so it needs a thread.
#[derive(Debug)]
pub(super) struct Pacer {
    pub(super) schedule: Schedule,
    /// Requests at most.
    pub(super) most: u64,
    /// How long requests become due.
    pub(super) duration: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) begun: Duration,
    pub(super) progress: Arc<Progress>,
}

impl Pacer {
    /// Hands over what is due until the last one is, or the run is stopped. `hand` tells whether there was room
    /// for it, and does not wait. Tells how late requests were handed over.
    pub(super) fn run(mut self, mut traffic: Traffic, mut hand: impl FnMut(Due) -> bool) -> Latencies {
        let mut lateness = Latencies::default();
        for _ in 0..self.most {
            // Made before its time: what takes time to make is not late by it.
            let body = traffic.event().body;
            let at = self.schedule.next();
            let Some(late) = (at < self.duration).then(|| self.wait(at)).flatten() else { break };
            lateness.record(late);
            self.progress.due();
            if !hand(Due { at, body }) {
                self.progress.shed();
            }
        }
        lateness
    }

    /// Waits until `at`; tells how much later it is, and nothing if the run was stopped.
    fn wait(&self, at: Duration) -> Option<Duration> {
        loop {
            if self.progress.is_stopped() {
                return None;
            }
            let now = self.clock.elapsed().saturating_sub(self.begun);
            match at.checked_sub(now).filter(|left| !left.is_zero()) {
                Some(left) => {
                    self.progress.wake.wait(left);
                }
                None => return Some(now.saturating_sub(at)),
            }
        }
    }
}
