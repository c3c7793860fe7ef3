//! The gateway over real sockets, a log in memory and a shard that answers as it is told.

mod access;
mod assess;
mod connections;
mod http2;
mod json_suite;
mod limits;
mod maintenance;
mod odd;
mod routes;
mod shed;
mod tls;

use crate::base::clock::{Clock, SystemClock};
use crate::base::hash::{EntityKey, hmac_sha256};
use crate::base::id::OrgId;
use crate::base::keycode;
use crate::base::position::{Offset, Partition, Position, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::domain::access::{ApiKey, KeyState, KeyType, Locale, Organization, OrganizationKind, Permissions};
use crate::gateway::{Callers, Directory, Gateway, Options, Partitions, Parts, Seen};
use crate::log::memory::{MemoryLog, Producer};
use crate::log::{Contents, Log, PollLimit, Stored};
use crate::shard::effects::{DirectoryChange, Reply};
use crate::telemetry::Telemetry;
use crate::wire::envelope::Envelope;
use crate::wire::record::Content;
use crate::wire::signature::Trust;
use crate::worker::status::Phase;
use crate::worker::{Directory as _, Replies};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(super) const PARTITIONS: u16 = 2;
const INSTALLATION_KEY: [u8; 32] = [9; 32];
/// Far beyond what any step takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(super) const RUNNING: Seen = Seen {
    phase: Phase::Running,
    lag_records: 0,
    lag_ms: 0,
    checkpoint_at: 0,
    snapshot_at: 0,
    snapshot_bytes: 0,
    state_bytes: 0,
};

/// What the shard does with a record: status, body, replayed; none leaves the caller without an answer.
pub(super) type Decide = fn(&Stored) -> Option<(u16, String, bool)>;

pub(super) fn approve(_: &Stored) -> Option<(u16, String, bool)> {
    Some((200, r#"{"decision":"approve"}"#.to_owned(), false))
}

pub(super) fn silent(_: &Stored) -> Option<(u16, String, bool)> {
    None
}

/// How a site differs from the usual one.
pub(super) struct Plan {
    pub(super) decide: Decide,
    pub(super) options: Options,
    pub(super) seen: fn(Partition) -> Option<Seen>,
    pub(super) callers: [usize; 2],
    pub(super) opened: u16,
    pub(super) auto_flush: bool,
    pub(super) clock: Arc<dyn Clock>,
}

impl Plan {
    pub(super) fn new(decide: Decide) -> Self {
        Self {
            decide,
            options: Options::new(INSTALLATION_KEY, "1.3.0", "test"),
            seen: |_| Some(RUNNING),
            callers: [100, 100],
            opened: PARTITIONS,
            auto_flush: true,
            clock: Arc::new(SystemClock),
        }
    }
}

/// A running gateway.
pub(super) struct Site {
    pub(super) address: SocketAddr,
    pub(super) log: MemoryLog,
    pub(super) callers: Arc<Callers>,
    pub(super) directory: Arc<Directory>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) damaged: Arc<AtomicU64>,
    pub(super) stalled: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    pub(super) served: Option<JoinHandle<()>>,
    shard: Arc<Shard>,
}

struct Shard {
    stopped: AtomicBool,
    signal: Arc<Signal>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shard.stopped.store(true, Ordering::Relaxed);
        self.shard.signal.raise();
    }
}

pub(super) const GATEWAY: Producer = Producer(1);

impl Site {
    pub(super) async fn usual() -> Self {
        Self::start(Plan::new(approve)).await
    }

    pub(super) async fn start(plan: Plan) -> Self {
        let clock = plan.clock;
        let new = if plan.auto_flush { MemoryLog::auto_flush } else { MemoryLog::new };
        let log = new(PARTITIONS, Arc::clone(&clock));
        let [all, of_one] = plan.callers;
        let callers = Arc::new(Callers::bounded(&clock, all, of_one).unwrap());
        let directory = Arc::new(Directory::new(PARTITIONS));
        (0..plan.opened).for_each(|partition| directory.opened(Partition(partition), vec![]));
        let telemetry = Arc::new(Telemetry::new("1.3.0", "test", []).unwrap());
        let (damaged, stalled) = (Arc::default(), Arc::default());
        let parts = Parts {
            log: Arc::new(log.handle(GATEWAY)),
            clock,
            trust: Trust::Everyone,
            partitions: Partitions::seen_by(plan.seen),
            callers: Arc::clone(&callers),
            directory: Arc::clone(&directory),
            telemetry: Arc::clone(&telemetry),
            damaged: Arc::clone(&damaged),
            stalled: Arc::clone(&stalled),
        };
        let gateway = Gateway::new(plan.options, parts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served =
            tokio::spawn(async move { gateway.serve(listener, async { drop(stopped.await) }).await });
        let shard = shard(&log, Arc::clone(&callers), plan.decide);
        let (stop, served) = (Some(stop), Some(served));
        Self { address, log, callers, directory, telemetry, damaged, stalled, stop, served, shard }
    }

    /// Makes an organization and a key of `kind`, changed by `change`; tells the key's text.
    pub(super) fn key(&self, kind: KeyType, change: impl FnOnce(&mut Organization, &mut ApiKey)) -> String {
        static NEXT: Mutex<u8> = Mutex::new(0);
        let mut next = NEXT.lock().unwrap();
        *next += 1;
        let mut organization = organization(*next);
        let (text, mut key) = api_key_of(kind, *next);
        change(&mut organization, &mut key);
        let id = organization.id;
        self.directory.changed(Partition(0), DirectoryChange::Organization(organization));
        self.directory.changed(Partition(0), DirectoryChange::ApiKey(id, key));
        text
    }

    pub(super) fn server_key(&self) -> String {
        self.key(KeyType::Server, |_, _| ())
    }

    /// Asks for the shutdown; the gateway is gone when the answer is.
    pub(super) fn stop(&mut self) -> JoinHandle<()> {
        drop(self.stop.take());
        self.served.take().unwrap()
    }

    /// Everything that was appended.
    pub(super) fn records(&self) -> Vec<Bytes> {
        let dump = |partition| self.log.dump(requests(partition)).unwrap().records;
        (0..PARTITIONS)
            .flat_map(|partition| dump(Partition(partition)))
            .map(|stored| stored.content)
            .collect()
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes as they are and reads to the end of the connection.
    pub(super) async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect().await;
        // A gateway that refuses early may close before it has read everything.
        drop(stream.write_all(bytes).await);
        read_all(&mut stream).await
    }

    /// One request on a connection of its own.
    pub(super) async fn send(
        &self,
        (method, target): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        Answer::parse(&self.raw(&request((method, target), headers, body)).await)
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.send(("GET", target), &[], b"").await
    }

    pub(super) async fn assess(&self, key: &str, body: &str) -> Answer {
        self.send(ASSESS, &[("authorization", &format!("Bearer {key}"))], body.as_bytes()).await
    }
}

pub(super) const ASSESS: (&str, &str) = ("POST", "/api/v1/assess");
pub(super) const BODY: &str = r#"{"amount":1500,"currency":"MXN"}"#;

pub(super) fn requests(partition: Partition) -> TopicPartition {
    TopicPartition::new(Topic::Requests, partition)
}

pub(super) fn organization(number: u8) -> Organization {
    Organization {
        id: OrgId::from_random([number; 16]),
        profile_id: OrgId::from_random([number.wrapping_add(100); 16]),
        name: "Test".to_owned(),
        kind: OrganizationKind::Comercio,
        locale: Locale::En,
        entity_key: EntityKey::from_bytes([0; 32]),
        allow_publishable_assess: true,
    }
}

/// A key that may do what its type allows, and its text.
pub(super) fn api_key_of(kind: KeyType, number: u8) -> (String, ApiKey) {
    let text = keycode::render(kind.prefix(), &[number; 32]);
    let key = ApiKey {
        id: format!("key_{number}"),
        digest: hmac_sha256(&INSTALLATION_KEY, &[text.as_bytes()]),
        kind,
        display: keycode::display(kind.prefix(), &text),
        name: "test".to_owned(),
        permissions: Permissions::of(kind.permissions()),
        state: KeyState::Active,
        expires_at: None,
        per_minute: None,
        per_day: None,
        allowed_origins: vec![],
    };
    (text, key)
}

pub(super) fn request((method, target): (&str, &str), headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    if !body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

pub(super) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    drop(timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the gateway should have closed"));
    answer
}

/// An HTTP answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> i64 {
        let value = self.header(name).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no number in {name}: {self:?}"))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error, whose shape and headers are looked at by the way.
    pub(super) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert!(self.header("x-request-id").is_some_and(|id| id.len() >= 16), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        match self.status {
            429 => assert!(self.number("retry-after") > 0, "{self:?}"),
            503 => assert_eq!(self.header("retry-after"), Some("1"), "{self:?}"),
            _ => assert_eq!(self.header("retry-after"), None, "{self:?}"),
        }
        let body = self.json();
        assert!(body["error"]["message"].is_string() && body["error"]["details"].is_object(), "{self:?}");
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// A thread that reads every partition and answers.
fn shard(log: &MemoryLog, callers: Arc<Callers>, decide: Decide) -> Arc<Shard> {
    let log = log.handle(Producer(2));
    let shard = Arc::new(Shard { stopped: AtomicBool::new(false), signal: Arc::new(Signal::default()) });
    let own = Arc::clone(&shard);
    let of = |partition| requests(Partition(partition));
    (0..PARTITIONS).for_each(|partition| log.subscribe(of(partition), &shard.signal));
    let readers = (0..PARTITIONS).map(|partition| log.reader(of(partition), Offset(0)).unwrap());
    let mut readers: Vec<_> = readers.collect();
    let turn = move || {
        while !own.stopped.load(Ordering::Relaxed) {
            for (partition, reader) in (0..).zip(&mut readers) {
                for stored in reader.poll(PollLimit { records: 100, bytes: 1 << 20 }).unwrap() {
                    if let Some(reply) = answer(Partition(partition), &stored, decide) {
                        callers.reply(reply);
                    }
                }
            }
            own.signal.wait(PATIENCE);
        }
    };
    drop(std::thread::Builder::new().name("shard".to_owned()).spawn(turn).unwrap());
    shard
}

pub(super) fn answer(partition: Partition, stored: &Stored, decide: Decide) -> Option<Reply> {
    let content = Content::read(&stored.content).unwrap();
    let envelope = Envelope::read(&content, true).unwrap();
    let (status, body, replayed) = decide(stored).filter(|_| envelope.awaited)?;
    let position = Position { partition, offset: stored.offset };
    Some(Reply { id: envelope.id.to_owned(), status, body: body.into(), replayed, position })
}

/// Waits until `holds`; whoever makes it so has no way to say.
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let yields = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, yields).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// One answer of a connection that stays open.
pub(super) async fn one_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    loop {
        let answer = Answer::parse(&bytes);
        let whole = bytes.windows(4).any(|end| end == b"\r\n\r\n");
        let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
        if whole && length.is_none_or(|length| answer.body.len() >= length) {
            return answer;
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await.expect("an answer is due").unwrap();
        assert!(read > 0, "closed in an answer: {answer:?}");
    }
}
