//! `log replay` of what the real binary wrote: while it writes, after it was killed and stopped, and after
//! somebody else wrote too.

use crate::server::{Server, binary};
use clausum::base::clock::SystemClock;
use clausum::base::position::{Partition, Topic, TopicPartition};
use clausum::log::Log;
use clausum::log::embedded::{EmbeddedLog, Options, scan};
use clausum::wire::record::{Builder, Content};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// Small, so that some are sealed.
const SEGMENTS: [(&str, &str); 1] = [("CLAUSUM__LOG__SEGMENT_BYTES", "65536")];

/// Payments, some of them twice, some not as they must be, until told to stop or the server dies.
fn pay(server: &Server, next: &AtomicUsize, stop: &AtomicBool) {
    let mut client = server.connect().unwrap();
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let currency = if number % 50 == 7 { "pesos" } else { "MXN" };
        let payer = number % 30;
        let body = format!(r#"{{"amount":{number},"currency":"{currency}","email":"p{payer}@example.com"}}"#);
        for _ in 0..=usize::from(number.is_multiple_of(10)) {
            if client.assess(Some(&format!("k{number}")), body.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn run(data: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(binary()).args(["log", "replay", "--data"]).arg(data).args(more).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The exit code of `log replay`, and its report.
fn replay(data: &Path) -> (Option<i32>, Value) {
    let (exit, out) = run(data, &["--json"]);
    (exit, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}")))
}

/// A number of the outputs of every topic and partition together.
fn sum(report: &Value, what: &str) -> u64 {
    let partitions = report["partitions"].as_array().unwrap().iter();
    let topics = partitions.flat_map(|partition| partition["topics"].as_array().unwrap());
    topics.map(|topic| topic[what].as_u64().unwrap()).sum()
}

#[test]
fn what_was_decided_under_load_and_over_crashes_is_proved_and_what_was_written_by_others_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut seen = 0;
    for round in 0..3 {
        let mut server = Server::start_with(data, &SEGMENTS);
        stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| pay(&server, &next, &stop));
            }
            for _ in 0..2 {
                let (exit, report) = replay(data);
                assert!(exit == Some(0) && report["proved"] == true, "{report}");
                let records = report["records"].as_u64().unwrap();
                assert!(records > seen, "{records} records, and {seen} before");
                seen = records;
            }
            // In the last round it stops as it should, so that no output waits.
            stop.store(round == 2, Ordering::Relaxed);
            if round < 2 {
                kill(server.id());
            }
        });
        if round < 2 {
            server.kill();
            let (exit, report) = replay(data);
            assert_eq!(exit, Some(0), "{report}");
        } else {
            assert_eq!(server.stop(), Some(0));
        }
    }
    let (exit, report) = replay(data);
    assert_eq!(exit, Some(0), "{report}");
    let rejected: u64 =
        report["partitions"].as_array().unwrap().iter().map(|one| one["rejections"].as_u64().unwrap()).sum();
    assert!(rejected == 0, "what is refused at the door is in no log: {report}");
    let made = sum(&report, "made");
    assert!(made > 20 && sum(&report, "equal") == made && sum(&report, "not_there_yet") == 0, "{report}");
    let (exit, out) = run(data, &[]);
    let last = out.lines().last().unwrap();
    assert_eq!((exit, last), (Some(0), "every output is the one that an undisturbed process writes"));

    let partition = forge(data);
    let (exit, report) = replay(data);
    assert!(exit == Some(4) && report["proved"] == false, "{report}");
    let found = &report["partitions"][usize::from(partition.0)]["findings"][0];
    assert_eq!(
        (&found["kind"], &found["difference"]["place"]),
        (&"altered".into(), &"value /decision".into())
    );
    let (exit, out) = run(data, &["--partition", &partition.to_string()]);
    assert!(
        exit == Some(4) && out.contains(", which no reader takes: value /decision is \"decline\""),
        "{out}"
    );
    let (exit, _) = run(data, &["--partition", &(3 - partition.0).to_string()]);
    assert_eq!(exit, Some(0), "the other partitions are as they were");
}

fn kill(id: u32) {
    assert!(Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap().success());
}

/// Writes a decision again that says another thing than it said, as only a worker that is wrong would.
fn forge(data: &Path) -> Partition {
    let folder = data.join("log");
    let (partition, stored) = (0..4)
        .map(Partition)
        .find_map(|partition| {
            let of = TopicPartition::new(Topic::Decisions, partition);
            Some((partition, scan(&folder, of, None, None).unwrap().next()?.unwrap()))
        })
        .unwrap();
    let content = Content::read(&stored.content).unwrap();
    let text = std::str::from_utf8(content.value.unwrap()).unwrap();
    let (before, after) = text.split_once("\"decision\":\"").unwrap();
    let (_, after) = after.split_once('"').unwrap();
    let text = format!("{before}\"decision\":\"decline\"{after}");
    let mut record = Builder::new(content.key, Some(text.as_bytes())).unwrap();
    content.headers().for_each(|(name, value)| record.header(name, value).unwrap());
    let (log, _) = EmbeddedLog::open(&Options::new(folder, 4), Arc::new(SystemClock), &[]).unwrap();
    let (told, heard) = channel();
    let to = TopicPartition::new(Topic::Decisions, partition);
    log.append(to, vec![record.finish()], Box::new(move |done| told.send(done).unwrap())).unwrap();
    heard.recv().unwrap().unwrap();
    log.close();
    partition
}
