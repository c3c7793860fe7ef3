//! `GET /metrics`, for machines nearby.

use crate::domain::fault::{ErrorCode, Refusal};
use crate::gateway::edge::Arrival;
use crate::gateway::{Gate, answer};
use crate::telemetry::PartitionGauges;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderValue;
use std::net::IpAddr;
use std::sync::Arc;

/// The route.
pub(super) async fn metrics(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let near = request.extensions().get::<Arrival>().is_some_and(|arrival| is_near(arrival.peer));
    if !near && !gate.options.metrics_public {
        return answer::refuse(&Refusal::new(ErrorCode::Forbidden, "metrics are not public"));
    }
    let now = gate.parts.clock.now();
    let partitions = gate.partitions().into_iter().filter_map(|(partition, seen)| {
        let seen = seen?;
        let age = |at: u64| {
            let at = i64::try_from(at).unwrap_or(i64::MAX);
            (at > 0).then(|| u64::try_from(now.0.saturating_sub(at)).unwrap_or(0))
        };
        Some(PartitionGauges {
            partition: partition.0,
            lag_records: seen.lag_records,
            lag_ms: seen.lag_ms,
            checkpoint_age_ms: age(seen.checkpoint_at),
            snapshot_age_ms: age(seen.snapshot_at),
            snapshot_bytes: seen.snapshot_bytes,
            state_bytes: seen.state_bytes,
        })
    });
    let partitions: Vec<_> = partitions.collect();
    gate.parts.telemetry.observe(&partitions, gate.parts.callers.waiting());
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer::content(200, kind, gate.parts.telemetry.render())
}

/// The machine itself or its private network.
pub(super) fn is_near(peer: IpAddr) -> bool {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_near() {
        for near in
            ["127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
        {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}
