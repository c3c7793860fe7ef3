//! The thread that trims the log, round by round, and tells of it.

use crate::base::clock::Clock;
use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::LogError;
use crate::log::embedded::Held;
use crate::node::trim::{Round, Trimmer};
use crate::telemetry::label::HeldBy;
use crate::telemetry::{LogGauges, Telemetry};
use crate::worker::status::Keep;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Time between rounds.
const EVERY: Duration = Duration::from_secs(60);

/// Tells what recovery of each partition needs.
pub(super) type Keeps = Box<dyn Fn() -> Vec<(Partition, Option<Keep>)> + Send>;

/// A log that is being trimmed.
#[derive(Debug)]
pub(super) struct Trimming {
    stop: Arc<AtomicBool>,
    signal: Arc<Signal>,
    thread: JoinHandle<()>,
}

impl Trimming {
    /// Begins. The first round comes at once.
    pub(super) fn start(
        mut trimmer: Trimmer,
        keeps: Keeps,
        clock: Arc<dyn Clock>,
        telemetry: Arc<Telemetry>,
    ) -> io::Result<Self> {
        let (stop, signal) = (Arc::new(AtomicBool::new(false)), Arc::new(Signal::default()));
        let (stopped, wake) = (Arc::clone(&stop), Arc::clone(&signal));
        let thread = Builder::new().name("log-trim".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                tell(&trimmer.round(clock.now(), &keeps()), &telemetry);
                wake.wait(EVERY);
            }
        })?;
        Ok(Self { stop, signal, thread })
    }

    /// Ends when the round that runs is over.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.signal.raise();
        if self.thread.join().is_err() {
            tracing::error!("the thread that trims the log panicked");
        }
    }
}

fn tell(round: &Result<Round, LogError>, telemetry: &Telemetry) {
    let Round { trimmed, oldest_ms, ticked } = match round {
        Ok(round) => round,
        Err(error) => {
            tracing::warn!(%error, "the log could not be trimmed");
            return;
        }
    };
    if trimmed.segments > 0 {
        tracing::info!(segments = trimmed.segments, bytes = trimmed.bytes, "trimmed the log");
    }
    for unread in &trimmed.overrun {
        let (reader, from) = (unread.reader, unread.from.0);
        tracing::error!(reader, of = %unread.of, from, "the log was too large to wait for a reader");
    }
    for partition in ticked {
        tracing::info!(partition = partition.0, "a tick, for nobody writes to the partition");
    }
    telemetry.log_trimmed(&LogGauges {
        bytes: trimmed.left_bytes,
        oldest_ms: u64::try_from(*oldest_ms).unwrap_or(0),
        held_by: match trimmed.held {
            Held::Nothing => HeldBy::Nothing,
            Held::Age => HeldBy::Age,
            Held::Readers(_) => HeldBy::Reader,
            Held::Recovery(_) => HeldBy::Recovery,
        },
        trimmed: trimmed.segments as u64,
        overrun: trimmed.overrun.len() as u64,
    });
}
