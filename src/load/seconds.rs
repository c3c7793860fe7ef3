//! A run second by second, for whoever watches it and for its plot.

use crate::telemetry::latency::Latencies;
use std::time::Duration;

/// About a second of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Second {
    /// When it ended, behind the begin of the run.
    pub end: Duration,
    /// How long it was.
    pub length: Duration,
    /// Requests that became due in it.
    pub due: u64,
    /// Requests answered in it, whatever the status.
    pub answered: u64,
    /// Of them with another status than 200, and requests that failed in it.
    pub errors: u64,
    /// Requests under way when it ended.
    pub in_flight: u64,
    /// The latency that half of its answers did not exceed: from when they were due, in a closed loop from
    /// when they were sent. Zero without answers.
    pub p50: Duration,
    /// The same of 99 in a hundred.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Second {
    /// So many, a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self, count: u64) -> f64 {
        let seconds = self.length.as_secs_f64();
        if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
    }
}

/// The seconds of a run so far, and the one that goes on.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    ended: Vec<Second>,
    latencies: Latencies,
    answered: u64,
    errors: u64,
    /// Requests due before the one that goes on.
    due_before: u64,
}

impl Seconds {
    /// Counts an answer in the second that goes on.
    pub(super) fn count(&mut self, latency: Duration, good: bool) {
        self.latencies.record(latency);
        self.answered += 1;
        self.errors += u64::from(!good);
    }

    /// Counts a failure in it.
    pub(super) fn count_failure(&mut self) {
        self.errors += 1;
    }

    /// Ends it: `due` requests became due since the run began, `in_flight` are under way.
    pub(super) fn end(&mut self, at: Duration, due: u64, in_flight: u64) {
        let before = self.ended.last().map_or(Duration::ZERO, |second| second.end);
        let quantile = |quantile| self.latencies.quantile(quantile);
        self.ended.push(Second {
            end: at,
            length: at.saturating_sub(before),
            due: due.saturating_sub(self.due_before),
            answered: self.answered,
            errors: self.errors,
            in_flight,
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: self.latencies.max(),
        });
        self.latencies.clear();
        (self.answered, self.errors, self.due_before) = (0, 0, due);
    }

    /// Whether something was counted since the last one ended.
    pub(super) const fn is_begun(&self) -> bool {
        self.answered + self.errors > 0
    }

    /// Those that ended, from the `from`th on.
    pub(super) fn ended(&self, from: usize) -> &[Second] {
        self.ended.get(from..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_what_was_counted_in_it() {
        let (ms, mut seconds) = (Duration::from_millis, Seconds::default());
        seconds.count(ms(1), true);
        seconds.count(ms(2), false);
        seconds.count_failure();
        seconds.end(ms(1_000), 5, 2);
        // One in which the server stood still.
        seconds.end(ms(2_500), 11, 8);
        seconds.count(ms(1_700), true);
        assert!(seconds.is_begun());
        seconds.end(ms(3_500), 12, 0);
        assert!(!seconds.is_begun());

        let [first, still, last] = seconds.ended(0) else { panic!("three seconds") };
        assert_eq!((first.due, first.answered, first.errors, first.in_flight), (5, 2, 2, 2));
        assert_eq!((first.p50, first.max), (ms(1), ms(2)));
        assert_eq!((still.due, still.answered, still.max), (6, 0, Duration::ZERO));
        assert_eq!((still.length, still.rate(still.due)), (ms(1_500), 4.0));
        assert_eq!((last.due, last.answered, last.errors), (1, 1, 0));
        assert!(last.p50 >= ms(1_699), "{last:?}");
        assert_eq!(seconds.ended(2).len(), 1);
        assert_eq!(seconds.ended(9).len(), 0);
    }
}
