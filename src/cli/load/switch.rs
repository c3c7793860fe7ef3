//! `clausum load --kafka`: as a payment switch, which produces requests and reads decisions.

use crate::base::clock::Clock;
use crate::base::time::DAY_MS;
use crate::cli::Place;
use crate::cli::ending::Ending;
use crate::cli::load::{Arguments, LIMIT, Rate};
#[cfg(feature = "kafka")]
use crate::cli::serve::of_kafka;
use crate::load::switch::{Options, Pace, run};
use crate::load::{Progress, Report, RunError, Traffic};
use crate::log::Log;
#[cfg(feature = "kafka")]
use crate::log::{LogError, kafka::KafkaLog};
#[cfg(feature = "kafka")]
use crate::node::kafka;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// Records of a backlog that wait for their acknowledgement.
const UNACKNOWLEDGED: usize = 16_384;

/// A run that only has to begin.
pub(super) struct Switch {
    log: Arc<dyn Log>,
    options: Options,
}

impl Switch {
    /// Reaches the log.
    pub(super) fn open(arguments: &Arguments, clock: &dyn Clock, place: &Place) -> Result<Self, Ending> {
        let (pace, duration) = match (arguments.backlog, arguments.rate) {
            (Some(_), _) => {
                (Pace::Acknowledged(UNACKNOWLEDGED), Duration::from_millis(DAY_MS.unsigned_abs()))
            }
            (None, Rate::Each(rate)) => (Pace::Open { rate, shape: arguments.shape() }, arguments.duration),
            (None, Rate::Max) => (Pace::Answered(usize::from(arguments.connections)), arguments.duration),
        };
        let mut random = [0; 4];
        clock.entropy(&mut random).map_err(|error| Ending::failed(&error))?;
        let options = Options {
            pace,
            duration,
            requests: arguments.backlog.map(NonZeroU64::get),
            seed: arguments.seed,
            organizations: arguments.org.clone(),
            mark: format!("load-{:x}-{:08x}", clock.now().0, u32::from_le_bytes(random)),
            limit: LIMIT,
        };
        Ok(Self { log: log(arguments, place)?, options })
    }

    /// Runs; for a thread that may wait.
    pub(super) fn run(
        self,
        traffic: Traffic,
        clock: &Arc<dyn Clock>,
        progress: &Arc<Progress>,
    ) -> Result<Report, RunError> {
        run(&self.log, traffic, &self.options, clock, progress)
    }
}

#[cfg(feature = "kafka")]
fn log(arguments: &Arguments, place: &Place) -> Result<Arc<dyn Log>, Ending> {
    let resolved = place.resolve(of_kafka(arguments.kafka.as_ref())).map_err(Ending::configuration)?;
    let missing = || Ending::usage(&"--kafka is missing");
    let kafka = resolved.config.kafka.ok_or_else(missing)?;
    let opened = KafkaLog::open(kafka::options(&kafka));
    let log = opened.map_err(|error| match error {
        LogError::WrongTopic { .. } | LogError::Closed(_) => Ending::input(&error),
        LogError::OutOfRange { .. }
        | LogError::NoPartition(_)
        | LogError::Locked(_)
        | LogError::OtherPartitions { .. }
        | LogError::Damaged { .. }
        | LogError::Io { .. }
        | LogError::Unreachable(_) => Ending::failed(&error),
    })?;
    Ok(Arc::new(log))
}

#[cfg(not(feature = "kafka"))]
fn log(_: &Arguments, _: &Place) -> Result<Arc<dyn Log>, Ending> {
    Err(Ending::input(&"this program was built without Kafka"))
}
