//! What is refused at open.

use super::harness::{create, create_one, fresh};
use crate::base::position::Topic;
use crate::log::LogError;
use crate::log::kafka::{KafkaLog, Options};

fn told(options: &Options) -> String {
    KafkaLog::open(options.clone()).expect_err("it is refused").to_string()
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let Some(options) = fresh() else { return };
    assert_eq!(told(&options), format!("topic {}clausum.requests: it does not exist", options.prefix));
    for topic in [Topic::Requests, Topic::Decisions, Topic::Events] {
        create_one(&options, &options.topic(topic), 2, &[]);
    }
    assert_eq!(told(&options), format!("topic {}clausum.dead_letters: it does not exist", options.prefix));
    create_one(&options, &options.topic(Topic::DeadLetters), 3, &[]);
    let due = format!(
        "topic {0}clausum.dead_letters: it has 3 partitions, where {0}clausum.requests has 2",
        options.prefix
    );
    assert_eq!(told(&options), due);
}

#[test]
fn a_topic_with_times_of_its_senders_is_refused() {
    let Some(options) = fresh() else { return };
    create(&options, 1, &[("message.timestamp.type", "CreateTime")]);
    let due = format!(
        "topic {}clausum.requests: message.timestamp.type is CreateTime, and must be LogAppendTime",
        options.prefix
    );
    assert_eq!(told(&options), due);
}

#[test]
fn a_broker_that_is_not_there_is_told_in_time() {
    let options = Options { answer_ms: 300, ..Options::new("127.0.0.1:1".to_owned()) };
    assert!(matches!(KafkaLog::open(options), Err(LogError::Unreachable(_))));
}

#[test]
fn a_property_that_is_none_is_refused() {
    let mut options = Options::new("127.0.0.1:1".to_owned());
    options.properties.insert("linger.msec".to_owned(), "1".to_owned());
    assert!(told(&options).contains("linger.msec"), "{}", told(&options));
}
