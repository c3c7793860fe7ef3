//! `clausum topics`: the topics of an installation on Kafka.

use crate::base::clock::SystemClock;
use crate::base::limits;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit, Said};
use crate::cli::serve::of_kafka;
use crate::cli::shell::Shell;
use crate::log::kafka::Options;
use crate::log::kafka::topics::{Cluster, Fault, Found, PartitionSeen, TopicSeen, Wish, spans};
use crate::node::kafka;
use crate::node::topics::{Created, Described, Origin, TopicsError, bounds, create, describe};
use crate::node::{Config, Failure, Flag};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make those that are missing, and begin the log in every partition; what is right stays as it is
    Create(Arguments),
    /// Show them, their settings, and which installation's log is on them
    Describe(Describe),
    /// Tell every setting of topics and brokers that is not as it must be
    Check(Arguments),
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Brokers to begin with, with commas between, unless configured
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Partitions of each topic, for life; as many as there are, else 12, unless configured
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::PARTITIONS)))]
    partitions: Option<u16>,
    /// One replica is enough, where three are needed of which two are in sync
    #[arg(long)]
    single_node: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Describe {
    #[command(flatten)]
    of: Arguments,
    /// Show what each partition holds
    #[arg(long)]
    bounds: bool,
}

/// What every command asks with.
struct Asked {
    config: Config,
    options: Options,
    wish: Wish,
}

impl Arguments {
    fn asked(&self, place: &Place) -> Result<Asked, Ending> {
        let partitions = self.partitions.map(|count| count.to_string());
        let partitions = partitions.map(|value| Flag { name: "--partitions", key: "partitions", value });
        let flags = partitions.into_iter().chain(of_kafka(self.kafka.as_ref()));
        let config = place.resolve(flags).map_err(Ending::configuration)?.config;
        let (partitions, retention) = (config.partitions, config.log_retention);
        let wish = Wish { partitions, single_node: self.single_node, retention };
        let Some(kafka) = &config.kafka else {
            return Err(Ending::usage(&"--kafka HOST:PORT is missing: where are the brokers?"));
        };
        Ok(Asked { options: kafka::options(kafka), config, wish })
    }
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    match command {
        Command::Create(arguments) => make(arguments, place, shell),
        Command::Describe(Describe { of, bounds }) => {
            let Asked { config, options, wish } = of.asked(place)?;
            let described = describe(&options, &wish, config.installation_key.as_ref()).map_err(ending)?;
            if of.json {
                let mut shown = to_json(&described);
                if let (true, Some(members)) = (*bounds, shown.as_object_mut()) {
                    members.insert("bounds".to_owned(), bounds_json(&options, &described.cluster)?);
                }
                shell.json(&shown)?;
                return Ok(Exit::Done);
            }
            show(&described, shell)?;
            if *bounds {
                show_bounds(&options, &described.cluster, shell)?;
            }
            Ok(Exit::Done)
        }
        Command::Check(arguments) => {
            let Asked { config, options, wish } = arguments.asked(place)?;
            let described = describe(&options, &wish, config.installation_key.as_ref()).map_err(ending)?;
            if !described.faults.is_empty() {
                let said = described.faults.into_iter().map(said).collect();
                return Err(Ending::Told(Exit::Checks, said));
            }
            if arguments.json {
                shell.json(&json!({"valid": true}))?;
            } else {
                shell.line(&format!("{} topics are as they must be", described.cluster.topics.len()))?;
                genesis(&described.origins, shell)?;
            }
            Ok(Exit::Done)
        }
    }
}

fn make(arguments: &Arguments, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let Asked { config, options, wish } = arguments.asked(place)?;
    let Some(key) = config.installation_key else {
        let message = "must be given on Kafka, the same to every worker and gateway: \
                       CLAUSUM__INSTALLATION__KEY, made by `openssl rand -base64 32`";
        let field = Some("installation.key".to_owned());
        return Err(Ending::Told(
            Exit::Input,
            vec![Said { field, message: message.to_owned(), ..Said::default() }],
        ));
    };
    let created = create(&options, &wish, &key, &SystemClock).map_err(ending)?;
    let Created { made, kept, partitions, begun, installation } = created;
    if arguments.json {
        shell.json(&json!({"made": made, "kept": kept, "partitions": partitions, "begun": begun,
            "installation": installation}))?;
        return Ok(Exit::Done);
    }
    for (names, what) in [(made, "made"), (kept, "was there")] {
        names.iter().try_for_each(|name| shell.line(&format!("{name}: {what}, {partitions} partitions")))?;
    }
    shell.line(&format!("installation {installation}: {begun} partitions begun"))?;
    Ok(Exit::Done)
}

fn ending(error: TopicsError) -> Ending {
    match error {
        TopicsError::Refused(faults) => Ending::Told(Exit::Input, faults.into_iter().map(said).collect()),
        TopicsError::Failure(failure @ Failure::Input(_)) => Ending::input(&failure),
        TopicsError::Failure(failure @ Failure::Failed(_)) => Ending::failed(&failure),
    }
}

fn said(fault: Fault) -> Said {
    let field = fault.setting.map(str::to_owned);
    Said { place: Some(fault.place), field, code: None, message: fault.what }
}

const HEAD: [&str; 10] = [
    "topic",
    "partitions",
    "led",
    "replicas",
    "in sync",
    "min in sync",
    "kept",
    "cleanup",
    "max bytes",
    "times",
];

fn show(described: &Described, shell: &mut Shell) -> Result<(), Ending> {
    let Described { cluster, origins, faults } = described;
    let brokers = cluster.brokers.iter().map(|broker| format!("{} ({})", broker.id, broker.address));
    shell.line(&format!("brokers: {}", brokers.collect::<Vec<_>>().join(", ")))?;
    shell.table(&HEAD, &cluster.topics.iter().map(row).collect::<Vec<_>>())?;
    genesis(origins, shell)?;
    if !faults.is_empty() {
        let count = faults.len();
        shell.line(&format!("not as it must be: {count}, which `clausum topics check` tells"))?;
    }
    Ok(())
}

fn row(topic: &TopicSeen) -> Vec<String> {
    let (partitions, settings) = match &topic.found {
        Found::There { partitions, settings } => (partitions, settings),
        Found::Missing => return vec![topic.name.clone(), "missing".to_owned()],
        Found::Hidden(why) => return vec![topic.name.clone(), why.clone()],
    };
    let least = |of: fn(&PartitionSeen) -> usize| partitions.iter().map(of).min().unwrap_or_default();
    let led = partitions.iter().filter(|partition| partition.leader.is_some()).count();
    let (replicas, in_sync) = (least(|one| one.replicas), least(|one| one.in_sync));
    let setting = |name: &str| settings.get(name).map_or("-", |value| value);
    let kept = setting("retention.ms").parse().map_or_else(|_| "-".to_owned(), lasting);
    let numbers = [partitions.len(), led, replicas, in_sync].map(|number| number.to_string());
    let rest = [setting("cleanup.policy"), setting("max.message.bytes"), setting("message.timestamp.type")];
    std::iter::once(topic.name.clone())
        .chain(numbers)
        .chain([setting("min.insync.replicas").to_owned(), kept])
        .chain(rest.map(str::to_owned))
        .collect()
}

/// Milliseconds as they are written by hand, if that is exact.
fn lasting(ms: i64) -> String {
    if ms < 0 {
        return "for ever".to_owned();
    }
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit, _)| ms > 0 && ms % unit == 0);
    unit.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// A line for all partitions that begin alike.
fn genesis(origins: &[Origin], shell: &mut Shell) -> Result<(), Ending> {
    let mut alike: Vec<(&Origin, Vec<i32>)> = Vec::new();
    for (number, origin) in (0..).zip(origins) {
        match alike.iter_mut().find(|(other, _)| *other == origin) {
            Some((_, numbers)) => numbers.push(number),
            None => alike.push((origin, vec![number])),
        }
    }
    for (origin, numbers) in alike {
        let which = spans(numbers).map_or_else(String::new, |(spans, _)| spans);
        shell.line(&format!("genesis of {which}: {}", told(origin)))?;
    }
    Ok(())
}

fn told(origin: &Origin) -> String {
    let (genesis, own) = match origin {
        Origin::Empty => return "none, it was not begun".to_owned(),
        Origin::Trimmed => return "no longer kept".to_owned(),
        Origin::Foreign => return "none, there are records of others".to_owned(),
        Origin::Begun(genesis, own) => (genesis, own),
    };
    let own = match own {
        Some(true) => "under the given key",
        Some(false) => "under another key than the given one",
        None => "no key was given to compare",
    };
    let (installation, engine) = (&genesis.installation, genesis.engine);
    format!("installation {installation}, engine {engine}, {} partitions, {own}", genesis.partitions)
}

fn show_bounds(options: &Options, cluster: &Cluster, shell: &mut Shell) -> Result<(), Ending> {
    let rows: Vec<_> = bounds(options, cluster)
        .map_err(ending)?
        .into_iter()
        .map(|(of, bounds)| {
            vec![options.named(&of.to_string()), bounds.start.to_string(), bounds.end.to_string()]
        })
        .collect();
    Ok(shell.table(&["partition", "start", "end"], &rows)?)
}

fn bounds_json(options: &Options, cluster: &Cluster) -> Result<Value, Ending> {
    let all = bounds(options, cluster).map_err(ending)?.into_iter().map(|(of, bounds)| {
        json!({"topic": options.topic(of.topic), "partition": of.partition.0, "start": bounds.start.0,
            "end": bounds.end.0})
    });
    Ok(all.collect())
}

fn to_json(described: &Described) -> Value {
    let Described { cluster, origins, faults } = described;
    let brokers = cluster.brokers.iter();
    let brokers: Vec<_> = brokers
        .map(|broker| json!({"id": broker.id, "address": broker.address, "settings": broker.settings}))
        .collect();
    let topics: Vec<_> = cluster.topics.iter().map(topic_json).collect();
    let origins: Vec<_> = (0..).zip(origins).map(|(number, origin)| origin_json(number, origin)).collect();
    let faults: Vec<_> = faults.iter().cloned().map(said).collect();
    json!({"brokers": brokers, "topics": topics, "genesis": origins, "faults": faults})
}

fn topic_json(topic: &TopicSeen) -> Value {
    let name = &topic.name;
    match &topic.found {
        Found::Missing => json!({"topic": name, "exists": false}),
        Found::Hidden(why) => json!({"topic": name, "exists": null, "why": why}),
        Found::There { partitions, settings } => {
            let partitions = partitions.iter().map(|one| {
                json!({"partition": one.number, "leader": one.leader, "replicas": one.replicas,
                    "in_sync": one.in_sync})
            });
            let partitions: Vec<_> = partitions.collect();
            json!({"topic": name, "exists": true, "partitions": partitions, "settings": settings})
        }
    }
}

fn origin_json(partition: u16, origin: &Origin) -> Value {
    let state = match origin {
        Origin::Empty => "empty",
        Origin::Trimmed => "trimmed",
        Origin::Foreign => "foreign",
        Origin::Begun(genesis, own) => {
            return json!({"partition": partition, "state": "begun", "installation": genesis.installation,
                "partitions": genesis.partitions, "engine": genesis.engine, "own": own});
        }
    };
    json!({"partition": partition, "state": state})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::run_line;
    use crate::log::kafka::topics::Role;
    use crate::wire::internal::Genesis;

    #[test]
    fn what_people_type_is_understood_or_refused() {
        let reads = |line: &str| {
            let words = std::iter::once("clausum").chain(line.split(' ')).map(std::ffi::OsString::from);
            crate::cli::parse(&words.collect::<Vec<_>>()).is_ok()
        };
        for line in [
            "topics create --kafka a:9092,b:9092 --partitions 24",
            "topics describe --kafka a:9092 --bounds --single-node --json",
            "topics check --kafka a:9092 --single-node --json",
        ] {
            assert!(reads(line), "{line}");
        }
        for line in [
            "topics",
            "topics delete --kafka a:9092",
            "topics create --kafka a:9092 --partitions 0",
            "topics check --kafka a:9092 --partitions 1025",
        ] {
            assert!(!reads(line), "{line}");
        }
    }

    #[test]
    fn without_a_key_nobody_is_asked_for_topics() {
        let (exit, out, err) =
            run_line(&["topics", "create", "--kafka", "127.0.0.1:1", "--config", "/dev/null"]);
        assert_eq!((exit, out.as_str()), (3, ""));
        assert!(err.starts_with("clausum: installation.key: must be given on Kafka"), "{err}");
        assert!(err.contains("openssl rand -base64 32"), "{err}");
    }

    #[test]
    fn a_row_shows_the_worst_partition() {
        let partition = |number, leader, in_sync| PartitionSeen { number, leader, replicas: 3, in_sync };
        let settings = [("retention.ms", "2592000000"), ("cleanup.policy", "delete")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let partitions = vec![partition(0, Some(1), 3), partition(1, None, 1)];
        let found = Found::There { partitions, settings };
        let topic = TopicSeen { role: Role::Replies, name: "clausum.replies".to_owned(), found };
        assert_eq!(row(&topic), ["clausum.replies", "2", "1", "3", "1", "-", "30d", "delete", "-", "-"]);
        assert_eq!(row(&topic).len(), HEAD.len());
        let missing = TopicSeen { found: Found::Missing, ..topic };
        assert_eq!(row(&missing), ["clausum.replies", "missing"]);
    }

    #[test]
    fn lengths_are_shown_as_they_are_written() {
        for (ms, text) in [(-1, "for ever"), (0, "0ms"), (1_500, "1500ms"), (90_000, "90s"), (600_000, "10m")]
        {
            assert_eq!(lasting(ms), text);
        }
    }

    #[test]
    fn partitions_that_begin_alike_share_a_line() {
        let genesis = |key_digest: &str| Genesis {
            installation: "i".to_owned(),
            topic: "clausum.requests".to_owned(),
            partitions: 4,
            key_digest: key_digest.to_owned(),
            engine: 1,
        };
        let own = || Origin::Begun(genesis("a"), Some(true));
        let printed = crate::cli::tests::Printed::default();
        let mut shell = Shell::of(Box::new(printed.clone()), Box::new(std::io::sink()));
        let origins = [own(), own(), Origin::Empty, Origin::Begun(genesis("b"), Some(false))];
        super::genesis(&origins, &mut shell).unwrap();
        let due = "genesis of 0-1: installation i, engine 1, 4 partitions, under the given key\n\
                   genesis of 2: none, it was not begun\n\
                   genesis of 3: installation i, engine 1, 4 partitions, under another key than the given one\n";
        assert_eq!(printed.text(), due);
    }
}
