//! HTTP: who calls, what is let in, and the callers that wait for their decision.
//!
//! The gateway decides nothing and holds no state that a restart would miss. It stamps what is timed and
//! draws what is random before the log; it sheds before it appends, and once a request is in the log, 504
//! is the only failure it answers. The order of a request is [`assess`]'s, the routes are [`router`]'s.
//!
//! Built in this order: [`Callers`], [`Directory`] and [`MetricNotes`] are handed to the worker, and with
//! the worker's partitions to [`Gateway::new`]; [`Gateway::serve`] runs until its shutdown.

mod accept;
mod answer;
mod assess;
mod auth;
mod body;
mod connection;
mod cors;
mod directory;
mod edge;
mod exposition;
mod health;
mod host;
mod leftover;
mod limit;
mod linger;
mod maintenance;
mod notes;
mod options;
mod pace;
mod pending;
mod random;
mod router;
mod shed;
mod tls;
mod watched;

#[cfg(test)]
mod tests;

pub use directory::Directory;
pub use notes::MetricNotes;
pub use options::{Bounds, Options};
pub use pending::{Callers, WAITING, WAITING_OF_ONE};
pub use shed::{Partitions, Seen};
pub use tls::{Tls, TlsFault};

use crate::base::clock::Clock;
use crate::log::Log;
use crate::telemetry::Telemetry;
use crate::wire::signature::Trust;
use edge::Edge;
use health::LogHealth;
use limit::Addresses;
use random::Random;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio::net::TcpListener;

/// What a gateway works with.
#[derive(Clone)]
pub struct Parts {
    /// Where requests become records.
    pub log: Arc<dyn Log>,
    /// How its records are signed there.
    pub trust: Trust,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// How partitions are doing.
    pub partitions: Partitions,
    /// Who waits; the worker's way to answer.
    pub callers: Arc<Callers>,
    /// Who may call; the worker keeps it.
    pub directory: Arc<Directory>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// Segments of the log that are known to be damaged; written by whoever reads the log through.
    pub damaged: Arc<AtomicU64>,
    /// Whether the log acknowledges no appends; written by whoever looks how long they wait.
    pub stalled: Arc<AtomicBool>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("log", &self.log).finish_non_exhaustive()
    }
}

/// What handlers share.
#[derive(Debug)]
struct Gate {
    options: Options,
    parts: Parts,
    random: Random,
    log_health: LogHealth,
    maintenance_told: maintenance::Told,
    addresses: Addresses,
    /// Written by the accept loop when it stops, read by `readyz`.
    draining: AtomicBool,
}

/// A gateway.
#[derive(Debug)]
pub struct Gateway {
    gate: Arc<Gate>,
    edge: Arc<Edge>,
}

impl Gateway {
    /// A gateway that serves nobody yet.
    #[must_use]
    pub fn new(options: Options, parts: Parts) -> Self {
        let gate = Arc::new(Gate {
            random: Random::new(Arc::clone(&parts.clock)),
            addresses: Addresses::new(&options.installation_key, options.bounds.public_per_minute),
            options,
            parts,
            log_health: LogHealth::default(),
            maintenance_told: maintenance::Told::default(),
            draining: AtomicBool::new(false),
        });
        let edge = Arc::new(Edge::new(Arc::clone(&gate)));
        Self { gate, edge }
    }

    /// Why `/health/readyz` says that it is not ready, as it says it; none while it is.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        self.gate.unready()
    }

    /// Serves `listener` until `shutdown` is done; then accepts nobody more, finishes what it holds within
    /// [`Bounds::drain`], and closes the rest.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        accept::serve(&self.gate, &self.edge, listener, shutdown).await;
    }
}
