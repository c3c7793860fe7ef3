//! Damage to any file of an installation ends in full recovery, or in a refusal that names the file; never in
//! another decision. The data folder of a stopped server is copied, one file of the copy is harmed, and a
//! server is started on it. `make damage` does that thousands of times.

use crate::server::{Client, Server, binary, wait_for};
use clausum::base::clock::{Clock, SystemClock};
use clausum::base::position::{Partition, Topic, TopicPartition};
use clausum::base::time::Ms;
use clausum::log::embedded::scan;
use clausum::wire::chain::{ChainReader, Link, Taken};
use clausum::wire::header;
use clausum::wire::record::Content;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Small segments, frequent checkpoints and snapshots: every kind of file is there, several times.
const VARIABLES: [(&str, &str); 2] =
    [("CLAUSUM__LOG__SEGMENT_BYTES", "65536"), ("CLAUSUM__SNAPSHOT__INTERVAL", "1s")];
const PAYMENTS: usize = 240;
const PARTITIONS: u16 = 4;
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Files that hold nothing: locks, RocksDB's diaries, what the test itself writes.
const IDLE: [&str; 8] =
    ["lock", "log.lock", "LOCK", "LOG", "IDENTITY", "stderr.txt", "admin.sock", "stdout.txt"];

/// When the payments happened. The rounds may take longer than the shortest window, and none of them may be
/// decided otherwise for that.
static HAPPENED: LazyLock<Ms> = LazyLock::new(|| SystemClock.now());

fn body(number: usize) -> String {
    let email = format!("p{}@example.com", number % 7);
    let at = HAPPENED.plus(i64::try_from(number).unwrap()).to_string();
    let device = json!({"ip": "203.0.113.9"});
    json!({"amount": 100 + number, "currency": "MXN", "email": email, "device": device, "occurred_at": at})
        .to_string()
}

/// An installation, and what it says.
struct Base {
    folder: tempfile::TempDir,
    answered: Vec<Vec<u8>>,
    decisions: Decisions,
    /// What the next payment is answered with.
    next: Value,
}

/// What a decision says, without the names that differ between any two.
fn verdict(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    json!([body["decision"], body["risk_score"], body["signal_details"]])
}

/// Decisions of each partition, by their ids.
type Decisions = BTreeMap<u16, Vec<(String, Vec<u8>)>>;

/// Every decision taken under the reader's rule, or what keeps the log from being read.
fn decisions(data: &Path) -> Result<Decisions, String> {
    let of = |partition| {
        let mut chain = ChainReader::after(None);
        let topic = TopicPartition::new(Topic::Decisions, Partition(partition));
        let mut taken = Vec::new();
        for record in scan(&data.join("log"), topic, None, None).into_iter().flatten() {
            let record = record.map_err(|error| error.to_string())?;
            let content = Content::read(&record.content).unwrap();
            if chain.take(record.offset, &Link::read(&content).unwrap()) == Taken::Next {
                let id = content.text_header(header::CE_ID).unwrap().to_owned();
                taken.push((id, content.value.unwrap().to_vec()));
            }
        }
        Ok((partition, taken))
    };
    (0..PARTITIONS).map(of).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        // Sockets are no files to copy.
        if !file.ends_with("admin.sock") {
            fs::copy(&file, &target).unwrap();
        }
    }
}

impl Base {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let server = Server::start_with(data, &VARIABLES);
        let mut client = server.connect().unwrap();
        let ask = |client: &mut Client, number: usize| {
            let answer = client.assess(Some(&format!("k{number}")), body(number).as_bytes()).unwrap();
            assert_eq!(answer.status, 200);
            answer.body
        };
        let mut answered: Vec<Vec<u8>> = (0..PAYMENTS / 2).map(|number| ask(&mut client, number)).collect();
        let manifests = || {
            let all = files(data);
            let of = |partition: u16| {
                let place = data.join(format!("archive/snapshots/{partition}/manifests"));
                all.iter().filter(|file| file.starts_with(&place)).count()
            };
            (0..PARTITIONS).all(|partition| of(partition) >= 2).then_some(())
        };
        wait_for(manifests);
        answered.extend((PAYMENTS / 2..PAYMENTS).map(|number| ask(&mut client, number)));
        drop(client);
        assert_eq!(server.stop(), Some(0));
        let mut base = Self { decisions: decisions(data).unwrap(), folder, answered, next: Value::Null };
        let control = tempfile::tempdir().unwrap();
        copy(base.folder.path(), control.path());
        let server = Server::start_with(control.path(), &VARIABLES);
        base.next = base.probe(&server).unwrap();
        assert_eq!(server.stop(), Some(0));
        base
    }

    /// Asks again what was answered, and something new. None where a partition does not decide.
    fn probe(&self, server: &Server) -> Option<Value> {
        let mut client = server.connect().unwrap();
        for (number, stored) in self.answered.iter().enumerate().step_by(17) {
            let answer = client.assess(Some(&format!("k{number}")), body(number).as_bytes()).unwrap();
            if answer.status == 503 {
                return None;
            }
            assert_eq!((answer.status, answer.replayed), (200, true), "k{number}");
            assert_eq!(answer.body, *stored, "k{number}");
        }
        let answer = client.assess(Some("new"), body(PAYMENTS).as_bytes()).unwrap();
        (answer.status == 200).then(|| verdict(&answer.body))
    }
}

/// Harms one file; tells what was done to it, and at which other file the harm may show.
fn harm(rng: &mut ChaCha8Rng, file: &Path, all: &[PathBuf]) -> (String, Option<PathBuf>) {
    let bytes = fs::read(file).unwrap();
    let at = rng.random_range(0..bytes.len().max(1));
    match rng.random_range(0..10_u32) {
        0 => {
            fs::remove_file(file).unwrap();
            // Where the last of them is gone, the one before it ends too early.
            let before = all.iter().rev().find(|other| other.as_path() < file);
            ("removed".to_owned(), before.cloned())
        }
        1 | 2 => {
            fs::write(file, &bytes[..at.min(bytes.len())]).unwrap();
            (format!("cut at {at} of {}", bytes.len()), None)
        }
        3 => {
            let alike: Vec<_> =
                all.iter().filter(|other| *other != file && other.extension() == file.extension()).collect();
            match alike.get(rng.random_range(0..alike.len().max(1))) {
                Some(other) => {
                    let others = fs::read(other).unwrap();
                    fs::write(other, &bytes).unwrap();
                    fs::write(file, others).unwrap();
                    (format!("swapped with {}", other.display()), Some((*other).clone()))
                }
                None => {
                    fs::write(file, b"").unwrap();
                    ("emptied".to_owned(), None)
                }
            }
        }
        _ => {
            let mut bytes = bytes;
            let bit = rng.random_range(0..8_u32);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
            fs::write(file, &bytes).unwrap();
            (format!("bit {bit} of byte {at} of {} flipped", bytes.len()), None)
        }
    }
}

/// Starts on a folder, for callers with the keys of another: a server that is ready, or how it ended.
fn start(data: &Path, keys: &Path) -> Result<Server, (Option<i32>, String)> {
    let errors = data.join("stderr.txt");
    let mut child = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .envs(VARIABLES)
        .env("CLAUSUM__CHECKPOINT__INTERVAL_MS", "300")
        .stdout(Stdio::null())
        .stderr(fs::File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while began.elapsed() < READY_WITHIN {
        if fs::read_to_string(&errors).unwrap().contains("serve: ready") {
            return Ok(Server::of(child, data, keys));
        }
        if let Some(status) = child.try_wait().unwrap() {
            return Err((status.code(), fs::read_to_string(&errors).unwrap()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    Err((None, format!("neither ready nor ended\n{}", fs::read_to_string(&errors).unwrap())))
}

/// Whether a text names a file, or the folder of a partition's state that it is in.
fn names(text: &str, file: &Path, data: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    let within = file.strip_prefix(data).unwrap();
    let state = within.starts_with("state").then(|| file.parent().unwrap().display().to_string());
    text.contains(name) || state.is_some_and(|state| text.contains(&state))
}

fn is_idle(file: &Path) -> bool {
    let name = file.file_name().unwrap().to_str().unwrap();
    IDLE.contains(&name) || name.starts_with("LOG.old") || name.starts_with("OPTIONS")
}

/// The folder a file is in and what it is there, such as `state sst`.
fn kind(file: &Path, data: &Path) -> String {
    let place = file.strip_prefix(data).unwrap().components().next().unwrap();
    let end = file.extension().or(file.file_name()).unwrap().to_str().unwrap();
    let end = match end {
        _ if end.starts_with("MANIFEST") => "MANIFEST",
        _ if place.as_os_str() == "archive" && end.len() > 20 => "object",
        _ => end,
    };
    format!("{} {end}", place.as_os_str().display())
}

/// Starts a server on a harmed folder and holds it to what the head of this file says; tells what it did.
/// `named` is whether a text names the harmed file.
fn outcome(base: &Base, data: &Path, named: &dyn Fn(&str) -> bool, told: &str) -> &'static str {
    let server = match start(data, base.folder.path()) {
        Ok(server) => server,
        Err((code, errors)) => {
            assert!(matches!(code, Some(1 | 3)), "{told}: ended with {code:?}\n{errors}");
            assert!(named(&errors), "{told}: not named\n{errors}");
            return "refused";
        }
    };
    let next = base.probe(&server);
    let stopped = server.stop();
    let errors = fs::read_to_string(data.join("stderr.txt")).unwrap();
    let Some(next) = next else {
        assert!(named(&errors), "{told}: not named\n{errors}");
        return "refused by a partition";
    };
    assert_eq!((next, stopped), (base.next.clone(), Some(0)), "{told}\n{errors}");
    match decisions(data) {
        Ok(now) => {
            for (partition, before) in &base.decisions {
                assert!(now[partition].starts_with(before), "{told}: other decisions in {partition}");
            }
            "recovered"
        }
        // Of old segments nobody needs more than their ends to go on.
        Err(damage) => {
            assert!(named(&damage), "{told}: not named: {damage}");
            "decides on, and who reads that part of the log is told"
        }
    }
}

#[test]
fn damage_is_recovered_from_or_named_and_never_decides() {
    let rounds = std::env::var("CLAUSUM_DAMAGE").ok().and_then(|rounds| rounds.parse().ok());
    let rounds: u64 = rounds.unwrap_or(if std::env::var_os("CLAUSUM_SLOW").is_some() { 200 } else { 24 });
    let base = Base::make();
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let first: u64 =
        std::env::var("CLAUSUM_DAMAGE_FROM").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    for round in first..first + rounds {
        let mut rng = ChaCha8Rng::seed_from_u64(round);
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        copy(base.folder.path(), data);
        let all: Vec<_> = files(data).into_iter().filter(|file| !is_idle(file)).collect();
        // Kinds take turns, so that the few of a kind are harmed as often as the many.
        let mut kinds: Vec<String> = all.iter().map(|file| kind(file, data)).collect();
        kinds.sort();
        kinds.dedup();
        let wanted = &kinds[usize::try_from(round).unwrap() % kinds.len()];
        let of_kind: Vec<_> = all.iter().filter(|file| kind(file, data) == *wanted).collect();
        let file = of_kind[rng.random_range(0..of_kind.len())];
        let (what, other) = harm(&mut rng, file, &all);
        let told = format!("round {round}: {}: {what}", file.strip_prefix(data).unwrap().display());
        let named =
            |text: &str| std::iter::once(file).chain(other.as_ref()).any(|file| names(text, file, data));
        *counts.entry((wanted.clone(), outcome(&base, data, &named, &told))).or_default() += 1;
    }
    for ((kind, outcome), count) in counts {
        eprintln!("{kind}: {outcome} {count} times");
    }
}
