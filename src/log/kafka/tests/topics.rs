//! Topics made and looked at on the real broker, which is a single one.

use super::harness::{admin, alter, create_one, fresh};
use crate::base::clock::SystemClock;
use crate::base::position::Topic;
use crate::log::Log;
use crate::log::kafka::topics::{Cluster, Fault, Found, Kind, MakeError, Role, Wish, make, wait_for};
use crate::log::kafka::{KafkaLog, Options};
use rdkafka::admin::AdminOptions;
use std::time::Duration;

const WISH: Wish = Wish { partitions: None, single_node: true, retention: Duration::from_hours(24 * 30) };

fn made(options: &Options, wish: &Wish, partitions: u16) -> Result<Vec<Role>, MakeError> {
    make(options, &Cluster::look(options).unwrap(), wish, partitions, &SystemClock)
}

fn faults(options: &Options, wish: &Wish) -> Vec<String> {
    Cluster::look(options).unwrap().faults(wish).iter().map(ToString::to_string).collect()
}

#[test]
fn what_was_made_is_right_and_is_not_made_again() {
    let Some(options) = fresh() else { return };
    assert_eq!(made(&options, &WISH, 3).unwrap(), Role::ALL);
    let seen = Cluster::look(&options).unwrap();
    assert_eq!(seen.faults(&WISH), []);
    assert_eq!(seen.brokers[0].settings["auto.create.topics.enable"], "false");
    let log = KafkaLog::open(options.clone()).unwrap();
    assert_eq!(log.partitions(), 3);
    assert_eq!(made(&options, &WISH, 3).unwrap(), []);
    // What is missing is made beside what is there.
    let directory = options.named("clausum.directory");
    wait_for(admin(&options).delete_topics(&[&directory], &AdminOptions::new())).unwrap();
    while Cluster::look(&options).unwrap().topic(Role::Directory).unwrap().found != Found::Missing {}
    assert_eq!(faults(&options, &WISH), [format!("{directory}: does not exist")]);
    assert_eq!(made(&options, &WISH, 3).unwrap(), [Role::Directory]);
    assert_eq!(faults(&options, &WISH), [""; 0]);
}

#[test]
fn what_somebody_changed_is_told_setting_by_setting() {
    let Some(options) = fresh() else { return };
    made(&options, &WISH, 2).unwrap();
    let [events, replies] = ["clausum.events", "clausum.replies"].map(|name| options.named(name));
    // Taken away are all others: what the brokers have holds in their place.
    alter(&options, &events, &[("retention.ms", "60000"), ("message.timestamp.type", "LogAppendTime")]);
    alter(&options, &replies, &[("cleanup.policy", "compact"), ("max.message.bytes", "4259840")]);
    let told = [
        format!("{events}: max.message.bytes is 1048588, and must be at least 4259840"),
        format!("{events}: retention.ms is 60000, and must be at least 2592000000, or -1"),
        format!("{replies}: message.timestamp.type is CreateTime, and must be LogAppendTime"),
        format!("{replies}: cleanup.policy is compact, and must be delete"),
        format!("{replies}: retention.ms is 604800000, and must be from 60000 to 3600000"),
        format!("{replies}: segment.ms is 604800000, and must be from 1000 to 3600000"),
    ];
    assert_eq!(faults(&options, &WISH), told);
}

#[test]
fn where_one_topic_cannot_be_made_none_is() {
    let Some(options) = fresh() else { return };
    let three = Wish { single_node: false, ..WISH };
    let refused = made(&options, &three, 2).unwrap_err();
    let told = |role: Role| {
        let what = "it cannot be made: there are fewer brokers (1) than replicas (3)".to_owned();
        Fault { kind: Kind::Wrong, place: options.named(role.name()), setting: None, what }
    };
    assert_eq!(refused, MakeError::Refused(Role::ALL.map(told).to_vec()));
    let seen = Cluster::look(&options).unwrap();
    assert!(seen.topics.iter().all(|topic| topic.found == Found::Missing));
}

#[test]
fn the_log_is_not_opened_on_a_topic_that_loses_records() {
    let Some(options) = fresh() else { return };
    for topic in Topic::ALL {
        create_one(&options, &options.topic(topic), 1, &[("cleanup.policy", "compact")]);
    }
    let told = KafkaLog::open(options.clone()).unwrap_err().to_string();
    let requests = options.topic(Topic::Requests);
    assert_eq!(told, format!("topic {requests}: cleanup.policy is compact, and must be delete"));
}

#[test]
fn a_cluster_that_does_not_answer_is_told_with_what_was_tried() {
    let options = Options { answer_ms: 500, ..Options::new("127.0.0.1:1".to_owned()) };
    let told = Cluster::look(&options).unwrap_err().to_string();
    assert!(told.starts_with("the log does not answer: 127.0.0.1:1 within 0.5 s: "), "{told}");
    assert!(told.contains("Connection refused"), "{told}");
}
