//! The thread that trims the log, round by round, and tells of it.

use crate::base::clock::Clock;
use crate::base::position::Partition;
use crate::log::LogError;
use crate::log::embedded::Held;
use crate::node::background::Background;
use crate::node::trim::{Round, Trimmer};
use crate::telemetry::label::HeldBy;
use crate::telemetry::{LogGauges, Telemetry};
use crate::worker::status::Keep;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Time between rounds.
const EVERY: Duration = Duration::from_secs(60);

/// Tells what recovery of each partition needs.
pub(super) type Keeps = Box<dyn Fn() -> Vec<(Partition, Option<Keep>)> + Send>;

/// Begins. The first round comes at once.
pub(super) fn start(
    mut trimmer: Trimmer,
    keeps: Keeps,
    clock: Arc<dyn Clock>,
    telemetry: Arc<Telemetry>,
) -> io::Result<Background> {
    Background::start("log-trim", move |pause| {
        while pause.goes_on() {
            tell(&trimmer.round(clock.now(), &keeps()), &telemetry);
            pause.wait(EVERY);
        }
    })
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
