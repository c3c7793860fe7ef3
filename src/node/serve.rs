//! The server: log, worker, gateway from the bottom; gateway, worker, log from the top.

use crate::base::clock::Clock;
use crate::base::murmur2::partition_of;
use crate::base::position::{Topic, TopicPartition};
use crate::gateway::{self, Callers, Directory, Gateway, MetricNotes, Partitions};
use crate::log::Log;
use crate::log::embedded::EmbeddedLog;
use crate::node::bootstrap::{self, Founding};
use crate::node::config::Config;
use crate::node::data::Data;
use crate::node::installation::{self, InstallationKey};
use crate::node::roster::Roster;
use crate::node::{Stop, demo, genesis};
use crate::shard::engine::{Engines, SHIPPED_VERSION};
use crate::store::Store;
use crate::store::rocks::{self, Resources, RocksStore};
use crate::telemetry::Telemetry;
use crate::wire::bootstrap::Bootstrap;
use crate::worker::status::Phase;
use crate::worker::thread::{Exit, Worker};
use crate::worker::{Options, Parts, Replies};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often what has no voice of its own is looked at while the server starts.
const LOOK: Duration = Duration::from_millis(2);
/// How long a first start's records may take to come through.
const FOUND_WITHIN: Duration = Duration::from_secs(30);

/// What a server is started with.
#[derive(Debug)]
pub struct Start {
    /// What the operator wrote, resolved.
    pub config: Config,
    /// Whether to make traffic.
    pub demo: bool,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// Why a server could not start or go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// What the operator gave does not fit what is there.
    Input(String),
    /// The machine failed.
    Failed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input(why) | Failure::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

fn failed(error: &dyn fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

/// Runs a server until it is asked to stop. `announce` is given the bootstrap object's line on a first
/// start, once the server is ready.
///
/// # Errors
/// It could not start, or its worker or its log ended it.
pub fn serve(start: &Start, announce: &mut dyn FnMut(&str) -> io::Result<()>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("http")
        .build()
        .map_err(|error| failed(&error))?;
    runtime.block_on(run(start, announce))
}

async fn run(start: &Start, announce: &mut dyn FnMut(&str) -> io::Result<()>) -> Result<(), Failure> {
    let mut stop = Stop::listen().map_err(|error| failed(&error))?;
    let ground = Ground::lay(start)?;
    let listener = TcpListener::bind(start.config.listen).await;
    let listener = listener.map_err(|error| {
        Failure::Failed(format!("{} cannot be listened to: {error}", start.config.listen))
    })?;
    let at = listener.local_addr().map_err(|error| failed(&error))?;
    let base_url = start.config.base_url.clone().unwrap_or_else(|| base_url(at));
    let mut server = Server::start(start, ground, listener)?;
    tracing::info!(%base_url, data = %server.ground.data.path().display(), "started");
    let outcome = tokio::select! {
        outcome = server.attend(start, &base_url, announce) => outcome,
        how = stop.asked() => {
            tracing::info!(how, "stopping");
            Ok(())
        }
    };
    server.stop().await;
    tracing::info!("stopped");
    outcome
}

/// A URL that reaches `at` from the same machine.
pub(super) fn base_url(at: SocketAddr) -> String {
    let mut at = at;
    if at.ip().is_unspecified() {
        at.set_ip(if at.is_ipv6() { [0, 0, 0, 0, 0, 0, 0, 1].into() } else { [127, 0, 0, 1].into() });
    }
    format!("http://{at}")
}

/// What everything else stands on.
struct Ground {
    data: Data,
    /// That of an earlier start.
    bootstrap: Option<Bootstrap>,
    key: InstallationKey,
    log: Arc<EmbeddedLog>,
    resources: Resources,
    /// The folder is this process's until the last of the rest is dropped.
    _lock: File,
}

impl Ground {
    fn lay(start: &Start) -> Result<Self, Failure> {
        let Start { config, clock, .. } = start;
        let data = Data::new(config.data.clone());
        data.create().map_err(|error| Failure::Input(format!("{}: {error}", data.path().display())))?;
        let resources = Resources::default();
        let lock = data.lock().map_err(|error| Failure::Input(error.to_string()))?;
        let bootstrap = bootstrap::read(&data)?;
        let (log, opened) = genesis::open_log(config, &data, clock, &resources)?;
        if opened.cut_bytes > 0 {
            tracing::warn!(bytes = opened.cut_bytes, file = %opened.newest, "a torn end was cut from the log");
        }
        let key = match &config.installation_key {
            Some(key) => key.clone(),
            None if genesis::is_begun(&log) => installation::of_begun_log(&data)?,
            None => installation::open(&data, &**clock)?,
        };
        genesis::begin(&log, &key)?;
        Ok(Self { data, bootstrap, key, log: Arc::new(log), resources, _lock: lock })
    }
}

/// Everything that runs.
struct Server {
    ground: Ground,
    roster: Arc<Roster>,
    worker: Worker,
    ended: oneshot::Receiver<Exit>,
    door: JoinHandle<()>,
    close: oneshot::Sender<()>,
    demo: Option<JoinHandle<()>>,
}

impl Server {
    fn start(start: &Start, ground: Ground, listener: TcpListener) -> Result<Self, Failure> {
        let clock = &start.clock;
        let log: Arc<dyn Log> = Arc::clone(&ground.log) as Arc<dyn Log>;
        let engines = Engines::shipped().map_err(|error| failed(&error))?;
        let telemetry = Arc::new(telemetry(&engines).map_err(Failure::Failed)?);
        let callers = Arc::new(Callers::new(clock).map_err(|error| failed(&error))?);
        let directory = Arc::new(Directory::new(log.partitions()));
        let roster = Arc::new(Roster::new(Arc::clone(&directory) as Arc<dyn crate::worker::Directory>));
        let (data, resources) = (ground.data.clone(), ground.resources.clone());
        let parts = Parts {
            log: Arc::clone(&log),
            open_store: Arc::new(move |partition| {
                let store = RocksStore::open(&data.state(partition), &resources, &rocks::Options::default())?;
                Ok(Arc::new(store) as Arc<dyn Store>)
            }),
            engines,
            clock: Arc::clone(clock),
            replies: Arc::clone(&callers) as Arc<dyn Replies>,
            directory: Arc::clone(&roster) as Arc<dyn crate::worker::Directory>,
            notes: Arc::new(MetricNotes::new(Arc::clone(&telemetry))),
            signal: Arc::default(),
        };
        let checkpoint_ms = u64::try_from(start.config.checkpoint_interval.as_millis()).unwrap_or(u64::MAX);
        let options = Options { checkpoint_ms, ..Options::default() };
        let (tell, ended) = oneshot::channel();
        // Nobody listens any more once the server stops.
        let tell = Box::new(move |exit| drop(tell.send(exit)));
        let worker = Worker::start(parts, options, tell).map_err(Failure::Failed)?;
        let partitions = Partitions::of_worker(worker.statuses());
        let parts =
            gateway::Parts { log, clock: Arc::clone(clock), partitions, callers, directory, telemetry };
        let mut options = gateway::Options::new(*ground.key.bytes(), version(), build());
        options.query_api_key = start.config.query_api_key;
        options.metrics_public = start.config.metrics_public;
        let gateway = Gateway::new(options, parts);
        let (close, closed) = oneshot::channel();
        let shutdown = async move { drop(closed.await) };
        let door = tokio::spawn(async move { gateway.serve(listener, shutdown).await });
        Ok(Self { ground, roster, worker, ended, door, close, demo: None })
    }

    /// From start to end: waits until the server is ready, does what a first start does, and goes on until
    /// something ends it.
    async fn attend(
        &mut self,
        start: &Start,
        base_url: &str,
        announce: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut ended = std::mem::replace(&mut self.ended, oneshot::channel().1);
        let ready = tokio::select! {
            ready = self.found(&*start.clock, base_url) => ready?,
            exit = &mut ended => return Err(why(exit)),
        };
        if let Some((bootstrap, first)) = ready {
            if first {
                // A reader that went away is no reason to stop.
                if let Err(error) = announce(&bootstrap::line(&bootstrap)) {
                    tracing::warn!(%error, "the bootstrap line could not be printed");
                }
            }
            tracing::info!(file = %self.ground.data.bootstrap().display(), "ready; keys are in the file");
            if start.demo {
                let traffic = demo::run(base_url.to_owned(), bootstrap.keys.server, Arc::clone(&start.clock));
                self.demo = Some(tokio::spawn(traffic));
            }
        } else {
            tracing::info!("ready");
            if start.demo {
                tracing::warn!("no traffic: bootstrap.json with its key is gone");
            }
        }
        Err(why(ended.await))
    }

    /// Waits until every partition decides or was given up for now, and sees to it that there is an
    /// organization. Tells whose keys there are, and whether they are new.
    async fn found(&self, clock: &dyn Clock, base_url: &str) -> Result<Option<(Bootstrap, bool)>, Failure> {
        let mut look = tokio::time::interval(LOOK);
        while !self.is_settled() {
            look.tick().await;
        }
        let Ground { data, key, log, .. } = &self.ground;
        let parked = self.worker.statuses().iter().any(|(_, status)| status.phase() != Phase::Running);
        let mut bootstrap = match &self.ground.bootstrap {
            Some(bootstrap) => bootstrap.clone(),
            None if self.roster.is_empty() && !parked => {
                let made = bootstrap::make(clock, base_url).map_err(Failure::Failed)?;
                bootstrap::write(data, &made).map_err(Failure::Failed)?;
                made
            }
            None => return Ok(None),
        };
        if bootstrap.base_url != base_url {
            base_url.clone_into(&mut bootstrap.base_url);
            bootstrap::write(data, &bootstrap).map_err(Failure::Failed)?;
        }
        let founding = Founding::of(&bootstrap, key, clock.now());
        let named = |what: String| Failure::Input(format!("{}: {what}", data.bootstrap().display()));
        let founding = founding.map_err(named)?;
        // What a parked partition knows cannot be seen.
        if parked || founding.is_known(&self.roster) {
            return Ok(Some((bootstrap, false)));
        }
        let home = partition_of(founding.id().to_string().as_bytes(), log.partitions());
        let records = founding.records(&self.roster).map_err(Failure::Failed)?;
        let to = TopicPartition::new(Topic::Requests, home);
        genesis::append(&**log, to, records).map_err(|error| failed(&error))?;
        let known = async {
            while !founding.is_known(&self.roster) {
                look.tick().await;
            }
        };
        match tokio::time::timeout(FOUND_WITHIN, known).await {
            Ok(()) => Ok(Some((bootstrap, true))),
            Err(_) => {
                Err(Failure::Failed("the first organization did not come through its shard".to_owned()))
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.worker.statuses().iter().all(|(partition, status)| match status.phase() {
            Phase::Running => self.roster.has_opened(*partition),
            Phase::Parked => true,
            Phase::Opening | Phase::Poisoned | Phase::Left => false,
        })
    }

    /// From the top: no more traffic, the gateway drains, the worker writes its last checkpoint, the log
    /// closes.
    async fn stop(self) {
        if let Some(demo) = self.demo {
            demo.abort();
        }
        if self.close.send(()).is_err() {
            tracing::warn!("the gateway had ended by itself");
        }
        if self.door.await.is_err() {
            tracing::error!("the gateway panicked");
        }
        self.worker.stop();
        self.ground.log.close();
    }
}

fn why(exit: Result<Exit, oneshot::error::RecvError>) -> Failure {
    match exit {
        Ok(exit @ Exit::Engine { .. }) => Failure::Input(exit.to_string()),
        Ok(exit @ (Exit::Log(_) | Exit::Stopped)) => Failure::Failed(exit.to_string()),
        Err(_) => Failure::Failed("the worker's thread panicked".to_owned()),
    }
}

fn telemetry(engines: &Engines) -> Result<Telemetry, String> {
    let engine = engines.get(SHIPPED_VERSION).ok_or("the shipped engine is missing")?;
    let policy = engine.catalogue.compile(None);
    let policy =
        policy.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Telemetry::new(version(), build(), policy.signals().map(|(code, _)| code))
}

/// The product's version.
#[must_use]
pub const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// What was built, where the builder said so.
#[must_use]
pub fn build() -> &'static str {
    option_env!("CLAUSUM_BUILD").unwrap_or("unknown")
}
