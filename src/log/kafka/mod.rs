//! The log on Apache Kafka: the contract's topics, whose records any client may write and read.
//!
//! An append is acknowledged by every replica that must be in sync, and is never given up: a broker that is away
//! makes it late. The one producer keeps the order of appends to a partition; where one of them fails (the
//! broker refuses it, or the log is closed over it) those behind it may land all the same, so whoever needs the
//! order hands over again what is behind a failure, and readers tell by the output chain.
//!
//! Where a reader stands is told to Kafka by nobody: the group only shares out the partitions.

mod append;
mod content;
mod figures;
mod group;
mod hearing;
mod member;
mod read;
mod settings;
#[cfg(test)]
pub(crate) mod tests;
pub mod topics;
mod view;
mod waiting;

use crate::base::position::{Offset, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::{AppendError, Bounds, Contents, Done, Log, LogError, Membership, Reader};
use append::Appender;
use bytes::Bytes;
pub use figures::{Brokers, Counts, Figures, Group, Role, RoundTrip, Traffic};
pub use group::{MemberSeen, members};
use hearing::Hearing;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
pub use view::View;
pub use waiting::Unanswered;

/// How the log is reached and used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Brokers to begin with, `HOST:PORT` with commas between.
    pub bootstrap: String,
    /// The group of the workers that share the partitions.
    pub group: String,
    /// What a member of the group says of itself to whoever asks for the members.
    pub says: String,
    /// What stands before the topics' names; nothing, unless installations share a cluster.
    pub prefix: String,
    /// Properties of librdkafka, by their names there.
    pub properties: BTreeMap<String, String>,
    /// Records that may wait to be appended.
    pub queue_records: usize,
    /// Bytes that may wait to be appended.
    pub queue_bytes: usize,
    /// How long a question to a broker may take, in milliseconds.
    pub answer_ms: u64,
}

impl Options {
    /// The usual ones.
    #[must_use]
    pub fn new(bootstrap: String) -> Self {
        Self {
            bootstrap,
            group: "clausum".to_owned(),
            says: String::new(),
            prefix: String::new(),
            properties: BTreeMap::new(),
            queue_records: 32_768,
            queue_bytes: 32 << 20,
            answer_ms: 10_000,
        }
    }

    /// What a topic is called in the cluster.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        self.named(topic.name())
    }

    /// What a topic of this name is called in the cluster.
    #[must_use]
    pub fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms)
    }
}

/// The log on Kafka.
pub struct KafkaLog {
    view: View,
    partitions: u16,
    appender: Appender,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("view", &self.view).field("partitions", &self.partitions).finish()
    }
}

impl KafkaLog {
    /// Reaches the brokers and looks at the topics.
    ///
    /// # Errors
    /// A property that may not be set or is none, no broker answers, a topic is missing, the topics differ in
    /// their number of partitions, or one has a setting without which there is no log.
    pub fn open(options: Options) -> Result<Self, LogError> {
        let view = View::new(options)?;
        let partitions = topics::open(&view.asker, &view.options)?;
        let telling = view.gathered.client(Role::Producer);
        let appender = Appender::start(&view.options, Arc::clone(&view.asker), telling)?;
        Ok(Self { view, partitions, appender })
    }

    /// Takes no more appends, and waits until those taken are durable, `limit` at most. Those that are not by
    /// then are told so; they may be in the log or come into it still.
    pub fn close(&self, limit: Duration) {
        self.appender.close(limit);
    }

    /// How it stands with its brokers. To be looked at about once a second, by one; `now` is of a clock that
    /// never goes back.
    #[must_use]
    pub fn look(&self, now: Duration) -> Figures {
        self.view.gathered.look(self.appender.look(now))
    }

    fn known(&self, of: TopicPartition) -> Result<(), LogError> {
        if of.partition.0 < self.partitions { Ok(()) } else { Err(LogError::NoPartition(of)) }
    }
}

impl Contents for KafkaLog {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        self.known(of)?;
        self.view.bounds(of)
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        self.known(of)?;
        self.view.reader(of, from)
    }
}

impl Log for KafkaLog {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    fn append(&self, to: TopicPartition, records: Vec<Bytes>, done: Done) -> Result<(), AppendError> {
        self.known(to).map_err(|error| AppendError::Closed(error.to_string()))?;
        self.appender.append(to, &records, done)
    }

    fn subscribe(&self, of: TopicPartition, signal: &Arc<Signal>) {
        self.view.watchers.watch(of, signal);
    }

    fn join(&self, signal: &Arc<Signal>) -> Result<Box<dyn Membership>, LogError> {
        let telling = self.view.gathered.client(Role::Member);
        Ok(Box::new(member::join(&self.view.options, telling, signal)?))
    }
}

/// Asks brokers and waits for their answers.
struct Asker {
    consumer: BaseConsumer<Hearing>,
    options: Arc<Options>,
}

impl Asker {
    fn new(options: &Arc<Options>) -> Result<Self, LogError> {
        let mut config = settings::asker(options);
        // Why a connection ended is no more to the library.
        config.set_log_level(RDKafkaLogLevel::Info);
        let consumer = config.create_with_context(Hearing::default()).map_err(not_made)?;
        Ok(Self { consumer, options: Arc::clone(options) })
    }

    /// What the brokers say of a topic.
    fn metadata(&self, topic: &str) -> Result<Metadata, LogError> {
        hearing::metadata(&self.consumer, topic, self.options.answer())
    }

    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        let topic = self.options.topic(of.topic);
        let (partition, limit) = (i32::from(of.partition.0), self.options.answer());
        let marks = self.consumer.fetch_watermarks(&topic, partition, limit);
        let (low, high) = marks.map_err(|error| match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition,
            ) => LogError::NoPartition(of),
            _ => LogError::Unreachable(format!("bounds of {topic}-{partition}: {error}")),
        })?;
        Ok(Bounds { start: offset(low), end: offset(high) })
    }

    /// Serves what the library wants to say, which waits for somebody to ask.
    fn serve(&self) {
        drop(self.consumer.poll(Duration::ZERO));
    }
}

/// A line of the library's. It names brokers and topics, and no record.
fn say(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(facility, message, "kafka"),
        RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "kafka"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, message, "kafka"),
        RDKafkaLogLevel::Debug => tracing::debug!(facility, message, "kafka"),
    }
}

/// An error of a client as a whole; it goes on trying.
fn complain(error: &KafkaError, reason: &str) {
    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::PartitionEOF) {
        tracing::warn!(%error, reason, "kafka");
    }
}

/// A client that could not be made: a property that the library does not take.
fn not_made(error: KafkaError) -> LogError {
    // What was written may be a secret, also under a name that is none.
    let KafkaError::ClientConfig(_, why, name, _) = error else { return LogError::Closed(error.to_string()) };
    LogError::Closed(if why.contains(&name) { why } else { format!("{name}: {why}") })
}

/// An offset as the library gives it.
fn offset(raw: i64) -> Offset {
    Offset(u64::try_from(raw).unwrap_or(0))
}
