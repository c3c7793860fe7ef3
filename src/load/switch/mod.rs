//! A run on the log itself, as a payment switch does it: requests are produced, decisions are read from their
//! topic. A stranger's records: no signature, and no header but the contract's.
//!
//! The one invariant: an answer is taken under the reader's rule and matched by its correlation id, so each
//! request is answered once at most, whatever else is on the topic.

mod answers;
mod produce;
mod table;
#[cfg(test)]
mod tests;

use crate::base::clock::Clock;
use crate::base::id::OrgId;
use crate::base::signal::Signal;
use crate::load::progress::Progress;
use crate::load::report::Report;
use crate::load::run::RunError;
use crate::load::schedule::Shape;
use crate::load::traffic::Traffic;
use crate::log::{AppendError, Appended, Log, LogError};
use answers::Answers;
use produce::Producer;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use table::{Ids, Table};

/// Requests under way at most; what is due beyond them is not sent.
const UNDER_WAY: usize = 1 << 20;
/// How often so long as an answer may take the whole run waits behind its last request, as long as some come.
const PATIENCE: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

/// When requests are produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When they are due, whatever answers do.
    Open {
        /// Requests a second, on average.
        rate: NonZeroU32,
        /// How the rate goes.
        shape: Shape,
    },
    /// Once one of so many under way was answered; at least one is.
    Answered(usize),
    /// Once one of so many under way was acknowledged; nobody reads answers.
    Acknowledged(usize),
}

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// When requests are produced.
    pub pace: Pace,
    /// How long requests become due.
    pub duration: Duration,
    /// Requests at most, if there is a bound below that of pace and duration.
    pub requests: Option<u64>,
    /// Decides when each request is due.
    pub seed: u64,
    /// Whose payments they are, in turn; at least one.
    pub organizations: Vec<OrgId>,
    /// Tells this run's requests from all others: a few characters that no other run has.
    pub mark: String,
    /// How long the topic of decisions may be silent behind the last request.
    pub limit: Duration,
}

impl Options {
    const fn is_open(&self) -> bool {
        matches!(self.pace, Pace::Open { .. })
    }

    const fn is_awaited(&self) -> bool {
        !matches!(self.pace, Pace::Acknowledged(_))
    }
}

/// Produces `traffic` and tells what came of it. Readers stand at their topic's end before the first request is
/// due. For a thread that may wait.
///
/// # Errors
/// The log cannot be read, or a thread could not be started.
pub fn run(
    log: &Arc<dyn Log>,
    traffic: Traffic,
    options: &Options,
    clock: &Arc<dyn Clock>,
    progress: &Arc<Progress>,
) -> Result<Report, RunError> {
    let homes = produce::homes(&**log, &options.organizations);
    let news = Arc::new(Signal::default());
    let answers = options.is_awaited().then(|| Answers::open(&**log, &homes, &news));
    let answers = answers.transpose().map_err(RunError::Log)?;
    progress.begin_on_log(options.is_open(), options.is_awaited());
    let shared = Arc::new(Shared {
        table: Mutex::new(Table::new(UNDER_WAY)),
        ids: Ids::new(&options.mark),
        clock: Arc::clone(clock),
        begun: clock.elapsed(),
        awaited: options.is_awaited(),
        windowed: !options.is_open(),
        progress: Arc::clone(progress),
        changed: Signal::default(),
        produced: AtomicBool::new(false),
        ending: AtomicBool::new(false),
        unread: OnceLock::new(),
    });
    let reading = answers.map(|answers| answers.start(&shared)).transpose().map_err(RunError::Thread)?;
    let producing = Producer::new(Arc::clone(log), homes, Arc::clone(&shared)).start(traffic, options);
    if producing.is_ok() {
        shared.watch(options.duration, options.limit);
    }
    shared.ending.store(true, Ordering::Release);
    news.raise();
    let read = reading.map(JoinHandle::join);
    if let Some(error) = shared.unread.get() {
        progress.stop();
        return Err(RunError::Log(error.clone()));
    }
    if read.is_some_and(|read| read.is_err()) {
        return Err(RunError::Thread(std::io::Error::other("the one that reads answers panicked")));
    }
    let mut report = progress.end(shared.now());
    // One that the run did not wait for has been stopped.
    report.lateness = producing.map_err(RunError::Thread)?.join().unwrap_or_default();
    Ok(report)
}

/// What the threads of a run share.
#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    ids: Ids,
    clock: Arc<dyn Clock>,
    begun: Duration,
    /// Whether answers are read.
    awaited: bool,
    /// Whether the producer waits until less is under way.
    windowed: bool,
    progress: Arc<Progress>,
    /// Wakes whoever watches the run.
    changed: Signal,
    /// No more requests will come.
    produced: AtomicBool,
    /// Nobody waits for answers any more.
    ending: AtomicBool,
    /// Why answers could not be read.
    unread: OnceLock<LogError>,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Behind the begin of the run.
    fn now(&self) -> Duration {
        self.clock.elapsed().saturating_sub(self.begun)
    }

    /// The log says what became of a request.
    fn appended(&self, number: u64, due: Duration, how: Result<Appended, AppendError>) {
        let now = self.now();
        match how {
            Ok(_) => {
                if self.awaited {
                    self.table().acknowledge(number, now);
                } else {
                    self.table().take(number);
                }
                self.progress.acknowledged(now.saturating_sub(due));
            }
            // What was answered is in the log all the same, and counted.
            Err(error) => {
                if self.table().take(number).is_some() {
                    self.progress.failed(kind(&error));
                }
            }
        }
        self.one_less();
    }

    /// One less may be under way: the producer may wait for that, or the end of the run.
    fn one_less(&self) {
        if self.windowed {
            self.progress.wake.raise();
        }
        if self.produced.load(Ordering::Acquire) && self.table().is_empty() {
            self.changed.raise();
        }
    }

    /// Counts seconds until the run is over: until all is produced and answered, or the topic of decisions has
    /// been silent for `limit` behind the last request. What is not answered by then stays due and missing.
    fn watch(&self, duration: Duration, limit: Duration) {
        let mut until = duration + limit * PATIENCE;
        let (mut second, mut heard) = (SECOND, (0, Duration::ZERO));
        loop {
            let now = self.now();
            let open = self.table().open();
            if !self.produced.load(Ordering::Acquire) || open != heard.0 {
                heard = (open, now);
            }
            let silent = now.saturating_sub(heard.1) >= limit;
            let produced = self.produced.load(Ordering::Acquire);
            if now >= until || silent || (produced && open == 0) || self.unread.get().is_some() {
                return;
            }
            if now >= second {
                self.progress.end_second(now);
                second = now + SECOND;
                if self.progress.is_stopped() {
                    until = until.min(now + limit);
                }
            }
            self.changed.wait(second.saturating_sub(now));
        }
    }
}

/// What a failed append is called in a report.
const fn kind(error: &AppendError) -> &'static str {
    match error {
        AppendError::Busy => "the log's queue was full",
        AppendError::Full => "the log's disk was full",
        AppendError::TooLarge => "too large",
        AppendError::Closed(_) => "not acknowledged",
    }
}
