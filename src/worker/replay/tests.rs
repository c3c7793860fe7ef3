//! Logs in a folder whose outputs are what a worker wrote, and others where something was done to them.

use super::*;
use crate::base::clock::ManualClock;
use crate::base::time::Ms;
use crate::log::embedded::{self, EmbeddedLog, View};
use crate::log::memory::{MemoryLog, Producer};
use crate::log::{Log, PollLimit, Stored};
use crate::shard::engine::Engine;
use crate::store::memory::Folders;
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::header;
use crate::wire::internal::{self, EngineChange, Probe};
use crate::wire::record::{Builder, Content};
use crate::wire::signature::Trust;
use crate::worker::local::Local;
use bytes::Bytes;
use std::sync::mpsc::channel;

const HERE: Partition = Partition(0);
const START: Ms = Ms(1_780_000_000_000);

fn of(topic: Topic) -> TopicPartition {
    TopicPartition::new(topic, HERE)
}

/// Engines that understand probes, whose events are the only ones there are.
fn engines() -> Engines {
    let shipped = Engines::shipped().unwrap();
    Engines::of(vec![Engine { probes: true, ..shipped.get(1).unwrap().clone() }])
}

/// What a log holds: requests with their times, and outputs.
#[derive(Clone)]
struct Held {
    requests: Vec<Stored>,
    outputs: [Vec<Bytes>; 3],
}

fn request(kind: RecordType, id: usize, value: &str) -> Bytes {
    let key = Local::organization().to_string();
    let mut record = Builder::new(key.as_bytes(), Some(value.as_bytes())).unwrap();
    let id = format!("r{id}");
    let headers = [
        (header::CE_SPECVERSION, "1.0"),
        (header::CE_ID, &id),
        (header::CE_SOURCE, "switch"),
        (header::CE_TYPE, kind.text()),
    ];
    headers.iter().for_each(|(name, value)| record.header(name, value.as_bytes()).unwrap());
    record.finish()
}

/// Payments, one of them repeated, rejections, dead letters and events, as a worker decided them in turns of
/// `turn` records.
fn decided(turn: usize) -> Held {
    let clock = Arc::new(ManualClock::new(START, 3));
    let options = Options { turn_records: turn, checkpoint_rows: 40, ..Options::default() };
    let mut local = Local::new(Arc::clone(&clock) as Arc<dyn Clock>, engines(), options).unwrap();
    for number in 0..30 {
        clock.set(START.plus(i64::try_from(number).unwrap() * 700));
        // A switch that heard nothing sends the same again.
        let sent = if number == 20 { 19 } else { number };
        let payer = sent % 4;
        let body = match number {
            7 => r#"{"amount":7,"currency":"nothing"}"#.to_owned(),
            8 => "no JSON".to_owned(),
            _ => format!(r#"{{"amount":{sent},"currency":"MXN","email":"p{payer}@example.com"}}"#),
        };
        local.append(request(RecordType::Assess, sent, &body)).unwrap();
        let probe = Probe { events: 3, panic: number == 12 };
        let id = format!("p{number}");
        if number % 6 == 0 {
            let body = internal::write(&probe);
            let probe = product_record(Local::organization(), RecordType::Probe, &body, &id);
            local.append(probe.unwrap()).unwrap();
        }
    }
    local.settle().unwrap();
    let all = |topic| {
        let limit = PollLimit { records: 10_000, bytes: 1 << 30 };
        local.log().reader(of(topic), Offset(0)).unwrap().poll(limit).unwrap()
    };
    let outputs = Topic::OUTPUTS.map(|topic| all(topic).into_iter().map(|record| record.content).collect());
    Held { requests: all(Topic::Requests), outputs }
}

/// A log in a folder that holds this, stamped as it says; closed, as a server leaves it.
fn written(held: &Held) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(START, 4));
    let options = embedded::Options::new(folder.path().to_owned(), 1);
    let (log, _) = EmbeddedLog::open(&options, Arc::clone(&clock) as Arc<dyn Clock>, &[]).unwrap();
    let append = |topic, record: &Bytes| {
        let (told, heard) = channel();
        let done = Box::new(move |done| told.send(done).unwrap());
        log.append(of(topic), vec![record.clone()], done).unwrap();
        heard.recv().unwrap().unwrap()
    };
    for request in &held.requests {
        clock.set(request.timestamp);
        let appended = append(Topic::Requests, &request.content);
        assert_eq!((appended.first, appended.timestamp), (request.offset, request.timestamp));
    }
    for (topic, records) in Topic::OUTPUTS.into_iter().zip(&held.outputs) {
        for record in records {
            append(topic, record);
        }
    }
    log.close();
    folder
}

fn replayed(contents: Arc<dyn Contents>) -> Outcome {
    let clock = Arc::new(ManualClock::new(Ms(9), 5));
    let replay = Replay { contents, partitions: 1, engines: engines(), trust: Trust::Everyone, clock };
    let extent = extents(&*replay.contents, &[HERE]).unwrap()[0];
    replay.run(&extent, Arc::new(Folders::default()), &mut |_| ()).unwrap()
}

/// What is found in a log that holds this.
fn judged(held: &Held) -> Report {
    let folder = written(held);
    match replayed(Arc::new(View::open(folder.path()).unwrap())) {
        Outcome::Judged(report) => {
            for tally in report.topics {
                let Tally { made, equal, differing, missing, trimmed, awaited, .. } = tally;
                assert_eq!(made, equal + differing + missing + trimmed + awaited, "{report:?}");
            }
            *report
        }
        Outcome::Not(obstacle) => panic!("{obstacle}"),
    }
}

fn lines(report: &Report) -> Vec<String> {
    report.findings.iter().map(|finding| format!("{}: {finding}", finding.topic)).collect()
}

/// A record with another value, or other headers.
fn changed(
    record: &Bytes,
    value: impl Fn(&str) -> String,
    headers: impl Fn(&str, &str) -> Option<String>,
) -> Bytes {
    let content = Content::read(record).unwrap();
    let text = value(std::str::from_utf8(content.value.unwrap()).unwrap());
    let mut changed = Builder::new(content.key, Some(text.as_bytes())).unwrap();
    for (name, value) in content.headers() {
        let value = headers(name, std::str::from_utf8(value).unwrap());
        value.into_iter().for_each(|value| changed.header(name, value.as_bytes()).unwrap());
    }
    changed.finish()
}

fn as_it_was(text: &str) -> String {
    text.to_owned()
}

fn of_another_epoch(record: &Bytes) -> Bytes {
    changed(record, as_it_was, |name, value| {
        Some(if name == header::EPOCH { "99999".to_owned() } else { value.to_owned() })
    })
}

fn output(record: &Bytes) -> OutputRef {
    crate::wire::chain::Link::read(&Content::read(record).unwrap()).unwrap().output
}

#[test]
fn what_a_worker_wrote_is_proved_whatever_its_turns_were() {
    for turn in [1, 7, 1_024] {
        let held = decided(turn);
        let report = judged(&held);
        let [answers, events, dead] = report.topics;
        assert_eq!(report.records, held.requests.len() as u64);
        assert_eq!((report.faults(), report.findings.len()), (0, 0), "{report:?}");
        assert_eq!((answers.made, answers.equal, report.rejections), (31, 31, 3), "{report:?}");
        assert_eq!((events.equal, dead.equal), (12, 2), "{report:?}");
    }
}

#[test]
fn a_changed_byte_is_told_with_its_place_and_both_sides() {
    let mut held = decided(64);
    let keep = |_: &str, value: &str| Some(value.to_owned());
    let first = held.outputs[0][3].clone();
    let score = |text: &str| text.replacen("\"risk_score\":", "\"risk_score\":1", 1);
    held.outputs[0][3] = changed(&first, score, keep);
    let third = held.outputs[2][1].clone();
    held.outputs[2][1] = changed(&third, as_it_was, |name, value| {
        Some(if name == header::ERROR_CODE { "not_json".to_owned() } else { value.to_owned() })
    });
    let report = judged(&held);
    assert_eq!((report.faults(), report.topics[0].equal), (2, 30));
    let told = lines(&report);
    let expected =
        format!("clausum.decisions: output {} at offset 3: value /risk_score is 1", output(&first));
    assert!(told[0].starts_with(&expected) && told[0].contains(" and should be "), "{told:?}");
    let expected = format!(
        "clausum.dead_letters: output {} at offset 1: header clausum-error-code is \"not_json\" and should be \
         \"engine_fault\"",
        output(&third)
    );
    assert_eq!(told[1], expected);
}

#[test]
fn a_missing_output_leaves_a_gap_that_no_reader_passes() {
    let mut held = decided(64);
    let gone = held.outputs[0].remove(25);
    let report = judged(&held);
    let tally = report.topics[0];
    assert_eq!((tally.equal, tally.missing, tally.unchained, tally.altered), (25, 6, 5, 0), "{tally:?}");
    let expected =
        format!("clausum.decisions: output {} is missing, and later ones are there", output(&gone));
    assert_eq!((lines(&report)[0].as_str(), report.faults()), (expected.as_str(), 6));
    // Written again from the gap on, as whoever takes over does, all of it is there.
    let again: Vec<_> = std::iter::once(&gone).chain(&held.outputs[0][25..]).map(of_another_epoch).collect();
    held.outputs[0].extend(again);
    let report = judged(&held);
    let tally = report.topics[0];
    assert_eq!((tally.equal, tally.unchained, report.faults()), (31, 5, 0), "{report:?}");
}

#[test]
fn what_is_not_there_yet_is_no_fault_where_it_is_the_end() {
    let mut held = decided(64);
    held.outputs[0].truncate(20);
    held.outputs[1].clear();
    let report = judged(&held);
    assert_eq!((report.topics[0].equal, report.topics[0].awaited), (20, 11));
    assert_eq!((report.topics[1].awaited, report.faults()), (12, 0), "{report:?}");
}

#[test]
fn duplicates_are_the_same_but_for_the_epoch_or_told() {
    let mut held = decided(64);
    let same: Vec<_> = held.outputs[1][2..6].iter().map(of_another_epoch).collect();
    held.outputs[1].splice(6..6, same);
    let other = held.outputs[0][4].clone();
    let currency = |text: &str| text.replacen("MXN", "USD", 1);
    held.outputs[0].push(changed(&other, currency, |_, value| Some(value.to_owned())));
    // Behind a gap it was other than what was written there in the end.
    let later = held.outputs[0][9].clone();
    let headless =
        changed(&later, as_it_was, |name, value| (name != header::CE_SOURCE).then(|| value.to_owned()));
    held.outputs[0].insert(6, headless);
    let report = judged(&held);
    let [answers, events, _] = report.topics;
    assert_eq!((events.equal, events.duplicates, events.altered), (12, 4, 0), "{events:?}");
    assert_eq!((answers.equal, answers.duplicates, answers.unchained), (31, 1, 1), "{answers:?}");
    assert_eq!((answers.altered, report.faults()), (2, 2));
    let told = lines(&report);
    let expected = format!("output {} at offset 32, which no reader takes: value ", output(&other));
    assert!(told[0].contains(&expected) && told[0].contains("USD"), "{told:?}");
    let expected =
        format!("output {} at offset 6, which no reader takes: header ce_source is nothing", output(&later));
    assert!(told[1].contains(&expected), "{told:?}");
}

#[test]
fn what_no_request_makes_is_told_whether_it_is_taken_or_not() {
    let mut held = decided(64);
    let last = held.outputs[0].last().unwrap().clone();
    let (this, index) = (output(&last), output(&last).index + 1);
    let place = |name: &str, value: &str| match name {
        header::INDEX => Some(index.to_string()),
        header::PREV => Some(this.to_string()),
        _ => Some(value.to_owned()),
    };
    held.outputs[0].push(changed(&last, as_it_was, place));
    let unchained = changed(&held.outputs[1][3], as_it_was, |name, value| {
        Some(if name == header::INDEX { "9".to_owned() } else { value.to_owned() })
    });
    held.outputs[1].insert(0, unchained);
    held.outputs[1].insert(5, changed(&last, as_it_was, |_, _| None));
    let report = judged(&held);
    assert_eq!((report.topics[0].equal, report.topics[0].invented), (31, 1), "{report:?}");
    assert_eq!((report.topics[1].equal, report.topics[1].invented), (12, 2), "{report:?}");
    let told = lines(&report);
    assert_eq!(told[0], "clausum.events: a record that names no output at offset 5: no request makes it");
    assert!(
        told.contains(&format!(
            "clausum.decisions: output {}/{index} at offset 31: no request makes it",
            this.offset
        )),
        "{told:?}"
    );
    assert!(told.iter().any(|line| line.ends_with("/9 at offset 0: no request makes it")), "{told:?}");
}

#[test]
fn findings_are_counted_beyond_those_that_are_told() {
    let mut held = decided(64);
    for record in &mut held.outputs[0] {
        let status = |name: &str, value: &str| {
            Some(format!("{value}{}", if name == header::STATUS { "0" } else { "" }))
        };
        *record = changed(record, as_it_was, status);
    }
    let report = judged(&held);
    assert_eq!((report.faults(), report.findings.len(), report.topics[0].differing), (31, 20, 31));
}

#[test]
fn another_time_of_a_request_is_another_decision() {
    let mut held = decided(64);
    let moved = held.requests.len() - 20;
    held.requests[moved].timestamp = held.requests[moved].timestamp.plus(1);
    let report = judged(&held);
    let [Tally { differing, equal, .. }, ..] = report.topics;
    assert!((1..5).contains(&differing) && equal > 20, "{report:?}");
    assert!(report.findings[0].to_string().contains(": header ce_time is "), "{report:?}");
}

#[test]
fn what_cannot_be_decided_from_its_beginning_is_not_said_to_be_proved() {
    let mut held = decided(64);
    let at = held.requests.last().unwrap().clone();
    let engine = internal::write(&EngineChange { version: 7 });
    let engine = product_record(Local::organization(), RecordType::Engine, &engine, "e").unwrap();
    held.requests.push(Stored { offset: at.offset.next(), content: engine, ..at });
    let folder = written(&held);
    let outcome = replayed(Arc::new(View::open(folder.path()).unwrap()));
    assert_eq!(outcome, Outcome::Not(Obstacle::Engine(7)));

    let clock = Arc::new(ManualClock::new(START, 6));
    let log = MemoryLog::auto_flush(1, Arc::clone(&clock) as Arc<dyn Clock>);
    let handle = log.handle(Producer(1));
    let append = |topic, records: Vec<Bytes>| handle.append(of(topic), records, Box::new(|_| ())).unwrap();
    append(Topic::Requests, held.requests[1..9].iter().map(|record| record.content.clone()).collect());
    assert_eq!(replayed(Arc::new(handle.clone())), Outcome::Not(Obstacle::NoGenesis));
    log.trim(of(Topic::Requests), Offset(2));
    assert_eq!(replayed(Arc::new(handle.clone())), Outcome::Not(Obstacle::Trimmed(Offset(2))));
}

#[test]
fn outputs_that_the_log_no_longer_holds_are_counted_and_the_others_compared() {
    let held = decided(64);
    let clock = Arc::new(ManualClock::new(START, 6));
    let log = MemoryLog::auto_flush(1, Arc::clone(&clock) as Arc<dyn Clock>);
    let handle = log.handle(Producer(1));
    for request in &held.requests {
        clock.set(request.timestamp);
        handle.append(of(Topic::Requests), vec![request.content.clone()], Box::new(|_| ())).unwrap();
    }
    for (topic, records) in Topic::OUTPUTS.into_iter().zip(&held.outputs) {
        handle.append(of(topic), records.clone(), Box::new(|_| ())).unwrap();
    }
    log.trim(of(Topic::Decisions), Offset(11));
    log.trim(of(Topic::DeadLetters), Offset(2));
    let Outcome::Judged(report) = replayed(Arc::new(handle)) else { panic!("its requests are whole") };
    let [answers, events, dead] = report.topics;
    assert_eq!((answers.trimmed, answers.equal), (11, 20), "{report:?}");
    assert_eq!((events.equal, dead.trimmed, report.faults()), (12, 2, 0), "{report:?}");
}
