//! What goes on beside a server: what keeps the log from growing for ever, looks for damage to it and at its
//! brokers, and counts rows.

use crate::log::Readers;
use crate::node::background::Background;
#[cfg(feature = "kafka")]
use crate::node::brokers::{self, Brokers};
use crate::node::ground::Ground;
use crate::node::scrubbing::Scrubber;
use crate::node::serve::{Failure, Start};
use crate::node::trim::{self, Trimmer};
use crate::node::{counting, scrubbing, trimming};
use crate::telemetry::Telemetry;
use crate::worker::thread::Worker;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What goes on beside, and what it tells the gateway.
pub(super) struct Beside {
    pub(super) threads: Vec<Background>,
    /// How many of the log's segments are known to be damaged.
    pub(super) damaged: Arc<AtomicU64>,
    /// Whether the brokers take no appends.
    pub(super) stalled: Arc<AtomicBool>,
}

/// What keeps the log from growing for ever, looks for damage to it and at its brokers, and counts rows.
pub(super) fn start(
    of: &Start,
    ground: &Ground,
    worker: &Worker,
    telemetry: &Arc<Telemetry>,
) -> Result<Beside, Failure> {
    let (clock, telemetry) = (|| Arc::clone(&of.clock), || Arc::clone(telemetry));
    let damaged = Arc::default();
    let mut begun = Vec::new();
    // Kafka does both for its own.
    if let Some(log) = ground.ledger.embedded() {
        let retention_ms = i64::try_from(of.config.log_retention.as_millis()).unwrap_or(i64::MAX);
        let options = trim::Options::new(retention_ms, of.config.log_max_bytes);
        let trimmer = Trimmer::new(Arc::clone(log), Readers::default(), options);
        let statuses = worker.statuses().to_vec();
        let keeps = Box::new(move || statuses.iter().map(|(of, status)| (*of, status.keep())).collect());
        begun.push(trimming::start(trimmer, keeps, clock(), telemetry()));
        let (telemetry, damaged) = (telemetry(), Arc::clone(&damaged));
        begun.push(scrubbing::start(Scrubber { log: Arc::clone(log), telemetry, damaged }, clock()));
    }
    begun.push(counting::start(ground.data.clone(), clock(), telemetry()));
    let stalled: Arc<AtomicBool> = Arc::default();
    #[cfg(feature = "kafka")]
    if let Some(log) = ground.ledger.kafka() {
        let (log, stalled) = (Arc::clone(log), Arc::clone(&stalled));
        begun.push(brokers::start(Brokers { log, telemetry: telemetry(), stalled }, clock()));
    }
    let threads: io::Result<_> = begun.into_iter().collect();
    Ok(Beside { threads: threads.map_err(|error| Failure::Failed(error.to_string()))?, damaged, stalled })
}
