//! What a shard answers, in the words of the contract.

use crate::data;
use clausum::base::clock::ManualClock;
use clausum::base::hash::Digest256;
use clausum::base::position::{Offset, Partition};
use clausum::base::time::Ms;
use clausum::policy::Catalogue;
use clausum::shard::core::{Core, GenesisMark};
use clausum::shard::decode::{Home, Planned};
use clausum::shard::effects::Effects;
use clausum::shard::engine::{Engine, Engines};
use clausum::shard::{Shard, Stepped, Stop};
use clausum::wire::envelope::RecordType;
use clausum::wire::record::Content;
use clausum::wire::signature::Trust;
use clausum::worker::Options;
use clausum::worker::local::Local;
use serde_json::{Value, json};
use std::sync::Arc;

const NOON: i64 = 1_780_000_000_000;

fn decide(local: &mut Local, id: &str, body: &Value) -> (u16, Value) {
    let reply = local.submit(data::assess(id, &body.to_string())).unwrap().reply.unwrap();
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

#[test]
fn the_fifth_payment_of_an_email_within_the_hour_carries_high_velocity() {
    let (mut local, clock) = data::local(NOON, Options::default());
    let body = json!({"amount": 1500, "currency": "MXN", "email": "ana@example.com"});
    for minute in 0..6 {
        clock.set(Ms(NOON + minute * 60_000));
        let (status, answer) = decide(&mut local, &minute.to_string(), &body);
        assert_eq!(status, 200);
        let fired = answer["signals"].as_array().unwrap().contains(&json!("high_velocity"));
        assert_eq!(fired, minute >= 4, "payment {} of the hour: {answer}", minute + 1);
        if minute == 5 {
            let details = &answer["signal_details"][0];
            assert_eq!(details["description"], "6 transactions in the last hour");
            assert_eq!(
                (answer["decision"].as_str(), answer["risk_score"].as_i64()),
                (Some("review"), Some(35))
            );
        }
    }
}

#[test]
fn a_repeat_gets_the_stored_body_and_another_request_a_conflict() {
    let (mut local, clock) = data::local(NOON, Options::default());
    let body =
        json!({"amount": 1500, "currency": "mxn", "email": "Ana@Example.com", "idempotency_key": "k1"});
    let first = local.submit(data::assess("1", &body.to_string())).unwrap().reply.unwrap();
    clock.set(Ms(NOON + 60_000));
    local.checkpoint().unwrap();
    let same = json!({"amount": 15.00, "amount_unit": "major", "currency": "MXN", "email": "ana@example.com ", "idempotency_key": "k1"});
    let repeat = local.submit(data::assess("2", &same.to_string())).unwrap().reply.unwrap();
    assert!(repeat.replayed && !first.replayed);
    assert_eq!(repeat.body, first.body);
    let (status, conflict) =
        decide(&mut local, "3", &json!({"amount": 1501, "currency": "MXN", "idempotency_key": "k1"}));
    assert_eq!((status, conflict["error"]["code"].as_str()), (409, Some("IDEMPOTENCY_CONFLICT")));
    let session = serde_json::from_slice::<Value>(&first.body).unwrap()["session_id"].clone();
    assert_eq!(conflict["error"]["details"]["session_id"], session);
    clock.set(Ms(NOON + 24 * 3_600_000));
    let later = local.submit(data::assess("4", &body.to_string())).unwrap().reply.unwrap();
    assert!(!later.replayed, "an entry holds 24 hours");
}

#[test]
fn a_known_session_is_the_next_attempt() {
    let (mut local, _) = data::local(NOON, Options::default());
    let body = |amount: i64| json!({"amount": amount, "currency": "MXN", "session_id": "s-1"});
    let (_, first) = decide(&mut local, "1", &body(100));
    let (_, second) = decide(&mut local, "2", &body(200));
    assert_eq!((first["attempt"].as_i64(), second["attempt"].as_i64()), (Some(1), Some(2)));
    assert_eq!(first["transaction_id"], second["transaction_id"]);
    let (_, other) = decide(&mut local, "3", &json!({"amount": 100, "currency": "MXN"}));
    assert_ne!(first["transaction_id"], other["transaction_id"]);
    assert!(other["session_id"].as_str().unwrap().starts_with("ps_1780000000000_"));
}

#[test]
fn what_cannot_be_decided_is_answered_and_the_rest_goes_on() {
    let (mut local, _) = data::local(NOON, Options::default());
    let (status, answer) = decide(&mut local, "1", &json!({"amount": -1, "currency": "XXX"}));
    let fields = answer["error"]["details"]["fields"].as_array().unwrap();
    let codes: std::collections::BTreeSet<_> =
        fields.iter().map(|field| field["code"].as_str().unwrap()).collect();
    assert_eq!((status, codes), (400, ["min", "unknown_currency"].into()));
    let not_json = local.submit(data::assess("2", "{")).unwrap().reply.unwrap();
    assert_eq!(not_json.status, 400);
    let unknown = local.submit(data::record("clausum.nonsense.v1", "3", Some(b"{}"), &[])).unwrap();
    assert_eq!(unknown.reply, None, "a dead letter has no answer");
    let (status, _) = decide(&mut local, "4", &json!({"amount": 1, "currency": "MXN"}));
    assert_eq!(status, 200);
}

#[test]
fn an_event_is_as_late_as_its_record_says() {
    let (mut local, clock) = data::local(NOON, Options::default());
    let body = json!({"amount": 5, "currency": "MXN", "email": "a@example.com"});
    decide(&mut local, "1", &body);
    clock.set(Ms(NOON - 7_200_000));
    decide(&mut local, "2", &body);
    let answers = local.decisions().unwrap();
    let content = Content::read(&answers.last().unwrap().content).unwrap();
    let answer: Value = serde_json::from_slice(content.value.unwrap()).unwrap();
    let record = &answer["record"];
    assert_eq!(record["event_time"], json!(Ms(NOON - 7_200_000).to_string()), "the record's own log time");
    assert_eq!(record["decided_at"], json!(Ms(NOON).to_string()), "the clock does not go back");
}

/// The shipped flow with its signals in the opposite order, as the next version.
fn two_versions() -> Vec<Engine> {
    const PIPELINE: &str = include_str!("../../pipelines/payin.yaml");
    const PACK: &str = include_str!("../../rules/payin.yaml");
    const SIGNAL: &str = "  - code: ";
    let (head, signals) = PACK.split_once(SIGNAL).unwrap();
    let signals: Vec<&str> = signals.split(SIGNAL).collect();
    let reversed = signals.iter().rev().fold(head.to_owned(), |text, signal| text + SIGNAL + signal);
    let engine = |version, pack: &str| {
        let catalogue = Catalogue::of(PIPELINE, pack).unwrap();
        Engine { version, catalogue: Arc::new(catalogue), probes: false }
    };
    vec![engine(1, PACK), engine(2, &reversed)]
}

#[test]
fn a_repeat_is_shown_with_the_engine_that_decided() {
    let clock = Arc::new(ManualClock::new(Ms(NOON), 1));
    let mut local = Local::new(clock, Engines::of(two_versions()), Options::default()).unwrap();
    let body = json!({
        "amount": 5, "currency": "MXN", "email": "a@mailinator.com", "idempotency_key": "k",
        "behavior": {"session_duration_ms": 10},
    });
    let (_, first) = decide(&mut local, "1", &body);
    assert_eq!(first["signals"], json!(["disposable_email", "short_session"]));
    local.command(RecordType::Engine, br#"{"version":2}"#).unwrap();
    assert_eq!(decide(&mut local, "2", &body).1, first);
}

#[test]
fn a_binary_without_the_engine_in_force_applies_nothing() {
    let mut engines = two_versions();
    engines.pop();
    let core = Core {
        genesis: Some(GenesisMark { offset: Offset(0), digest: Digest256([0; 32]) }),
        engine: 2,
        ..Core::default()
    };
    let home = Home { partition: Partition(0), partitions: 1, trust: Trust::Everyone };
    let mut shard = Shard::new(home.clone(), Engines::of(engines), core.clone());
    let record = data::assess("1", "{}");
    let planned = Planned::decode(Offset(9), Ms(NOON), &record, &home);
    let mut effects = Effects::default();
    assert_eq!(shard.step(&planned, &mut effects), Ok(Stepped::Stop(Stop::Engine(2))));
    assert_eq!((shard.core(), effects.outputs.len()), (&core, 0));
}
