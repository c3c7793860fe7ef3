//! What came of a run, counted while it runs.

use crate::domain::decision::Decision;
use crate::load::seconds::Second;
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
    /// From the time a request was due to its answer, of answers only; none of a closed loop, where nothing
    /// is due.
    pub latencies: Option<Latencies>,
    /// From the time a request went out to its answer: what is seen without correction for requests that
    /// a slow answer kept from going out. On the log it went out when it was acknowledged; one that was
    /// answered before its producer heard so counts as nothing.
    pub service: Latencies,
    /// From the time a request was due to when the generator had it ready: how late the generator itself
    /// is. Of an open loop.
    pub lateness: Latencies,
    /// What only a run on the log has.
    pub log: Option<OnLog>,
    /// The run second by second.
    pub seconds: Vec<Second>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What is counted of a run on the log itself.
#[derive(Debug, Clone, Default)]
pub struct OnLog {
    /// Whether anybody waited for answers.
    pub awaited: bool,
    /// From the time a request was due to its acknowledgement, in a closed loop from when it was handed over: one
    /// for each that the log has for certain.
    pub acknowledgements: Latencies,
    /// Records of the topic of decisions that the reader's rule passed over.
    pub skipped: u64,
}

/// What came of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    /// From when it was due.
    pub(super) latency: Duration,
    /// From when it was sent.
    pub(super) service: Duration,
}

/// What is read of an answer.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    decision: Option<&'a str>,
}

impl Report {
    /// Of an open loop, or of a closed one.
    pub(super) fn of(open: bool) -> Self {
        Self { latencies: open.then(Latencies::default), ..Self::default() }
    }

    /// Counts an answer.
    pub(super) fn count(&mut self, answer: Outcome<'_>) {
        if let Some(latencies) = &mut self.latencies {
            latencies.record(answer.latency);
        }
        self.service.record(answer.service);
        *self.statuses.entry(answer.status).or_default() += 1;
        if answer.status != 200 {
            return;
        }
        let body: Option<Body<'_>> = serde_json::from_slice(answer.body).ok();
        let decision = body.and_then(|body| Decision::from_text(body.decision?));
        if let Some(count) = decision.and_then(|decision| self.decisions.get_mut(decision as usize)) {
            *count += 1;
        }
    }

    /// Counts a request that got no answer.
    pub(super) fn count_failure(&mut self, kind: &'static str) {
        *self.failures.entry(kind).or_default() += 1;
    }

    /// Requests that were answered, whatever the status.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Requests that were answered with a status of 2xx.
    #[must_use]
    pub fn succeeded(&self) -> u64 {
        self.statuses.range(200..300).map(|(_, count)| count).sum()
    }

    /// Requests that failed without an answer.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Requests that the log has for certain, of a run on it.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.acknowledgements.count())
    }

    /// Requests that were due and had neither been answered nor failed when the run ended.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.due.saturating_sub(self.shed + self.answered() + self.failed())
    }

    /// Answers a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.answered() as f64 / seconds } else { 0.0 }
    }
}
