//! Engine versions of an installation on Kafka: who runs which, and putting one in force. A worker that meets a
//! version it cannot run leaves, so every one that is in the group is asked first.

use crate::base::clock::Clock;
use crate::base::id::OrgId;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::log::Log;
use crate::log::kafka::{MemberSeen, members};
use crate::node::config::{Config, Kafka};
use crate::node::serve::Failure;
use crate::node::{genesis, kafka};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, EngineChange};

/// What a member says before the versions it runs.
pub(super) const ENGINES: &str = "engines=";

/// A worker, and the versions it runs; none where it does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerSeen {
    /// Its machine, as the brokers see it.
    pub host: String,
    /// The partitions it has.
    pub partitions: Vec<Partition>,
    /// The engine versions it runs.
    pub engines: Vec<u32>,
}

impl From<MemberSeen> for WorkerSeen {
    fn from(member: MemberSeen) -> Self {
        let versions = member.says.strip_prefix(ENGINES).unwrap_or_default().split(',');
        let engines = versions.filter_map(|version| version.parse().ok()).collect();
        Self { host: member.host, partitions: member.partitions, engines }
    }
}

/// Every worker of the group.
///
/// # Errors
/// A property that may not be set or is none, or no broker answers.
pub fn workers(of: &Kafka) -> Result<Vec<WorkerSeen>, Failure> {
    let seen = members(&kafka::options(of)).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(seen.into_iter().map(WorkerSeen::from).collect())
}

/// Why a version was not put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotActivated {
    /// These workers cannot run it, and would leave.
    Unable(Vec<WorkerSeen>),
    /// Nobody is there to be asked.
    Nobody,
    /// Anything else.
    Failure(Failure),
}

impl From<Failure> for NotActivated {
    fn from(failure: Failure) -> Self {
        NotActivated::Failure(failure)
    }
}

/// Puts a version in force in every partition; how many those are. What is behind its record in a partition is
/// decided by that version.
///
/// # Errors
/// A worker cannot run it, nobody is there, or the log is not reached or not this installation's. Then it may be in
/// force in some partitions only where appending failed: it can be asked for again.
pub fn activate(config: &Config, version: u32, clock: &dyn Clock) -> Result<u16, NotActivated> {
    let Some(of) = &config.kafka else {
        return Err(Failure::Failed("kafka.bootstrap is not given".to_owned()).into());
    };
    let key = kafka::key(config)?;
    let workers = workers(of)?;
    if workers.is_empty() {
        return Err(NotActivated::Nobody);
    }
    let unable: Vec<_> = workers.into_iter().filter(|worker| !worker.engines.contains(&version)).collect();
    if !unable.is_empty() {
        return Err(NotActivated::Unable(unable));
    }
    let (log, trust) = (kafka::open(of)?, key.trust(&of.prefix));
    let body = internal::write(&EngineChange { version });
    for partition in (0..log.partitions()).map(Partition) {
        genesis::found(&log, partition, &key, &trust)?;
        let to = TopicPartition::new(Topic::Requests, partition);
        let failed =
            |error: &dyn std::fmt::Display| Failure::Failed(format!("partition {partition}: {error}"));
        let id = format!("engine-{version}-{partition}-{}", clock.now().0);
        let record = product_record(OrgId::INSTALLATION, RecordType::Engine, &body, &id);
        let record = record.and_then(|record| trust.sign(to, clock.now(), record));
        let record = record.map_err(|error| failed(&error))?;
        genesis::append(&log, to, vec![record]).map_err(|error| failed(&error))?;
    }
    Ok(log.partitions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_runs_what_it_says_and_a_stranger_says_nothing() {
        let member = |says: &str| {
            let member = MemberSeen { host: "h".to_owned(), says: says.to_owned(), partitions: vec![] };
            WorkerSeen::from(member).engines
        };
        assert_eq!(member("engines=1,2"), [1, 2]);
        assert_eq!(member(""), [0; 0]);
        assert_eq!(member("1,2"), [0; 0]);
    }
}
