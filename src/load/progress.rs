//! A run that others may look at, and end, while it goes on.

use crate::base::signal::Signal;
use crate::load::report::{OnLog, Outcome, Report};
use crate::load::seconds::{Second, Seconds};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a run has come to so far.
#[derive(Debug, Default)]
pub struct Progress {
    counted: Mutex<Counted>,
    due: AtomicU64,
    shed: AtomicU64,
    in_flight: AtomicU64,
    stop: AtomicBool,
    /// Wakes whoever waits for a request's time.
    pub(super) wake: Signal,
}

#[derive(Debug, Default)]
struct Counted {
    report: Report,
    seconds: Seconds,
}

impl Progress {
    /// The seconds that ended, from the `from`th on.
    #[must_use]
    pub fn seconds(&self, from: usize) -> Vec<Second> {
        self.with(|counted| counted.seconds.ended(from).to_vec())
    }

    /// Ends the run early; answers under way are still waited for.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.raise();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The run begins, as an open or a closed loop.
    pub(super) fn begin(&self, open: bool) {
        self.with(|counted| counted.report = Report::of(open));
    }

    /// The run is one on the log.
    pub(super) fn begin_on_log(&self, open: bool, awaited: bool) {
        let log = Some(OnLog { awaited, ..OnLog::default() });
        self.with(|counted| counted.report = Report { log, ..Report::of(open) });
    }

    /// A request's time came.
    pub(super) fn due(&self) {
        self.due.fetch_add(1, Ordering::Relaxed);
    }

    /// A request found the queue full.
    pub(super) fn shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection takes a request.
    pub(super) fn taken(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// It was answered.
    pub(super) fn answered(&self, answer: Outcome<'_>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.with(|counted| {
            let open = counted.report.latencies.is_some();
            let latency = if open { answer.latency } else { answer.service };
            counted.seconds.count(latency, answer.status == 200);
            counted.report.count(answer);
        });
    }

    /// There was no answer, for a reason of this kind.
    pub(super) fn failed(&self, kind: &'static str) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.with(|counted| {
            counted.seconds.count_failure();
            counted.report.count_failure(kind);
        });
    }

    /// There was no room for it after all.
    pub(super) fn untaken(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// The log has it, so long after it was due. Nothing is under way any more where nobody waits for more.
    pub(super) fn acknowledged(&self, latency: Duration) {
        let awaited = self.with(|counted| {
            let log = counted.report.log.get_or_insert_default();
            log.acknowledgements.record(latency);
            log.awaited
        });
        if !awaited {
            self.untaken();
        }
    }

    /// The reader's rule passed over a record.
    pub(super) fn skipped(&self) {
        self.with(|counted| counted.report.log.get_or_insert_default().skipped += 1);
    }

    /// Ends a second of the run.
    pub(super) fn end_second(&self, at: Duration) {
        let (due, in_flight) = (self.due.load(Ordering::Relaxed), self.in_flight.load(Ordering::Relaxed));
        self.with(|counted| counted.seconds.end(at, due, in_flight));
    }

    /// The run has ended: what came of it.
    pub(super) fn end(&self, at: Duration) -> Report {
        let (due, shed) = (self.due.load(Ordering::Relaxed), self.shed.load(Ordering::Relaxed));
        if self.with(|counted| counted.seconds.is_begun()) {
            self.end_second(at);
        }
        self.with(|counted| {
            let seconds = counted.seconds.ended(0).to_vec();
            Report { due, shed, seconds, elapsed: at, ..std::mem::take(&mut counted.report) }
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut Counted) -> T) -> T {
        what(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
