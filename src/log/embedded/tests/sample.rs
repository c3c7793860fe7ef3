//! A whole small log as files, written once by version 1 and read for ever: two segments and their seal,
//! groups of one frame and of two, a skip, a record and a tombstone of [`record`].

use super::disk::TestDisk;
use super::{open_on, options};
use crate::base::position::{Offset, Topic, TopicPartition};
use crate::log::PollLimit;
use crate::log::conformance::{TestClock, answer, append, of, read_from};
use crate::log::embedded::verify::verify_on;
use crate::log::embedded::{EmbeddedLog, Options};
use crate::wire::record;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;

/// Lines are never changed: another form is another file.
const SAMPLE: &str = include_str!("log.sample.txt");
/// Bytes a line.
const WIDTH: usize = 32;
const BEGUN: i64 = 1_780_000_000_000;
const SKIPPED_TO: Offset = Offset(1_000);

fn small() -> Options {
    Options { segment_bytes: 420, tail_bytes: 0, ..options(2) }
}

/// Groups of records, each appended a second after the one before.
fn groups() -> Vec<(TopicPartition, Vec<Vec<u8>>)> {
    let record = |key: &[u8], value: Option<&[u8]>| {
        let mut record = record::Builder::new(key, value).unwrap();
        record.header("ce_id", b"1").unwrap();
        record.finish().to_vec()
    };
    vec![
        (of(Topic::Requests, 0), vec![record(b"org", Some(b"{\"amount\":1500}"))]),
        (of(Topic::Decisions, 0), vec![b"approve".to_vec(), b"decline".to_vec()]),
        (of(Topic::DeadLetters, 1), vec![Vec::new()]),
        (of(Topic::Requests, 1), vec![vec![0; 100], record(b"org", None)]),
        (of(Topic::Events, 1), vec![b"behind the seal".to_vec()]),
    ]
}

fn written() -> TestDisk {
    let (disk, clock) = (TestDisk::default(), Arc::new(TestClock(AtomicI64::new(BEGUN))));
    let (log, _) = open_on(&disk, &small(), Arc::clone(&clock)).unwrap();
    for (to, records) in groups() {
        clock.0.fetch_add(1_000, Ordering::Relaxed);
        answer(&append(&log, to, &records.iter().map(Vec::as_slice).collect::<Vec<_>>())).unwrap();
    }
    let (tell, told) = channel();
    log.skip(of(Topic::Requests, 1), SKIPPED_TO, Box::new(move |how| drop(tell.send(how)))).unwrap();
    told.recv().unwrap().unwrap();
    answer(&append(&log, of(Topic::Requests, 1), &[b"behind the gap"])).unwrap();
    drop(log);
    disk
}

fn text(disk: &TestDisk) -> String {
    let mut text = String::new();
    for name in disk.names().iter().filter(|name| !name.ends_with(".lock")) {
        writeln!(text, "{name}").unwrap();
        for bytes in disk.bytes(name).chunks(WIDTH) {
            writeln!(text, "  {}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
                .unwrap();
        }
    }
    text
}

fn stored() -> TestDisk {
    let (disk, mut name) = (TestDisk::default(), "");
    for line in SAMPLE.lines().filter(|line| !line.starts_with('#')) {
        let Some(hex) = line.strip_prefix("  ") else {
            name = line;
            disk.put(name, Vec::new());
            continue;
        };
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        let mut content = disk.bytes(name);
        content.extend(bytes);
        disk.put(name, content);
    }
    disk
}

/// Every record of a log: where, when and what.
fn content(log: &EmbeddedLog) -> Vec<(TopicPartition, Offset, i64, Vec<u8>)> {
    let mut all = Vec::new();
    for at in log.shared.layout.all() {
        let limit = PollLimit { records: usize::MAX, bytes: usize::MAX };
        let records = read_from(log, at, 0, limit).into_iter();
        all.extend(records.map(|stored| (at, stored.offset, stored.timestamp.0, stored.content.to_vec())));
    }
    all
}

#[test]
fn version_1_of_a_whole_log_is_read_for_ever() {
    let report = verify_on(&stored()).unwrap();
    assert_eq!((report.damage.len(), report.torn_bytes, report.segments), (0, 0, 2));
    let (log, opened) = open_on(&stored(), &small(), Arc::new(TestClock(AtomicI64::new(0)))).unwrap();
    assert_eq!((opened.created, opened.cut_bytes), (false, 0));

    let mut expected = Vec::new();
    for (number, (at, records)) in (1..).zip(groups()) {
        let timed = (0..).zip(records);
        expected.extend(timed.map(|(offset, record)| (at, Offset(offset), BEGUN + number * 1_000, record)));
    }
    expected.push((of(Topic::Requests, 1), SKIPPED_TO, BEGUN + 5_000, b"behind the gap".to_vec()));
    expected.sort();
    assert_eq!(content(&log), expected);
    let read = record::Content::read(&expected[0].3).unwrap();
    assert_eq!((read.key, read.value), (&b"org"[..], Some(&b"{\"amount\":1500}"[..])));
    assert_eq!(read.headers().collect::<Vec<_>>(), [("ce_id", &b"1"[..])]);

    let next = answer(&append(&log, of(Topic::Requests, 1), &[b"today"])).unwrap();
    assert_eq!(next.first, SKIPPED_TO.next(), "it goes on where it ended");
}

#[test]
fn what_is_written_is_the_newest_form() {
    let stored: String = SAMPLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(text(&written()), stored);
}
