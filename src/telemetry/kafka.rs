//! How a log on Kafka stands with its brokers. Nothing of it is shown by a server that has none.

use super::label::{KafkaClient, KafkaReach, Quantile};
use super::metric::Metric;
use super::{Telemetry, float, gauge, labeled};
use metrics::Label;

/// What the clients of one kind tell together; counts are since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct KafkaTraffic {
    /// Requests sent.
    pub requests: u64,
    /// Requests that could not be sent, answers that could not be read.
    pub errors: u64,
    /// Requests that were not answered in time.
    pub timeouts: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Connections that ended.
    pub disconnects: u64,
    /// Not longer for half of the requests, in microseconds.
    pub p50_us: u64,
    /// Not longer for 99 of 100 requests, in microseconds.
    pub p99_us: u64,
    /// The longest that a broker made a client wait.
    pub throttle_ms: u64,
}

/// How the log stands with its brokers; counts are since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct KafkaGauges {
    /// In the order of [`KafkaClient::ALL`].
    pub traffic: [KafkaTraffic; KafkaClient::ALL.len()],
    /// How many brokers are reached how, in the order of [`KafkaReach::ALL`].
    pub brokers: [u64; KafkaReach::ALL.len()],
    /// Whether this worker is a member of the group, at rest.
    pub joined: bool,
    /// Partitions assigned to it.
    pub partitions: u64,
    /// Times that partitions were given or taken.
    pub rebalances: u64,
    /// Records that are not acknowledged.
    pub waiting_records: u64,
    /// Bytes that are not acknowledged.
    pub waiting_bytes: u64,
    /// Age of the oldest append that is not acknowledged; 0 where there is none.
    pub oldest_ms: u64,
    /// Whether it is too old.
    pub stalled: bool,
}

impl Telemetry {
    /// The log was looked at.
    pub fn kafka(&self, now: &KafkaGauges) {
        let set = |metric, labels, value| gauge(&self.recorder, metric, labels).set(value);
        let total = |metric, labels, value| labeled(&self.recorder, metric, labels).absolute(value);
        let flag = |is| if is { 1.0 } else { 0.0 };
        for (client, traffic) in KafkaClient::ALL.iter().zip(&now.traffic) {
            let client = || Label::from_static_parts("client", client.text());
            total(Metric::KafkaRequests, vec![client()], traffic.requests);
            total(Metric::KafkaRequestErrors, vec![client()], traffic.errors);
            total(Metric::KafkaRequestTimeouts, vec![client()], traffic.timeouts);
            total(Metric::KafkaRequestRetries, vec![client()], traffic.retries);
            total(Metric::KafkaDisconnects, vec![client()], traffic.disconnects);
            set(Metric::KafkaThrottle, vec![client()], float(traffic.throttle_ms) / 1e3);
            for (quantile, us) in Quantile::ALL.iter().zip([traffic.p50_us, traffic.p99_us]) {
                let labels = vec![client(), Label::from_static_parts("quantile", quantile.text())];
                set(Metric::KafkaRoundTrip, labels, float(us) / 1e6);
            }
        }
        for (reach, brokers) in KafkaReach::ALL.iter().zip(now.brokers) {
            let state = vec![Label::from_static_parts("state", reach.text())];
            set(Metric::KafkaBrokers, state, float(brokers));
        }
        set(Metric::KafkaGroupJoined, vec![], flag(now.joined));
        set(Metric::KafkaGroupPartitions, vec![], float(now.partitions));
        total(Metric::KafkaGroupRebalances, vec![], now.rebalances);
        set(Metric::KafkaAppendRecords, vec![], float(now.waiting_records));
        set(Metric::KafkaAppendBytes, vec![], float(now.waiting_bytes));
        set(Metric::KafkaAppendOldest, vec![], float(now.oldest_ms) / 1e3);
        set(Metric::KafkaAppendStalled, vec![], flag(now.stalled));
    }

    /// The oldest append began to wait for too long.
    pub fn kafka_stalled(&self) {
        labeled(&self.recorder, Metric::KafkaAppendStalls, vec![]).increment(1);
    }
}
