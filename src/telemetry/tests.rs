//! What the exposition shows, and that the reference page is the declarations.

use super::label::{DeadReason, Decision, Flow, HeldBy, Reason, Route, RowKind};
use super::metric::{Kind, Metric, reference};
use super::*;
use expect_test::expect_file;

fn telemetry() -> Telemetry {
    Telemetry::new("0.1.0", "abc", ["high_velocity"]).unwrap()
}

#[test]
fn the_reference_page_is_fresh() {
    expect_file!["reference.md"].assert_eq(&reference());
}

#[test]
fn names_say_kind_and_unit() {
    for metric in Metric::ALL {
        let name = metric.name();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind() == Kind::Counter, "{name}");
        for unit in ["seconds", "bytes"] {
            let said = name.strip_suffix("_total").unwrap_or(name).ends_with(unit);
            assert_eq!(said, metric.unit() == unit, "{name}");
        }
    }
}

#[test]
fn what_is_counted_is_shown() {
    let telemetry = telemetry();
    telemetry.request(Route::Assess, 200);
    telemetry.request(Route::Assess, 200);
    telemetry.request(Route::Other, 418);
    telemetry.rejected(Reason::from_text("UNAUTHORIZED"));
    telemetry.rejected(Reason::from_text("NEW_ONE"));
    telemetry.decided(Flow::Payin, Decision::Decline, 2);
    telemetry.dead_letter(DeadReason::NotJson);
    telemetry.signal("high_velocity");
    telemetry.signal("of_somebody");
    telemetry.poisoned();
    telemetry.repeated();
    telemetry.connected();
    telemetry.checkpoint(4096, Duration::from_millis(3));
    telemetry.snapshot(512, Duration::from_millis(30));
    telemetry.snapshot_failed();
    telemetry.restored();
    telemetry.observe(
        &[PartitionGauges {
            partition: 3,
            lag_records: 7,
            lag_ms: 1_500,
            checkpoint_age_ms: Some(2_000),
            snapshot_age_ms: Some(60_000),
            snapshot_bytes: 9_000,
            state_bytes: 9,
        }],
        5,
    );
    tell_log_and_state(&telemetry);
    tell_kafka(&telemetry);
    let page = telemetry.render();
    for line in [
        "clausum_build_info{version=\"0.1.0\",build=\"abc\"} 1",
        "clausum_requests_total{route=\"assess\",status=\"200\"} 2",
        "clausum_requests_total{route=\"other\",status=\"other\"} 1",
        "clausum_rejected_total{reason=\"UNAUTHORIZED\"} 1",
        "clausum_rejected_total{reason=\"other\"} 1",
        "clausum_decisions_total{flow=\"payin\",decision=\"decline\"} 1",
        "clausum_rule_errors_total 2",
        "clausum_dead_letters_total{reason=\"not_json\"} 1",
        "clausum_signals_fired_total{code=\"high_velocity\"} 1",
        "clausum_signals_fired_total{code=\"own\"} 1",
        "clausum_shard_poisoned_total 1",
        "clausum_decisions_repeated_total 1",
        "clausum_http_connections 1",
        "clausum_http_waiting 5",
        "clausum_checkpoint_bytes 4096",
        "clausum_checkpoint_age_seconds 2",
        "clausum_snapshot_age_seconds 60",
        "clausum_snapshot_bytes 9000",
        "clausum_snapshot_uploaded_bytes_total 512",
        "clausum_snapshot_failures_total 1",
        "clausum_restores_total 1",
        "clausum_consumer_lag_records{partition=\"3\"} 7",
        "clausum_consumer_lag_seconds{partition=\"3\"} 1.5",
        "clausum_state_bytes{kind=\"store\"} 9",
        "clausum_checkpoint_duration_seconds_bucket{le=\"0.005\"} 1",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line} is not in\n{page}");
    }
    for metric in Metric::ALL {
        assert!(page.contains(&format!("# TYPE {} {}", metric.name(), metric.kind().text())), "{metric:?}");
        assert!(page.contains(&format!("# HELP {} {}", metric.name(), metric.help())), "{metric:?}");
    }
}

fn tell_log_and_state(telemetry: &Telemetry) {
    let held_by = HeldBy::Recovery;
    telemetry.log_trimmed(&LogGauges { bytes: 1_000, oldest_ms: 2_500, held_by, trimmed: 2, overrun: 1 });
    telemetry.log_scrubbed(4_000);
    telemetry.log_damaged(1);
    telemetry.state_rows(RowKind::ApiKey, 12);
}

fn tell_kafka(telemetry: &Telemetry) {
    let traffic = KafkaTraffic {
        requests: 90,
        errors: 1,
        timeouts: 2,
        retries: 3,
        disconnects: 4,
        p50_us: 500,
        p99_us: 1_500,
        throttle_ms: 250,
    };
    let gauges = KafkaGauges {
        traffic: [traffic, KafkaTraffic { requests: 7, ..KafkaTraffic::default() }, KafkaTraffic::default()],
        brokers: [2, 1, 0],
        joined: true,
        partitions: 12,
        rebalances: 5,
        waiting_records: 40,
        waiting_bytes: 8_000,
        oldest_ms: 11_500,
        stalled: true,
    };
    telemetry.kafka(&gauges);
    telemetry.kafka(&gauges);
    telemetry.kafka_stalled();
}

#[test]
fn how_the_log_stands_with_its_brokers_is_shown() {
    let telemetry = telemetry();
    tell_kafka(&telemetry);
    let page = telemetry.render();
    for line in [
        "clausum_kafka_requests_total{client=\"producer\"} 90",
        "clausum_kafka_requests_total{client=\"reader\"} 7",
        "clausum_kafka_requests_total{client=\"member\"} 0",
        "clausum_kafka_request_errors_total{client=\"producer\"} 1",
        "clausum_kafka_request_timeouts_total{client=\"producer\"} 2",
        "clausum_kafka_request_retries_total{client=\"producer\"} 3",
        "clausum_kafka_disconnects_total{client=\"producer\"} 4",
        "clausum_kafka_round_trip_seconds{client=\"producer\",quantile=\"0.5\"} 0.0005",
        "clausum_kafka_round_trip_seconds{client=\"producer\",quantile=\"0.99\"} 0.0015",
        "clausum_kafka_throttle_seconds{client=\"producer\"} 0.25",
        "clausum_kafka_brokers{state=\"up\"} 2",
        "clausum_kafka_brokers{state=\"down\"} 1",
        "clausum_kafka_brokers{state=\"unused\"} 0",
        "clausum_kafka_group_joined 1",
        "clausum_kafka_group_partitions 12",
        "clausum_kafka_group_rebalances_total 5",
        "clausum_kafka_append_waiting 40",
        "clausum_kafka_append_waiting_bytes 8000",
        "clausum_kafka_append_oldest_seconds 11.5",
        "clausum_kafka_append_stalled 1",
        "clausum_kafka_append_stalls_total 1",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line} is not in\n{page}");
    }
}

#[test]
fn how_log_and_state_stand_is_shown() {
    let telemetry = telemetry();
    tell_log_and_state(&telemetry);
    let page = telemetry.render();
    for line in [
        "clausum_log_scrubbed_bytes_total 4000",
        "clausum_log_damaged_segments 1",
        "clausum_state_rows{kind=\"api_key\"} 12",
        "clausum_log_bytes 1000",
        "clausum_log_oldest_seconds 2.5",
        "clausum_log_held{by=\"recovery\"} 1",
        "clausum_log_held{by=\"reader\"} 0",
        "clausum_log_trimmed_segments_total 2",
        "clausum_log_readers_overrun_total 1",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line} is not in\n{page}");
    }
}

#[test]
fn distributions_are_merged_over_threads() {
    let telemetry = telemetry();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let telemetry = &telemetry;
            scope.spawn(move || {
                (0..100).for_each(|_| telemetry.assessed(Duration::from_micros(900 + 1_000 * thread)));
            });
        }
    });
    telemetry.turn(64, Duration::from_micros(640));
    let page = telemetry.render();
    for line in [
        "clausum_assess_duration_seconds_bucket{le=\"0.0005\"} 0",
        "clausum_assess_duration_seconds_bucket{le=\"0.001\"} 100",
        "clausum_assess_duration_seconds_bucket{le=\"0.0025\"} 200",
        "clausum_assess_duration_seconds_bucket{le=\"+Inf\"} 400",
        "clausum_assess_duration_seconds_sum 0.96",
        "clausum_assess_duration_seconds_count 400",
        "clausum_decision_duration_seconds_bucket{le=\"0.00001\"} 64",
        "clausum_turn_records_bucket{le=\"64\"} 1",
        "clausum_turn_records_bucket{le=\"32\"} 0",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line} is not in\n{page}");
    }
}
