//! The producer: one for the process, idempotent, served by a thread of its own, from which every answer comes.
//!
//! An append is taken whole or not at all: its records and bytes are counted before the first is handed to the
//! library, whose own queue is larger than ours and never full.

use super::figures::Telling;
use super::settings::{self, APPEND_RECORDS};
use super::waiting::{Room, Ticket, Unanswered, Waiting};
use super::{Asker, Options, complain, content, not_made, offset, say};
use crate::base::limits;
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::{AppendError, Appended, Done, LogError};
use crate::wire::record::Content;
use bytes::Bytes;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use rdkafka::{ClientContext, Statistics};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The largest content taken, as in the other logs.
const CONTENT_BYTES: usize = limits::RECORD_BYTES + 1024;
/// How long the thread waits for the library before it looks whether it is to end.
const SERVE: Duration = Duration::from_millis(100);
/// How long answers are waited for after everything was called back.
const PURGE: Duration = Duration::from_secs(5);

/// The producer and its thread.
pub(super) struct Appender {
    shared: Arc<Shared>,
    producer: Arc<BaseProducer<Deliveries>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    options: Arc<Options>,
}

struct Shared {
    load: Mutex<Load>,
    settled: Condvar,
    /// Why nothing is appended any more.
    failed: OnceLock<String>,
    ending: AtomicBool,
    /// Appends whose last answer came while they were handed over: told by the thread.
    untold: Mutex<Vec<Arc<Pending>>>,
}

/// What was taken and not answered.
#[derive(Default)]
struct Load {
    waiting: Waiting,
    closed: bool,
}

/// An append on its way.
pub(super) struct Pending {
    /// Records without an answer.
    left: AtomicUsize,
    ticket: Ticket,
    records: usize,
    bytes: usize,
    outcome: Mutex<Outcome>,
}

struct Outcome {
    first: Option<Offset>,
    last: Offset,
    timestamp: Ms,
    failed: Option<AppendError>,
    done: Option<Done>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn closed(&self) -> AppendError {
        AppendError::Closed(self.failed.get().map_or("it was closed", String::as_str).to_owned())
    }

    /// Takes room for an append.
    fn admit(&self, records: usize, bytes: usize, options: &Options) -> Result<Ticket, AppendError> {
        if self.failed.get().is_some() {
            return Err(self.closed());
        }
        let mut load = lock(&self.load);
        if load.closed {
            return Err(self.closed());
        }
        let room = Room { records: options.queue_records, bytes: options.queue_bytes };
        load.waiting.take(records, bytes, room).ok_or(AppendError::Busy)
    }

    fn release(&self, ticket: Ticket, records: usize, bytes: usize) {
        if lock(&self.load).waiting.release(ticket, records, bytes) {
            self.settled.notify_all();
        }
    }

    /// Tells what became of an append. A callback that panics is its caller's affair.
    fn tell(&self, pending: &Pending) {
        let (done, how) = {
            let mut outcome = lock(&pending.outcome);
            let how = match (outcome.failed.take(), outcome.first) {
                (None, Some(first)) => {
                    Ok(Appended { first, last: outcome.last, timestamp: outcome.timestamp })
                }
                (Some(error), _) => Err(error),
                (None, None) => Err(self.closed()),
            };
            (outcome.done.take(), how)
        };
        self.release(pending.ticket, pending.records, pending.bytes);
        if let Some(done) = done {
            drop(catch_unwind(AssertUnwindSafe(move || done(how))));
        }
    }

    fn tell_untold(&self) {
        let untold = std::mem::take(&mut *lock(&self.untold));
        untold.iter().for_each(|pending| self.tell(pending));
    }
}

impl Pending {
    /// Takes the answer for some of the records; whether it was the last.
    fn answered(&self, records: usize, how: Result<(Offset, Ms), AppendError>) -> bool {
        {
            let mut outcome = lock(&self.outcome);
            match how {
                Ok((at, timestamp)) => {
                    outcome.first = Some(outcome.first.map_or(at, |first| first.min(at)));
                    if at >= outcome.last {
                        (outcome.last, outcome.timestamp) = (at, timestamp);
                    }
                }
                Err(error) => drop(outcome.failed.get_or_insert(error)),
            }
        }
        self.left.fetch_sub(records, Ordering::AcqRel) == records
    }
}

/// Where the library's answers arrive, on the thread that serves it.
struct Deliveries {
    shared: Arc<Shared>,
    telling: Telling,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            tracing::error!(reason, "the producer failed for good");
            self.shared.failed.get_or_init(|| reason.to_owned());
        } else {
            complain(&error, reason);
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.telling.tell(&statistics);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Pending>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, pending: Arc<Pending>) {
        let how = match delivered {
            Ok(message) => Ok((offset(message.offset()), Ms(message.timestamp().to_millis().unwrap_or(0)))),
            Err((error, _)) => Err(self.shared.failure(error)),
        };
        if pending.answered(1, how) {
            self.shared.tell(&pending);
        }
    }
}

impl Shared {
    /// What a record's failure means to the append it is of.
    fn failure(&self, error: &KafkaError) -> AppendError {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => AppendError::TooLarge,
            Some(RDKafkaErrorCode::QueueFull) => AppendError::Busy,
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => self.closed(),
            _ if self.failed.get().is_some() => self.closed(),
            _ => AppendError::Closed(error.to_string()),
        }
    }
}

impl Appender {
    pub(super) fn start(
        options: &Arc<Options>,
        asker: Arc<Asker>,
        telling: Telling,
    ) -> Result<Self, LogError> {
        let shared = Arc::new(Shared {
            load: Mutex::default(),
            settled: Condvar::new(),
            failed: OnceLock::new(),
            ending: AtomicBool::new(false),
            untold: Mutex::default(),
        });
        let context = Deliveries { shared: Arc::clone(&shared), telling };
        let producer: BaseProducer<Deliveries> =
            settings::producer(options).create_with_context(context).map_err(not_made)?;
        let producer = Arc::new(producer);
        let (serving, told) = (Arc::clone(&producer), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("kafka-append".to_owned());
        let thread = thread.spawn(move || serve(&serving, &told, &asker));
        let thread = thread.map_err(|error| LogError::Closed(error.to_string()))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { shared, producer, thread, options: Arc::clone(options) })
    }

    pub(super) fn append(
        &self,
        to: TopicPartition,
        records: &[Bytes],
        done: Done,
    ) -> Result<(), AppendError> {
        if records.is_empty() {
            return Err(AppendError::Closed("there is nothing to append".to_owned()));
        }
        if records.len() > APPEND_RECORDS || records.iter().any(|record| record.len() > CONTENT_BYTES) {
            return Err(AppendError::TooLarge);
        }
        let contents: Result<Vec<Content<'_>>, _> =
            records.iter().map(|record| Content::read(record)).collect();
        let contents = contents.map_err(|bad| AppendError::Closed(bad.to_string()))?;
        let bytes = records.iter().map(Bytes::len).sum();
        let ticket = self.shared.admit(records.len(), bytes, &self.options)?;
        let outcome =
            Outcome { first: None, last: Offset(0), timestamp: Ms(0), failed: None, done: Some(done) };
        let pending = Arc::new(Pending {
            left: AtomicUsize::new(records.len()),
            ticket,
            records: records.len(),
            bytes,
            outcome: Mutex::new(outcome),
        });
        let topic = self.options.topic(to.topic);
        for (number, content) in contents.iter().enumerate() {
            let Err(error) = self.send(&topic, to, content, &pending) else { continue };
            // The library knows why before its thread tells us.
            if let Some((_, why)) = self.producer.client().fatal_error() {
                self.shared.failed.get_or_init(|| why);
            }
            let error = self.shared.failure(&error);
            if number == 0 {
                self.shared.release(ticket, records.len(), bytes);
                return Err(error);
            }
            // What was handed over cannot be called back: the append failed, and is told so like any other.
            if pending.answered(records.len() - number, Err(error)) {
                lock(&self.shared.untold).push(pending);
            }
            break;
        }
        Ok(())
    }

    fn send(
        &self,
        topic: &str,
        to: TopicPartition,
        content: &Content<'_>,
        pending: &Arc<Pending>,
    ) -> Result<(), KafkaError> {
        let mut record: BaseRecord<'_, [u8], [u8], Arc<Pending>> =
            BaseRecord::with_opaque_to(topic, Arc::clone(pending))
                .partition(i32::from(to.partition.0))
                .key(content.key);
        record.payload = content.value;
        record.headers = content::headers_of(content);
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// What is not answered at this time, which never goes back.
    pub(super) fn look(&self, now: Duration) -> Unanswered {
        lock(&self.shared.load).waiting.look(now)
    }

    /// As the log's own.
    pub(super) fn close(&self, limit: Duration) {
        let mut load = lock(&self.shared.load);
        load.closed = true;
        drop(self.shared.settled.wait_timeout_while(load, limit, |load| !load.waiting.is_empty()));
        self.shared.ending.store(true, Ordering::Release);
        let thread = lock(&self.thread).take();
        // The log's last owner may be a callback, which runs on the thread itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            drop(thread.join());
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}

/// Serves the library until the log ends; then calls back what is not answered, so that all of it is.
fn serve(producer: &BaseProducer<Deliveries>, shared: &Shared, asker: &Asker) {
    while !shared.ending.load(Ordering::Acquire) {
        producer.poll(SERVE);
        shared.tell_untold();
        asker.serve();
    }
    producer.purge(PurgeConfig::default().queue().inflight());
    drop(producer.flush(PURGE));
    shared.tell_untold();
}
