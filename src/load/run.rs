//! A run: a thread that knows when each request is due, and connections that send them.
//!
//! The thread waits for times finer than a runtime's timers are. Between it and the connections is a queue
//! with a bound; what finds it full is counted as shed, so neither memory nor the run is without an end.
//! A closed loop has neither: a connection asks again once it is answered.

use crate::base::clock::Clock;
use crate::http::SendError;
use crate::load::connection::Connection;
use crate::load::pacer::Pacer;
use crate::load::progress::Progress;
use crate::load::report::{Outcome, Report};
use crate::load::schedule::{Schedule, Shape};
use crate::load::source::{Drawn, Queue, Source};
use crate::load::target::Target;
use crate::load::traffic::Traffic;
use crate::log::LogError;
use crate::telemetry::latency::Latencies;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};

/// A connection that could not be made is tried again after this long.
const PAUSE: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When they are due, whatever answers do.
    Open {
        /// Requests a second, on average.
        rate: NonZeroU32,
        /// How the rate goes.
        shape: Shape,
    },
    /// Once the one before was answered.
    Closed,
}

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// When requests are sent.
    pub pace: Pace,
    /// How long requests become due.
    pub duration: Duration,
    /// Requests at most, if there is a bound below that of pace and duration.
    pub requests: Option<u64>,
    /// Decides when each request is due.
    pub seed: u64,
    /// Connections; each has one request under way.
    pub connections: usize,
    /// How long an answer is waited for, also behind the last request.
    pub limit: Duration,
}

/// Why there was no run.
#[derive(Debug)]
pub enum RunError {
    /// Not one connection could be made; what the last one met.
    Unreachable(SendError),
    /// The log could not be read.
    Log(LogError),
    /// A thread could not be started.
    Thread(std::io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Unreachable(error) => error.fmt(f),
            RunError::Log(error) => error.fmt(f),
            RunError::Thread(error) => write!(f, "no thread: {error}"),
        }
    }
}

impl std::error::Error for RunError {}

/// Sends `traffic` to `target` and tells what came of it. All connections are made before the first
/// request is due.
///
/// # Errors
/// Nobody answers there, or a thread could not be started.
pub async fn run(
    target: Target,
    traffic: Traffic,
    options: Options,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
) -> Result<Report, RunError> {
    let connections = connect(Arc::new(target), &options).await.map_err(RunError::Unreachable)?;
    let begun = clock.elapsed();
    let most = options.requests.unwrap_or(u64::MAX);
    progress.begin(options.pace != Pace::Closed);
    let queue = Arc::new(Queue::default());
    let (source, pacer) = match options.pace {
        Pace::Closed => {
            let drawn = Drawn::new(traffic, most, Arc::clone(&clock), begun, options.duration);
            (Source::Closed(Box::new(drawn)), None)
        }
        Pace::Open { rate, shape } => {
            let schedule = Schedule::new(options.seed, rate, shape);
            let pacer = Pacer {
                schedule,
                most,
                duration: options.duration,
                clock: Arc::clone(&clock),
                begun,
                progress: Arc::clone(&progress),
            };
            let pacer = start(pacer, traffic, Arc::clone(&queue)).map_err(RunError::Thread)?;
            (Source::Open(Arc::clone(&queue)), Some(pacer))
        }
    };
    let (end, ended) = watch::channel(());
    let sender = Arc::new(Sender { source, limit: options.limit, clock, begun, progress, ended });
    let mut senders = JoinSet::new();
    for connection in connections {
        senders.spawn(Arc::clone(&sender).run(connection));
    }
    sender.watch(&mut senders, &queue, options.duration + options.limit).await;
    drop(end);
    let at = sender.clock.elapsed().saturating_sub(begun);
    let mut report = sender.progress.end(at);
    report.lateness = pacer.and_then(|pacer| pacer.join().ok()).unwrap_or_default();
    Ok(report)
}

/// The thread that puts requests that are due into the queue; tells how late they were.
fn start(pacer: Pacer, traffic: Traffic, queue: Arc<Queue>) -> std::io::Result<JoinHandle<Latencies>> {
    std::thread::Builder::new().name("load-pacer".to_owned()).spawn(move || {
        let lateness = pacer.run(traffic, |due| queue.push(due));
        queue.close();
        lateness
    })
}

/// All connections at once. One that cannot be made now is made when it has a request.
async fn connect(target: Arc<Target>, options: &Options) -> Result<Vec<Connection>, SendError> {
    let mut opening = JoinSet::new();
    let limit = options.limit;
    for _ in 0..options.connections.max(1) {
        let mut connection = Connection::new(Arc::clone(&target));
        opening.spawn(async move {
            let opened = timeout(limit, connection.open()).await.unwrap_or(Err(SendError::Timeout));
            (connection, opened)
        });
    }
    let (mut connections, mut any, mut last) = (Vec::new(), false, SendError::Timeout);
    while let Some(opened) = opening.join_next().await {
        let Ok((connection, opened)) = opened else { continue };
        connections.push(connection);
        match opened {
            Ok(()) => any = true,
            Err(error) => last = error,
        }
    }
    if any { Ok(connections) } else { Err(last) }
}

/// What connections share.
#[derive(Debug)]
struct Sender {
    source: Source,
    limit: Duration,
    clock: Arc<dyn Clock>,
    begun: Duration,
    progress: Arc<Progress>,
    /// Closes when the run ends.
    ended: watch::Receiver<()>,
}

impl Sender {
    async fn run(self: Arc<Self>, mut connection: Connection) {
        while let Some(due) = self.source.next(&self.progress).await {
            self.progress.taken();
            let asked = timeout(self.limit, connection.ask(&due.body, &*self.clock)).await;
            let now = self.clock.elapsed();
            match asked.unwrap_or(Err(SendError::Timeout)) {
                Ok(reply) => self.progress.answered(Outcome {
                    status: reply.status,
                    body: reply.body,
                    latency: now.saturating_sub(self.begun).saturating_sub(due.at),
                    service: now.saturating_sub(reply.sent),
                }),
                Err(error) => {
                    self.progress.failed(error.kind());
                    connection.close();
                    if matches!(error, SendError::Unreachable(_)) {
                        // Nothing is ever sent there: this ends when the pause or the run does.
                        drop(timeout(PAUSE, self.ended.clone().changed()).await);
                    }
                }
            }
        }
    }

    /// Counts seconds until all connections are done; at most until `until` behind the begin of the run, or
    /// so long behind its end if it was stopped. What is not answered by then stays due and unanswered.
    async fn watch(&self, senders: &mut JoinSet<()>, queue: &Queue, until: Duration) {
        let mut beat = tokio::time::interval(SECOND);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        let mut until = until;
        loop {
            tokio::select! {
                joined = senders.join_next() => if joined.is_none() {
                    return;
                },
                _ = beat.tick() => {
                    let at = self.clock.elapsed().saturating_sub(self.begun);
                    self.progress.end_second(at);
                    if self.progress.is_stopped() {
                        // Who stops a run does not wait for what it had not sent.
                        queue.clear();
                        until = until.min(at + self.limit);
                    }
                    if at >= until {
                        senders.abort_all();
                        return;
                    }
                }
            }
        }
    }
}
