//! The server: log, worker, gateway from the bottom; gateway, worker, log from the top.

use crate::archive::object::Variables;
use crate::base::clock::Clock;
use crate::base::murmur2::partition_of;
use crate::base::position::{Topic, TopicPartition};
use crate::base::url::without_user;
use crate::gateway::{self, Callers, Directory, Gateway, MetricNotes, Partitions, Tls};
use crate::node::admin::{self, Answers, Desk, Socket};
use crate::node::background::Background;
use crate::node::backup;
use crate::node::beside::{self, Beside};
use crate::node::bootstrap::{self, Founding};
use crate::node::config::Config;
use crate::node::ground::Ground;
use crate::node::roster::Roster;
use crate::node::stop::HangUp;
use crate::node::watchdog::{self, Watched};
use crate::node::{Notify, Stop, demo, files, genesis, tls};
use crate::shard::engine::{Engines, SHIPPED_VERSION};
use crate::telemetry::Telemetry;
use crate::wire::bootstrap::Bootstrap;
use crate::worker::status::Phase;
use crate::worker::thread::{Exit, Worker};
use crate::worker::{Options, Parts, Replies};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// How often what has no voice of its own is looked at while the server starts.
const LOOK: Duration = Duration::from_millis(2);
/// Connections that may wait to be accepted, as far as the system allows.
const BACKLOG: u32 = 4_096;
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
    /// Who started it, and wants to know how it is.
    pub notify: Arc<Notify>,
    /// What the environment says of buckets.
    pub variables: Variables,
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
    let hang_up = HangUp::listen().map_err(|error| failed(&error))?;
    let tls = tls::open(&start.config).map_err(|faults| {
        Failure::Input(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    if start.demo && tls.is_some() {
        let why = "--demo sends its traffic in the clear: it goes without tls.cert and tls.key";
        return Err(Failure::Input(why.to_owned()));
    }
    if start.demo && start.config.kafka.is_some() {
        let why = "--demo shows the embedded log: on Kafka, `clausum load --kafka` makes traffic";
        return Err(Failure::Input(why.to_owned()));
    }
    let ground = Arc::new(Ground::lay(&start.config, &start.clock, &start.variables)?);
    let listener = listen(start.config.listen).map_err(|error| {
        Failure::Failed(format!("{} cannot be listened to: {error}", start.config.listen))
    })?;
    let at = listener.local_addr().map_err(|error| failed(&error))?;
    let base_url = start.config.base_url.clone().unwrap_or_else(|| base_url(at, tls.is_some()));
    let socket = Socket::bind(&ground.data)?;
    let door = Door { listener, tls: tls.clone() };
    let mut server = Server::start(start, ground, door, socket, &base_url)?;
    start.notify.status("starting");
    let kept = tokio::spawn(tls::keep(tls, hang_up));
    let shown = without_user(&base_url);
    tracing::info!(base_url = %shown, data = %server.ground.data.path().display(), "started");
    let outcome = tokio::select! {
        outcome = server.attend(start, &base_url, announce) => outcome,
        how = stop.asked() => {
            tracing::info!(how, "stopping");
            Ok(())
        }
    };
    start.notify.stopping();
    server.stop().await;
    kept.abort();
    tracing::info!("stopped");
    outcome
}

/// A listener whose queue holds a crowd that comes at once.
fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Or a restart would find the address taken by connections that linger.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// A URL that reaches `at` from the same machine.
pub(super) fn base_url(at: SocketAddr, secure: bool) -> String {
    let mut at = at;
    if at.ip().is_unspecified() {
        at.set_ip(if at.is_ipv6() { [0, 0, 0, 0, 0, 0, 0, 1].into() } else { [127, 0, 0, 1].into() });
    }
    format!("http{}://{at}", if secure { "s" } else { "" })
}

/// Everything that runs.
struct Server {
    ground: Arc<Ground>,
    roster: Arc<Roster>,
    worker: Worker,
    /// What goes on beside: trimming, scrubbing, counting.
    beside: Vec<Background>,
    ended: oneshot::Receiver<Exit>,
    door: JoinHandle<()>,
    close: oneshot::Sender<()>,
    desk: Arc<Desk>,
    admin: JoinHandle<()>,
    close_admin: watch::Sender<bool>,
    watchdog: JoinHandle<()>,
    demo: Option<JoinHandle<()>>,
}

impl Server {
    fn start(
        start: &Start,
        ground: Arc<Ground>,
        door: Door,
        socket: Socket,
        base_url: &str,
    ) -> Result<Self, Failure> {
        let clock = &start.clock;
        let log = ground.ledger.log();
        let telemetry = Arc::new(telemetry(&ground.engines).map_err(Failure::Failed)?);
        let callers = Arc::new(Callers::new(clock).map_err(|error| failed(&error))?);
        let answers = Answers::new(&**clock, Arc::clone(&callers) as Arc<dyn Replies>);
        let answers = Arc::new(answers.map_err(Failure::Failed)?);
        let directory = Arc::new(Directory::new(log.partitions()));
        let roster =
            Roster::new(Arc::clone(&directory) as Arc<dyn crate::worker::Directory>, log.partitions());
        let roster = Arc::new(roster);
        let parts = worker_parts(&ground, clock, &answers, &roster, &telemetry);
        let signal = Arc::clone(&parts.signal);
        let (worker, ended) = start_worker(parts, &start.config)?;
        let Beside { threads: beside, damaged, stalled } =
            beside::start(start, &ground, &worker, &telemetry)?;
        let statuses = worker.statuses().to_vec();
        let of_gateway = gateway::Parts {
            log: Arc::clone(&log),
            trust: ground.trust.clone(),
            clock: Arc::clone(clock),
            partitions: Partitions::of_worker(worker.statuses()),
            callers,
            directory,
            telemetry,
            damaged,
            stalled,
        };
        let options = gateway_options(&start.config, &ground, door.tls);
        let gateway = Arc::new(Gateway::new(options, of_gateway));
        let asked = Arc::clone(&gateway);
        let desk = Arc::new(Desk::new(admin::Parts {
            log: Arc::clone(&log),
            clock: Arc::clone(clock),
            roster: Arc::clone(&roster),
            answers,
            statuses: statuses.clone(),
            signal,
            key: ground.key.clone(),
            trust: ground.trust.clone(),
            base_url: base_url.to_owned(),
            backup: backup_of(&ground, clock),
            unready: Arc::new(move || asked.unready()),
        }));
        let (close_admin, closed) = watch::channel(false);
        let admin = tokio::spawn(socket.serve(Arc::clone(&desk), closed));
        let watched = Watched { rounds: worker.rounds(), statuses };
        let watchdog = tokio::spawn(watchdog::keep(Arc::clone(&start.notify), Arc::clone(clock), watched));
        let (door, close) = open(gateway, door.listener);
        Ok(Self {
            ground,
            roster,
            worker,
            beside,
            ended,
            door,
            close,
            desk,
            admin,
            close_admin,
            watchdog,
            demo: None,
        })
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
        self.desk.open();
        start.notify.ready(&self.told(base_url));
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
        let Ground { data, key, ledger, .. } = &*self.ground;
        if ledger.embedded().is_none() {
            // Others may have partitions, and organizations are made by whoever runs the installation.
            return Ok(None);
        }
        while !self.is_settled() {
            look.tick().await;
        }
        let log = ledger.log();
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
        if !self.roster.is_empty() && !parked && !self.roster.has_organization(founding.id()) {
            let what = "names an organization that is not in this installation; put the file's own content back, or move it away";
            return Err(named(what.to_owned()));
        }
        // What a parked partition knows cannot be seen.
        if parked || founding.is_known(&self.roster) {
            return Ok(Some((bootstrap, false)));
        }
        let home = partition_of(founding.id().to_string().as_bytes(), log.partitions());
        let records = founding.records(&self.roster).map_err(Failure::Failed)?;
        let to = TopicPartition::new(Topic::Requests, home);
        genesis::append(&*log, to, records).map_err(|error| failed(&error))?;
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

    /// A line for the service manager.
    fn told(&self, base_url: &str) -> String {
        let statuses = self.worker.statuses();
        let running = statuses.iter().filter(|(_, status)| status.phase() == Phase::Running).count();
        format!("{running} of {} partitions decide, at {}", statuses.len(), without_user(base_url))
    }

    fn is_settled(&self) -> bool {
        self.worker.statuses().iter().all(|(partition, status)| match status.phase() {
            Phase::Running => self.roster.has_opened(*partition),
            Phase::Parked => true,
            Phase::Opening | Phase::Poisoned | Phase::Left => false,
        })
    }

    /// From the top: no more traffic and commands, the gateway drains, the worker writes its last
    /// checkpoint, the log closes.
    async fn stop(self) {
        self.watchdog.abort();
        self.close_admin.send_replace(true);
        if let Some(demo) = self.demo {
            demo.abort();
        }
        if self.close.send(()).is_err() {
            tracing::warn!("the gateway had ended by itself");
        }
        if self.door.await.is_err() {
            tracing::error!("the gateway panicked");
        }
        if self.admin.await.is_err() {
            tracing::error!("the operator's door panicked");
        }
        self.beside.into_iter().for_each(Background::stop);
        let worker = self.worker;
        self.ground.ledger.close_after(|| worker.stop());
    }
}

/// Copies the running installation.
fn backup_of(ground: &Arc<Ground>, clock: &Arc<dyn Clock>) -> admin::Backup {
    let (ground, clock) = (Arc::clone(ground), Arc::clone(clock));
    Arc::new(move |to, tell| backup::copy(&ground, &*clock, to, tell))
}

/// The worker at work, and what is told when it ends.
fn start_worker(parts: Parts, config: &Config) -> Result<(Worker, oneshot::Receiver<Exit>), Failure> {
    let (tell, ended) = oneshot::channel();
    // Nobody listens any more once the server stops.
    let tell = Box::new(move |exit| drop(tell.send(exit)));
    let worker = Worker::start(parts, worker_options(config), tell).map_err(Failure::Failed)?;
    Ok((worker, ended))
}

/// What the worker works with.
fn worker_parts(
    ground: &Ground,
    clock: &Arc<dyn Clock>,
    answers: &Arc<Answers>,
    roster: &Arc<Roster>,
    telemetry: &Arc<Telemetry>,
) -> Parts {
    Parts {
        log: ground.ledger.log(),
        stores: Arc::clone(&ground.stores),
        archive: Some(Arc::clone(&ground.archive)),
        engines: ground.engines.clone(),
        trust: ground.trust.clone(),
        clock: Arc::clone(clock),
        replies: Arc::clone(answers) as Arc<dyn Replies>,
        directory: Arc::clone(roster) as Arc<dyn crate::worker::Directory>,
        notes: Arc::new(MetricNotes::new(Arc::clone(telemetry))),
        signal: Arc::default(),
    }
}

fn worker_options(config: &Config) -> Options {
    let ms = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    Options {
        checkpoint_ms: ms(config.checkpoint_interval),
        snapshot_ms: ms(config.snapshot_interval),
        ..Options::default()
    }
}

/// Where callers come in.
struct Door {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
}

/// The gateway at work, and what ends it.
fn open(gateway: Arc<Gateway>, listener: TcpListener) -> (JoinHandle<()>, oneshot::Sender<()>) {
    let (close, closed) = oneshot::channel();
    let shutdown = async move { drop(closed.await) };
    (tokio::spawn(async move { gateway.serve(listener, shutdown).await }), close)
}

/// What the gateway is to know of the configuration.
fn gateway_options(config: &Config, ground: &Ground, tls: Option<Arc<Tls>>) -> gateway::Options {
    let mut options = gateway::Options::new(*ground.key.bytes(), version(), build());
    options.query_api_key = config.query_api_key;
    options.hosts.clone_from(&config.hosts);
    options.metrics_public = config.metrics_public;
    options.tls = tls;
    options.bounds.connections = files::room(options.bounds.connections, ground.ledger.log().partitions());
    options
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
