//! The log of a replay: the requests of another log up to an end, and behind it nothing. What is written to
//! its output topics goes to a judge, and is acknowledged at once.

use super::Extent;
use super::judge::{Judge, Unfit};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use crate::log::{
    AppendError, Appended, Bounds, Contents, Done, Log, LogError, Membership, PollLimit, Reader, Stored,
    read_before,
};
use crate::wire::header;
use crate::wire::record::Content;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The log that the worker of a replay is given.
#[derive(Debug)]
pub(super) struct Replayed {
    contents: Arc<dyn Contents>,
    partitions: u16,
    partition: Partition,
    requests: Bounds,
    judged: Mutex<Judged>,
    /// Where the reader stands that was begun last: the worker's, once it is open.
    read: Mutex<Arc<Read>>,
    /// What the real log could not do.
    failed: Arc<Mutex<Option<LogError>>>,
}

/// Where a reader stands; written by it, read by whoever waits until everything was decided.
#[derive(Debug, Default)]
struct Read {
    /// Everything below was polled or is a gap.
    position: AtomicU64,
    /// Behind the last record that was polled.
    polled: AtomicU64,
}

#[derive(Debug)]
struct Judged {
    judge: Judge,
    /// Outputs so far, of each topic in the order of [`Topic::OUTPUTS`].
    appended: [u64; 3],
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replayed {
    pub(super) fn new(contents: Arc<dyn Contents>, partitions: u16, extent: &Extent, judge: Judge) -> Self {
        Self {
            contents,
            partitions,
            partition: extent.partition,
            requests: extent.requests,
            judged: Mutex::new(Judged { judge, appended: [0; 3] }),
            read: Mutex::default(),
            failed: Arc::default(),
        }
    }

    /// Whether every request was read, and applied by a worker that applied all below `applied`.
    pub(super) fn is_done(&self, applied: u64) -> bool {
        let read = lock(&self.read);
        read.position.load(Ordering::Relaxed) >= self.requests.end.0
            && read.polled.load(Ordering::Relaxed) <= applied
    }

    /// Why the real log could not be read, if so.
    pub(super) fn failure(&self) -> Option<LogError> {
        lock(&self.failed).clone()
    }

    /// The judge, with all it heard.
    pub(super) fn judge(self) -> Judge {
        self.judged.into_inner().unwrap_or_else(PoisonError::into_inner).judge
    }

    fn known(&self, of: TopicPartition) -> Result<(), LogError> {
        if of.partition == self.partition { Ok(()) } else { Err(LogError::NoPartition(of)) }
    }

    /// Has the outputs judged; where the last of them stands.
    fn judged(&self, topic: Topic, records: &[Bytes]) -> Result<Appended, AppendError> {
        let mut judged = lock(&self.judged);
        for record in records {
            judged.judge.made(topic, record).map_err(|unfit| match unfit {
                Unfit::Log(error) => {
                    let told = error.to_string();
                    *lock(&self.failed) = Some(error);
                    AppendError::Closed(told)
                }
                Unfit::Output(why) => AppendError::Closed(why),
            })?;
        }
        let next = Topic::OUTPUTS.into_iter().zip(&mut judged.appended).find(|(of, _)| *of == topic);
        let Some((_, next)) = next else { return Err(AppendError::Closed("no output".to_owned())) };
        let first = *next;
        *next += records.len() as u64;
        Ok(appended(Offset(first), Offset(next.saturating_sub(1))))
    }
}

/// Nobody asks when it was.
const fn appended(first: Offset, last: Offset) -> Appended {
    Appended { first, last, timestamp: Ms(0) }
}

/// When a record was signed, where it is: that is when it would have come into the log.
fn issued(record: &Bytes) -> Option<Ms> {
    let content = Content::read(record).ok()?;
    content.text_header(header::ISSUED)?.parse().ok().map(Ms)
}

impl Contents for Replayed {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        self.known(of)?;
        match of.topic {
            Topic::Requests => Ok(self.requests),
            Topic::Decisions | Topic::Events | Topic::DeadLetters => {
                Ok(Bounds { start: Offset(0), end: Offset(0) })
            }
        }
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        let bounds = self.bounds(of)?;
        let read = Arc::new(Read { position: from.0.into(), polled: from.0.into() });
        let reader = match of.topic {
            Topic::Requests => {
                *lock(&self.read) = Arc::clone(&read);
                Some(self.contents.reader(of, from)?)
            }
            Topic::Decisions | Topic::Events | Topic::DeadLetters => None,
        };
        Ok(Box::new(UpTo { reader, end: bounds.end, read, failed: Arc::clone(&self.failed) }))
    }
}

impl Log for Replayed {
    fn partitions(&self) -> u16 {
        self.partitions
    }

    fn append(&self, to: TopicPartition, records: Vec<Bytes>, done: Done) -> Result<(), AppendError> {
        self.known(to).map_err(|error| AppendError::Closed(error.to_string()))?;
        done(match to.topic {
            // The worker's announcement: behind all there is, and never read.
            Topic::Requests => Ok(Appended {
                timestamp: records.first().and_then(issued).unwrap_or_default(),
                ..appended(self.requests.end, self.requests.end)
            }),
            Topic::Decisions | Topic::Events | Topic::DeadLetters => self.judged(to.topic, &records),
        });
        Ok(())
    }

    fn subscribe(&self, _: TopicPartition, _: &Arc<Signal>) {}

    fn join(&self, _: &Arc<Signal>) -> Result<Box<dyn Membership>, LogError> {
        Err(LogError::Closed("a replay has no group".to_owned()))
    }
}

/// Reads up to an end, and waits for what is before it: the turn has nothing else to do.
#[derive(Debug)]
struct UpTo {
    /// None where there is nothing to read.
    reader: Option<Box<dyn Reader>>,
    end: Offset,
    read: Arc<Read>,
    failed: Arc<Mutex<Option<LogError>>>,
}

impl Reader for UpTo {
    fn poll(&mut self, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
        let Some(reader) = &mut self.reader else { return Ok(Vec::new()) };
        let mut records = read_before(&mut **reader, self.end, limit).inspect_err(|error| {
            *lock(&self.failed) = Some(error.clone());
        })?;
        records.retain(|record| record.offset < self.end);
        if let Some(last) = records.last() {
            self.read.polled.store(last.offset.next().0, Ordering::Relaxed);
        }
        self.read.position.store(reader.position().min(self.end).0, Ordering::Relaxed);
        Ok(records)
    }

    fn position(&self) -> Offset {
        Offset(self.read.position.load(Ordering::Relaxed))
    }

    fn end(&self) -> Offset {
        self.end
    }

    fn wait(&mut self, _: Duration) -> bool {
        false
    }
}
