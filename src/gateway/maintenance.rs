//! Maintenance: while it is on, no payment is taken in.
//!
//! It is state of the installation's partition, told like organizations and keys. While a server starts,
//! nobody knows it until that partition has replayed its log; what other partitions could decide waits for
//! that moment, or a restart would end maintenance for as long as it takes. Later a failure of that
//! partition is nothing to the others: what was known last holds.

use crate::domain::fault::{ErrorCode, Refusal};
use crate::gateway::Gate;
use crate::worker::status::Phase;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the installation's partition has ever told all it knows; written by whoever sees it first.
#[derive(Debug, Default)]
pub(super) struct Told(AtomicBool);

impl Gate {
    /// Refuses a payment while maintenance is on, or may be.
    pub(super) fn unless_in_maintenance(&self) -> Result<(), Refusal> {
        if self.parts.directory.in_maintenance() {
            let message = "the operator has switched maintenance on: nothing is decided now";
            return Err(Refusal::new(ErrorCode::AssessMaintenance, message));
        }
        if self.knows_maintenance() {
            return Ok(());
        }
        let message = "whether maintenance is on is not known yet";
        Err(Refusal::new(ErrorCode::ServiceUnavailable, message))
    }

    fn knows_maintenance(&self) -> bool {
        if self.maintenance_told.0.load(Ordering::Relaxed) {
            return true;
        }
        let home = self.parts.partitions.see(self.parts.directory.home_of_installation());
        // A parked partition tells nothing more for minutes.
        let told = home.is_some_and(|seen| matches!(seen.phase, Phase::Running | Phase::Parked));
        self.maintenance_told.0.fetch_or(told, Ordering::Relaxed);
        told
    }
}
