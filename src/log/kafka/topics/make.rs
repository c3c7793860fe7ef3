//! Making the topics that are not there.

use super::seen::admin;
use super::{Cluster, Due, Fault, Found, Kind, Role, TopicSeen, Wish, partitions_of, rules, wait_for};
use crate::base::clock::Clock;
use crate::base::signal::Signal;
use crate::log::LogError;
use crate::log::kafka::{Asker, Options};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::Duration;

/// How long the brokers may take to make the topics, and then to lead them.
const LIMIT: Duration = Duration::from_secs(60);
/// Time between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// Why topics were not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MakeError {
    /// The brokers refused some, each with the reason. Where that came out when they were asked, none was made.
    Refused(Vec<Fault>),
    /// The log did not answer.
    Log(LogError),
}

impl From<LogError> for MakeError {
    fn from(error: LogError) -> Self {
        MakeError::Log(error)
    }
}

/// Makes those of the topics that are missing in `cluster`, `partitions` in each, and waits until every partition
/// of all topics is led and answers. Which were made.
///
/// # Errors
/// The brokers refuse a topic, or do not lead all in time.
pub fn make(
    options: &Options,
    cluster: &Cluster,
    wish: &Wish,
    partitions: u16,
    clock: &dyn Clock,
) -> Result<Vec<Role>, MakeError> {
    let missing: Vec<_> = cluster.topics.iter().filter(|topic| topic.found == Found::Missing).collect();
    if !missing.is_empty() {
        // Asked first whether all of it could be done: what one refuses, the others need not be made for.
        for only_ask in [true, false] {
            let refused = create(options, &missing, wish, partitions, only_ask)?;
            let faults: Vec<_> = refused
                .into_iter()
                .filter_map(|refused| fault(refused, wish, cluster.brokers.len()))
                .collect();
            if !faults.is_empty() {
                return Err(MakeError::Refused(faults));
            }
        }
    }
    wait_until_led(options, partitions, clock)?;
    Ok(missing.into_iter().map(|topic| topic.role).collect())
}

/// Which of them the brokers refused.
fn create(
    options: &Options,
    missing: &[&TopicSeen],
    wish: &Wish,
    partitions: u16,
    only_ask: bool,
) -> Result<Vec<(String, RDKafkaErrorCode)>, LogError> {
    let settings: Vec<Vec<_>> = missing
        .iter()
        .map(|topic| {
            rules(topic.role, wish).into_iter().map(|rule| (rule.setting, rule.due.made())).collect()
        })
        .collect();
    let replicas = i32::try_from(wish.replicas()).unwrap_or(i32::MAX);
    let topics: Vec<_> = missing
        .iter()
        .zip(&settings)
        .map(|(topic, settings)| {
            let new = NewTopic::new(&topic.name, i32::from(partitions), TopicReplication::Fixed(replicas));
            settings.iter().fold(new, |new, (name, value)| new.set(name, value))
        })
        .collect();
    let limits = AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT));
    let told = wait_for(admin(options)?.create_topics(&topics, &limits.validate_only(only_ask)));
    let told = told.map_err(|error| LogError::Unreachable(format!("topics cannot be made: {error}")))?;
    Ok(told.into_iter().filter_map(Result::err).collect())
}

/// What a broker said no to. A topic that is there by now is what was wanted: somebody else makes them as well.
fn fault((place, code): (String, RDKafkaErrorCode), wish: &Wish, brokers: usize) -> Option<Fault> {
    if code == RDKafkaErrorCode::TopicAlreadyExists {
        return None;
    }
    let what = if code == RDKafkaErrorCode::InvalidReplicationFactor {
        let replicas = wish.replicas();
        format!("it cannot be made: there are fewer brokers ({brokers}) than replicas ({replicas})")
    } else {
        format!("it cannot be made: {code}")
    };
    Some(Fault { kind: Kind::Wrong, place, setting: None, what })
}

impl Due {
    /// What a topic is made with.
    pub(super) fn made(self) -> String {
        match self {
            Due::Is(value) => value.to_owned(),
            Due::AtLeast(value) | Due::Keeps(value) | Due::Within(_, _, value) => value.to_string(),
        }
    }
}

/// The broker that made the topics answers before the others know of them, and before those that lead them do.
fn wait_until_led(options: &Options, partitions: u16, clock: &dyn Clock) -> Result<(), LogError> {
    let asker = Asker::new(&Arc::new(options.clone()))?;
    let (never, end) = (Signal::default(), clock.elapsed() + LIMIT);
    for role in Role::ALL {
        let name = options.named(role.name());
        while let Err(why) = is_led(&asker, options, &name, partitions) {
            if clock.elapsed() >= end {
                return Err(LogError::Unreachable(format!("topic {name}: {why}")));
            }
            never.wait(EVERY);
        }
    }
    Ok(())
}

/// Whether every partition of a topic has a leader that answers.
fn is_led(asker: &Asker, options: &Options, name: &str, partitions: u16) -> Result<(), String> {
    let found = partitions_of(asker, name).map_err(|error| error.to_string())?;
    let found = found.ok_or("it does not exist")?;
    let led = found.iter().filter(|partition| partition.leader.is_some()).count();
    if led != usize::from(partitions) {
        return Err(format!("{led} of {partitions} partitions are led"));
    }
    for partition in 0..i32::from(partitions) {
        let marks = asker.consumer.fetch_watermarks(name, partition, options.answer());
        marks.map_err(|error| format!("partition {partition}: {error}"))?;
    }
    Ok(())
}
