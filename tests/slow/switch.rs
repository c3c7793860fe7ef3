//! The way onto Kafka that README tells, run as it stands there, and the switch in Java under what failovers leave
//! behind. What comes out is compared with `docs/asyncapi.yaml`.

use crate::asyncapi::Document;
use crate::broker::Broker;
use crate::server::binary;
use clausum::base::murmur2::partition_of;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

const README: &str = include_str!("../../README.md");
const PARTITIONS: u16 = 12;
const LONG: Duration = Duration::from_secs(30);
const PAYMENT: &str = r#"{"amount":250000,"currency":"MXN","email":"ana@mailinator.com"}"#;

/// The commands of the README's section on Kafka, but those of programs that are not ours to have.
fn commands() -> String {
    let section = README.split_once("\n## On Kafka\n").expect("README has the section").1;
    let section = section.split_once("\n## ").unwrap().0;
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let blocks: Vec<_> = blocks.filter(|block| !block.contains("kcat")).collect();
    assert_eq!(blocks.len(), 3, "topics and an organization, workers, a switch");
    blocks.concat()
}

/// A shell that runs the commands in a folder and keeps what it started until it is dropped.
struct Shell {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// The folder looks like the root of the repository, and the broker is that of the test.
fn shell(folder: &Path, broker: &Broker) -> Shell {
    symlink(std::env::current_dir().unwrap().join("deploy"), folder.join("deploy")).unwrap();
    let script =
        format!("trap 'trap : TERM; kill 0; wait' EXIT\n{}\necho --\nread end || true\n", commands());
    let binaries = binary().parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(binaries).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut child = Command::new("sh");
    // A group of its own, which the script ends as a whole.
    child.process_group(0).args(["-e", "-c", &script]).current_dir(folder).env("PATH", path.unwrap());
    child.env("KAFKA_BOOTSTRAP", broker.bootstrap()).env("CLAUSUM__LISTEN", "127.0.0.1:0");
    child.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.stderr(File::create(folder.join("stderr.txt")).unwrap()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    Shell { child, out }
}

/// The program in Java with its own ends of input and output.
struct Switch {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Switch {
    fn start(broker: &Broker, organization: &str) -> Self {
        let jars = Command::new("deploy/kafka/kafka.py").arg("jars").output().unwrap();
        let jars = format!("{}/*", String::from_utf8(jars.stdout).unwrap().trim());
        let mut child = Command::new("java");
        child.args(["-XX:TieredStopAtLevel=1", "-cp", &jars, "deploy/kafka/Assess.java"]);
        child.args([broker.bootstrap(), organization]).stdin(Stdio::piped());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Id, status, `new` or `repeat`, and the body.
    fn answer(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().splitn(4, ' ').map(str::to_owned).collect()
    }

    /// Its exit code and what it complained of.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// Everything in a partition of a topic.
fn records(broker: &Broker, topic: &str, partition: u16) -> Vec<OwnedMessage> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap()).set("group.id", "looks");
    let consumer: BaseConsumer = config.create().unwrap();
    let partition = i32::from(partition);
    let (start, end) = consumer.fetch_watermarks(topic, partition, LONG).unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(start)).unwrap();
    consumer.assign(&list).unwrap();
    let next = || consumer.poll(LONG).expect("a record comes").unwrap().detach();
    (start..end).map(|_| next()).collect()
}

fn produce(broker: &Broker, records: &[(&OwnedMessage, OwnedHeaders)]) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer<DefaultProducerContext> =
        config.set("bootstrap.servers", broker.bootstrap()).create().unwrap();
    for (like, headers) in records {
        let record = BaseRecord::to(like.topic()).partition(like.partition()).key(like.key().unwrap());
        let record = record.payload(like.payload().unwrap()).headers(headers.clone());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LONG).unwrap();
}

/// The headers with the values of some of them replaced.
fn with(headers: &OwnedHeaders, changes: &[(&str, &str)]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new(), |all, header| {
        let changed = changes.iter().find(|(name, _)| *name == header.key);
        let value = changed.map_or(header.value, |(_, value)| Some(value.as_bytes()));
        all.insert(Header { key: header.key, value })
    })
}

fn headers_of(record: &OwnedMessage) -> Value {
    let headers = record.headers().unwrap().iter();
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap().into();
    headers.map(|header| (header.key.to_owned(), text(header.value))).collect::<Map<_, Value>>().into()
}

/// What README shows of the answers, each up to where it is cut.
fn shown() -> Vec<&'static str> {
    let lines = README.lines().filter(|line| line.starts_with("ORD-") && line.ends_with('…'));
    lines.map(|line| line.trim_end_matches('…')).collect()
}

#[test]
fn the_readme_leads_from_nothing_to_decisions_over_kafka() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut shell = shell(folder.path(), &broker);
    let lines = shell.out.by_ref().lines().map(Result::unwrap);
    let said: Vec<_> = lines.take_while(|line| line != "--").collect();
    let complaints = std::fs::read_to_string(folder.path().join("stderr.txt")).unwrap();
    assert!(said.iter().any(|line| line == "7 topics are as they must be"), "{said:#?}\n{complaints}");
    let answers: Vec<_> = said.iter().filter(|line| line.starts_with("ORD-")).collect();
    assert_eq!(answers.len(), 3, "{said:#?}\n{complaints}");
    for (answer, shown) in answers.iter().zip(shown()) {
        assert!(answer.starts_with(shown), "{answer}\n{shown}");
    }
    assert_eq!(answers[0].split_once('{').unwrap().1, answers[1].split_once('{').unwrap().1);

    let organization = std::fs::read(folder.path().join("tienda.json")).unwrap();
    let organization: Value = serde_json::from_slice(&organization).unwrap();
    let organization = organization["organization_id"].as_str().unwrap();
    let forged = failovers(&broker, organization);
    let document = Document::read();
    as_documented(&document, &broker, partition_of(organization.as_bytes(), PARTITIONS).0, &forged);
    settings_are_as_documented(&document, &broker);
}

/// A switch reads while a topic gets what failovers leave behind: an output written twice, and one behind a gap,
/// which no request made. Tells the latter's `ce_id`.
fn failovers(broker: &Broker, organization: &str) -> String {
    let home = partition_of(organization.as_bytes(), PARTITIONS).0;
    let mut switch = Switch::start(broker, organization);
    switch.send(&format!("ORD-1 {PAYMENT}"));
    assert_eq!(switch.answer()[..3], ["ORD-1", "200", "new"]);
    let decisions = records(broker, "clausum.decisions", home);
    let last = decisions.last().unwrap();
    let again = last.headers().unwrap();
    let forged = format!("{home}-999999");
    let behind = with(
        again,
        &[
            ("ce_id", &forged),
            ("ce_correlationid", "ORD-2"),
            ("clausum-status", "500"),
            ("clausum-position", &format!("{home}:999999")),
            ("clausum-prev", "999998/0"),
        ],
    );
    let again = with(again, &[("ce_correlationid", "ORD-2"), ("clausum-status", "500")]);
    produce(broker, &[(last, again), (last, behind)]);
    switch.send(&format!("ORD-2 {PAYMENT}"));
    assert_eq!(switch.answer()[..3], ["ORD-2", "200", "new"]);
    switch.send(&format!("ORD-1 {PAYMENT}"));
    assert_eq!(switch.answer()[..3], ["ORD-1", "200", "repeat"]);
    switch.send("ORD-3 nonsense");
    assert_eq!(switch.answer()[..3], ["ORD-3", "400", "new"]);
    let long = "x".repeat(129);
    switch.send(&format!("{long} {PAYMENT}"));
    let (exit, said) = switch.end();
    assert_eq!(exit, Some(1), "{said}");
    let due = [
        format!("{long}: dead letter, bad_envelope: ce_id must have 1 to 128 characters"),
        "2 records skipped: written again, or behind a gap".to_owned(),
    ];
    assert_eq!(said.lines().filter(|line| !line.contains("StatusLogger")).collect::<Vec<_>>(), due);
    forged
}

/// Every record of a partition is what the document says, but for the one that nobody made.
fn as_documented(document: &Document, broker: &Broker, home: u16, forged: &str) {
    let mut seen = BTreeMap::new();
    for topic in ["clausum.requests", "clausum.decisions", "clausum.dead_letters"] {
        for record in records(broker, topic, home) {
            let headers = headers_of(&record);
            let kind = headers["ce_type"].as_str().unwrap();
            if kind.starts_with("clausum.internal.") || headers["ce_id"] == forged {
                continue;
            }
            let name = match (topic, kind) {
                ("clausum.dead_letters", _) => "deadLetter",
                (_, "clausum.assess.v1") => "assess",
                (_, "clausum.decision.v1") => "decision",
                (_, "clausum.rejection.v1") => "rejection",
                (_, kind) => panic!("{kind} on {topic}"),
            };
            let of = |part: &str| document.at(&format!("/components/messages/{name}/{part}"));
            let value = std::str::from_utf8(record.payload().unwrap()).unwrap();
            let is_dead = name == "deadLetter";
            let body = if is_dead { Ok(json!(value)) } else { serde_json::from_str(value) };
            let mut faults = document.faults(of("headers"), &headers);
            faults.extend(body.iter().flat_map(|body| document.faults(of("payload"), body)));
            let key: Value = std::str::from_utf8(record.key().unwrap()).unwrap().into();
            faults.extend(document.faults(of("bindings/kafka/key"), &key));
            // Some requests were wrong on purpose; what is written never is.
            assert!(faults.is_empty() || name == "assess", "{name}: {faults:#?}\n{headers}\n{value}");
            *seen.entry(name).or_insert(0) += 1;
        }
    }
    let due = [("assess", 8), ("decision", 6), ("rejection", 2), ("deadLetter", 2)];
    assert_eq!(seen, due.into());
}

/// The topics that were made have the settings of the document.
fn settings_are_as_documented(document: &Document, broker: &Broker) {
    let mut described = Command::new(binary());
    described.args(["topics", "describe", "--single-node", "--json", "--kafka", broker.bootstrap()]);
    let described: Value = serde_json::from_slice(&described.output().unwrap().stdout).unwrap();
    for (name, channel) in document.at("/channels").as_object().unwrap() {
        let binding = &channel["bindings"]["kafka"];
        let topics = described["topics"].as_array().unwrap();
        let topic = topics.iter().find(|topic| topic["topic"] == channel["address"]).unwrap();
        assert_eq!(binding["partitions"], topic["partitions"].as_array().unwrap().len(), "{name}");
        for (setting, due) in binding["topicConfiguration"].as_object().unwrap() {
            let due = due.as_array().map_or(due.to_string(), |all| all[0].as_str().unwrap().to_owned());
            assert_eq!(topic["settings"][setting], due, "{name}: {setting}");
        }
    }
}
