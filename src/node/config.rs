//! From what was written to what the program runs with: the table of keys, and every fault at once.

use crate::base::limits;
use crate::base::time::Ms;
use crate::base::url::without_user;
use crate::expr::nearest;
use crate::node::installation::{self, InstallationKey};
use crate::node::raw::{Entry, Given, Written};
use crate::node::values::{
    DAY, archive, base_url, bootstrap, flag, hosts, length, listen, log_retention, number, scalar, text,
    topic_prefix,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What it is without being written.
    pub default: &'static str,
    /// What it says.
    pub help: &'static str,
}

const fn known(name: &'static str, default: &'static str, help: &'static str) -> Known {
    Known { name, default, help }
}

/// Every key.
pub const KEYS: &[Known] = &[
    known("data", "clausum-data", "folder of log, state and keys"),
    known("listen", "127.0.0.1:8080", "address of the HTTP door; port 0 picks a free one"),
    known("base_url", "", "how callers reach the server; made from the address unless given"),
    known("partitions", "4", "partitions of every topic of the embedded log, fixed at the first start"),
    known(
        "installation.key",
        "",
        "32 bytes in base64; without it, a file of the data folder; must be given on Kafka",
    ),
    known(
        "kafka.bootstrap",
        "",
        "brokers to begin with, HOST:PORT with commas between; without it, the embedded log",
    ),
    known(
        "kafka.group",
        "clausum",
        "group of the workers that share the partitions; kafka.prefix stands before it",
    ),
    known(
        "kafka.prefix",
        "",
        "what stands before the names of the topics, where installations share a cluster",
    ),
    known(KAFKA_PROPERTIES, "", "a property of librdkafka by its name there, such as ssl.ca.location"),
    known("checkpoint.interval_ms", "5000", "milliseconds between checkpoints"),
    known(
        "archive.url",
        "",
        "where snapshots go, file:///… or s3://…; a folder in the data folder unless given",
    ),
    known("snapshot.interval", "10m", "time between snapshots of a partition's state"),
    known(
        "log.segment_bytes",
        "134217728",
        "bytes of a file of the log, which goes as a whole when it is trimmed",
    ),
    known("log.retention", "30d", "how long records of the log are kept, such as 12h or 30d"),
    known("log.max_bytes", "68719476736", "bytes of the log beyond which only recovery keeps older records"),
    known("tls.cert", "", "PEM file of the certificate and its chain; with tls.key, HTTPS is spoken"),
    known("tls.key", "", "PEM file of the certificate's private key"),
    known("metrics.public", "false", "whether /metrics answers everyone"),
    known("auth.query_api_key", "true", "whether ?api_key= is taken where a key is"),
    known(
        "auth.hosts",
        "",
        "host names that keys work for, in the environment parted by commas; none is any",
    ),
];

/// How a family of keys is shown: what stands for the last part may be anything.
const KAFKA_PROPERTIES: &str = "kafka.properties.*";

/// What the program runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where the HTTP door is.
    pub listen: SocketAddr,
    /// How callers reach it, if that was written.
    pub base_url: Option<String>,
    /// Partitions, if that was written: a log that exists has a number already.
    pub partitions: Option<u16>,
    /// The installation key, if it was written.
    pub installation_key: Option<InstallationKey>,
    /// Where Kafka is, if the log is there.
    pub kafka: Option<Kafka>,
    /// Where snapshots go, if that was written.
    pub archive: Option<String>,
    /// Time between snapshots.
    pub snapshot_interval: Duration,
    /// Time between checkpoints.
    pub checkpoint_interval: Duration,
    /// How long records of the log are kept.
    pub log_retention: Duration,
    /// Bytes of a file of the log.
    pub log_segment_bytes: u64,
    /// Bytes of the log beyond which only recovery keeps older records.
    pub log_max_bytes: u64,
    /// Whether `/metrics` answers everyone.
    pub metrics_public: bool,
    /// Whether `?api_key=` is taken.
    pub query_api_key: bool,
    /// Host names, in lower case, that keys work for; empty is any.
    pub hosts: Vec<String>,
    /// Where certificate and key are, if HTTPS is to be spoken.
    pub tls: Option<TlsFiles>,
}

/// Where Kafka is and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// Brokers to begin with, `HOST:PORT` with commas between.
    pub bootstrap: String,
    /// The group of the workers.
    pub group: String,
    /// What stands before the names of the topics.
    pub prefix: String,
    /// Properties of librdkafka by their names there.
    pub properties: BTreeMap<String, String>,
}

/// The files of TLS, each with where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub(super) certificate: (PathBuf, String),
    pub(super) key: (PathBuf, String),
}

/// Partitions of a log that begins and for which none were written.
pub(super) const PARTITIONS: u16 = 4;

/// Something wrong with what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// File and line, variable or flag.
    pub place: String,
    /// The key, if there is one.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    pub(super) fn new(place: impl Into<String>, key: &str, message: impl Into<String>) -> Self {
        Self { place: place.into(), key: key.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}: {}", self.place, self.message);
        }
        write!(f, "{}: {}: {}", self.place, self.key, self.message)
    }
}

impl std::error::Error for Fault {}

/// A key as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key.
    pub key: String,
    /// Its value; of a secret only that there is one.
    pub value: String,
    /// Where it was written; `default` if nowhere.
    pub place: String,
}

/// A configuration and where it comes from.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What the program runs with.
    pub config: Config,
    /// Every key, in the order of [`KEYS`].
    pub shown: Vec<Shown>,
}

/// Resolves what was written.
///
/// # Errors
/// Every fault: unknown keys, values that are none, files that cannot be read.
pub fn resolve(written: Written) -> Result<Resolved, Vec<Fault>> {
    let Written { entries, mut faults } = written;
    for Entry { key, at, .. } in &entries {
        if !KEYS.iter().any(|known| known.name == key) && property(key).is_none() {
            let near = nearest(key, KEYS.iter().map(|known| known.name));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            faults.push(Fault::new(at.to_string(), key, format!("is no key{hint}")));
        }
    }
    let mut reading = Reading { entries: &entries, faults };
    let data = reading.value("data", text);
    let listen = reading.value("listen", listen);
    let base_url = reading.optional("base_url", base_url);
    let partitions = reading.optional("partitions", |given| number(given, 1, u64::from(limits::PARTITIONS)));
    let key = reading.optional("installation.key", |given| {
        installation::read(&text(given)?).ok_or_else(|| "must be 32 bytes in base64".to_owned())
    });
    let kafka = reading.kafka();
    let archive = reading.optional("archive.url", archive);
    let snapshot_interval =
        reading.value("snapshot.interval", |given| length(given, Duration::from_secs(1), DAY));
    let interval = reading.value("checkpoint.interval_ms", |given| number(given, 100, 600_000));
    let segment_bytes = reading.value("log.segment_bytes", |given| number(given, 1 << 16, 1 << 32));
    let log_retention = reading.value("log.retention", log_retention);
    let log_max_bytes = reading.value("log.max_bytes", |given| number(given, 1 << 20, 1 << 50));
    let metrics_public = reading.value("metrics.public", flag);
    let query_api_key = reading.value("auth.query_api_key", flag);
    let hosts = reading.value("auth.hosts", hosts);
    let tls = reading.tls();
    let Reading { faults, .. } = reading;
    let mut shown: Vec<_> = KEYS.iter().flat_map(|known| shown(known, &entries)).collect();
    shown.dedup();
    let config = (|| {
        Some(Config {
            data: PathBuf::from(data?),
            listen: listen?,
            base_url,
            partitions: partitions.and_then(|count| u16::try_from(count).ok()),
            installation_key: key,
            kafka,
            archive,
            snapshot_interval: snapshot_interval?,
            checkpoint_interval: Duration::from_millis(interval?),
            log_retention: log_retention?,
            log_segment_bytes: segment_bytes?,
            log_max_bytes: log_max_bytes?,
            metrics_public: metrics_public?,
            query_api_key: query_api_key?,
            hosts: hosts?,
            tls,
        })
    })();
    match config {
        Some(config) if faults.is_empty() => Ok(Resolved { config, shown }),
        _ => Err(faults),
    }
}

/// Reads keys, all of them, and keeps what was wrong.
struct Reading<'e> {
    entries: &'e [Entry],
    faults: Vec<Fault>,
}

impl Reading<'_> {
    /// The value of a key that has a default.
    fn value<T>(&mut self, key: &str, read: impl Fn(&Given) -> Result<T, String>) -> Option<T> {
        if let Some(given) = last(self.entries, key) {
            return self.read(given, &read);
        }
        let default = KEYS.iter().find(|known| known.name == key)?.default;
        read(&Given::Word(default.to_owned())).ok()
    }

    /// The value of a key that may be absent.
    fn optional<T>(&mut self, key: &str, read: impl Fn(&Given) -> Result<T, String>) -> Option<T> {
        let given = last(self.entries, key)?;
        self.read(given, &read)
    }

    /// Where Kafka is; what else is said of it is judged all the same.
    fn kafka(&mut self) -> Option<Kafka> {
        let bootstrap = self.optional("kafka.bootstrap", bootstrap);
        let group = self.value("kafka.group", text);
        let prefix = self.optional("kafka.prefix", topic_prefix).unwrap_or_default();
        let mut properties = BTreeMap::new();
        for entry in self.entries {
            let Some(name) = property(&entry.key) else { continue };
            if let Some(value) = self.read(entry, &scalar) {
                properties.insert(name.to_owned(), value);
            }
        }
        Some(Kafka { bootstrap: bootstrap?, group: group?, prefix, properties })
    }

    /// Both files of TLS or neither.
    fn tls(&mut self) -> Option<TlsFiles> {
        let given = ["tls.cert", "tls.key"].map(|key| last(self.entries, key));
        let mut paths = given.map(|entry| self.read(entry?, &text).map(PathBuf::from)).into_iter();
        match given {
            [Some(certificate), Some(key)] => Some(TlsFiles {
                certificate: (paths.next()??, certificate.at.to_string()),
                key: (paths.next()??, key.at.to_string()),
            }),
            [Some(alone), None] | [None, Some(alone)] => {
                let other = if alone.key == "tls.key" { "tls.cert" } else { "tls.key" };
                let fault = format!("needs {other} beside it");
                self.faults.push(Fault::new(alone.at.to_string(), &alone.key, fault));
                None
            }
            [None, None] => None,
        }
    }

    fn read<T>(&mut self, entry: &Entry, read: &impl Fn(&Given) -> Result<T, String>) -> Option<T> {
        match read(&entry.given) {
            Ok(value) => Some(value),
            Err(message) => {
                self.faults.push(Fault::new(entry.at.to_string(), &entry.key, message));
                None
            }
        }
    }
}

/// The one that overrules the others.
fn last<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Entry> {
    entries.iter().rev().find(|entry| entry.key == key)
}

/// The property of librdkafka that a key names.
pub(super) fn property(key: &str) -> Option<&str> {
    let family = KAFKA_PROPERTIES.strip_suffix('*').unwrap_or(KAFKA_PROPERTIES);
    key.strip_prefix(family).filter(|name| !name.is_empty())
}

/// A key with its value, or each that was written of a family.
fn shown(known: &Known, entries: &[Entry]) -> Vec<Shown> {
    let names: BTreeSet<&str> = match known.name {
        KAFKA_PROPERTIES => {
            entries.iter().map(|entry| &*entry.key).filter(|key| property(key).is_some()).collect()
        }
        name => [name].into(),
    };
    let written =
        |name: &str| last(entries, name).map(|entry| (entry.key.clone(), value(entry), entry.at.to_string()));
    let default = || (known.name.to_owned(), known.default.to_owned(), "default".to_owned());
    let shown = |(key, value, place)| Shown { key, value, place };
    names.into_iter().map(|name| shown(written(name).unwrap_or_else(default))).collect()
}

/// A value as it may be shown.
fn value(entry: &Entry) -> String {
    let is_secret = ["password", "secret", ".pem", "kinit", "oauthbearer", "installation.key"];
    match &entry.given {
        _ if is_secret.iter().any(|secret| entry.key.contains(secret)) => "(given)".to_owned(),
        Given::Word(text) | Given::Text(text) | Given::Integer(text) => without_user(text).into_owned(),
        Given::Bool(value) => value.to_string(),
        Given::List(texts) => texts.join(","),
        Given::Other(noun) => (*noun).to_owned(),
    }
}

/// Wall time as a log line or a demo line shows it.
pub(super) fn time_of_day(at: Ms) -> String {
    let text = at.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}
