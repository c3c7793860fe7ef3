//! Whether the process lives, is ready, and how its parts are doing.

use crate::base::position::Partition;
use crate::gateway::shed::Seen;
use crate::gateway::{Gate, answer};
use crate::log::AppendError;
use crate::wire::json::object;
use crate::worker::status::Phase;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What the log said last; written by every append.
#[derive(Debug, Default)]
pub(super) struct LogHealth {
    /// Until when it counts as full, in milliseconds of the elapsed clock; 0 where the last append went in.
    full_until: AtomicU64,
    closed: AtomicBool,
}

/// How long a full disk is believed. Whoever obeys `readyz` sends nothing meanwhile, so nothing would tell that
/// there is room again.
const FULL_MS: u64 = 5_000;

impl LogHealth {
    /// An append ended, with or without an error.
    pub(super) fn heard(&self, error: Option<&AppendError>, now: Duration) {
        match error {
            // A full queue or a large record say nothing about the disk.
            Some(AppendError::Busy | AppendError::TooLarge) => {}
            Some(AppendError::Full) => {
                if self.full_until.swap(millis(now) + FULL_MS, Ordering::Relaxed) == 0 {
                    tracing::error!("the log's disk is full: requests are refused until there is room");
                }
            }
            // A log that closed stays closed.
            Some(AppendError::Closed(_)) => self.closed.store(true, Ordering::Relaxed),
            None => {
                if self.full_until.load(Ordering::Relaxed) != 0
                    && self.full_until.swap(0, Ordering::Relaxed) != 0
                {
                    tracing::info!("the log's disk has room again");
                }
            }
        }
    }

    fn text(&self, now: Duration) -> &'static str {
        if self.closed.load(Ordering::Relaxed) {
            return "down";
        }
        if millis(now) < self.full_until.load(Ordering::Relaxed) { "full" } else { "ok" }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX - FULL_MS)
}

impl Gate {
    /// Every partition of the log and how it is doing.
    pub(super) fn partitions(&self) -> Vec<(Partition, Option<Seen>)> {
        let all = (0..self.parts.log.partitions()).map(Partition);
        all.map(|partition| (partition, self.parts.partitions.see(partition))).collect()
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Why nobody should send requests here now, one reason each; none while it is ready.
    pub(super) fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.is_draining() {
            reasons.push("shutting down".to_owned());
        }
        if !self.parts.directory.is_loaded() {
            reasons.push("the directory is not loaded".to_owned());
        }
        if self.log_health.text(self.parts.clock.elapsed()) != "ok" {
            reasons.push("the log takes nothing".to_owned());
        }
        let running = |seen: &Option<Seen>| seen.is_some_and(|seen| seen.phase == Phase::Running);
        let waiting = self.partitions().into_iter().filter(|(_, seen)| !running(seen));
        reasons.extend(waiting.map(|(partition, _)| format!("partition {partition} is not deciding")));
        reasons
    }
}

/// `GET /health/livez`.
pub(super) async fn livez() -> Response {
    answer::content(200, HeaderValue::from_static("text/plain; charset=utf-8"), "ok")
}

/// `GET /health/readyz`.
pub(super) async fn readyz(State(gate): State<Arc<Gate>>) -> Response {
    let reasons = gate.unready();
    let body = object(|body| {
        body.flag("ready", reasons.is_empty());
        if !reasons.is_empty() {
            body.array("reasons", |list| reasons.iter().for_each(|reason| list.text(reason)));
        }
    });
    answer::json(if reasons.is_empty() { 200 } else { 503 }, body)
}

/// `GET /api/v1/health`. Only parts that exist are listed.
pub(super) async fn health(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    if let Err(response) = answer::unless_json_is_taken(request.headers()) {
        return *response;
    }
    let log = match gate.log_health.text(gate.parts.clock.elapsed()) {
        // What was handed over is not lost, and may come through any moment.
        "ok" if gate.parts.stalled.load(Ordering::Relaxed) => "stalled",
        // It is for a person to mend. Callers are served as ever, so `readyz` says nothing of it.
        "ok" if gate.parts.damaged.load(Ordering::Relaxed) > 0 => "damaged",
        log => log,
    };
    let shards = shards(&gate.partitions());
    let directory = if gate.parts.directory.is_loaded() { "ok" } else { "loading" };
    let down = log == "down" || shards == "down";
    let status = match () {
        () if down => "down",
        () if gate.parts.directory.in_maintenance() => "maintenance",
        () if [log, shards, directory].iter().all(|part| *part == "ok") => "ok",
        () => "degraded",
    };
    let body = object(|body| {
        body.text("status", status);
        body.text("version", &gate.options.version);
        body.text("build", &gate.options.build);
        body.text("time", &gate.parts.clock.now().to_string());
        body.object("components", |parts| {
            parts.text("log", log);
            parts.text("shards", shards);
            parts.text("directory", directory);
        });
    });
    answer::json(if down { 503 } else { 200 }, body)
}

fn shards(partitions: &[(Partition, Option<Seen>)]) -> &'static str {
    let phases = || partitions.iter().map(|(_, seen)| seen.map_or(Phase::Left, |seen| seen.phase));
    if phases().all(|phase| phase == Phase::Running) {
        "ok"
    } else if phases().all(|phase| matches!(phase, Phase::Parked | Phase::Left)) {
        "down"
    } else {
        "degraded"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_believed_for_a_while_and_a_closed_log_for_good() {
        let health = LogHealth::default();
        let at = Duration::from_millis;
        health.heard(Some(&AppendError::Busy), at(1));
        assert_eq!(health.text(at(1)), "ok");
        health.heard(Some(&AppendError::Full), at(10));
        assert_eq!((health.text(at(10)), health.text(at(5_009))), ("full", "full"));
        assert_eq!(health.text(at(5_010)), "ok", "somebody must be let try");
        health.heard(Some(&AppendError::Full), at(6_000));
        assert_eq!(health.text(at(6_000)), "full");
        health.heard(None, at(6_001));
        assert_eq!(health.text(at(6_001)), "ok");
        health.heard(Some(&AppendError::Closed("x".to_owned())), at(7_000));
        health.heard(None, at(7_001));
        assert_eq!(health.text(at(99_000)), "down");
    }
}
