//! Where an installation's log is: in the data folder, or on Kafka.

use crate::log::Log;
use crate::log::embedded::EmbeddedLog;
#[cfg(feature = "kafka")]
use crate::log::kafka::KafkaLog;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How long a worker that stops may wait for its appends to Kafka.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long appends to Kafka are waited for when all else has ended.
#[cfg(feature = "kafka")]
const CLOSE: Duration = Duration::from_secs(5);

/// A log of either kind, for those few who need to know which.
#[derive(Debug, Clone)]
pub(super) enum Ledger {
    /// In the data folder.
    Embedded(Arc<EmbeddedLog>),
    /// On Kafka, which keeps and copies it.
    #[cfg(feature = "kafka")]
    Kafka(Arc<KafkaLog>),
}

impl Ledger {
    /// For those who need not know.
    pub(super) fn log(&self) -> Arc<dyn Log> {
        match self {
            Ledger::Embedded(log) => Arc::clone(log) as Arc<dyn Log>,
            #[cfg(feature = "kafka")]
            Ledger::Kafka(log) => Arc::clone(log) as Arc<dyn Log>,
        }
    }

    /// The one in the data folder.
    pub(super) fn embedded(&self) -> Option<&Arc<EmbeddedLog>> {
        match self {
            Ledger::Embedded(log) => Some(log),
            #[cfg(feature = "kafka")]
            Ledger::Kafka(_) => None,
        }
    }

    /// The one on Kafka.
    #[cfg(feature = "kafka")]
    pub(super) fn kafka(&self) -> Option<&Arc<KafkaLog>> {
        match self {
            Ledger::Embedded(_) => None,
            Ledger::Kafka(log) => Some(log),
        }
    }

    /// Has `stop` done, which waits for what was handed to the log, and closes it. Brokers may be away for good: then
    /// it is closed before, and what they did not take is made again from the log after the next start.
    pub(super) fn close_after(&self, stop: impl FnOnce()) {
        let (stopped, waits) = channel::<()>();
        let ledger = self.clone();
        let watch = move || {
            if waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) && ledger.embedded().is_none() {
                tracing::warn!("the brokers take nothing; it is not waited for");
                ledger.close();
            }
        };
        let watching = std::thread::Builder::new().name("log-close".to_owned()).spawn(watch);
        stop();
        drop(stopped);
        if watching.is_ok_and(|watching| watching.join().is_err()) {
            tracing::error!("what waited for the log panicked");
        }
        self.close();
    }

    /// Takes no more appends, and tells those whose records are not durable so.
    pub(super) fn close(&self) {
        match self {
            Ledger::Embedded(log) => log.close(),
            #[cfg(feature = "kafka")]
            Ledger::Kafka(log) => log.close(CLOSE),
        }
    }
}
