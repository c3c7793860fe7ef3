//! `clausum topics` on a broker of its own.

use crate::broker::Broker;
use crate::server::{binary, wait_for};
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use serde_json::{Value, json};
use std::process::Command;

const KEY: &str = "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
const OTHER_KEY: &str = "AQcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
const NAMES: [&str; 7] =
    ["requests", "decisions", "events", "dead_letters", "replies", "queries", "directory"];

/// Exit code, standard output and standard error of `clausum topics`.
fn topics(bootstrap: &str, key: Option<&str>, arguments: &str) -> (Option<i32>, String, String) {
    let (command, flags) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let mut program = Command::new(binary());
    program.args(["topics", command, "--kafka", bootstrap]).args(flags.split_whitespace());
    program.env_remove("CLAUSUM__INSTALLATION__KEY").envs(key.map(|key| ("CLAUSUM__INSTALLATION__KEY", key)));
    let output = program.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn done(bootstrap: &str, key: Option<&str>, arguments: &str) -> Value {
    let (exit, out, err) = topics(bootstrap, key, &format!("{arguments} --json"));
    assert_eq!(exit, Some(0), "{arguments}: {out}{err}");
    serde_json::from_str(&out).unwrap()
}

/// The lines in which a command told what is wrong, without the program's name.
fn refused(bootstrap: &str, key: Option<&str>, arguments: &str, exit: i32) -> Vec<String> {
    let (code, out, err) = topics(bootstrap, key, arguments);
    assert_eq!((code, out.as_str()), (Some(exit), ""), "{arguments}: {err}");
    err.lines().map(|line| line.strip_prefix("clausum: ").expect(line).to_owned()).collect()
}

fn for_each(what: &str) -> Vec<String> {
    NAMES.map(|name| format!("clausum.{name}: {what}")).to_vec()
}

/// What a stranger with rights does to the topics.
struct Stranger {
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

impl Stranger {
    fn new(bootstrap: &str) -> Self {
        let admin = ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
        Self { admin, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() }
    }

    fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value));
        let made = self.admin.create_topics([&topic], &AdminOptions::new());
        self.runtime.block_on(made).unwrap().remove(0).unwrap();
    }

    fn delete(&self, name: &str) {
        let deleted = self.admin.delete_topics(&[name], &AdminOptions::new());
        self.runtime.block_on(deleted).unwrap().remove(0).unwrap();
    }

    fn trim(&self, topic: &str, partition: i32, to: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, rdkafka::Offset::Offset(to)).unwrap();
        self.runtime.block_on(self.admin.delete_records(&list, &AdminOptions::new())).unwrap();
    }
}

#[test]
fn topics_are_made_begun_and_checked_and_what_is_wrong_is_told_and_left_alone() {
    let Some(broker) = Broker::start() else { return };
    let (at, key) = (broker.bootstrap(), Some(KEY));
    let stranger = Stranger::new(at);
    let missing = for_each("does not exist");
    assert_eq!(refused(at, None, "check --single-node", 4), missing);
    let told = refused(at, None, "create --single-node", 3);
    assert!(told.len() == 1 && told[0].starts_with("installation.key: must be given"), "{told:?}");
    let fewer = for_each("it cannot be made: there are fewer brokers (1) than replicas (3)");
    assert_eq!(refused(at, key, "create", 3), fewer);

    // Somebody was there before, and made one otherwise.
    stranger.create("clausum.events", 5, &[("max.message.bytes", "1000"), ("retention.ms", "60000")]);
    let wrong = || {
        let told = refused(at, key, "create --single-node --partitions 3", 3);
        (told.len() == 4).then_some(told)
    };
    let due = [
        "it has 5 partitions, and 3 are asked for",
        "message.timestamp.type: is CreateTime, and must be LogAppendTime",
        "max.message.bytes: is 1000, and must be at least 4259840",
        "retention.ms: is 60000, and must be at least 2592000000, or -1",
    ];
    assert_eq!(wait_for(wrong), due.map(|what| format!("clausum.events: {what}")));
    let described = done(at, None, "describe");
    let there = described["topics"].as_array().unwrap().iter().filter(|topic| topic["exists"] == true);
    assert_eq!(
        there.map(|topic| &topic["topic"]).collect::<Vec<_>>(),
        ["clausum.events"],
        "nothing was made"
    );
    stranger.delete("clausum.events");
    wait_for(|| (refused(at, None, "check --single-node", 4) == missing).then_some(()));

    let made = done(at, key, "create --single-node --partitions 3");
    assert_eq!(made["made"], json!(NAMES.map(|name| format!("clausum.{name}"))));
    assert_eq!((&made["partitions"], &made["begun"], &made["kept"]), (&3.into(), &3.into(), &json!([])));
    let again = done(at, key, "create --single-node");
    assert_eq!((&again["made"], &again["begun"], &again["kept"]), (&json!([]), &0.into(), &made["made"]));
    let grown = refused(at, key, "create --single-node --partitions 4", 3);
    assert_eq!(grown, for_each("it has 3 partitions, and 4 are asked for"));

    for key in [key, None] {
        assert_eq!(done(at, key, "check --single-node"), json!({"valid": true}));
    }
    assert_eq!(refused(at, key, "check", 4).len(), 14, "replicas, and those in sync, of each");
    let theirs = ["clausum.requests: partitions 0-2 were begun under another installation key"];
    assert_eq!(refused(at, Some(OTHER_KEY), "create --single-node", 3), theirs);
    assert_eq!(refused(at, Some(OTHER_KEY), "check --single-node", 4), theirs);

    shown(at, &made, &stranger);
}

/// What `describe` shows of topics that were made.
fn shown(at: &str, made: &Value, stranger: &Stranger) {
    let described = done(at, Some(KEY), "describe --single-node --bounds");
    assert_eq!(described["faults"], json!([]));
    for partition in 0..3 {
        let genesis = &described["genesis"][partition];
        assert_eq!((&genesis["installation"], &genesis["own"]), (&made["installation"], &true.into()));
        let bounds = &described["bounds"][partition];
        assert_eq!(
            *bounds,
            json!({"topic": "clausum.requests", "partition": partition, "start": 0, "end": 1})
        );
    }
    assert_eq!(described["bounds"].as_array().unwrap().len(), 12);
    // Its beginning goes with its time, and takes nothing away that must be.
    stranger.trim("clausum.requests", 1, 1);
    let (_, out, _) = topics(at, Some(KEY), "describe --single-node");
    let installation = made["installation"].as_str().unwrap();
    let due =
        format!("genesis of 0, 2: installation {installation}, engine 1, 3 partitions, under the given key");
    assert!(out.contains(&due) && out.contains("genesis of 1: no longer kept"), "{out}");
    let row = out.lines().find(|line| line.contains("clausum.requests")).unwrap();
    let cells: Vec<_> = row.split_whitespace().skip(1).collect();
    assert_eq!(cells, ["3", "3", "1", "1", "1", "30d", "delete", "4259840", "LogAppendTime"]);
    assert_eq!(done(at, Some(KEY), "check --single-node"), json!({"valid": true}));
    assert_eq!(done(at, Some(KEY), "create --single-node")["begun"], 0);
}

#[test]
fn a_broker_that_is_not_there_is_told_with_what_was_tried() {
    let (exit, out, err) = topics("127.0.0.1:1", None, "check --json");
    assert_eq!((exit, err.as_str()), (Some(1), ""), "{out}");
    let told: Value = serde_json::from_str(&out).unwrap();
    let message = told["error"]["faults"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("127.0.0.1:1 within 10 s") && message.contains("Connection refused"),
        "{message}"
    );
}
