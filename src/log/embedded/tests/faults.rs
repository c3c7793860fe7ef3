//! Failing disks and crashing machines under a log that is open.

use super::disk::{Faults, TestDisk, Unsynced};
use super::{open_on, options};
use crate::base::position::{Offset, Topic};
use crate::log::conformance::{answer, append, clock, of, read_from};
use crate::log::embedded::{EmbeddedLog, Options};
use crate::log::{AppendError, Contents, Log, PollLimit};
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };

fn opened(options: &Options) -> (TestDisk, Arc<EmbeddedLog>) {
    let disk = TestDisk::default();
    let log = Arc::new(open_on(&disk, options, clock()).unwrap().0);
    (disk, log)
}

fn contents(log: &dyn Log, topic: Topic, partition: u16) -> Vec<Vec<u8>> {
    let at = of(topic, partition);
    let start = log.bounds(at).unwrap().start.0;
    read_from(log, at, start, ALL).into_iter().map(|stored| stored.content.to_vec()).collect()
}

fn check_final(faults: Faults, expected: &str) {
    let (disk, log) = opened(&options(2));
    let at = of(Topic::Requests, 0);
    answer(&append(&*log, at, &[b"durable"])).unwrap();
    disk.hold();
    let first = append(&*log, at, &[b"first"]);
    let held = !faults.write && faults.space.is_none();
    if held {
        disk.wait_held();
    }
    let second = append(&*log, of(Topic::Events, 1), &[b"second"]);
    disk.set_faults(faults);
    if !held {
        // The first group was written before the fault.
        disk.release();
        answer(&first).unwrap();
    }
    disk.release();
    let failed = if held { answer(&first) } else { answer(&second) };
    assert!(matches!(&failed, Err(AppendError::Closed(why)) if why.contains(expected)), "{failed:?}");
    assert!(matches!(answer(&second), Err(AppendError::Closed(_))) || !held);
    disk.set_faults(Faults::default());
    let late = loop {
        match log.append(at, vec![Bytes::new()], Box::new(|_| {})) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(&late, AppendError::Closed(why) if why.contains(expected)), "{late:?}");
    assert!(log.failure().unwrap().contains(expected));
    let durable: &[&[u8]] = if held { &[b"durable"] } else { &[b"durable", b"first"] };
    assert_eq!(contents(&*log, Topic::Requests, 0), durable, "what is durable is read on, and nothing else");
    assert_eq!(contents(&*log, Topic::Events, 1), Vec::<Vec<u8>>::new());
}

#[test]
fn a_failed_sync_is_final() {
    check_final(Faults { sync: true, ..Faults::default() }, "sync");
}

#[test]
fn a_failed_write_is_final() {
    let (disk, log) = opened(&options(2));
    let at = of(Topic::Requests, 0);
    answer(&append(&*log, at, &[b"durable"])).unwrap();
    disk.set_faults(Faults { write: true, ..Faults::default() });
    assert!(
        matches!(answer(&append(&*log, at, &[b"x"])), Err(AppendError::Closed(why)) if why.contains("write"))
    );
    disk.set_faults(Faults::default());
    assert!(log.append(at, vec![Bytes::new()], Box::new(|_| {})).is_err());
    assert_eq!(contents(&*log, Topic::Requests, 0), [b"durable"]);
}

#[test]
fn a_disk_that_is_full_and_cannot_be_cut_back_is_final() {
    let (disk, log) = opened(&options(2));
    let at = of(Topic::Requests, 0);
    disk.set_faults(Faults { space: Some(10), truncate: true, ..Faults::default() });
    assert!(
        matches!(answer(&append(&*log, at, &[b"x"])), Err(AppendError::Closed(why)) if why.contains("cut"))
    );
}

#[test]
fn a_full_disk_refuses_and_the_log_goes_on_when_there_is_space() {
    for segment_bytes in [1 << 20, 1] {
        let (disk, log) = opened(&Options { segment_bytes, ..options(2) });
        let at = of(Topic::Requests, 0);
        answer(&append(&*log, at, &[b"one"])).unwrap();
        for space in [0, 1, 40, 90, 120, 150, 180, 200, 400] {
            disk.set_faults(Faults { space: Some(space), ..Faults::default() });
            let told = answer(&append(&*log, at, &[&[7; 300], &[8; 300]]));
            assert_eq!(told, Err(AppendError::Full), "{space} bytes left");
            assert_eq!(log.bounds(at).unwrap().end, Offset(1));
            for unsynced in [Unsynced::Nothing].into_iter().chain((0..8).map(Unsynced::Prefix)) {
                let crashed = disk.after_crash(unsynced);
                let (left, _) = open_on(&crashed, &options(2), clock()).unwrap();
                assert_eq!(contents(&left, Topic::Requests, 0), [b"one"], "what was refused came back");
            }
        }
        disk.set_faults(Faults::default());
        assert_eq!(answer(&append(&*log, at, &[b"two"])).unwrap().first, Offset(1));
        assert_eq!(contents(&*log, Topic::Requests, 0), [b"one", b"two"]);
        let (left, _) = open_on(&disk.after_crash(Unsynced::Nothing), &options(2), clock()).unwrap();
        assert_eq!(contents(&left, Topic::Requests, 0), [b"one", b"two"]);
    }
}

#[test]
fn a_new_segment_that_cannot_be_made_durable_is_final() {
    let (disk, log) = opened(&Options { segment_bytes: 1, ..options(2) });
    let at = of(Topic::Requests, 0);
    answer(&append(&*log, at, &[b"one"])).unwrap();
    disk.set_faults(Faults { folder_sync: true, ..Faults::default() });
    assert!(matches!(answer(&append(&*log, at, &[b"two"])), Err(AppendError::Closed(_))));
    let (left, _) = open_on(&disk.after_crash(Unsynced::Nothing), &options(2), clock()).unwrap();
    assert_eq!(contents(&left, Topic::Requests, 0), [b"one"]);
}

#[test]
fn what_a_failed_sync_left_is_synced_before_it_is_read_after_a_restart() {
    let (disk, log) = opened(&options(2));
    let at = of(Topic::Requests, 0);
    answer(&append(&*log, at, &[b"one"])).unwrap();
    disk.set_faults(Faults { sync: true, ..Faults::default() });
    answer(&append(&*log, at, &[b"two"])).unwrap_err();
    drop(log);
    disk.set_faults(Faults::default());
    // The process is another, the machine the same: it still shows what never reached the disk.
    let (log, _) = open_on(&disk, &options(2), clock()).unwrap();
    let seen = contents(&log, Topic::Requests, 0);
    assert_eq!(seen, [b"one", b"two"]);
    let (left, _) = open_on(&disk.after_crash(Unsynced::Nothing), &options(2), clock()).unwrap();
    assert_eq!(contents(&left, Topic::Requests, 0), seen, "a reader saw what a power cut takes back");
}

#[test]
fn one_sync_covers_a_group_over_all_partitions() {
    let (disk, log) = opened(&options(9));
    answer(&append(&*log, of(Topic::Requests, 0), &[b"x"])).unwrap();
    disk.hold();
    let first = append(&*log, of(Topic::Requests, 0), &[b"x"]);
    disk.wait_held();
    let before = disk.syncs();
    let rest: Vec<_> =
        (0..300).map(|n| append(&*log, of(Topic::ALL[usize::from(n % 4)], n % 9), &[b"y"])).collect();
    disk.release();
    answer(&first).unwrap();
    assert!(rest.iter().all(|told| answer(told).is_ok()));
    assert_eq!(disk.syncs() - before, 2, "one for the group that waited, one for all behind it");
}

#[test]
fn a_power_cut_at_any_moment_keeps_what_was_acknowledged() {
    for segment_bytes in [1 << 20, 2_000, 1] {
        let options = Options { segment_bytes, ..options(2) };
        let (disk, log) = opened(&options);
        let (acknowledged, at) = (Arc::new(AtomicU64::new(0)), of(Topic::Requests, 1));
        disk.keep_diary(&acknowledged);
        let mut written = Vec::new();
        for n in 0..12_u8 {
            let records: Vec<Vec<u8>> = (0..=n % 3).map(|m| vec![n * 4 + m + 1; 400]).collect();
            let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            answer(&append(&*log, at, &slices)).unwrap();
            written.extend(records);
            acknowledged.store(written.len() as u64, Ordering::SeqCst);
        }
        let diary = disk.take_diary();
        assert!(diary.len() > 60);
        for (n, (acknowledged, left)) in diary.into_iter().enumerate() {
            let (log, _) =
                open_on(&left, &options, clock()).unwrap_or_else(|error| panic!("moment {n}: {error}"));
            let found = contents(&log, Topic::Requests, 1);
            assert!(found.len() as u64 >= acknowledged, "moment {n}: {} of {acknowledged}", found.len());
            assert_eq!(found, written[..found.len()], "moment {n}");
            assert_eq!(answer(&append(&log, at, &[b"on"])).unwrap().first.0, found.len() as u64);
        }
    }
}

#[test]
fn a_power_cut_while_a_log_is_begun_leaves_one_that_opens() {
    let disk = TestDisk::default();
    disk.keep_diary(&Arc::default());
    drop(open_on(&disk, &options(2), clock()).unwrap());
    for (_, left) in disk.take_diary() {
        let (log, _) = open_on(&left, &options(2), clock()).unwrap();
        answer(&append(&log, of(Topic::Requests, 0), &[b"x"])).unwrap();
    }
}

#[test]
fn time_never_goes_back_in_the_log() {
    let disk = TestDisk::default();
    let at = of(Topic::Requests, 0);
    let clock = clock();
    let (log, _) = open_on(&disk, &Options { segment_bytes: 1, ..options(1) }, Arc::clone(&clock)).unwrap();
    let stamps = [5_000, 4_000, 6_000].map(|now| {
        clock.0.store(now, Ordering::Relaxed);
        answer(&append(&log, at, &[b"x"])).unwrap().timestamp.0
    });
    assert_eq!(stamps, [5_000, 5_000, 6_000]);
    drop(log);
    clock.0.store(1, Ordering::Relaxed);
    for _ in 0..2 {
        let (log, _) = open_on(&disk, &options(1), Arc::clone(&clock)).unwrap();
        assert_eq!(answer(&append(&log, at, &[b"x"])).unwrap().timestamp.0, 6_000);
    }
}

#[test]
fn every_append_that_was_taken_is_answered_once() {
    let (disk, log) = opened(&options(1));
    let at = of(Topic::Requests, 0);
    let answers = Arc::new(Mutex::new(vec![0; 100]));
    disk.hold();
    for n in 0..100 {
        let answers = Arc::clone(&answers);
        log.append(at, vec![Bytes::new()], Box::new(move |_| answers.lock().unwrap()[n] += 1)).unwrap();
    }
    disk.set_faults(Faults { sync: true, ..Faults::default() });
    disk.release();
    drop(log);
    assert_eq!(*answers.lock().unwrap(), [1; 100]);
}

#[test]
fn closing_keeps_what_was_taken() {
    let (disk, log) = opened(&options(1));
    let at = of(Topic::Requests, 0);
    disk.hold();
    let told: Vec<_> = (0..20).map(|_| append(&*log, at, &[b"x"])).collect();
    disk.release();
    log.close();
    for told in told {
        answer(&told).unwrap();
    }
    assert!(matches!(log.append(at, vec![Bytes::new()], Box::new(|_| {})), Err(AppendError::Closed(_))));
    assert_eq!(contents(&*log, Topic::Requests, 0).len(), 20);
}

#[test]
fn a_callback_may_panic_or_own_the_log() {
    let (disk, log) = opened(&options(1));
    let at = of(Topic::Requests, 0);
    log.append(at, vec![Bytes::new()], Box::new(|_| panic!("a caller's fault, on purpose"))).unwrap();
    answer(&append(&*log, at, &[b"after"])).unwrap();
    let (tell, told) = channel();
    let own = Arc::clone(&log);
    let done = move |how: Result<_, AppendError>| {
        drop(own);
        tell.send(how.is_ok()).unwrap_or(());
    };
    disk.hold();
    log.append(at, vec![Bytes::new()], Box::new(done)).unwrap();
    drop(log);
    disk.release();
    assert!(told.recv_timeout(Duration::from_secs(20)).unwrap());
}
