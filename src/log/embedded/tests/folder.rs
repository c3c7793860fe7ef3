//! A log in real files: the lock, retention, many threads, and a measurement.

use crate::base::clock::{Clock, SystemClock};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::conformance::{answer, append, clock, of, read_from};
use crate::log::embedded::format::segment_name;
use crate::log::embedded::{EmbeddedLog, Held, Options, Trim, scan, verify};
use crate::log::{Assignment, Bounds, Contents, Log, LogError, PollLimit, Readers, Stored};
use bytes::Bytes;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const SOME: PollLimit = PollLimit { records: 100, bytes: 1 << 20 };

fn open(folder: &Path, segment_bytes: u64) -> Result<EmbeddedLog, LogError> {
    let options = Options { segment_bytes, tail_bytes: 2_000, ..Options::new(folder.to_owned(), 2) };
    EmbeddedLog::open(&options, clock(), &[]).map(|(log, _)| log)
}

#[test]
fn one_process_has_the_folder() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path(), 1_000).unwrap();
    assert!(matches!(open(folder.path(), 1_000), Err(LogError::Locked(_))));
    drop(log);
    drop(open(folder.path(), 1_000).unwrap());
    let other = EmbeddedLog::open(&Options::new(folder.path().to_owned(), 3), clock(), &[]).err();
    assert_eq!(other, Some(LogError::OtherPartitions { stored: 2, wanted: 3 }));
}

#[test]
fn one_member_gains_everything_and_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path(), 1_000).unwrap();
    let signal = Arc::new(Signal::default());
    let mut member = log.join(&signal).unwrap();
    assert!(signal.wait(Duration::ZERO));
    for n in 0..2 {
        assert!(matches!(member.poll(), Some(Assignment::Gained(Partition(gained))) if gained == n));
    }
    assert!(member.poll().is_none());
}

/// All that may go, with what is needed of some partitions.
fn but_for(needed: &[(TopicPartition, u64)]) -> Trim {
    let topics = Topic::ALL.into_iter().flat_map(|topic| (0..2).map(move |partition| of(topic, partition)));
    let needed = topics.map(|any| {
        let from = needed.iter().find(|(named, _)| *named == any).map_or(u64::MAX, |(_, from)| *from);
        (any, Offset(from))
    });
    Trim {
        needed: needed.collect(),
        unread: vec![],
        older_than: crate::base::time::Ms(i64::MAX),
        max_bytes: u64::MAX,
    }
}

#[test]
fn a_reader_that_is_overrun_is_told_at_its_next_read() {
    let folder = TempDir::new().unwrap();
    let at = of(Topic::Requests, 0);
    let log = open(folder.path(), 500).unwrap();
    for n in 0..30_u8 {
        answer(&append(&log, at, &[&[n; 100]])).unwrap();
    }
    let readers = Readers::default();
    let mark = readers.register("rollup", at, Offset(4));
    let mut reader = log.reader(at, Offset(4)).unwrap();
    let trim = |max_bytes| Trim { unread: readers.unread(), max_bytes, ..but_for(&[]) };
    let waits = log.trim(&trim(u64::MAX)).unwrap();
    assert_eq!((waits.held, waits.overrun.len()), (Held::Readers(readers.unread()), 0));
    assert_eq!(reader.poll(PollLimit { records: 1, bytes: 1 }).unwrap()[0].offset, Offset(4));
    let room = log.trim(&trim(1_500)).unwrap();
    assert!(room.left_bytes <= 1_500 && room.overrun == readers.unread(), "{room:?}");
    assert!(matches!(reader.poll(SOME), Err(LogError::OutOfRange { wanted: Offset(5), .. })));
    mark.reached(Offset(30));
    assert_eq!(log.trim(&trim(u64::MAX)).unwrap().held, Held::Nothing);
}

#[test]
fn a_reader_touches_no_segment_without_a_record_of_its_own() {
    let folder = TempDir::new().unwrap();
    let (busy, idle) = (of(Topic::Requests, 0), of(Topic::Requests, 1));
    let log = open(folder.path(), 500).unwrap();
    for n in 0..60_u8 {
        answer(&append(&log, if n % 58 < 2 { idle } else { busy }, &[&[n; 100]])).unwrap();
    }
    drop(log);
    let log = open(folder.path(), 500).unwrap();
    for number in 3..10 {
        fs::remove_file(folder.path().join(segment_name(number))).unwrap();
    }
    let offsets = |records: Vec<Stored>| records.iter().map(|record| record.offset.0).collect::<Vec<_>>();
    assert_eq!(offsets(read_from(&log, idle, 0, SOME)), [0, 1, 2, 3]);
    let mut reader = log.reader(idle, Offset(1)).unwrap();
    let one = PollLimit { records: 1, bytes: 1 };
    let turns: Vec<_> = (0..4).map(|_| offsets(reader.poll(one).unwrap())).collect();
    assert_eq!(turns, [vec![1], vec![2], vec![3], vec![]]);
    let mut reader = log.reader(busy, Offset(0)).unwrap();
    assert!(matches!(reader.poll(SOME), Err(LogError::Damaged { .. })), "it needs what is missing");
}

#[test]
fn what_is_trimmed_is_gone_and_bounds_stay() {
    let folder = TempDir::new().unwrap();
    let (one, two) = (of(Topic::Requests, 0), of(Topic::Events, 1));
    let log = open(folder.path(), 500).unwrap();
    for n in 0..30_u8 {
        answer(&append(&log, if n < 5 { two } else { one }, &[&[n; 100]])).unwrap();
    }
    let mut late = log.reader(one, Offset(0)).unwrap();
    assert_eq!(log.trim(&Trim::default()).unwrap().segments, 0);
    let oldest = log.oldest().unwrap().unwrap();
    let held = log.trim(&Trim::default()).unwrap();
    assert_eq!(held.held, Held::Recovery(vec![two]));
    let trimmed = log.trim(&but_for(&[(one, 12), (two, 5)])).unwrap();
    assert_eq!(trimmed.held, Held::Recovery(vec![one]));
    assert_eq!(trimmed.left_bytes + trimmed.bytes, held.left_bytes);
    assert!(log.oldest().unwrap().unwrap() >= oldest);
    assert!(trimmed.segments > 1 && trimmed.bytes > 500, "{trimmed:?}");
    let check = |log: &EmbeddedLog| {
        let bounds = log.bounds(one).unwrap();
        assert!(
            bounds.start > Offset(5) && bounds.start <= Offset(12) && bounds.end == Offset(25),
            "{bounds:?}"
        );
        assert_eq!(log.bounds(two), Ok(Bounds { start: Offset(5), end: Offset(5) }));
        let error = log.reader(one, Offset(bounds.start.0 - 1)).err();
        assert!(matches!(error, Some(LogError::OutOfRange { .. })));
        let read = read_from(log, one, bounds.start.0, SOME);
        assert_eq!(read.len() as u64, 25 - bounds.start.0);
        assert_eq!(read[0].offset, bounds.start);
        bounds.start
    };
    let start = check(&log);
    assert!(matches!(late.poll(SOME), Err(LogError::OutOfRange { wanted: Offset(0), .. })));
    drop(log);
    let report = verify(folder.path()).unwrap();
    assert_eq!(report.damage, []);
    assert_eq!(scan(folder.path(), one, None, None).unwrap().next().unwrap().unwrap().offset, start);
    let log = open(folder.path(), 500).unwrap();
    assert_eq!(check(&log), start);
    assert_eq!(answer(&append(&log, two, &[b"on"])).unwrap().first, Offset(5));
    // The segment that is written to stays, however old.
    assert_eq!(log.trim(&but_for(&[])).unwrap().held, Held::Nothing);
    assert!(log.bounds(two).unwrap().end == Offset(6));
    assert_eq!(read_from(&log, two, 5, SOME).len(), 1);
}

#[test]
fn a_trim_that_a_crash_stopped_is_finished() {
    let folder = TempDir::new().unwrap();
    let at = of(Topic::Requests, 0);
    let log = open(folder.path(), 300).unwrap();
    for n in 0..10_u8 {
        answer(&append(&log, at, &[&[n; 100]])).unwrap();
    }
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    log.trim(&but_for(&[(at, 6)])).unwrap();
    let start = log.bounds(at).unwrap().start;
    // The files are still there, but the log no longer counts on them.
    fs::copy(folder.path().join("log.meta"), copy.path().join("log.meta")).unwrap();
    fs::write(copy.path().join("00000000000000000099.segment.new"), b"unfinished").unwrap();
    assert_eq!(verify(copy.path()).unwrap().damage, []);
    let reopened = open(copy.path(), 300).unwrap();
    assert_eq!(reopened.bounds(at).unwrap().start, start);
    let count = |folder: &TempDir| fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(count(&copy), count(&folder));
}

#[test]
fn many_threads_write_and_read() {
    let folder = TempDir::new().unwrap();
    let log = Arc::new(open(folder.path(), 40_000).unwrap());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4_u16)
            .map(|n| {
                let (log, stop) = (&log, &stop);
                scope.spawn(move || {
                    let at = of(Topic::ALL[usize::from(n / 2)], n % 2);
                    let signal = Arc::new(Signal::default());
                    log.subscribe(at, &signal);
                    let mut reader = log.reader(at, Offset(0)).unwrap();
                    let (mut next, mut checks) = (0, 0);
                    loop {
                        let last = stop.load(Ordering::SeqCst);
                        for stored in reader.poll(PollLimit { records: 50, bytes: 20_000 }).unwrap() {
                            assert_eq!(stored.offset.0, next);
                            next += 1;
                        }
                        let end = log.bounds(at).unwrap().end.0;
                        checks += 1;
                        if checks % 50 == 0 && next > 300 {
                            // Far back, so from the files.
                            assert_eq!(read_from(&**log, at, next - 300, SOME)[0].offset.0, next - 300);
                        }
                        if last && next == end {
                            return next;
                        }
                        if next == end {
                            signal.wait(Duration::from_millis(5));
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..8_u16)
            .map(|n| {
                let log = &log;
                scope.spawn(move || {
                    for m in 0..400_u16 {
                        let at = of(Topic::ALL[usize::from(m / 2 % 2)], (n + m) % 2);
                        answer(&append(&**log, at, &[&[1; 300]])).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        stop.store(true, Ordering::SeqCst);
        let read: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert_eq!(read, 8 * 400);
    });
    drop(log);
    assert_eq!(verify(folder.path()).unwrap().damage, []);
}

/// 64 threads append 600 bytes each and wait for the answer.
#[test]
#[ignore = "a measurement"]
fn measure_appends() {
    for threads in [1, 8, 64, 256] {
        let folder = TempDir::new().unwrap();
        let options = Options::new(folder.path().to_owned(), 4);
        let (log, _) = EmbeddedLog::open(&options, Arc::new(SystemClock), &[]).unwrap();
        let stop = AtomicBool::new(false);
        let latencies = Mutex::new(Vec::new());
        let record = Bytes::from(vec![b'r'; 600]);
        let begin = SystemClock.elapsed();
        std::thread::scope(|scope| {
            for n in 0..threads {
                let (log, stop, latencies, record) = (&log, &stop, &latencies, &record);
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    let (tell, told) = channel();
                    while !stop.load(Ordering::Relaxed) {
                        let start = SystemClock.elapsed();
                        let tell = tell.clone();
                        let done = Box::new(move |how| tell.send(how).unwrap());
                        log.append(of(Topic::Requests, n % 4), vec![record.clone()], done).unwrap();
                        told.recv().unwrap().unwrap();
                        mine.push(SystemClock.elapsed() - start);
                    }
                    latencies.lock().unwrap().extend(mine);
                });
            }
            scope.spawn(|| {
                Signal::default().wait(Duration::from_secs(4));
                stop.store(true, Ordering::Relaxed);
            });
        });
        let took = SystemClock.elapsed() - begin;
        let mut latencies = latencies.into_inner().unwrap();
        latencies.sort();
        let at = |share: usize| latencies[latencies.len() * share / 1_000];
        println!(
            "{threads} threads: {} records/s, p50 {:?}, p99 {:?}, p99.9 {:?}",
            latencies.len() as u128 * 1_000 / took.as_millis(),
            at(500),
            at(990),
            at(999)
        );
        let mut reader = log.reader(of(Topic::Requests, 0), Offset(0)).unwrap();
        let (begin, mut count) = (SystemClock.elapsed(), 0);
        loop {
            let records = reader.poll(PollLimit { records: 1_024, bytes: 8 << 20 }).unwrap();
            if records.is_empty() {
                break;
            }
            count += records.len();
        }
        println!("  read one partition: {count} records in {:?}", SystemClock.elapsed() - begin);
    }
}

/// Writes a still log into a folder.
fn put(still: &crate::log::embedded::Still, folder: &Path) {
    for file in still.files() {
        let mut out = fs::File::create(folder.join(file.name())).unwrap();
        assert_eq!(std::io::copy(&mut file.reader(), &mut out).unwrap(), file.bytes());
    }
}

#[test]
fn a_still_log_is_a_whole_log_whatever_goes_on() {
    let folder = TempDir::new().unwrap();
    let log = Arc::new(open(folder.path(), 2_000).unwrap());
    let at = of(Topic::Requests, 0);
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (log, stop) = (Arc::clone(&log), Arc::clone(&stop));
        std::thread::Builder::new()
            .spawn(move || {
                let mut number = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    answer(&append(&*log, at, &[&number.to_be_bytes(), &[7; 150]])).unwrap();
                    number += 1;
                }
            })
            .unwrap()
    };
    let mut lengths = Vec::new();
    for _ in 0..20 {
        let before = log.bounds(at).unwrap().end;
        let still = log.still().unwrap();
        // What is trimmed before the copy is made is in it all the same.
        log.trim(&but_for(&[(at, before.0)])).unwrap();
        let copy = TempDir::new().unwrap();
        put(&still, copy.path());
        assert_eq!(verify(copy.path()).unwrap().damage, []);
        let again = open(copy.path(), 2_000).unwrap();
        let told = still.bounds().iter().find(|(of, _)| *of == at).unwrap().1;
        let bounds = again.bounds(at).unwrap();
        assert!(bounds.start <= told.start && bounds.end >= told.end && told.end >= before, "{bounds:?}");
        let mut expected = told.start.0;
        for stored in
            read_from(&again, at, told.start.0, PollLimit { records: usize::MAX, bytes: usize::MAX })
        {
            assert_eq!(stored.offset, Offset(expected));
            if expected % 2 == 0 {
                assert_eq!(stored.content.as_ref(), (expected / 2).to_be_bytes());
            }
            expected += 1;
        }
        assert_eq!(Offset(expected), bounds.end);
        lengths.push(bounds.end);
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(lengths.is_sorted());
}
