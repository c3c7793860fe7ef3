//! Asking a cluster what its topics are.

use super::{BROKERS, Role, Wish, rules, wait_for};
use crate::log::LogError;
use crate::log::kafka::{Options, not_made, say, settings};
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataPartition};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A cluster as it is seen at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// By their ids.
    pub brokers: Vec<BrokerSeen>,
    /// Those that were asked for, there or not.
    pub topics: Vec<TopicSeen>,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSeen {
    /// Its id in the cluster.
    pub id: i32,
    /// `HOST:PORT`, as it tells clients.
    pub address: String,
    /// Those of its settings that matter, by name; what it does not tell is not there.
    pub settings: BTreeMap<String, String>,
}

/// A topic that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSeen {
    /// Which it is.
    pub role: Role,
    /// Its name in the cluster.
    pub name: String,
    /// What there is of it.
    pub found: Found,
}

/// What there is of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Missing,
    /// Something that may not be seen; the reason.
    Hidden(String),
    /// The topic.
    There {
        /// By their numbers.
        partitions: Vec<PartitionSeen>,
        /// Those that matter, the topic's own and those it has from the brokers, by name; none that is not told.
        settings: BTreeMap<String, String>,
    },
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSeen {
    /// From 0.
    pub number: i32,
    /// The broker that leads it, if any does.
    pub leader: Option<i32>,
    /// Copies it has, wherever their brokers are.
    pub replicas: usize,
    /// Those that have all that was acknowledged.
    pub in_sync: usize,
}

impl Cluster {
    /// Looks at all topics and brokers.
    ///
    /// # Errors
    /// A property that may not be set or is none, or no broker answers, with what was tried.
    pub fn look(options: &Options) -> Result<Cluster, LogError> {
        settings::check(options)?;
        let consumer: BaseConsumer<Tries> =
            settings::asker(options).create_with_context(Tries::default()).map_err(not_made)?;
        let seen = look_at(&consumer, options, &Role::ALL).and_then(|mut cluster| {
            let admin = admin(options)?;
            for broker in &mut cluster.brokers {
                let asked = [ResourceSpecifier::Broker(broker.id)];
                let told = describe(&admin, &asked, options.answer())?;
                broker.settings = told.into_iter().next().unwrap_or_default();
                broker.settings.retain(|name, _| name == BROKERS.setting);
            }
            Ok(cluster)
        });
        seen.map_err(|error| match error {
            LogError::Unreachable(what) => {
                let (at, seconds) = (&options.bootstrap, options.answer().as_secs_f64());
                let why =
                    consumer.context().last(&consumer).map_or_else(String::new, |why| format!(": {why}"));
                LogError::Unreachable(format!("{at} within {seconds} s: {what}{why}"))
            }
            other => other,
        })
    }

    /// What there is of a topic.
    #[must_use]
    pub fn topic(&self, role: Role) -> Option<&TopicSeen> {
        self.topics.iter().find(|topic| topic.role == role)
    }
}

impl TopicSeen {
    /// Its partitions; none of one that is not there.
    #[must_use]
    pub fn partitions(&self) -> &[PartitionSeen] {
        match &self.found {
            Found::There { partitions, .. } => partitions,
            Found::Missing | Found::Hidden(_) => &[],
        }
    }
}

/// Looks at topics, and at brokers without their settings.
pub(in crate::log::kafka) fn look_at<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    options: &Options,
    roles: &[Role],
) -> Result<Cluster, LogError> {
    let mut cluster = Cluster { brokers: Vec::new(), topics: Vec::new() };
    for role in roles.iter().copied() {
        let name = options.named(role.name());
        let metadata = metadata_of(consumer, options, &name)?;
        cluster.brokers = brokers(&metadata);
        let found = found(&metadata, &name);
        cluster.topics.push(TopicSeen { role, name, found });
    }
    let mut there: Vec<_> = cluster.topics.iter_mut().collect();
    there.retain(|topic| matches!(topic.found, Found::There { .. }));
    if there.is_empty() {
        return Ok(cluster);
    }
    let asked: Vec<_> = there.iter().map(|topic| ResourceSpecifier::Topic(&topic.name)).collect();
    let told = describe(&admin(options)?, &asked, options.answer())?;
    for (topic, told) in there.into_iter().zip(told) {
        if let Found::There { settings, .. } = &mut topic.found {
            let rules = rules(topic.role, &Wish::least());
            *settings = told;
            settings.retain(|name, _| rules.iter().any(|rule| rule.setting == name));
        }
    }
    Ok(cluster)
}

/// The partitions of one topic, if it is there.
pub(in crate::log::kafka) fn partitions_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    options: &Options,
    name: &str,
) -> Result<Option<Vec<PartitionSeen>>, LogError> {
    let metadata = metadata_of(consumer, options, name)?;
    Ok(match found(&metadata, name) {
        Found::There { partitions, .. } => Some(partitions),
        Found::Missing | Found::Hidden(_) => None,
    })
}

fn metadata_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    options: &Options,
    name: &str,
) -> Result<Metadata, LogError> {
    let metadata = consumer.fetch_metadata(Some(name), options.answer());
    metadata.map_err(|error| LogError::Unreachable(format!("topic {name}: {error}")))
}

fn brokers(metadata: &Metadata) -> Vec<BrokerSeen> {
    let seen = metadata.brokers().iter().map(|broker| {
        let address = format!("{}:{}", broker.host(), broker.port());
        BrokerSeen { id: broker.id(), address, settings: BTreeMap::new() }
    });
    let mut brokers: Vec<_> = seen.collect();
    brokers.sort_unstable_by_key(|broker| broker.id);
    brokers
}

/// What an answer says of a topic, but for its settings.
fn found(metadata: &Metadata, name: &str) -> Found {
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        return Found::Missing;
    };
    match topic.error().map(RDKafkaErrorCode::from) {
        // That nobody leads it is told by the partitions.
        None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Found::Missing;
        }
        Some(code) => return Found::Hidden(code.to_string()),
    }
    let mut partitions: Vec<_> = topic.partitions().iter().map(partition).collect();
    partitions.sort_unstable_by_key(|partition| partition.number);
    Found::There { partitions, settings: BTreeMap::new() }
}

fn partition(of: &MetadataPartition) -> PartitionSeen {
    let leader = Some(of.leader()).filter(|leader| *leader >= 0);
    PartitionSeen { number: of.id(), leader, replicas: of.replicas().len(), in_sync: of.isr().len() }
}

pub(super) fn admin(options: &Options) -> Result<AdminClient<Tries>, LogError> {
    settings::asker(options).create_with_context(Tries::default()).map_err(not_made)
}

/// The settings of each of these, in their order; none of one whose settings may not be seen.
fn describe(
    admin: &AdminClient<Tries>,
    asked: &[ResourceSpecifier<'_>],
    limit: Duration,
) -> Result<Vec<BTreeMap<String, String>>, LogError> {
    let told = wait_for(admin.describe_configs(asked, &AdminOptions::new().request_timeout(Some(limit))));
    let told = told.map_err(|error| LogError::Unreachable(format!("settings: {error}")))?;
    let named = |resource: ConfigResource| {
        let entries = resource.entries.into_iter();
        entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
    };
    Ok(told.into_iter().map(|told| told.map(named).unwrap_or_default()).collect())
}

/// Keeps what the library last complained of: a question that nobody answered says only that time is up.
#[derive(Default)]
pub(super) struct Tries(Mutex<Option<String>>);

impl Tries {
    /// The last complaint. They wait in the client until somebody polls.
    fn last(&self, consumer: &BaseConsumer<Tries>) -> Option<String> {
        const WAITING: usize = 16;
        (0..WAITING).for_each(|_| drop(consumer.poll(Duration::ZERO)));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Tries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // That all brokers are down comes last and says least.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Tries {}
