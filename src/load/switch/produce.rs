//! The producing half of a run on the log.

use super::{Options, Pace, Shared, kind};
use crate::base::id::OrgId;
use crate::base::murmur2::partition_of;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::load::pacer::Pacer;
use crate::load::schedule::Schedule;
use crate::load::source::Due;
use crate::load::traffic::Traffic;
use crate::log::{AppendError, Log};
use crate::telemetry::latency::Latencies;
use crate::wire::envelope::RecordType;
use crate::wire::header;
use crate::wire::record::{Builder, TooLarge};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// Who made the requests, as they say themselves.
const SOURCE: &str = "/clausum/load";
/// How often a producer that waits looks whether the run is over.
const BEAT: Duration = Duration::from_millis(100);

/// An organization's key, and the partition that it is at home in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Home {
    key: String,
    pub(super) partition: Partition,
}

/// Where each organization is at home.
pub(super) fn homes(log: &dyn Log, organizations: &[OrgId]) -> Vec<Home> {
    let keys = organizations.iter().map(OrgId::to_string);
    keys.map(|key| Home { partition: partition_of(key.as_bytes(), log.partitions()), key }).collect()
}

/// What became of a request that was handed to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Taken,
    /// There was no room for it.
    Refused,
    /// It is counted as failed.
    Failed,
}

/// Produces requests.
pub(super) struct Producer {
    log: Arc<dyn Log>,
    homes: Vec<Home>,
    shared: Arc<Shared>,
    /// Requests handed over so far.
    count: usize,
}

impl Producer {
    pub(super) const fn new(log: Arc<dyn Log>, homes: Vec<Home>, shared: Arc<Shared>) -> Self {
        Self { log, homes, shared, count: 0 }
    }

    /// Produces in a thread of its own, which tells how late requests were handed over.
    pub(super) fn start(
        mut self,
        traffic: Traffic,
        options: &Options,
    ) -> std::io::Result<JoinHandle<Latencies>> {
        let options = options.clone();
        std::thread::Builder::new().name("load-produce".to_owned()).spawn(move || {
            let shared = Arc::clone(&self.shared);
            let lateness = self.run(traffic, &options);
            shared.produced.store(true, Ordering::Release);
            shared.changed.raise();
            lateness
        })
    }

    fn run(&mut self, traffic: Traffic, options: &Options) -> Latencies {
        let most = options.requests.unwrap_or(u64::MAX);
        match options.pace {
            Pace::Open { rate, shape } => {
                let pacer = Pacer {
                    schedule: Schedule::new(options.seed, rate, shape),
                    most,
                    duration: options.duration,
                    clock: Arc::clone(&self.shared.clock),
                    begun: self.shared.begun,
                    progress: Arc::clone(&self.shared.progress),
                };
                pacer.run(traffic, |due| self.send(&due) != Sent::Refused)
            }
            Pace::Answered(window) | Pace::Acknowledged(window) => {
                self.fill(traffic, most, window, options.duration);
                Latencies::default()
            }
        }
    }

    /// Keeps `window` requests under way.
    fn fill(&mut self, mut traffic: Traffic, most: u64, window: usize, duration: Duration) {
        let mut left = most;
        while left > 0 {
            let at = self.shared.now();
            let progress = &self.shared.progress;
            if at >= duration || progress.is_stopped() || self.shared.ending.load(Ordering::Acquire) {
                return;
            }
            if self.shared.table().open() >= window.max(1) {
                progress.wake.wait(BEAT);
                continue;
            }
            left -= 1;
            progress.due();
            let due = Due { at, body: traffic.event().body };
            loop {
                let sent = self.send(&due);
                if sent == Sent::Taken {
                    break;
                }
                // The log's queue has less room than the window; or it fails, which it would do again at once.
                self.shared.progress.wake.wait(BEAT);
                if sent == Sent::Failed {
                    break;
                }
                if self.shared.now() >= duration || self.shared.progress.is_stopped() {
                    self.shared.progress.shed();
                    return;
                }
            }
        }
    }

    /// Hands a request to the log.
    fn send(&mut self, due: &Due) -> Sent {
        let Some(home) = self.homes.get(self.count % self.homes.len().max(1)) else { return Sent::Refused };
        let Some(number) = self.shared.table().add(due.at) else { return Sent::Refused };
        self.shared.progress.taken();
        let to = TopicPartition::new(Topic::Requests, home.partition);
        let record = record(&home.key, &self.shared.ids.of(number), &due.body);
        let (shared, at) = (Arc::clone(&self.shared), due.at);
        let done = Box::new(move |how| shared.appended(number, at, how));
        let record = record.map_err(|TooLarge| AppendError::TooLarge);
        let failed = match record.and_then(|record| self.log.append(to, vec![record], done)) {
            Ok(()) => None,
            Err(AppendError::Busy) => {
                self.shared.table().take(number);
                self.shared.progress.untaken();
                return Sent::Refused;
            }
            Err(error) => Some(error),
        };
        self.count += 1;
        let Some(error) = failed else { return Sent::Taken };
        self.shared.table().take(number);
        self.shared.progress.failed(kind(&error));
        Sent::Failed
    }
}

/// A request as a switch writes it: the contract's section 18.1.
fn record(key: &str, id: &str, body: &[u8]) -> Result<Bytes, TooLarge> {
    let mut record = Builder::new(key.as_bytes(), Some(body))?;
    record.header(header::CE_SPECVERSION, b"1.0")?;
    record.header(header::CE_ID, id.as_bytes())?;
    record.header(header::CE_SOURCE, SOURCE.as_bytes())?;
    record.header(header::CE_TYPE, RecordType::Assess.text().as_bytes())?;
    record.header(header::CONTENT_TYPE, b"application/json")?;
    Ok(record.finish())
}
