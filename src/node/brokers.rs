//! The thread that looks once a second how the log stands with its brokers, for the metrics; and says when they
//! take no appends any more.

use crate::base::clock::Clock;
use crate::log::kafka::{Figures, KafkaLog, Traffic};
use crate::node::background::Background;
use crate::node::stall::{Stall, Word};
use crate::telemetry::{KafkaGauges, KafkaTraffic, Telemetry};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// From one look to the next: as often as the log's clients tell.
const EVERY: Duration = Duration::from_secs(1);

/// What looks, and who is told.
pub(super) struct Brokers {
    pub(super) log: Arc<KafkaLog>,
    pub(super) telemetry: Arc<Telemetry>,
    /// Whether the brokers take no appends; written here only.
    pub(super) stalled: Arc<AtomicBool>,
}

/// Begins.
pub(super) fn start(brokers: Brokers, clock: Arc<dyn Clock>) -> io::Result<Background> {
    Background::start("kafka-look", move |pause| {
        let mut stall = Stall::default();
        while pause.goes_on() {
            brokers.look(&mut stall, clock.elapsed());
            pause.wait(EVERY);
        }
    })
}

impl Brokers {
    fn look(&self, stall: &mut Stall, now: Duration) {
        let figures = self.log.look(now);
        let word = stall.look(now, figures.unanswered.oldest);
        self.stalled.store(stall.is_on(), Ordering::Relaxed);
        self.telemetry.kafka(&gauges(&figures, stall.is_on()));
        let (appends, up, down) = (figures.unanswered.appends, figures.brokers.up, figures.brokers.down);
        match word {
            None => {}
            Some(Word::Begun(age)) => {
                self.telemetry.kafka_stalled();
                let waits = age.as_secs();
                tracing::warn!(waits, appends, up, down, "the brokers acknowledge no appends");
            }
            Some(Word::Goes(age)) => {
                let waits = age.as_secs();
                tracing::error!(waits, appends, up, down, "the brokers still acknowledge no appends");
            }
            Some(Word::Over(stood)) => {
                tracing::info!(stood = stood.as_secs(), "the brokers acknowledge appends again");
            }
        }
    }
}

fn gauges(figures: &Figures, stalled: bool) -> KafkaGauges {
    let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
    let unanswered = &figures.unanswered;
    let oldest = unanswered.oldest.unwrap_or_default();
    KafkaGauges {
        // Roles and labels have one order, and so have the states of a broker.
        traffic: figures.traffic.map(traffic),
        brokers: [figures.brokers.up, figures.brokers.down, figures.brokers.unused].map(count),
        joined: figures.group.joined,
        partitions: figures.group.partitions,
        rebalances: figures.group.rebalances,
        waiting_records: count(unanswered.records),
        waiting_bytes: count(unanswered.bytes),
        oldest_ms: u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX),
        stalled,
    }
}

fn traffic(told: Traffic) -> KafkaTraffic {
    let trip = told.round_trip.unwrap_or_default();
    KafkaTraffic {
        requests: told.counts.requests,
        errors: told.counts.errors,
        timeouts: told.counts.timeouts,
        retries: told.counts.retries,
        disconnects: told.counts.disconnects,
        p50_us: trip.p50_us,
        p99_us: trip.p99_us,
        throttle_ms: told.throttle_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::kafka::tests::harness::Holding;
    use crate::log::kafka::{Counts, Group, Role, RoundTrip};

    #[track_caller]
    fn shows(telemetry: &Telemetry, lines: &[&str]) {
        let page = telemetry.render();
        for line in lines {
            assert!(page.lines().any(|shown| shown == *line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn what_each_client_tells_is_shown_as_its_own() {
        let mut figures = Figures::default();
        for (requests, role) in (1..).zip([Role::Producer, Role::Reader, Role::Member]) {
            let of = Role::ALL.iter().position(|is| *is == role).unwrap();
            figures.traffic[of].counts = Counts { requests, ..Counts::default() };
        }
        figures.traffic[1].round_trip = Some(RoundTrip { p50_us: 1_000, p99_us: 2_000 });
        figures.brokers = crate::log::kafka::Brokers { up: 3, down: 2, unused: 1 };
        figures.group = Group { joined: true, partitions: 4, rebalances: 6 };
        let telemetry = Telemetry::new("1", "b", []).unwrap();
        telemetry.kafka(&gauges(&figures, false));
        shows(
            &telemetry,
            &[
                "clausum_kafka_requests_total{client=\"producer\"} 1",
                "clausum_kafka_requests_total{client=\"reader\"} 2",
                "clausum_kafka_requests_total{client=\"member\"} 3",
                "clausum_kafka_round_trip_seconds{client=\"reader\",quantile=\"0.5\"} 0.001",
                "clausum_kafka_round_trip_seconds{client=\"reader\",quantile=\"0.99\"} 0.002",
                "clausum_kafka_round_trip_seconds{client=\"member\",quantile=\"0.99\"} 0",
                "clausum_kafka_brokers{state=\"up\"} 3",
                "clausum_kafka_brokers{state=\"down\"} 2",
                "clausum_kafka_brokers{state=\"unused\"} 1",
                "clausum_kafka_group_joined 1",
                "clausum_kafka_group_partitions 4",
                "clausum_kafka_group_rebalances_total 6",
                "clausum_kafka_append_stalled 0",
            ],
        );
    }

    #[test]
    fn appends_that_the_broker_holds_are_a_stall_until_it_lets_go() {
        let Some(holding) = Holding::begin() else { return };
        let telemetry = Arc::new(Telemetry::new("1", "b", []).unwrap());
        let (log, stalled) = (holding.log(), Arc::default());
        let brokers = Brokers { log, telemetry: Arc::clone(&telemetry), stalled };
        let mut stall = Stall::default();
        let mut look = |second| {
            brokers.look(&mut stall, Duration::from_secs(second));
            brokers.stalled.load(Ordering::Relaxed)
        };
        assert!(!look(100));
        let told = holding.append();
        assert!(!look(101) && !look(111), "it may be late");
        shows(&telemetry, &["clausum_kafka_append_oldest_seconds 10", "clausum_kafka_append_waiting 1"]);
        assert!(look(112));
        shows(&telemetry, &["clausum_kafka_append_stalled 1", "clausum_kafka_append_stalls_total 1"]);
        holding.release();
        told.recv_timeout(Duration::from_secs(30)).unwrap().unwrap();
        assert!(!look(113));
        shows(
            &telemetry,
            &[
                "clausum_kafka_append_stalled 0",
                "clausum_kafka_append_stalls_total 1",
                "clausum_kafka_append_oldest_seconds 0",
                "clausum_kafka_append_waiting 0",
            ],
        );
    }
}
