//! The log under test, with topics of its own.

use super::broker::{bootstrap, link};
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::conformance::{Answer, Harness, append_values, record};
use crate::log::kafka::hearing::Hearing;
use crate::log::kafka::settings::{self, MESSAGE_BYTES};
use crate::log::kafka::topics::{self, wait_for};
use crate::log::kafka::{Asker, KafkaLog, Options};
use crate::log::{Contents, Log};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What anything may take.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Runs a check over a log on the broker, if there is one.
pub(in crate::log) fn on_broker(check: impl FnOnce(&mut dyn Harness)) {
    if let Some(options) = fresh() {
        create(&options, 3, &[]);
        let log = Some(Arc::new(KafkaLog::open(options.clone()).unwrap()));
        check(&mut OnKafka { options, log });
    }
}

/// Options for topics that nobody else has.
pub(super) fn fresh() -> Option<Options> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut options = Options::new(bootstrap()?.to_owned());
    let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    options.prefix = format!("t{process}-{number}.");
    options.group = format!("g{process}-{number}");
    options.queue_records = 2_000;
    // By it the link between this process and the broker knows whose an append is.
    options.properties.insert("client.id".to_owned(), options.prefix.clone());
    options.queue_bytes = 64 << 20;
    Some(options)
}

pub(super) fn admin(options: &Options) -> AdminClient<Hearing> {
    settings::asker(options).create_with_context(Hearing::default()).unwrap()
}

/// Creates the topics as they must be, but for these settings.
pub(super) fn create(options: &Options, partitions: i32, other: &[(&str, &str)]) {
    for topic in Topic::ALL {
        create_one(options, &options.topic(topic), partitions, other);
    }
}

pub(super) fn create_one(options: &Options, name: &str, partitions: i32, other: &[(&str, &str)]) {
    let bytes = MESSAGE_BYTES.to_string();
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let usual = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", &bytes)];
    for (name, value) in usual.iter().chain(other) {
        topic = topic.set(name, value);
    }
    let limit = AdminOptions::new().operation_timeout(Some(LIMIT));
    let made = wait_for(admin(options).create_topics([&topic], &limit)).unwrap();
    made.into_iter().for_each(|made| drop(made.unwrap()));
    // The broker has answered before it knows of the topic itself.
    let asker = Asker::new(&Arc::new(options.clone())).unwrap();
    while topics::partitions_of(&asker, name).unwrap().is_none() {
        Signal::default().wait(Duration::from_millis(5));
    }
}

/// Gives a topic these settings, and no others of its own.
pub(super) fn alter(options: &Options, name: &str, settings: &[(&str, &str)]) {
    let mut change = AlterConfig::new(ResourceSpecifier::Topic(name));
    for (setting, value) in settings {
        change = change.set(setting, value);
    }
    let limit = AdminOptions::new();
    let told = wait_for(admin(options).alter_configs([&change], &limit)).unwrap();
    told.into_iter().for_each(|told| drop(told.unwrap()));
    let asked = [ResourceSpecifier::Topic(name)];
    let is_so = || {
        let told = wait_for(admin(options).describe_configs(&asked, &limit)).unwrap().remove(0).unwrap();
        settings.iter().all(|(name, value)| told.get(name).unwrap().value.as_deref() == Some(*value))
    };
    while !is_so() {
        Signal::default().wait(Duration::from_millis(5));
    }
    // What is told may be a moment ahead of what is done.
    Signal::default().wait(Duration::from_millis(100));
}

/// Deletes what is before an offset.
pub(super) fn trim(options: &Options, of: TopicPartition, to: i64) {
    let mut list = rdkafka::TopicPartitionList::new();
    let (topic, partition) = (options.topic(of.topic), i32::from(of.partition.0));
    list.add_partition_offset(&topic, partition, rdkafka::Offset::Offset(to)).unwrap();
    wait_for(admin(options).delete_records(&list, &AdminOptions::new())).unwrap();
}

/// A log whose broker hears of no append until it is released.
pub(crate) struct Holding {
    options: Options,
    log: Arc<KafkaLog>,
}

impl Holding {
    /// None where there is no broker.
    pub(crate) fn begin() -> Option<Self> {
        let options = fresh()?;
        create(&options, 1, &[]);
        let log = Arc::new(KafkaLog::open(options.clone()).unwrap());
        link().hold(&options.prefix);
        Some(Self { options, log })
    }

    pub(crate) fn log(&self) -> Arc<KafkaLog> {
        Arc::clone(&self.log)
    }

    pub(crate) fn append(&self) -> Answer {
        append_values(&*self.log, TopicPartition::new(Topic::Requests, Partition(0)), &[b"held"])
    }

    pub(crate) fn release(&self) {
        link().release(&self.options.prefix);
    }
}

struct OnKafka {
    options: Options,
    log: Option<Arc<KafkaLog>>,
}

impl OnKafka {
    fn kafka(&self) -> &Arc<KafkaLog> {
        self.log.as_ref().unwrap()
    }
}

impl Harness for OnKafka {
    fn log(&self) -> Arc<dyn Log> {
        Arc::clone(self.kafka()) as Arc<dyn Log>
    }

    /// The broker hears of no append.
    fn hold(&self) {
        link().hold(&self.options.prefix);
    }

    fn flush(&self) {
        link().release(&self.options.prefix);
    }

    fn restart(&mut self) {
        let old = self.log.take().unwrap();
        assert_eq!(Arc::strong_count(&old), 1, "the old one lives on");
        drop(old);
        self.flush();
        self.log = Some(Arc::new(KafkaLog::open(self.options.clone()).unwrap()));
    }

    /// A transaction ends with a marker, which takes an offset and is no record.
    fn skip(&self, of: TopicPartition, count: u64) -> Vec<u64> {
        let mut config = settings::asker(&self.options);
        config.remove("isolation.level");
        config.set("transactional.id", &self.options.prefix);
        let producer: BaseProducer<rdkafka::producer::DefaultProducerContext> = config.create().unwrap();
        producer.init_transactions(LIMIT).unwrap();
        let topic = self.options.topic(of.topic);
        let mut records = Vec::new();
        for n in 0..count {
            records.push(self.kafka().bounds(of).unwrap().end.0);
            producer.begin_transaction().unwrap();
            let record =
                BaseRecord::<[u8], [u8]>::to(&topic).partition(i32::from(of.partition.0)).key(b"key");
            producer.send(record.payload(b"{}")).map_err(|(error, _)| error).unwrap();
            producer.flush(LIMIT).unwrap();
            if n % 2 == 0 {
                producer.commit_transaction(LIMIT).unwrap();
            } else {
                producer.abort_transaction(LIMIT).unwrap();
            }
            // The marker is written a moment later.
            while self.kafka().bounds(of).unwrap().end.0 < records[records.len() - 1] + 2 {
                Signal::default().wait(Duration::from_millis(5));
            }
        }
        records
    }

    fn make_busy(&self, to: TopicPartition) -> u64 {
        self.hold();
        let mut taken = 0;
        while self.kafka().append(to, vec![record(b"full")], Box::new(|_| {})).is_ok() {
            taken += 1;
            assert!(taken <= 2_000, "the queue has no bound");
        }
        taken
    }

    fn gives_all(&self) -> bool {
        false
    }
}
