//! From what was written to what the program runs with: the table of keys, and every fault at once.

use crate::base::limits;
use crate::base::time::Ms;
use crate::base::url::without_user;
use crate::expr::nearest;
use crate::node::installation::{self, InstallationKey};
use crate::node::raw::{Entry, Given, Written};
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
    known("partitions", "4", "partitions of every topic, fixed at the first start"),
    known("installation.key", "", "32 bytes in base64; without it, a file of the data folder"),
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
    pub key: &'static str,
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
        if !KEYS.iter().any(|known| known.name == key) {
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
    let shown = KEYS.iter().map(|known| shown(known, &entries)).collect();
    let config = (|| {
        Some(Config {
            data: PathBuf::from(data?),
            listen: listen?,
            base_url,
            partitions: partitions.and_then(|count| u16::try_from(count).ok()),
            installation_key: key,
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

fn text(given: &Given) -> Result<String, String> {
    match given {
        Given::Word(text) | Given::Text(text) if !text.trim().is_empty() => Ok(text.clone()),
        Given::Word(_) | Given::Text(_) => Err("must not be empty".to_owned()),
        Given::Integer(_) => Err("must be a string, not a number".to_owned()),
        Given::List(_) => Err("must be a string, not a list".to_owned()),
        Given::Bool(_) => Err("must be a string, not true or false".to_owned()),
        Given::Other(noun) => Err(format!("must be a string, not {noun}")),
    }
}

fn flag(given: &Given) -> Result<bool, String> {
    let due = || "must be true or false".to_owned();
    match given {
        Given::Bool(value) => Ok(*value),
        Given::Word(text) => text.parse().map_err(|_| due()),
        Given::Text(_) | Given::Integer(_) | Given::List(_) | Given::Other(_) => Err(due()),
    }
}

fn number(given: &Given, least: u64, most: u64) -> Result<u64, String> {
    let due = || format!("must be a whole number from {least} to {most}");
    let text = match given {
        Given::Word(text) | Given::Integer(text) => text,
        Given::Text(_) | Given::Bool(_) | Given::List(_) | Given::Other(_) => return Err(due()),
    };
    let value: u64 = text.parse().map_err(|_| due())?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(due()) }
}

const DAY: Duration = Duration::from_secs(86_400);

fn length(given: &Given, least: Duration, most: Duration) -> Result<Duration, String> {
    let length = duration(&text(given)?)?;
    if (least..=most).contains(&length) {
        return Ok(length);
    }
    Err(format!("must be from {} s to {} s", least.as_secs(), most.as_secs()))
}

fn archive(given: &Given) -> Result<String, String> {
    let url = text(given)?;
    let folder = url.strip_prefix("file://").is_some_and(|path| path.starts_with('/'));
    let bucket =
        url.strip_prefix("s3://").is_some_and(|bucket| !bucket.is_empty() && !bucket.starts_with('/'));
    if folder || bucket { Ok(url) } else { Err("must be file:///… or s3://…".to_owned()) }
}

/// From a minute, so that a slip of the unit cannot take a log away, to ten years.
fn log_retention(given: &Given) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_mins(1);
    const MOST: Duration = Duration::from_hours(24 * 3_650);
    let length = duration(&text(given)?)?;
    if !(LEAST..=MOST).contains(&length) {
        return Err("must be a length of time from 1m to 3650d".to_owned());
    }
    Ok(length)
}

fn listen(given: &Given) -> Result<SocketAddr, String> {
    text(given)?.parse().map_err(|_| "must be an address with a port, such as 127.0.0.1:8080".to_owned())
}

/// Host names without ports, in lower case.
fn hosts(given: &Given) -> Result<Vec<String>, String> {
    let due = || "must be a list of host names without ports, such as [\"api.example.com\"]".to_owned();
    let names: Vec<&str> = match given {
        Given::Word(text) if text.trim().is_empty() => Vec::new(),
        Given::Word(text) => text.split(',').collect(),
        Given::List(names) => names.iter().map(String::as_str).collect(),
        Given::Text(_) | Given::Integer(_) | Given::Bool(_) | Given::Other(_) => return Err(due()),
    };
    let read = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let valid = match address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !name.is_empty() && name.bytes().all(plain),
        };
        valid.then(|| name.strip_suffix('.').map(str::to_owned).unwrap_or(name)).ok_or_else(due)
    };
    names.into_iter().map(read).collect()
}

fn base_url(given: &Given) -> Result<String, String> {
    let url = text(given)?;
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !url.contains(char::is_whitespace) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        _ => Err("must be an http:// or https:// URL".to_owned()),
    }
}

fn shown(known: &Known, entries: &[Entry]) -> Shown {
    let Some(entry) = last(entries, known.name) else {
        return Shown { key: known.name, value: known.default.to_owned(), place: "default".to_owned() };
    };
    let value = match &entry.given {
        _ if known.name == "installation.key" => "(given)".to_owned(),
        Given::Word(text) | Given::Text(text) | Given::Integer(text) => without_user(text).into_owned(),
        Given::Bool(value) => value.to_string(),
        Given::List(texts) => texts.join(","),
        Given::Other(noun) => (*noun).to_owned(),
    };
    Shown { key: known.name, value, place: entry.at.to_string() }
}

/// A length of time as it is written by hand: `250ms`, `30s`, `5m`, `1h`, `30d`.
///
/// # Errors
/// It is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let due = || format!("`{text}` is no length of time such as 250ms, 30s, 5m, 1h or 30d");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(due)?;
    let (count, unit) = text.split_at(split);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(due()),
    };
    let ms = count.parse::<u64>().ok().and_then(|count| count.checked_mul(unit_ms)).ok_or_else(due)?;
    Ok(Duration::from_millis(ms))
}

/// Wall time as a log line or a demo line shows it.
pub(super) fn time_of_day(at: Ms) -> String {
    let text = at.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}
