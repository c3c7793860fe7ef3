//! Asking a cluster what its topics are.

use super::{BROKERS, Role, Wish, rules, wait_for};
use crate::log::LogError;
use crate::log::kafka::hearing::Hearing;
use crate::log::kafka::{Asker, Options, not_made, settings};
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::{Metadata, MetadataPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
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
        let asker = Asker::new(&Arc::new(options.clone()))?;
        let seen = look_at(&asker, options, &Role::ALL).and_then(|mut cluster| {
            let admin = admin(options)?;
            for broker in &mut cluster.brokers {
                let asked = [ResourceSpecifier::Broker(broker.id)];
                // One that is about to be missed tells nothing, and the others are told of all the same.
                let told = describe(&admin, &asked, options.answer()).unwrap_or_default();
                broker.settings = told.into_iter().next().unwrap_or_default();
                broker.settings.retain(|name, _| name == BROKERS.setting);
            }
            Ok(cluster)
        });
        seen.map_err(|error| {
            let LogError::Unreachable(what) = error else { return error };
            let (at, seconds) = (&options.bootstrap, options.answer().as_secs_f64());
            LogError::Unreachable(format!("{at} within {seconds} s: {what}"))
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
pub(in crate::log::kafka) fn look_at(
    asker: &Asker,
    options: &Options,
    roles: &[Role],
) -> Result<Cluster, LogError> {
    let mut cluster = Cluster { brokers: Vec::new(), topics: Vec::new() };
    for role in roles.iter().copied() {
        let name = options.named(role.name());
        let metadata = asker.metadata(&name)?;
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
pub(in crate::log::kafka) fn partitions_of(
    asker: &Asker,
    name: &str,
) -> Result<Option<Vec<PartitionSeen>>, LogError> {
    let metadata = asker.metadata(name)?;
    Ok(match found(&metadata, name) {
        Found::There { partitions, .. } => Some(partitions),
        Found::Missing | Found::Hidden(_) => None,
    })
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

pub(super) fn admin(options: &Options) -> Result<AdminClient<Hearing>, LogError> {
    settings::asker(options).create_with_context(Hearing::default()).map_err(not_made)
}

/// The settings of each of these, in their order; none of one whose settings may not be seen.
fn describe(
    admin: &AdminClient<Hearing>,
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
