//! The log on Kafka as a server meets it: reached, begun by whoever made the topics, under the key that is given,
//! and the one that the states here were made from.

use crate::base::clock::Clock;
use crate::base::murmur2::partition_of;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::log::kafka::{KafkaLog, Options};
use crate::log::{Log, LogError};
use crate::node::AskError;
use crate::node::admin::{Trouble, found};
use crate::node::config::{Config, Kafka};
use crate::node::data::Data;
use crate::node::engine::ENGINES;
use crate::node::genesis::{self, Found};
use crate::node::installation::InstallationKey;
use crate::node::serve::{Failure, base_url};
use crate::node::standing::checkpoint;
use crate::shard::engine::VERSIONS;
use crate::wire::admin::{self, NewOrganization};
use crate::wire::bootstrap::Bootstrap;
use crate::wire::envelope::product_record;
use crate::wire::signature::Trust;

/// The installation key, which every worker is given.
pub(super) fn key(config: &Config) -> Result<InstallationKey, Failure> {
    config.installation_key.clone().ok_or_else(|| {
        let why = "installation.key must be given on Kafka, and be the same everywhere: make one with \
                   `openssl rand -base64 32`, and keep it like a password";
        Failure::Input(why.to_owned())
    })
}

/// Makes an organization by records of its own, whether a worker runs or not: when this returns they are durable,
/// and whatever is appended behind them meets the organization.
///
/// # Errors
/// What it is to be is wrong, in all its places; or the log is not reached, or not this installation's.
pub fn create_organization(
    config: &Config,
    clock: &dyn Clock,
    new: NewOrganization,
) -> Result<Bootstrap, AskError> {
    let ask = |failure: Failure| match failure {
        Failure::Input(message) => AskError::Refused(vec![admin::Fault {
            field: String::new(),
            code: "invalid".to_owned(),
            message,
        }]),
        Failure::Failed(why) => AskError::Failed(why),
    };
    let Some(kafka) = &config.kafka else {
        return Err(AskError::Failed("kafka.bootstrap is not given".to_owned()));
    };
    let base_url = config.base_url.clone().unwrap_or_else(|| base_url(config.listen, config.tls.is_some()));
    let key = key(config).map_err(ask)?;
    let founded = found(new, &key, clock, &base_url).map_err(|trouble| match trouble {
        Trouble::Refused(faults) => AskError::Refused(faults),
        Trouble::Failed(why) => AskError::Failed(why),
    })?;
    let (log, trust) = (open(kafka).map_err(ask)?, key.trust(&kafka.prefix));
    let home = partition_of(founded.id.to_string().as_bytes(), log.partitions());
    if genesis::found(&log, home, &key, &trust).map_err(ask)? == Found::Nothing {
        return Err(ask(without_genesis(home)));
    }
    let to = TopicPartition::new(Topic::Requests, home);
    let failed =
        |error: &dyn std::fmt::Display| AskError::Failed(format!("there is no organization: {error}"));
    let mut records = Vec::new();
    for (number, (kind, body)) in founded.records.iter().enumerate() {
        let record = product_record(founded.id, *kind, body, &format!("found-{}-{number}", founded.id));
        let record = record.and_then(|record| trust.sign(to, clock.now(), record));
        records.push(record.map_err(|error| failed(&error))?);
    }
    genesis::append(&log, to, records).map_err(|error| failed(&error))?;
    Ok(founded.bootstrap)
}

fn without_genesis(partition: Partition) -> Failure {
    let why = "has no genesis: `clausum topics create` writes it";
    Failure::Input(format!("partition {partition} of the requests topic {why}"))
}

/// Opens the log.
pub(super) fn open(kafka: &Kafka) -> Result<KafkaLog, Failure> {
    KafkaLog::open(options(kafka)).map_err(|error| match error {
        LogError::WrongTopic { .. } => Failure::Input(format!(
            "{error}; `clausum topics check` tells all that is wrong, and `clausum topics create` makes what is missing"
        )),
        // A property that the library does not take.
        LogError::Closed(why) => Failure::Input(format!("kafka: {why}")),
        LogError::Unreachable(_)
        | LogError::NoPartition(_)
        | LogError::OutOfRange { .. }
        | LogError::Locked(_)
        | LogError::OtherPartitions { .. }
        | LogError::Damaged { .. }
        | LogError::Io { .. } => Failure::Failed(format!("{}: {error}", kafka.bootstrap)),
    })
}

/// What the log is told of the configuration, and members of the group tell of themselves.
#[must_use]
pub fn options(kafka: &Kafka) -> Options {
    let Kafka { bootstrap, group, prefix, properties } = kafka.clone();
    let versions: Vec<_> = VERSIONS.iter().map(u32::to_string).collect();
    let says = format!("{ENGINES}{}", versions.join(","));
    // Installations that share a cluster share no group.
    let group = format!("{prefix}{group}");
    Options { group, says, prefix, properties, ..Options::new(bootstrap) }
}

/// Refuses a log that was not begun, or not under this key, and states of `data` that were made from another.
pub(super) fn check(
    log: &KafkaLog,
    key: &InstallationKey,
    trust: &Trust,
    data: &Data,
) -> Result<(), Failure> {
    for partition in (0..log.partitions()).map(Partition) {
        let found = genesis::found(log, partition, key, trust)?;
        if found == Found::Nothing {
            return Err(without_genesis(partition));
        }
        let (Found::Genesis(digest), Some(Ok(meta))) = (found, checkpoint(data, partition)?) else {
            continue;
        };
        if meta.core.genesis.is_some_and(|mark| mark.digest != digest) {
            let state = data.state(partition);
            let why =
                "is the state of another log: its genesis differs; give another data folder, or move it away";
            return Err(Failure::Input(format!("{} {why}", state.display())));
        }
    }
    Ok(())
}
