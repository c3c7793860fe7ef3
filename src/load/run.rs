//! A run: a thread that knows when each request is due, and tasks that send them.
//!
//! The thread waits for times finer than a runtime's timers are. Between it and the connections is a queue
//! with a bound; what finds it full is counted as shed, so neither memory nor the run is without an end.

use crate::base::clock::Clock;
use crate::base::signal::Signal;
use crate::http::Client;
use crate::load::report::Report;
use crate::load::traffic::Traffic;
use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Requests that may wait for a connection.
const QUEUE: usize = 65_536;
/// The route that is asked.
const ASSESS: &str = "/api/v1/assess";

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Requests a second.
    pub rate: NonZeroU32,
    /// How long requests become due.
    pub duration: Duration,
    /// Requests at most, if there is a bound below that of rate and duration.
    pub requests: Option<u64>,
    /// Decides when each request is due.
    pub seed: u64,
    /// Requests that are under way at once.
    pub connections: usize,
    /// How long answers are waited for behind the last request.
    pub grace: Duration,
}

/// A run that others may look at while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    report: Mutex<Report>,
    stop: AtomicBool,
    wake: Signal,
}

impl Progress {
    /// What has come of it so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.with(|report| report.clone())
    }

    /// Ends the run early; answers under way are still waited for.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.raise();
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn with<T>(&self, what: impl FnOnce(&mut Report) -> T) -> T {
        what(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request whose time has come.
struct Due {
    /// Behind the begin of the run.
    at: Duration,
    body: Bytes,
}

/// Sends `traffic` to `client` and tells what came of it.
///
/// # Errors
/// A thread could not be started.
pub async fn run(
    client: Client,
    traffic: Traffic,
    options: Options,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
) -> Result<Report, std::io::Error> {
    let begun = clock.elapsed();
    let (queue, mut due) = mpsc::channel(QUEUE);
    let pacer = Pacer { queue, options: options.clone(), clock: Arc::clone(&clock), begun };
    let told = Arc::clone(&progress);
    let thread =
        std::thread::Builder::new().name("load-pacer".to_owned()).spawn(move || pacer.run(traffic, &told))?;
    let slots = Arc::new(Semaphore::new(options.connections.max(1)));
    while let Some(request) = due.recv().await {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let (client, clock) = (client.clone(), Arc::clone(&clock));
        let progress = Arc::clone(&progress);
        tokio::spawn(async move {
            let outcome = client.post(ASSESS, request.body).await;
            let latency = clock.elapsed().saturating_sub(begun).saturating_sub(request.at);
            progress.with(|report| {
                report.count(&outcome, latency);
                report.elapsed = clock.elapsed().saturating_sub(begun);
            });
            drop(slot);
        });
    }
    let all = u32::try_from(options.connections.max(1)).unwrap_or(u32::MAX);
    // What is not answered within the grace stays due and unanswered in the report.
    drop(tokio::time::timeout(options.grace, slots.acquire_many(all)).await);
    drop(thread.join());
    Ok(progress.report())
}

/// Knows when requests are due.
struct Pacer {
    queue: mpsc::Sender<Due>,
    options: Options,
    clock: Arc<dyn Clock>,
    begun: Duration,
}

impl Pacer {
    fn run(self, mut traffic: Traffic, progress: &Progress) {
        // A stream of its own: the rate must not change who pays.
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed ^ 0x9ace);
        let Ok(gaps) = Exp::new(f64::from(self.options.rate.get())) else { return };
        let most = self.options.requests.unwrap_or(u64::MAX);
        let mut at = Duration::ZERO;
        for _ in 0..most {
            at += Duration::from_secs_f64(gaps.sample(&mut rng));
            if at >= self.options.duration || !self.wait(at, progress) {
                return;
            }
            let body = Bytes::from(traffic.event().body);
            match self.queue.try_send(Due { at, body }) {
                Ok(()) => progress.with(|report| report.due += 1),
                Err(mpsc::error::TrySendError::Full(_)) => progress.with(|report| {
                    report.due += 1;
                    report.shed += 1;
                }),
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }

    /// Waits until `at`; tells whether the run goes on.
    fn wait(&self, at: Duration, progress: &Progress) -> bool {
        loop {
            if progress.stopped() {
                return false;
            }
            let now = self.clock.elapsed().saturating_sub(self.begun);
            let Some(left) = at.checked_sub(now).filter(|left| !left.is_zero()) else { return true };
            progress.wake.wait(left);
        }
    }
}
