//! What the clients tell of a real broker.

use super::broker::link;
use super::harness::{LIMIT, create, fresh};
use crate::base::clock::{Clock, SystemClock};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::conformance::{answer, append_values};
use crate::log::kafka::{Figures, KafkaLog, Role, Unanswered};
use crate::log::{Contents, Log};
use std::sync::Arc;
use std::time::Duration;

const AT: TopicPartition = TopicPartition::new(Topic::Requests, Partition(0));

/// Looks until it is so.
fn wait_until(log: &KafkaLog, what: &str, is_so: impl Fn(&Figures) -> bool) -> Figures {
    let begun = SystemClock.elapsed();
    loop {
        let figures = log.look(SystemClock.elapsed());
        if is_so(&figures) {
            return figures;
        }
        assert!(SystemClock.elapsed() - begun < LIMIT, "{what}: {figures:?}");
        Signal::default().wait(Duration::from_millis(300));
    }
}

#[test]
fn every_client_tells_what_it_does() {
    let Some(options) = fresh() else { return };
    create(&options, 2, &[]);
    let log = KafkaLog::open(options).unwrap();
    answer(&append_values(&log, AT, &[b"x"])).unwrap();
    let reader = log.reader(AT, Offset(0)).unwrap();
    let signal = Arc::new(Signal::default());
    let member = log.join(&signal).unwrap();
    let figures = wait_until(&log, "all tell", |figures| {
        let tells = |role| figures.traffic(role).counts.requests > 0;
        Role::ALL.into_iter().all(tells) && figures.group.partitions == 2
    });
    assert!(figures.group.joined && figures.group.rebalances >= 1, "{figures:?}");
    assert_eq!((figures.brokers.up, figures.brokers.down, figures.brokers.unused), (1, 0, 0));
    assert_eq!(figures.unanswered, Unanswered::default());
    let trip = wait_until(&log, "the reader asked", |figures| {
        figures.traffic(Role::Reader).round_trip.is_some_and(|trip| trip.p99_us > 0)
    });
    let trip = trip.traffic(Role::Reader).round_trip.unwrap();
    assert!(trip.p50_us <= trip.p99_us, "{trip:?}");
    drop(member);
    let left = wait_until(&log, "it left", |figures| !figures.group.joined);
    assert_eq!(left.group.partitions, 0);
    assert!(left.group.rebalances >= figures.group.rebalances);
    drop(reader);
}

#[test]
fn what_the_broker_does_not_answer_grows_old_until_it_does() {
    let Some(options) = fresh() else { return };
    create(&options, 1, &[]);
    let log = KafkaLog::open(options.clone()).unwrap();
    answer(&append_values(&log, AT, &[b"before"])).unwrap();
    link().hold(&options.prefix);
    let second = Duration::from_secs;
    let told = [append_values(&log, AT, &[b"a", b"b"]), append_values(&log, AT, &[b"c"])];
    let first = log.look(second(100)).unanswered;
    assert_eq!((first.appends, first.records, first.oldest), (2, 3, Some(second(0))));
    assert!(first.bytes > 3);
    let later = log.look(second(160)).unanswered;
    assert_eq!(later, Unanswered { oldest: Some(second(60)), ..first });
    link().release(&options.prefix);
    told.iter().for_each(|told| drop(answer(told).unwrap()));
    assert_eq!(log.look(second(161)).unanswered, Unanswered::default());
}
