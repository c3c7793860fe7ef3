//! What came of a run, counted while it runs.

use crate::domain::decision::Decision;
use crate::http::{Answer, SendError};
use crate::telemetry::latency::Latencies;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests whose time came.
    pub due: u64,
    /// Of them, those that found the queue in front of the connections full, and were not sent.
    pub shed: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Failures by kind.
    pub failures: BTreeMap<&'static str, u64>,
    /// Decisions by severity.
    pub decisions: [u64; 4],
    /// From the time a request was due to its answer; of answers only.
    pub latencies: Latencies,
    /// How long it has taken so far.
    pub elapsed: Duration,
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    decision: Option<&'a str>,
}

impl Report {
    /// Counts what came of a request.
    pub(super) fn count(&mut self, outcome: &Result<Answer, SendError>, latency: Duration) {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) => {
                *self.failures.entry(error.kind()).or_default() += 1;
                return;
            }
        };
        self.latencies.record(latency);
        *self.statuses.entry(answer.status).or_default() += 1;
        if answer.status != 200 {
            return;
        }
        let body: Option<Body<'_>> = serde_json::from_slice(&answer.body).ok();
        let decision = body.and_then(|body| Decision::from_text(body.decision?));
        if let Some(count) = decision.and_then(|decision| self.decisions.get_mut(decision as usize)) {
            *count += 1;
        }
    }

    /// Requests that were answered, whatever the status.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Requests that failed without an answer.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Answers a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.answered() as f64 / seconds } else { 0.0 }
    }
}
