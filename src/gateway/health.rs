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
use std::sync::atomic::{AtomicU8, Ordering};

/// What the log said last; written by every append.
#[derive(Debug, Default)]
pub(super) struct LogHealth(AtomicU8);

const FULL: u8 = 1;
const CLOSED: u8 = 2;

impl LogHealth {
    /// An append ended, with or without an error.
    pub(super) fn heard(&self, error: Option<&AppendError>) {
        let now = match error {
            // A full queue or a large record say nothing about the disk.
            Some(AppendError::Busy | AppendError::TooLarge) => return,
            Some(AppendError::Full) => FULL,
            Some(AppendError::Closed(_)) => CLOSED,
            None => 0,
        };
        // A log that closed stays closed.
        if self.0.load(Ordering::Relaxed) != CLOSED {
            self.0.store(now, Ordering::Relaxed);
        }
    }

    fn text(&self) -> &'static str {
        match self.0.load(Ordering::Relaxed) {
            FULL => "full",
            CLOSED => "down",
            _ => "ok",
        }
    }
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
}

/// `GET /health/livez`.
pub(super) async fn livez() -> Response {
    answer::content(200, HeaderValue::from_static("text/plain; charset=utf-8"), "ok")
}

/// `GET /health/readyz`.
pub(super) async fn readyz(State(gate): State<Arc<Gate>>) -> Response {
    let mut reasons = Vec::new();
    if gate.is_draining() {
        reasons.push("shutting down".to_owned());
    }
    if !gate.parts.directory.is_loaded() {
        reasons.push("the directory is not loaded".to_owned());
    }
    if gate.log_health.text() != "ok" {
        reasons.push("the log takes nothing".to_owned());
    }
    let running = |seen: &Option<Seen>| seen.is_some_and(|seen| seen.phase == Phase::Running);
    let waiting = gate.partitions().into_iter().filter(|(_, seen)| !running(seen));
    reasons.extend(waiting.map(|(partition, _)| format!("partition {partition} is not deciding")));
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
    let log = gate.log_health.text();
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
