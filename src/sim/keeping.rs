//! How long anything is kept in the world of a seed. In some worlds as long as the product keeps it, so
//! that little ever goes; in the others so briefly that everything goes many times.

use super::chance::Chance;
use crate::base::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use crate::state::retention::Retention;
use crate::store::Sieve;
use crate::worker::sieve::sieve;

/// What pipelines say: how long postings of payers and cards count, and those of all others.
const PIPELINES: [Pipeline; 3] = [
    Pipeline { long: ("90d", 90 * DAY_MS), short: ("30d", 30 * DAY_MS) },
    Pipeline { long: ("40m", 40 * MINUTE_MS), short: ("2m", 2 * MINUTE_MS) },
    Pipeline { long: ("1m", MINUTE_MS), short: ("10s", 10 * SECOND_MS) },
];

#[derive(Debug, Clone, Copy)]
struct Pipeline {
    long: (&'static str, i64),
    short: (&'static str, i64),
}

/// How long anything is kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keeping {
    pub(super) retention: Retention,
    /// Index of what the pipelines say.
    pub(super) pipeline: usize,
}

impl Keeping {
    /// How many kinds of pipelines there are.
    pub(super) const PIPELINES: usize = PIPELINES.len();

    /// Of a world in whose steps at most `step_ms` pass.
    pub(super) fn draw(chance: &mut Chance, step_ms: u64) -> Self {
        if chance.one_in(3) {
            return Self::default();
        }
        let steps = *chance.pick(&[20, 80, 300]).unwrap_or(&80);
        let unit = i64::try_from(step_ms * steps).unwrap_or(1);
        let mut times = |ms: i64| ms * chance.signed(1, 4);
        let idempotency_ms = times(unit);
        let decision_ms = times(idempotency_ms);
        let event_ms = times(unit);
        let retention = Retention {
            idempotency_ms,
            decision_ms,
            session_ms: times(decision_ms),
            entity_ms: times(event_ms),
            event_ms,
        };
        Self { retention, pipeline: chance.size(0, PIPELINES.len() - 1) }
    }

    /// What stores may drop.
    pub(super) fn sieve(&self) -> Sieve {
        sieve(self.retention)
    }

    /// A pipeline's document that says so, from the shipped one.
    pub(super) fn document(pipeline: usize, shipped: &str) -> String {
        let said = PIPELINES.get(pipeline).copied().unwrap_or(PIPELINES[0]);
        let retention = |length: &str| format!("retention: {length}}}");
        let marked = shipped.replace(&retention("90d"), &retention("long"));
        marked
            .replace(&retention("30d"), &retention(said.short.0))
            .replace(&retention("long"), &retention(said.long.0))
    }

    /// For how long postings of an entity count, by what the pipeline says and the longest window read.
    pub(super) fn counts_ms(&self, kind: &str, longest_ms: i64) -> i64 {
        let said = PIPELINES.get(self.pipeline).copied().unwrap_or(PIPELINES[0]);
        let said = if matches!(kind, "payer" | "card") { said.long.1 } else { said.short.1 };
        said.max(longest_ms).min(self.retention.event_ms)
    }
}
