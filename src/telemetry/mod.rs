//! What is counted and what is logged. Every metric is declared in [`metric`], every label value in
//! [`label`], so that their number is bounded and the reference page cannot lie.
//!
//! A [`Telemetry`] is a value: it installs nothing in the process, and each test has its own. The pure half
//! never calls it.

pub mod label;
pub mod latency;
pub mod logging;
pub mod metric;

mod distribution;
mod kafka;
#[cfg(test)]
mod tests;

use crate::base::collections::Map;
use distribution::Distribution;
pub use kafka::{KafkaGauges, KafkaTraffic};
use label::{DeadReason, Decision, Flow, HeldBy, Reason, Route, RowKind, StateKind, Status};
use metric::{Kind, Metric};
use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

static METADATA: Metadata<'static> = Metadata::new("clausum", Level::INFO, None);

/// The label of signals of an organization's own pack.
const OWN: &str = "own";

/// The counters and distributions of one process.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    requests: Family,
    decisions: Family,
    rejected: Family,
    dead_letters: Family,
    signals: Map<Box<str>, Counter>,
    own_signals: Counter,
    repeated: Counter,
    rule_errors: Counter,
    poisoned: Counter,
    log_trimmed: Counter,
    log_overrun: Counter,
    log_scrubbed: Counter,
    connections: Gauge,
    handshakes_failed: Counter,
    checkpoint_bytes: Gauge,
    snapshot_put: Counter,
    snapshot_failures: Counter,
    restores: Counter,
    snapshot: Distribution,
    assess: Distribution,
    decision: Distribution,
    append: Distribution,
    checkpoint: Distribution,
    turn: Distribution,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}

/// Counters of one metric, one for each combination of its labels, made when first counted.
struct Family {
    metric: Metric,
    cells: Vec<OnceLock<Counter>>,
}

impl Family {
    fn new(metric: Metric, cells: usize) -> Self {
        Self { metric, cells: (0..cells).map(|_| OnceLock::new()).collect() }
    }

    fn count(&self, recorder: &PrometheusRecorder, cell: usize, values: &[&'static str]) {
        if let Some(cell) = self.cells.get(cell) {
            cell.get_or_init(|| counter(recorder, self.metric, values)).increment(1);
        }
    }
}

/// How a partition is doing, for its gauges.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartitionGauges {
    /// The partition.
    pub partition: u16,
    /// Records durable and not yet applied.
    pub lag_records: u64,
    /// Age of the oldest of them.
    pub lag_ms: u64,
    /// Age of the newest checkpoint, if there is one.
    pub checkpoint_age_ms: Option<u64>,
    /// Age of the newest snapshot, if there is one.
    pub snapshot_age_ms: Option<u64>,
    /// Bytes of its files.
    pub snapshot_bytes: u64,
    /// Bytes of its state.
    pub state_bytes: u64,
}

/// How the log stands, and what was just done to it.
#[derive(Debug, Clone, Copy)]
pub struct LogGauges {
    /// Bytes on its disk.
    pub bytes: u64,
    /// Age of its oldest record.
    pub oldest_ms: u64,
    /// What keeps its oldest part.
    pub held_by: HeldBy,
    /// Segments that were trimmed.
    pub trimmed: u64,
    /// Readers that had not read all of them.
    pub overrun: u64,
}

impl Telemetry {
    /// Counters at zero. `signals` are the codes of the shipped packs; every other code counts as `own`.
    ///
    /// # Errors
    /// A distribution's range is none; only a change of its constants can make it so.
    pub fn new<'a>(
        version: &str,
        build: &str,
        signals: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let recorder = PrometheusBuilder::new().build_recorder();
        for metric in Metric::ALL {
            describe(&recorder, *metric);
        }
        let info = [("version", version.to_owned()), ("build", build.to_owned())];
        gauge(&recorder, Metric::BuildInfo, info.map(|(name, value)| Label::new(name, value)).into())
            .set(1.0);
        let durations = |metric| Distribution::of_durations(metric).ok_or_else(|| no_range(metric));
        let signals = signals.into_iter().map(|code| {
            let labels = vec![Label::new("code", code.to_owned())];
            (Box::from(code), labeled(&recorder, Metric::SignalsFired, labels))
        });
        let signals = signals.collect();
        Ok(Self {
            handle: recorder.handle(),
            requests: Family::new(Metric::Requests, Route::ALL.len() * Status::ALL.len()),
            decisions: Family::new(Metric::Decisions, Flow::ALL.len() * Decision::ALL.len()),
            rejected: Family::new(Metric::Rejected, Reason::ALL.len()),
            dead_letters: Family::new(Metric::DeadLetters, DeadReason::ALL.len()),
            signals,
            own_signals: counter(&recorder, Metric::SignalsFired, &[OWN]),
            repeated: counter(&recorder, Metric::DecisionsRepeated, &[]),
            rule_errors: counter(&recorder, Metric::RuleErrors, &[]),
            poisoned: counter(&recorder, Metric::ShardPoisoned, &[]),
            log_trimmed: counter(&recorder, Metric::LogTrimmed, &[]),
            log_overrun: counter(&recorder, Metric::LogReadersOverrun, &[]),
            log_scrubbed: counter(&recorder, Metric::LogScrubbed, &[]),
            connections: gauge(&recorder, Metric::HttpConnections, vec![]),
            handshakes_failed: counter(&recorder, Metric::HttpHandshakesFailed, &[]),
            checkpoint_bytes: gauge(&recorder, Metric::CheckpointBytes, vec![]),
            snapshot_put: counter(&recorder, Metric::SnapshotPutBytes, &[]),
            snapshot_failures: counter(&recorder, Metric::SnapshotFailures, &[]),
            restores: counter(&recorder, Metric::Restores, &[]),
            snapshot: durations(Metric::SnapshotDuration)?,
            assess: durations(Metric::AssessDuration)?,
            decision: durations(Metric::DecisionDuration)?,
            append: durations(Metric::LogAppendDuration)?,
            checkpoint: durations(Metric::CheckpointDuration)?,
            turn: Distribution::of_counts(Metric::TurnRecords)
                .ok_or_else(|| no_range(Metric::TurnRecords))?,
            recorder,
        })
    }

    /// An HTTP request was answered.
    pub fn request(&self, route: Route, status: u16) {
        let status = Status::from_code(status);
        let cell = route.index() * Status::ALL.len() + status.index();
        self.requests.count(&self.recorder, cell, &[route.text(), status.text()]);
    }

    /// An assess request was answered, this long after its last byte.
    pub fn assessed(&self, spent: Duration) {
        self.assess.record(microseconds(spent), 1);
    }

    /// A request was refused.
    pub fn rejected(&self, reason: Reason) {
        self.rejected.count(&self.recorder, reason.index(), &[reason.text()]);
    }

    /// A payment was decided; `errors` of its conditions ended in an error.
    pub fn decided(&self, flow: Flow, decision: Decision, errors: u32) {
        let cell = flow.index() * Decision::ALL.len() + decision.index();
        self.decisions.count(&self.recorder, cell, &[flow.text(), decision.text()]);
        if errors > 0 {
            self.rule_errors.increment(u64::from(errors));
        }
    }

    /// A stored answer was sent again.
    pub fn repeated(&self) {
        self.repeated.increment(1);
    }

    /// A record became a dead letter.
    pub fn dead_letter(&self, reason: DeadReason) {
        self.dead_letters.count(&self.recorder, reason.index(), &[reason.text()]);
    }

    /// A signal fired.
    pub fn signal(&self, code: &str) {
        self.signals.get(code).unwrap_or(&self.own_signals).increment(1);
    }

    /// A turn applied this many records in this time.
    pub fn turn(&self, records: usize, spent: Duration) {
        let Some(records) = u64::try_from(records).ok().filter(|records| *records > 0) else { return };
        self.turn.record(records, 1);
        self.decision.record(microseconds(spent) / records, records);
    }

    /// A checkpoint became durable.
    pub fn checkpoint(&self, bytes: usize, spent: Duration) {
        self.checkpoint_bytes.set(float(u64::try_from(bytes).unwrap_or(u64::MAX)));
        self.checkpoint.record(microseconds(spent), 1);
    }

    /// A snapshot is in force; so many bytes were put into the archive for it.
    pub fn snapshot(&self, put_bytes: u64, spent: Duration) {
        self.snapshot_put.increment(put_bytes);
        self.snapshot.record(microseconds(spent), 1);
    }

    /// A partition was opened from a snapshot.
    pub fn restored(&self) {
        self.restores.increment(1);
    }

    /// A snapshot failed.
    pub fn snapshot_failed(&self) {
        self.snapshot_failures.increment(1);
    }

    /// A shard was poisoned.
    pub fn poisoned(&self) {
        self.poisoned.increment(1);
    }

    /// The log was looked at for what may go.
    pub fn log_trimmed(&self, log: &LogGauges) {
        gauge(&self.recorder, Metric::LogBytes, vec![]).set(float(log.bytes));
        gauge(&self.recorder, Metric::LogOldest, vec![]).set(float(log.oldest_ms) / 1e3);
        for by in HeldBy::ALL {
            let label = vec![Label::from_static_parts("by", by.text())];
            gauge(&self.recorder, Metric::LogHeld, label).set(if *by == log.held_by { 1.0 } else { 0.0 });
        }
        self.log_trimmed.increment(log.trimmed);
        self.log_overrun.increment(log.overrun);
    }

    /// Bytes of sealed segments were read, and hold.
    pub fn log_scrubbed(&self, bytes: u64) {
        self.log_scrubbed.increment(bytes);
    }

    /// So many sealed segments are known to be damaged.
    pub fn log_damaged(&self, segments: usize) {
        let segments = u64::try_from(segments).unwrap_or(u64::MAX);
        gauge(&self.recorder, Metric::LogDamaged, vec![]).set(float(segments));
    }

    /// The rows of a kind were counted.
    pub fn state_rows(&self, kind: RowKind, rows: u64) {
        let label = vec![Label::from_static_parts("kind", kind.text())];
        gauge(&self.recorder, Metric::StateRows, label).set(float(rows));
    }

    /// A record became durable, this long after it was handed to the log.
    pub fn appended(&self, spent: Duration) {
        self.append.record(microseconds(spent), 1);
    }

    /// A connection opened.
    pub fn connected(&self) {
        self.connections.increment(1.0);
    }

    /// A TLS handshake came to no end.
    pub fn handshake_failed(&self) {
        self.handshakes_failed.increment(1);
    }

    /// A connection closed.
    pub fn disconnected(&self) {
        self.connections.decrement(1.0);
    }

    /// Sets the gauges that are read when somebody asks: of partitions, and the callers that wait.
    pub fn observe(&self, partitions: &[PartitionGauges], waiting: usize) {
        let set = |metric, labels, value| gauge(&self.recorder, metric, labels).set(value);
        for of in partitions {
            let labels = || vec![Label::new("partition", of.partition.to_string())];
            set(Metric::ConsumerLagRecords, labels(), float(of.lag_records));
            set(Metric::ConsumerLagSeconds, labels(), float(of.lag_ms) / 1e3);
        }
        if let Some(age) = partitions.iter().filter_map(|of| of.checkpoint_age_ms).max() {
            set(Metric::CheckpointAge, vec![], float(age) / 1e3);
        }
        if let Some(age) = partitions.iter().filter_map(|of| of.snapshot_age_ms).max() {
            set(Metric::SnapshotAge, vec![], float(age) / 1e3);
        }
        let bytes = partitions.iter().map(|of| of.snapshot_bytes).fold(0, u64::saturating_add);
        set(Metric::SnapshotBytes, vec![], float(bytes));
        let bytes = partitions.iter().map(|of| of.state_bytes).fold(0, u64::saturating_add);
        let kind = vec![Label::from_static_parts("kind", StateKind::Store.text())];
        set(Metric::StateBytes, kind, float(bytes));
        set(Metric::HttpWaiting, vec![], float(u64::try_from(waiting).unwrap_or(u64::MAX)));
    }

    /// The exposition, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = self.handle.render();
        let all = [&self.assess, &self.decision, &self.append, &self.checkpoint, &self.snapshot, &self.turn];
        for distribution in all {
            distribution.render(&mut page);
        }
        page
    }
}

fn describe(recorder: &PrometheusRecorder, metric: Metric) {
    let (name, help) = (metric.name().into(), SharedString::const_str(metric.help()));
    match metric.kind() {
        Kind::Counter => recorder.describe_counter(name, None, help),
        Kind::Gauge => recorder.describe_gauge(name, None, help),
        // Rendered by their own module.
        Kind::Histogram => {}
    }
}

fn counter(recorder: &PrometheusRecorder, metric: Metric, values: &[&'static str]) -> Counter {
    let labels = metric.labels().iter().zip(values);
    labeled(recorder, metric, labels.map(|(name, value)| Label::from_static_parts(name, value)).collect())
}

fn labeled(recorder: &PrometheusRecorder, metric: Metric, labels: Vec<Label>) -> Counter {
    recorder.register_counter(&Key::from_parts(metric.name(), labels), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, metric: Metric, labels: Vec<Label>) -> Gauge {
    recorder.register_gauge(&Key::from_parts(metric.name(), labels), &METADATA)
}

fn no_range(metric: Metric) -> String {
    format!("{} has no range", metric.name())
}

fn microseconds(spent: Duration) -> u64 {
    u64::try_from(spent.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float to Prometheus")]
fn float(value: u64) -> f64 {
    value as f64
}
