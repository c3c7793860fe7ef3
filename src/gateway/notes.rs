//! From what workers note to what is counted.

use crate::shard::effects::Note;
use crate::telemetry::Telemetry;
use crate::telemetry::label::{DeadReason, Decision, Flow, Reason};
use crate::worker::Notes;
use std::sync::Arc;
use std::time::Duration;

/// Counts what a worker notes.
#[derive(Debug, Clone)]
pub struct MetricNotes {
    telemetry: Arc<Telemetry>,
}

impl MetricNotes {
    /// Counts into `telemetry`.
    #[must_use]
    pub fn new(telemetry: Arc<Telemetry>) -> Self {
        Self { telemetry }
    }
}

impl Notes for MetricNotes {
    fn note(&self, note: &Note) {
        match note {
            Note::Decided { flow, decision, errors } => {
                let flow = Flow::from_text(flow.text());
                self.telemetry.decided(flow, Decision::from_text(decision.text()), *errors);
            }
            Note::Repeated => self.telemetry.repeated(),
            Note::Rejected(code) => self.telemetry.rejected(Reason::from_text(code)),
            Note::DeadLetter(code) => self.telemetry.dead_letter(DeadReason::from_text(code.text())),
            Note::Signal(code) => self.telemetry.signal(code),
        }
    }

    fn turn(&self, records: usize, spent: Duration) {
        self.telemetry.turn(records, spent);
    }

    fn checkpoint(&self, _rows: usize, bytes: usize, spent: Duration) {
        self.telemetry.checkpoint(bytes, spent);
    }

    fn snapshot(&self, put_bytes: u64, spent: Duration) {
        self.telemetry.snapshot(put_bytes, spent);
    }

    fn restored(&self) {
        self.telemetry.restored();
    }

    fn snapshot_failed(&self) {
        self.telemetry.snapshot_failed();
    }

    fn poisoned(&self) {
        self.telemetry.poisoned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::decision;
    use crate::wire::envelope::DeadCode;

    #[test]
    fn every_word_of_the_domain_has_its_label() {
        for code in DeadCode::ALL {
            assert_ne!(DeadReason::from_text(code.text()), DeadReason::Other, "{code}");
        }
        for decision in decision::Decision::ALL {
            assert_ne!(Decision::from_text(decision.text()), Decision::Other, "{decision}");
        }
        for flow in [decision::Flow::Payin, decision::Flow::Payout] {
            assert_ne!(Flow::from_text(flow.text()), Flow::Other, "{flow}");
        }
    }
}
