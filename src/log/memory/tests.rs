//! What the simulation can do to its log and what workers see of it.

use super::*;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::conformance::{TestClock, append, clock, of, read_from};
use crate::log::{AppendError, Appended, Assignment, Bounds, Contents, Log, LogError, PollLimit};
use std::sync::atomic::Ordering;
use std::time::Duration;

const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };
const A: Producer = Producer(1);
const B: Producer = Producer(2);

fn log() -> (MemoryLog, Arc<TestClock>) {
    let clock = clock();
    (MemoryLog::new(2, Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

fn decisions() -> TopicPartition {
    of(Topic::Decisions, 0)
}

/// What is in a topic-partition, as text.
fn text(log: &MemoryLog, at: TopicPartition) -> String {
    let dump = log.dump(at).unwrap();
    let records = dump.records.iter();
    let words =
        records.map(|stored| format!("{}:{}", stored.offset, String::from_utf8_lossy(&stored.content)));
    words.collect::<Vec<_>>().join(" ")
}

type Told = crate::log::conformance::Answer;

fn heard(told: &Told) -> Option<Result<Appended, AppendError>> {
    told.try_recv().ok()
}

#[test]
fn batches_land_one_by_one_and_in_any_order_between_producers_and_topics() {
    let (log, _) = log();
    let (a, b) = (log.handle(A), log.handle(B));
    let events = of(Topic::Events, 0);
    let first = append(&a, decisions(), &[b"a1", b"a2"]);
    let second = append(&a, decisions(), &[b"a3"]);
    let other = append(&a, events, &[b"e1"]);
    let theirs = append(&b, decisions(), &[b"b1"]);
    let waiting = log.waiting();
    assert_eq!(
        waiting.iter().map(|w| (w.producer, w.to, w.batches)).collect::<Vec<_>>(),
        [(A, decisions(), 2), (A, events, 1), (B, decisions(), 1)]
    );
    assert_eq!(log.flush(A, decisions(), 1), 1);
    assert_eq!(log.flush(B, decisions(), 5), 1);
    assert!(heard(&second).is_none() && heard(&other).is_none());
    assert_eq!(heard(&first).unwrap().unwrap().last, Offset(1));
    assert_eq!(heard(&theirs).unwrap().unwrap().first, Offset(2));
    log.flush_all();
    assert_eq!(text(&log, decisions()), "0:a1 1:a2 2:b1 3:a3");
    assert_eq!(heard(&second).unwrap().unwrap().first, Offset(3));
    assert_eq!(heard(&other).unwrap().unwrap().first, Offset(0));
    assert!(!log.land(A, decisions(), Landing::Acked));
}

#[test]
fn outputs_of_one_record_may_land_in_one_topic_and_not_in_another() {
    let (log, _) = log();
    let a = log.handle(A);
    let lands = append(&a, decisions(), &[b"d"]);
    let lost = append(&a, of(Topic::Events, 0), &[b"e"]);
    log.flush(A, decisions(), 1);
    log.drop_waiting(A, Some(of(Topic::Events, 0)));
    assert!(heard(&lands).unwrap().is_ok() && heard(&lost).is_none());
    assert_eq!(
        (text(&log, decisions()), text(&log, of(Topic::Events, 0))),
        ("0:d".to_owned(), String::new())
    );
}

#[test]
fn a_crashed_producer_hears_nothing_but_its_batches_may_still_land() {
    let (log, _) = log();
    let a = log.handle(A);
    let told = [append(&a, decisions(), &[b"late"]), append(&a, decisions(), &[b"lost"])];
    log.crash(A);
    append(&log.handle(B), decisions(), &[b"new"]);
    log.flush(B, decisions(), 1);
    assert!(log.land(A, decisions(), Landing::Acked));
    log.drop_waiting(A, None);
    assert_eq!(text(&log, decisions()), "0:new 1:late");
    assert!(told.iter().all(|told| heard(told).is_none()));
    assert_eq!(log.waiting(), []);
}

#[test]
fn an_acknowledgement_may_be_lost_and_a_batch_may_land_again() {
    let (log, _) = log();
    let a = log.handle(A);
    let told = append(&a, decisions(), &[b"x"]);
    log.land(A, decisions(), Landing::AckLost);
    assert!(matches!(heard(&told), Some(Err(AppendError::Closed(_)))));
    let told = append(&a, decisions(), &[b"y"]);
    log.land(A, decisions(), Landing::Copied);
    append(&a, decisions(), &[b"z"]);
    log.flush_all();
    assert_eq!(log.copies(), [(A, decisions())]);
    assert!(log.land_copy(0) && !log.land_copy(1));
    assert!(log.drop_copy(0) && !log.drop_copy(0));
    assert_eq!(text(&log, decisions()), "0:x 1:y 2:z 3:y");
    assert!(heard(&told).unwrap().is_ok() && heard(&told).is_none());
}

#[test]
fn of_a_torn_batch_the_first_records_land() {
    let (log, _) = log();
    let told = append(&log.handle(A), decisions(), &[b"1", b"2", b"3"]);
    assert!(log.land(A, decisions(), Landing::Torn(2)));
    assert!(matches!(heard(&told), Some(Err(AppendError::Closed(_)))));
    assert_eq!(text(&log, decisions()), "0:1 1:2");
}

#[test]
fn appends_fail_at_once_or_later() {
    let (log, _) = log();
    let a = log.handle(A);
    for error in [AppendError::Busy, AppendError::Full, AppendError::Closed("told".to_owned())] {
        log.refuse_appends(A, Some(error.clone()));
        let refused = a.append(decisions(), vec!["x".into()], Box::new(|_| panic!("refused")));
        assert_eq!(refused, Err(error.clone()));
        append(&log.handle(B), decisions(), &[b"b"]);
        log.refuse_appends(A, None);
        let told = append(&a, decisions(), &[b"a"]);
        log.land(A, decisions(), Landing::Failed(error.clone()));
        assert_eq!(heard(&told), Some(Err(error)));
    }
    append(&a, decisions(), &[b"gone"]);
    log.land(A, decisions(), Landing::Dropped);
    log.flush_all();
    assert_eq!(text(&log, decisions()), "0:b 1:b 2:b");
}

#[test]
fn offsets_gaps_trims_and_time_that_goes_back() {
    let (log, clock) = log();
    let a = log.handle(A);
    for (now, content) in [(50, b"a"), (20, b"b"), (70, b"c")] {
        clock.0.store(now, Ordering::Relaxed);
        let told = append(&a, decisions(), &[content]);
        log.flush_all();
        assert_eq!(heard(&told).unwrap().unwrap().timestamp.0, now);
        log.skip(decisions(), 3);
    }
    assert_eq!(text(&log, decisions()), "0:a 4:b 8:c");
    let mut reader = a.reader(decisions(), Offset(1)).unwrap();
    log.trim(decisions(), Offset(5));
    let bounds = Bounds { start: Offset(5), end: Offset(12) };
    assert_eq!(a.bounds(decisions()), Ok(bounds));
    assert_eq!(reader.poll(ALL), Err(LogError::OutOfRange { wanted: Offset(1), bounds }));
    assert_eq!(read_from(&a, decisions(), 5, ALL).len(), 1);
    let ahead = a.reader(decisions(), Offset(12)).unwrap();
    log.lose_tail(decisions(), Offset(6));
    assert_eq!(text(&log, decisions()), "");
    let mut ahead = ahead;
    assert!(matches!(ahead.poll(ALL), Err(LogError::OutOfRange { .. })));
}

#[test]
fn reads_fail_for_whom_it_was_told() {
    let (log, _) = log();
    let (a, b) = (log.handle(A), log.handle(B));
    let mut reader = a.reader(decisions(), Offset(0)).unwrap();
    let error = LogError::Closed("told".to_owned());
    log.refuse_reads(A, Some(error.clone()));
    assert_eq!(reader.poll(ALL), Err(error.clone()));
    assert_eq!(a.bounds(decisions()), Err(error));
    assert!(b.bounds(decisions()).is_ok());
    log.refuse_reads(A, None);
    assert_eq!(reader.poll(ALL), Ok(vec![]));
}

#[test]
fn members_hear_what_they_are_told_and_zombies_nothing() {
    let (log, _) = log();
    let (one, two) = (Partition(0), Partition(1));
    log.assign(one, A);
    let signals = [Arc::new(Signal::default()), Arc::new(Signal::default())];
    let mut a = log.handle(A).join(&signals[0]).unwrap();
    let mut b = log.handle(B).join(&signals[1]).unwrap();
    assert!(signals[0].wait(Duration::ZERO) && !signals[1].wait(Duration::ZERO));
    assert!(matches!(a.poll(), Some(Assignment::Gained(gained)) if gained == one));
    assert!(a.poll().is_none() && b.poll().is_none());

    log.assign(one, B);
    assert!(signals[1].wait(Duration::ZERO), "a member is not woken");
    assert!(matches!(b.poll(), Some(Assignment::Gained(gained)) if gained == one));
    assert!(a.poll().is_none(), "a zombie was told");
    log.lose(one, A);
    assert!(matches!(a.poll(), Some(Assignment::Lost(lost)) if lost == one));

    log.revoke(two, B);
    let Some(Assignment::Revoking(revoked, slot)) = b.poll() else { panic!("no revocation") };
    assert_eq!(revoked, two);
    assert!(log.is_revoking(two, B) && !log.is_revoking(two, A));
    drop(slot);
    assert!(!log.is_revoking(two, B));
    log.revoke(two, B);
    log.crash(B);
    assert!(b.poll().is_none() && !log.is_revoking(two, B));
}

#[test]
fn with_auto_flush_everything_is_durable_at_once_and_one_member_has_all() {
    let log = MemoryLog::auto_flush(2, clock());
    let a = log.handle(A);
    let told = append(&a, decisions(), &[b"x"]);
    assert_eq!(heard(&told).unwrap().unwrap().first, Offset(0));
    let mut member = a.join(&Arc::default()).unwrap();
    let gained = std::iter::from_fn(|| member.poll()).count();
    assert_eq!(gained, 2);
}

#[test]
fn a_callback_may_append() {
    let (log, _) = log();
    let a = log.handle(A);
    let again = a.clone();
    let done = move |_| again.append(decisions(), vec!["second".into()], Box::new(|_| {})).unwrap();
    a.append(decisions(), vec!["first".into()], Box::new(done)).unwrap();
    log.flush_all();
    assert_eq!(text(&log, decisions()), "0:first 1:second");
}
