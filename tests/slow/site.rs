//! An installation on a broker of its own, a switch that sends to it, and records as any client sees them.

use crate::broker::Broker;
use crate::server::binary;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const KEY: &str = "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
pub(crate) const PARTITIONS: i32 = 3;
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn clausum(bootstrap: &str, arguments: &[&str]) -> Command {
    let mut program = Command::new(binary());
    program.args(arguments).args(["--kafka", bootstrap]).env("CLAUSUM__INSTALLATION__KEY", KEY);
    program
}

pub(crate) fn done(bootstrap: &str, arguments: &[&str]) -> Value {
    let output = clausum(bootstrap, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An installation on a broker of its own, without a worker.
pub(crate) struct Site {
    pub(crate) broker: Broker,
    pub(crate) organization: String,
    pub(crate) home: i32,
    pub(crate) folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Option<Self> {
        let broker = Broker::start()?;
        let at = broker.bootstrap();
        let count = PARTITIONS.to_string();
        done(at, &["topics", "create", "--single-node", "--partitions", &count, "--json"]);
        let bootstrap = done(at, &["orgs", "create", "--name", "Acme", "--json"]);
        let organization = bootstrap["organization_id"].as_str().unwrap().to_owned();
        let home = i32::from(clausum::base::murmur2::partition_of(organization.as_bytes(), 3).0);
        let folder = tempfile::tempdir().unwrap();
        Some(Self { broker, organization, home, folder })
    }

    pub(crate) fn worker(&self, name: &str) -> Worker {
        let (data, archive) = (self.folder.path().join(name), self.folder.path().join("archive"));
        std::fs::create_dir_all(&data).unwrap();
        let log = std::fs::File::create(data.join("stderr.txt")).unwrap();
        let mut serve = clausum(self.broker.bootstrap(), &["serve", "--listen", "127.0.0.1:0"]);
        serve.arg("--data").arg(&data).env("CLAUSUM__ARCHIVE__URL", format!("file://{}", archive.display()));
        serve.env("CLAUSUM__CHECKPOINT__INTERVAL_MS", "300").env("CLAUSUM__SNAPSHOT__INTERVAL", "1s");
        Worker(serve.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    pub(crate) fn switch(&self) -> Switch {
        Switch::new(self, &[])
    }

    /// Reads a topic's partition from its beginning.
    pub(crate) fn reader(&self, topic: &str, partition: i32) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.broker.bootstrap())
            .set("group.id", "test")
            .set("isolation.level", "read_uncommitted")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        consumer
    }

    /// The first `count` records of a topic's partition.
    pub(crate) fn read(&self, topic: &str, partition: i32, count: usize) -> Vec<Record> {
        let (consumer, until) = (self.reader(topic, partition), Instant::now() + LIMIT);
        let mut records = Vec::new();
        while records.len() < count {
            assert!(Instant::now() < until, "{topic}: {} of {count} records came", records.len());
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                records.push(Record::of(&message.unwrap()));
            }
        }
        records
    }
}

pub(crate) struct Worker(pub(crate) Child);

impl Worker {
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A record as any client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map(|headers| {
            let each = headers.iter();
            each.map(|one| (one.key.to_owned(), one.value.unwrap_or_default().to_vec())).collect()
        });
        Self {
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found: Vec<_> = self.headers.iter().filter(|header| header.0 == name).collect();
        assert!(found.len() <= 1, "{name} is there {} times", found.len());
        found.first().map(|header| std::str::from_utf8(&header.1).unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.value.as_deref().unwrap()).unwrap()
    }

    /// The one thing in which what is written again may differ.
    pub(crate) fn but_epoch(mut self) -> Self {
        self.headers.retain(|header| header.0 != "clausum-epoch");
        self
    }
}

/// Tells where each record landed.
pub(crate) struct Landed;

impl ClientContext for Landed {}

impl ProducerContext for Landed {
    type DeliveryOpaque = Box<Sender<(i32, i64)>>;

    fn delivery(&self, result: &DeliveryResult<'_>, told: Self::DeliveryOpaque) {
        let message = result.as_ref().unwrap_or_else(|(error, _)| panic!("{error}"));
        told.send((message.partition(), message.offset())).unwrap();
    }
}

/// A payment switch: a client like any other.
pub(crate) struct Switch {
    pub(crate) producer: ThreadedProducer<Landed>,
    pub(crate) organization: String,
}

impl Switch {
    pub(crate) fn new(site: &Site, properties: &[(&str, &str)]) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", site.broker.bootstrap()).set("acks", "all");
        config
            .set("partitioner", "murmur2_random")
            .set("message.max.bytes", "10000000")
            .set("linger.ms", "0");
        for (name, value) in properties {
            config.set(*name, *value);
        }
        let producer = config.create_with_context(Landed).unwrap();
        Self { producer, organization: site.organization.clone() }
    }

    /// Sends a record as it is; where it landed.
    pub(crate) fn raw(
        &self,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) -> (i32, i64) {
        let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(*value) })
        });
        let (told, landed) = channel();
        let mut record = BaseRecord::with_opaque_to("clausum.requests", Box::new(told)).headers(headers);
        if let Some(partition) = partition {
            record = record.partition(partition);
        }
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.payload(value);
        }
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        landed.recv_timeout(LIMIT).unwrap()
    }

    pub(crate) fn send(&self, value: Option<&[u8]>, headers: &[(&str, &[u8])]) -> (i32, i64) {
        self.raw(None, Some(self.organization.as_bytes()), value, headers)
    }

    pub(crate) fn assess(&self, id: &str, body: &str) -> (i32, i64) {
        self.send(Some(body.as_bytes()), &envelope(id))
    }
}

pub(crate) fn envelope(id: &str) -> Vec<(&'static str, &[u8])> {
    vec![
        ("ce_specversion", b"1.0"),
        ("ce_id", id.as_bytes()),
        ("ce_source", b"/switch/7"),
        ("ce_type", b"clausum.assess.v1"),
        ("content-type", b"application/json"),
    ]
}
