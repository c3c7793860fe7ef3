//! A reader: a thread that fetches one partition in order and puts the records into a buffer, from which polls
//! take them without waiting. The thread ends when the reader is dropped, and the consumer with it: to close one
//! takes a while, which is nobody else's.
//!
//! What stops the thread stays: a reader that failed says so for good, and never goes on behind it.

use super::figures::Telling;
use super::{Asker, Options, complain, content, not_made, offset, say, settings};
use crate::base::limits;
use crate::base::position::{Offset, TopicPartition};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use crate::log::{LogError, PollLimit, Reader, Stored};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message, Timestamp};
use rdkafka::{ClientContext, Statistics, TopicPartitionList};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Records and bytes that wait for polls: some turns.
const BUFFER_RECORDS: usize = 4 * limits::TURN_RECORDS;
const BUFFER_BYTES: usize = limits::TURN_BYTES;
/// Records taken from the library before they are shown.
const SLICE: usize = 1_024;
/// How long the thread waits for the library before it looks whether it is to end.
const IDLE: Duration = Duration::from_millis(250);

/// Who is to be woken when a partition has news.
#[derive(Default)]
pub(super) struct Watchers(Mutex<BTreeMap<TopicPartition, Vec<Weak<Signal>>>>);

impl Watchers {
    pub(super) fn watch(&self, of: TopicPartition, signal: &Arc<Signal>) {
        lock(&self.0).entry(of).or_default().push(Arc::downgrade(signal));
    }

    fn raise(&self, of: TopicPartition) {
        if let Some(signals) = lock(&self.0).get_mut(&of) {
            signals.retain(|signal| signal.upgrade().inspect(|signal| signal.raise()).is_some());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one partition.
pub(super) struct KafkaReader {
    shared: Arc<Shared>,
    of: TopicPartition,
    position: Offset,
}

impl std::fmt::Debug for KafkaReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaReader({} at {})", self.of, self.position)
    }
}

/// Between the thread and the reader.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    records: VecDeque<Stored>,
    bytes: usize,
    /// Everything below is in `records`, was polled, or is a gap.
    fetched: Offset,
    /// The newest end heard of.
    end: Offset,
    failed: Option<LogError>,
    /// The reader was dropped.
    left: bool,
}

/// Begins to fetch at `from`; the end is known.
pub(super) fn start(
    options: &Arc<Options>,
    (asker, watchers): (&Arc<Asker>, &Arc<Watchers>),
    telling: Telling,
    of: TopicPartition,
    (from, end): (Offset, Offset),
) -> Result<KafkaReader, LogError> {
    content::hush();
    let records = VecDeque::new();
    let state = State { records, bytes: 0, fetched: from, end, failed: None, left: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
    let (topic, partition) = (options.topic(of.topic), i32::from(of.partition.0));
    let heard = Heard { shared: Arc::clone(&shared), topic: topic.clone(), partition, telling };
    let consumer: BaseConsumer<Heard> =
        settings::reader(options).create_with_context(heard).map_err(not_made)?;
    let at = i64::try_from(from.0).unwrap_or(i64::MAX);
    let mut list = TopicPartitionList::new();
    let placed = list.add_partition_offset(&topic, partition, rdkafka::Offset::Offset(at));
    placed.and_then(|()| consumer.assign(&list)).map_err(not_made)?;
    let (asker, watchers) = (Arc::clone(asker), Arc::clone(watchers));
    let fetch = Fetch { consumer, of, topic, partition, asker, watchers, shared: Arc::clone(&shared) };
    let thread = std::thread::Builder::new().name("kafka-read".to_owned());
    let fetching = thread.spawn(move || {
        // A reader whose thread is gone would wait for ever.
        if catch_unwind(AssertUnwindSafe(|| fetch.run())).is_err() {
            let why = format!("the thread that reads {of} panicked");
            fetch.publish(Vec::new(), 0, Came::Failed(LogError::Unreachable(why)));
        }
    });
    fetching.map_err(|error| LogError::Closed(error.to_string()))?;
    Ok(KafkaReader { shared, of, position: from })
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        lock(&self.shared.state).left = true;
        self.shared.changed.notify_all();
    }
}

impl Reader for KafkaReader {
    fn poll(&mut self, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
        let mut state = lock(&self.shared.state);
        let mut records: Vec<Stored> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = state.records.front() {
            bytes += next.content.len();
            if !records.is_empty() && (records.len() >= limit.records || bytes > limit.bytes) {
                break;
            }
            self.position = next.offset.next();
            state.bytes -= next.content.len();
            records.extend(state.records.pop_front());
        }
        if state.records.is_empty() {
            self.position = state.fetched.max(self.position);
        }
        if !records.is_empty() {
            self.shared.changed.notify_all();
            return Ok(records);
        }
        state.failed.clone().map_or(Ok(records), Err)
    }

    fn position(&self) -> Offset {
        self.position
    }

    fn end(&self) -> Offset {
        let state = lock(&self.shared.state);
        state.end.max(state.fetched).max(self.position)
    }

    fn wait(&mut self, limit: Duration) -> bool {
        let position = self.position;
        let nothing = |state: &mut State| {
            state.records.is_empty() && state.fetched <= position && state.failed.is_none()
        };
        let state = lock(&self.shared.state);
        let waited = self.shared.changed.wait_timeout_while(state, limit, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !nothing(&mut state)
    }
}

/// What the library tells beside records.
struct Heard {
    shared: Arc<Shared>,
    topic: String,
    partition: i32,
    telling: Telling,
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.telling.tell(&statistics);
        let topic = statistics.topics.get(&self.topic);
        if let Some(partition) = topic.and_then(|topic| topic.partitions.get(&self.partition)) {
            let mut state = lock(&self.shared.state);
            state.end = state.end.max(offset(partition.hi_offset));
        }
    }
}

impl ConsumerContext for Heard {}

/// The thread's own.
struct Fetch {
    consumer: BaseConsumer<Heard>,
    of: TopicPartition,
    topic: String,
    partition: i32,
    asker: Arc<Asker>,
    watchers: Arc<Watchers>,
    shared: Arc<Shared>,
}

/// What came of asking the library.
enum Came {
    Record(Stored),
    /// No record now; none is before this offset that did not come.
    End(Offset),
    Nothing,
    Failed(LogError),
}

impl Fetch {
    fn run(&self) {
        while self.has_room() {
            let mut records = Vec::new();
            let mut bytes = 0;
            let mut wait = IDLE;
            let mut rest = Came::Nothing;
            while records.len() < SLICE && bytes < BUFFER_BYTES {
                match self.next(wait) {
                    Came::Record(record) => {
                        bytes += record.content.len();
                        records.push(record);
                    }
                    other @ (Came::End(_) | Came::Nothing | Came::Failed(_)) => {
                        rest = other;
                        break;
                    }
                }
                wait = Duration::ZERO;
            }
            if self.publish(records, bytes, rest) {
                return;
            }
        }
    }

    /// Waits for room in the buffer; none once the reader was dropped.
    fn has_room(&self) -> bool {
        let full = |state: &mut State| {
            !state.left && (state.bytes >= BUFFER_BYTES || state.records.len() >= BUFFER_RECORDS)
        };
        let state = self.shared.changed.wait_while(lock(&self.shared.state), full);
        !state.unwrap_or_else(PoisonError::into_inner).left
    }

    /// Shows what came; whether that was the last. Who waits is woken while the state is held, so that whoever
    /// polls the records has been woken for them and is not woken again.
    fn publish(&self, records: Vec<Stored>, bytes: usize, rest: Came) -> bool {
        let mut state = lock(&self.shared.state);
        let is_news = !records.is_empty();
        if let Some(last) = records.last() {
            state.fetched = last.offset.next();
        }
        state.records.extend(records);
        state.bytes += bytes;
        let failed = match rest {
            Came::End(end) => {
                state.fetched = state.fetched.max(end);
                false
            }
            Came::Failed(error) => {
                tracing::error!(of = %self.of, %error, "a reader stopped");
                state.failed = Some(error);
                true
            }
            Came::Record(_) | Came::Nothing => false,
        };
        if is_news || failed {
            self.watchers.raise(self.of);
        }
        self.shared.changed.notify_all();
        failed
    }

    fn next(&self, wait: Duration) -> Came {
        match self.consumer.poll(wait) {
            Some(Ok(message)) => self.record(&message),
            // The library passes over markers by itself. It tells the end only after a while.
            None | Some(Err(KafkaError::PartitionEOF(_))) => self.passed().map_or(Came::Nothing, Came::End),
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(code) if is_passing(code) => Came::Nothing,
                code => Came::Failed(self.failure(code, &error)),
            },
        }
    }

    fn record(&self, message: &BorrowedMessage<'_>) -> Came {
        let at = offset(message.offset());
        match message.timestamp() {
            Timestamp::LogAppendTime(timestamp) => {
                let content = content::content_of(message);
                Came::Record(Stored { offset: at, timestamp: Ms(timestamp), content })
            }
            // By the sender's clock time could go where he likes.
            Timestamp::CreateTime(_) | Timestamp::NotAvailable => Came::Failed(LogError::WrongTopic {
                topic: self.topic.clone(),
                what: format!("the record at {}-{at} is not stamped by the broker", self.partition),
            }),
        }
    }

    /// Where the library stands: behind the last record or transaction marker.
    fn passed(&self) -> Option<Offset> {
        let list = self.consumer.position().ok()?;
        let at = list.find_partition(&self.topic, self.partition)?.offset();
        if let rdkafka::Offset::Offset(at) = at { Some(offset(at)) } else { None }
    }

    fn failure(&self, code: Option<RDKafkaErrorCode>, error: &KafkaError) -> LogError {
        let at = lock(&self.shared.state).fetched;
        match code {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                match self.asker.bounds(self.of) {
                    Ok(bounds) if at < bounds.start || at > bounds.end => {
                        LogError::OutOfRange { wanted: at, bounds }
                    }
                    Ok(_) => LogError::Unreachable(format!("{} at {at}: {error}", self.of)),
                    Err(error) => error,
                }
            }
            Some(
                RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition,
            ) => LogError::NoPartition(self.of),
            Some(RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::InvalidMessage) => LogError::Damaged {
                file: format!("{}-{}", self.topic, self.partition),
                at: at.0,
                what: error.to_string(),
            },
            _ => LogError::Unreachable(format!("{} at {at}: {error}", self.of)),
        }
    }
}

/// Whether the library goes on by itself, and passes over nothing.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::BrokerNotAvailable
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::NotCoordinator
            | Code::NetworkException
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::KafkaStorageError
    )
}
