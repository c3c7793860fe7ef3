//! The topics of an installation on Kafka: made, begun with a genesis record in every partition of the requests,
//! shown, and checked.

use crate::base::clock::Clock;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::kafka::topics::{Cluster, Fault, Kind, MakeError, Role, Wish, make, spans};
use crate::log::kafka::{KafkaLog, Options, View};
use crate::log::{Bounds, Contents, LogError, Stored};
use crate::node::genesis::{self, Own};
use crate::node::installation::InstallationKey;
use crate::node::serve::Failure;
use crate::wire::internal::{self, Genesis};
use crate::wire::record::Content;
use crate::wire::signature::{Origin as Authorship, Trust};
use crate::worker::recover::{genesis_body, visit_start};
use std::collections::BTreeSet;
use std::time::Duration;

/// Partitions of topics that are made, and for which none were written.
const PARTITIONS: u16 = 12;

/// How long the genesis records may take.
const CLOSE: Duration = Duration::from_secs(10);

/// Why topics were not made, or are not as they were left.
#[derive(Debug)]
pub enum TopicsError {
    /// What there is, or the brokers, do not allow it; everything that stands against it.
    Refused(Vec<Fault>),
    /// Anything else.
    Failure(Failure),
}

impl From<Failure> for TopicsError {
    fn from(failure: Failure) -> Self {
        TopicsError::Failure(failure)
    }
}

impl From<LogError> for TopicsError {
    fn from(error: LogError) -> Self {
        TopicsError::Failure(of_log(&error))
    }
}

/// What is closed before anybody was asked is a property that was written.
fn of_log(error: &LogError) -> Failure {
    match error {
        LogError::Closed(why) => Failure::Input(why.clone()),
        LogError::WrongTopic { .. } => Failure::Input(error.to_string()),
        LogError::OutOfRange { .. }
        | LogError::NoPartition(_)
        | LogError::Locked(_)
        | LogError::OtherPartitions { .. }
        | LogError::Damaged { .. }
        | LogError::Io { .. }
        | LogError::Unreachable(_) => Failure::Failed(error.to_string()),
    }
}

/// How a partition of the requests begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It never had a record.
    Empty,
    /// Its beginning is no longer kept.
    Trimmed,
    /// With records of others, and no genesis among them.
    Foreign,
    /// With a genesis; whether it is one under the given key, if any was given.
    Begun(Genesis, Option<bool>),
}

/// The topics as they are.
#[derive(Debug)]
pub struct Described {
    /// Topics and brokers.
    pub cluster: Cluster,
    /// How each partition of the requests begins, in their order.
    pub origins: Vec<Origin>,
    /// Everything that is not as it must be.
    pub faults: Vec<Fault>,
}

/// What was made.
#[derive(Debug)]
pub struct Created {
    /// The topics that were missing, by their names.
    pub made: Vec<String>,
    /// Those that were there.
    pub kept: Vec<String>,
    /// Partitions of each.
    pub partitions: u16,
    /// Partitions that were given their genesis.
    pub begun: usize,
    /// The installation.
    pub installation: String,
}

/// Makes the topics that are missing and begins the log; what is right stays as it is.
///
/// # Errors
/// Something that is there is not as it must be or was begun under another key; then nothing was made. Or the
/// brokers refuse or do not answer.
pub fn create(
    options: &Options,
    wish: &Wish,
    key: &InstallationKey,
    clock: &dyn Clock,
) -> Result<Created, TopicsError> {
    let cluster = Cluster::look(options)?;
    let before = origins(options, &cluster, Some(key))?;
    let mut against = cluster.faults(wish);
    against.retain(|fault| fault.kind == Kind::Wrong);
    against.extend(strangeness(options, &before, &cluster));
    if !against.is_empty() {
        return Err(TopicsError::Refused(against));
    }
    let there = cluster.topics.iter().map(|topic| topic.partitions().len()).find(|count| *count > 0);
    let partitions = there.and_then(|count| u16::try_from(count).ok());
    let partitions = partitions.or(wish.partitions).unwrap_or(PARTITIONS);
    let made = make(options, &cluster, wish, partitions, clock).map_err(|error| match error {
        MakeError::Refused(faults) => TopicsError::Refused(faults),
        MakeError::Log(error) => error.into(),
    })?;
    let log = KafkaLog::open(options.clone())?;
    genesis::begin(&log, &Own { key, trust: &key.trust(&options.prefix), clock })?;
    log.close(CLOSE);
    let Described { origins: after, faults, .. } = describe(options, wish, Some(key))?;
    let faults: Vec<_> = faults.into_iter().filter(|fault| fault.kind != Kind::Brokers).collect();
    if !faults.is_empty() {
        // Somebody else was at it at the same time.
        return Err(TopicsError::Refused(faults));
    }
    let [before, after] = [before, after].map(|origins| origins.iter().filter_map(genesis_of).count());
    let named = |made_now: bool| {
        let topics = cluster.topics.iter().filter(|topic| made.contains(&topic.role) == made_now);
        topics.map(|topic| topic.name.clone()).collect()
    };
    Ok(Created {
        made: named(true),
        kept: named(false),
        partitions,
        begun: after.saturating_sub(before),
        installation: key.id(),
    })
}

/// Looks at topics, brokers and how the log begins, and judges them.
///
/// # Errors
/// No broker answers.
pub fn describe(
    options: &Options,
    wish: &Wish,
    key: Option<&InstallationKey>,
) -> Result<Described, TopicsError> {
    let cluster = Cluster::look(options)?;
    let origins = origins(options, &cluster, key)?;
    let mut faults = cluster.faults(wish);
    faults.extend(unbegun(options, &origins));
    faults.extend(strangeness(options, &origins, &cluster));
    Ok(Described { cluster, origins, faults })
}

/// What every partition of the log's topics holds.
///
/// # Errors
/// A partition does not answer.
pub fn bounds(options: &Options, cluster: &Cluster) -> Result<Vec<(TopicPartition, Bounds)>, TopicsError> {
    let view = View::new(options.clone())?;
    let mut all = Vec::new();
    for topic in Topic::ALL {
        let found = cluster.topic(Role::Log(topic)).map_or(&[][..], |found| found.partitions());
        for partition in found.iter().filter_map(|found| u16::try_from(found.number).ok()) {
            let of = TopicPartition::new(topic, Partition(partition));
            all.push((of, view.bounds(of)?));
        }
    }
    Ok(all)
}

/// How each partition of the requests begins; none if there is no such topic. One that nobody leads cannot be
/// asked, which is a fault of its own.
fn origins(
    options: &Options,
    cluster: &Cluster,
    key: Option<&InstallationKey>,
) -> Result<Vec<Origin>, TopicsError> {
    let requests = cluster.topic(Role::Log(Topic::Requests));
    let found = requests.map_or(&[][..], |found| found.partitions());
    if found.iter().any(|partition| partition.leader.is_none()) {
        return Ok(Vec::new());
    }
    let view = View::new(options.clone())?;
    let numbers = found.iter().filter_map(|found| u16::try_from(found.number).ok());
    let origins = numbers.map(|number| {
        origin(&view, Partition(number), key.map(|key| (key, key.trust(&options.prefix))).as_ref())
    });
    Ok(origins.collect::<Result<_, LogError>>()?)
}

fn origin(
    log: &dyn Contents,
    partition: Partition,
    key: Option<&(&InstallationKey, Trust)>,
) -> Result<Origin, LogError> {
    let of = TopicPartition::new(Topic::Requests, partition);
    let bounds = log.bounds(of)?;
    if bounds.end == Offset(0) {
        return Ok(Origin::Empty);
    }
    if bounds.start > Offset(0) {
        return Ok(Origin::Trimmed);
    }
    let own = key.map(|(key, trust)| (key.digest().to_string(), trust));
    let (mut ours, mut another) = (None, None);
    visit_start(log, of, &mut |record| {
        let genesis = genesis_body(record).and_then(|body| internal::read::<Genesis>(body).ok());
        let Some(genesis) = genesis else { return false };
        match &own {
            None => ours = Some(genesis),
            Some((digest, _)) if genesis.key_digest != *digest => {
                another.get_or_insert(genesis);
            }
            // Who has not the key can write one that looks like ours.
            Some((_, trust)) if is_signed(trust, of, record) => ours = Some(genesis),
            Some(_) => {}
        }
        ours.is_some()
    })?;
    let known = own.is_some();
    Ok(match (ours, another) {
        (Some(genesis), _) => Origin::Begun(genesis, known.then_some(true)),
        (None, Some(genesis)) => Origin::Begun(genesis, Some(false)),
        (None, None) => Origin::Foreign,
    })
}

fn is_signed(trust: &Trust, of: TopicPartition, record: &Stored) -> bool {
    Content::read(&record.content)
        .is_ok_and(|content| matches!(trust.origin(of, record.timestamp, &content), Authorship::Signed(_)))
}

const fn genesis_of(origin: &Origin) -> Option<&Genesis> {
    match origin {
        Origin::Begun(genesis, _) => Some(genesis),
        Origin::Empty | Origin::Trimmed | Origin::Foreign => None,
    }
}

fn content(options: &Options, what: String) -> Fault {
    let place = options.topic(Topic::Requests);
    Fault { kind: Kind::Content, place, setting: None, what }
}

/// Partitions without a genesis.
fn unbegun(options: &Options, origins: &[Origin]) -> impl Iterator<Item = Fault> {
    let states = [
        (Origin::Empty, "not begun: there is no genesis"),
        (Origin::Foreign, "begun by others: there are records, and no genesis near the start"),
    ];
    states.into_iter().filter_map(|(state, what)| {
        let which = of_origins(origins, |origin| *origin == state)?;
        Some(content(options, format!("{which} {what}")))
    })
}

/// What is in the log and no genesis of ours can be put beside.
fn strangeness(options: &Options, origins: &[Origin], cluster: &Cluster) -> Vec<Fault> {
    let mut told = Vec::new();
    let begun: Vec<_> = origins.iter().filter_map(genesis_of).collect();
    let installations: BTreeSet<_> = begun.iter().map(|genesis| &*genesis.installation).collect();
    if installations.len() > 1 {
        let names: Vec<_> = installations.into_iter().collect();
        told.push(format!("was begun by several installations: {}", names.join(", ")));
    }
    let count = cluster.topic(Role::Log(Topic::Requests)).map_or(0, |topic| topic.partitions().len());
    let fewer = begun.iter().find(|genesis| usize::from(genesis.partitions) != count);
    told.extend(fewer.map(|genesis| {
        format!("has {count} partitions, and was begun with {}, which is for life", genesis.partitions)
    }));
    let other = |origin: &Origin| matches!(origin, Origin::Begun(_, Some(false)));
    let other = of_origins(origins, other);
    told.extend(other.map(|which| format!("{which} begun under another installation key")));
    told.into_iter().map(|what| content(options, what)).collect()
}

/// Partitions of which something is true, as the beginning of a sentence.
fn of_origins(origins: &[Origin], is: impl Fn(&Origin) -> bool) -> Option<String> {
    let numbers = (0..).zip(origins).filter(|(_, origin)| is(origin)).map(|(number, _)| number);
    spans(numbers).map(|(spans, count)| match count {
        1 => format!("partition {spans} was"),
        _ => format!("partitions {spans} were"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::ManualClock;
    use crate::base::id::OrgId;
    use crate::base::limits;
    use crate::base::time::Ms;
    use crate::log::kafka::topics::{Found, PartitionSeen, TopicSeen};
    use crate::log::memory::{Handle, MemoryLog, Producer};
    use crate::node::installation;
    use crate::wire::envelope::{RecordType, product_record};
    use std::sync::Arc;

    const KEYS: [&str; 2] =
        ["AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=", "AQcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk="];

    fn key(number: usize) -> InstallationKey {
        installation::read(KEYS[number]).unwrap()
    }

    fn log() -> (MemoryLog, Handle) {
        let log = MemoryLog::auto_flush(2, Arc::new(ManualClock::new(Ms(1), 1)));
        let handle = log.handle(Producer(1));
        (log, handle)
    }

    fn at(log: &Handle, partition: u16) -> Origin {
        origin(log, Partition(partition), Some(&(&key(0), key(0).trust("")))).unwrap()
    }

    fn begin(log: &Handle, key: &InstallationKey) {
        let clock = ManualClock::new(Ms(1), 1);
        genesis::begin(log, &Own { key, trust: &key.trust(""), clock: &clock }).unwrap();
    }

    /// Records that are not ours to begin a log with.
    fn strangers(log: &Handle, partition: u16, count: usize) {
        let record = product_record(OrgId::INSTALLATION, RecordType::Assess, b"{}", "x").unwrap();
        let of = TopicPartition::new(Topic::Requests, Partition(partition));
        genesis::append(log, of, vec![record; count]).unwrap();
    }

    #[test]
    fn a_partition_begins_with_the_genesis_of_its_installation() {
        let (memory, log) = log();
        assert_eq!([at(&log, 0), at(&log, 1)], [Origin::Empty, Origin::Empty]);
        begin(&log, &key(0));
        let Origin::Begun(found, Some(true)) = at(&log, 1) else { panic!("{:?}", at(&log, 1)) };
        assert_eq!((&*found.installation, found.partitions), (&*key(0).id(), 2));
        strangers(&log, 0, 1);
        memory.trim(TopicPartition::new(Topic::Requests, Partition(0)), Offset(1));
        assert_eq!(at(&log, 0), Origin::Trimmed);
        let seen = origin(&log, Partition(1), Some(&(&key(1), key(1).trust("")))).unwrap();
        assert_eq!(seen, Origin::Begun(found, Some(false)));
    }

    #[test]
    fn who_was_faster_does_not_begin_a_log() {
        let (_memory, log) = log();
        strangers(&log, 0, limits::TURN_RECORDS - 2);
        // Whoever read a genesis once can write what looks like it.
        let (installation, topic) = (key(0).id(), Topic::Requests.name().to_owned());
        let key_digest = key(0).digest().to_string();
        let looks = Genesis { installation, topic, partitions: 2, key_digest, engine: 1 };
        let looks = internal::write(&looks);
        let looks = product_record(OrgId::INSTALLATION, RecordType::Genesis, &looks, "genesis-0").unwrap();
        genesis::append(&log, TopicPartition::new(Topic::Requests, Partition(0)), vec![looks]).unwrap();
        assert_eq!(at(&log, 0), Origin::Foreign);
        begin(&log, &key(0));
        assert!(matches!(at(&log, 0), Origin::Begun(_, Some(true))), "{:?}", at(&log, 0));
    }

    #[test]
    fn what_does_not_belong_in_the_log_is_told() {
        let options = Options::new("127.0.0.1:1".to_owned());
        let partition = |number| PartitionSeen { number, leader: Some(1), replicas: 1, in_sync: 1 };
        let found = Found::There { partitions: (0..4).map(partition).collect(), settings: [].into() };
        let role = Role::Log(Topic::Requests);
        let topic = TopicSeen { role, name: role.name().to_owned(), found };
        let cluster = Cluster { brokers: Vec::new(), topics: vec![topic] };
        let begun = |installation: &str, partitions, own| {
            let (installation, topic) = (installation.to_owned(), "clausum.requests".to_owned());
            let genesis = Genesis { installation, topic, partitions, key_digest: String::new(), engine: 1 };
            Origin::Begun(genesis, own)
        };
        let told = |origins: [Origin; 4]| {
            let faults = strangeness(&options, &origins, &cluster);
            faults.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let good = || begun("a", 4, Some(true));
        assert_eq!(told([good(), good(), Origin::Trimmed, Origin::Empty]), [""; 0]);
        assert_eq!(told([good(), begun("a", 4, None), good(), good()]), [""; 0]);
        let all = told([Origin::Foreign, good(), begun("b", 4, Some(false)), begun("a", 2, Some(false))]);
        let due = [
            "was begun by several installations: a, b",
            "has 4 partitions, and was begun with 2, which is for life",
            "partitions 2-3 were begun under another installation key",
        ];
        assert_eq!(all, due.map(|what| format!("clausum.requests: {what}")));
        let origins = [Origin::Empty, Origin::Foreign, Origin::Trimmed, good(), Origin::Empty];
        let all: Vec<_> = unbegun(&options, &origins).map(|fault| fault.to_string()).collect();
        let due = [
            "partitions 0, 4 were not begun: there is no genesis",
            "partition 1 was begun by others: there are records, and no genesis near the start",
        ];
        assert_eq!(all, due.map(|what| format!("clausum.requests: {what}")));
    }
}
