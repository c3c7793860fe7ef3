//! Where an installation's log is: in the data folder, or on Kafka.

use crate::log::Log;
use crate::log::embedded::EmbeddedLog;
#[cfg(feature = "kafka")]
use crate::log::kafka::KafkaLog;
use std::sync::Arc;
use std::time::Duration;

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

    /// How long a worker that stops may wait for its appends: brokers may be away for good.
    pub(super) fn patience(&self) -> Option<Duration> {
        match self {
            Ledger::Embedded(_) => None,
            #[cfg(feature = "kafka")]
            Ledger::Kafka(_) => Some(Duration::from_secs(20)),
        }
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
