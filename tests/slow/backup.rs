//! A backup of a running server, and what comes of it elsewhere: every answer given before it, the same
//! decisions on what follows, and no position used twice.

use crate::bucket::Bucket;
use crate::server::{Client, Server, binary};
use bytes::Bytes;
use clausum::archive::Archive;
use clausum::base::position::TopicPartition;
use clausum::log::embedded::{scan, verify};
use clausum::wire::backup::Backup;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const GAP: u64 = 1_000_000;

/// Variables of the environment.
type Given<'a> = [(&'a str, &'a str)];

fn clausum(arguments: &[&str], data: &Path, given: &Given) -> Output {
    let given = given.iter().copied();
    Command::new(binary()).args(arguments).arg("--data").arg(data).envs(given).output().unwrap()
}

/// Runs a command that must end well, and reads its JSON.
fn told(arguments: &[&str], data: &Path, given: &Given) -> Value {
    let output = clausum(arguments, data, given);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn body(number: usize) -> String {
    let email = format!("p{}@example.com", number % 9);
    json!({"amount": 100 + number, "currency": "MXN", "email": email, "device": {"ip": "203.0.113.9"}})
        .to_string()
}

fn assess(client: &mut Client, number: usize) -> Vec<u8> {
    let answer = client.assess(Some(&format!("k{number}")), body(number).as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.body
}

/// What a decision says, without the names that differ between any two.
fn verdict(body: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    json!([body["decision"], body["risk_score"], body["signal_details"]])
}

/// The offsets of every record of every partition of every topic.
fn offsets(data: &Path) -> BTreeMap<String, Vec<u64>> {
    let report = verify(&data.join("log")).unwrap();
    assert_eq!(report.damage, []);
    let of = report.counts.iter().map(|counts| counts.of);
    let all = |of: TopicPartition| match scan(&data.join("log"), of, None, None) {
        Ok(records) => records.map(|record| record.unwrap().offset.0).collect(),
        Err(_) => Vec::new(),
    };
    of.map(|of| (of.to_string(), all(of))).collect()
}

/// Takes a backup of a server under load to a place, and goes on from it elsewhere.
fn backed_up_under_load(to: &str, given: &Given) {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let data = one.path();
    let often = [given, &[("CLAUSUM__SNAPSHOT__INTERVAL", "1s")]].concat();
    let server = Server::start_with(data, &often);
    let mut client = server.connect().unwrap();
    let answered: BTreeMap<usize, Vec<u8>> =
        (0..300).map(|number| (number, assess(&mut client, number))).collect();
    let (next, stop) = (AtomicUsize::new(300), AtomicBool::new(false));
    let shown = std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = server.connect().unwrap();
                while !stop.load(Ordering::Relaxed) {
                    assess(&mut client, next.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        let shown = told(&["backup", "--json", "--to", to], data, given);
        let again = clausum(&["backup", "--to", to], data, given);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(again.status.code(), Some(3), "there is one already");
        shown
    });
    assert!(shown["files"].as_u64().unwrap() >= 4 && shown["bytes"].as_u64().unwrap() > 10_000, "{shown}");
    assert_eq!(server.stop(), Some(0));

    let data = other.path().join("data");
    let back = told(&["restore", "--json", "--from", to], &data, given);
    assert_eq!(back["bytes"], shown["bytes"]);
    assert_eq!(clausum(&["restore", "--from", to], &data, given).status.code(), Some(3));
    let before = offsets(&data);
    let server = Server::start(&data);
    let mut client = server.connect().unwrap();
    for (number, stored) in &answered {
        let answer = client.assess(Some(&format!("k{number}")), body(*number).as_bytes()).unwrap();
        assert!(answer.replayed && answer.body == *stored, "k{number} was answered before the backup");
    }
    assess(&mut client, 1_000_000);
    drop(client);
    assert_eq!(server.stop(), Some(0));
    let next: BTreeMap<&str, u64> = back["next"]
        .as_array()
        .unwrap()
        .iter()
        .map(|next| (next["of"].as_str().unwrap(), next["next"].as_u64().unwrap()))
        .collect();
    let mut went_on = 0;
    for (of, after) in offsets(&data) {
        let old = &before[&of];
        assert!(old.last().is_none_or(|last| last + GAP < next[&*of]), "{of} has its gap");
        assert_eq!(after[..old.len()], old[..], "{of}");
        assert!(after[old.len()..].iter().all(|at| *at >= next[&*of]), "{of} uses no position twice");
        went_on += after.len() - old.len();
    }
    assert!(went_on > answered.len(), "announcements, requests and their answers");
}

#[test]
fn a_backup_under_load_is_the_installation_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    backed_up_under_load(place.path().join("backup").to_str().unwrap(), &[]);
}

/// Restores from a place that must be refused with an exit code, and what it said.
fn refused(from: &str, given: &Given, exit: i32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = clausum(&["restore", "--from", from], &data, given);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{text}");
    if data.exists() {
        let serve = clausum(&["serve", "--listen", "127.0.0.1:0"], &data, given);
        assert_eq!(serve.status.code(), Some(3), "what is left is no installation");
    }
    text
}

#[test]
fn a_bucket_holds_backups() {
    let Some(bucket) = Bucket::start() else { return };
    let variables = bucket.variables();
    let given: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let address = "s3://clausum/backups/one";
    backed_up_under_load(address, &given);

    let objects = bucket.archive(address);
    let list = objects.get("backup.json", 1 << 30).unwrap();
    let names: Vec<String> = Backup::read(&list).unwrap().files.into_iter().map(|file| file.name).collect();
    for kind in ["installation.key", "log/log.meta", ".segment", ".json", "/objects/"] {
        let name = names.iter().find(|name| name.contains(kind)).unwrap();
        let whole = objects.get(name, 1 << 30).unwrap();
        let mut other = whole.to_vec();
        let middle = other.len() / 2;
        other[middle] ^= 4;
        for (content, exit) in [(Some(other), 1), (Some(whole[..middle].to_vec()), 1), (None, 3)] {
            match content {
                Some(content) => objects.put(name, content.into()).unwrap(),
                None => objects.delete(name).unwrap(),
            }
            let text = refused(address, &given, exit);
            assert!(text.contains(name.as_str()), "{name}: {text}");
        }
        objects.put(name, whole).unwrap();
    }
    let mut other = list.to_vec();
    other[list.len() / 2] ^= 4;
    for content in [Bytes::from(other), list.slice(..list.len() / 2)] {
        objects.put("backup.json", content).unwrap();
        assert!(refused(address, &given, 3).contains("backup.json"));
    }
    objects.delete("backup.json").unwrap();
    assert!(refused(address, &given, 3).contains("there is no backup.json"));
    objects.put("backup.json", list).unwrap();
    let folder = tempfile::tempdir().unwrap();
    told(&["restore", "--json", "--from", address], &folder.path().join("data"), &given);
    refused("s3://no-such-bucket/backups", &given, 3);
}

#[test]
fn a_stopped_installation_and_its_copy_decide_alike() {
    let [one, place, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let (data, to) = (one.path(), place.path().join("backup"));
    let server = Server::start(data);
    let mut client = server.connect().unwrap();
    for number in 0..60 {
        assess(&mut client, number);
    }
    drop(client);
    assert_eq!(server.stop(), Some(0));
    told(&["backup", "--json", "--to", to.to_str().unwrap()], data, &[]);
    let copy = other.path().join("data");
    told(&["restore", "--json", "--from", to.to_str().unwrap()], &copy, &[]);
    let decide = |data: &Path| -> Vec<Value> {
        let server = Server::start(data);
        let mut client = server.connect().unwrap();
        let verdicts = (60..120).map(|number| verdict(&assess(&mut client, number))).collect();
        drop(client);
        assert_eq!(server.stop(), Some(0));
        verdicts
    };
    let (here, there) = (decide(data), decide(&copy));
    assert_eq!(here, there);
    assert!(
        here.last().unwrap().to_string().contains("14 transactions in the last hour"),
        "{:?}",
        here.last()
    );

    // A restore that was cut off is no installation.
    std::fs::write(copy.join("restoring"), b"").unwrap();
    let refused = clausum(&["serve", "--listen", "127.0.0.1:0"], &copy, &[]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a restore into it was cut off"));
    let nothing = clausum(&["backup", "--to", to.to_str().unwrap()], &other.path().join("none"), &[]);
    assert_eq!(nothing.status.code(), Some(3));
}
