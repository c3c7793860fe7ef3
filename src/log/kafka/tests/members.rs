//! Who has which partition, over real rebalances.

use super::harness::{create, fresh};
use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::kafka::KafkaLog;
use crate::log::{Assignment, Log, Membership, ReleaseSlot};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

struct Worker {
    member: Box<dyn Membership>,
    signal: Arc<Signal>,
    owned: BTreeSet<u16>,
}

impl Worker {
    fn join(log: &KafkaLog) -> Self {
        let signal = Arc::new(Signal::default());
        Self { member: log.join(&signal).unwrap(), signal, owned: BTreeSet::new() }
    }

    /// The next change, waited for by the signal alone.
    fn next(&mut self) -> Assignment {
        loop {
            if let Some(change) = self.member.poll() {
                return change;
            }
            assert!(self.signal.wait(Duration::from_secs(30)), "nothing changes");
        }
    }

    fn gain(&mut self, count: usize) {
        while self.owned.len() < count {
            let Assignment::Gained(Partition(gained)) = self.next() else { panic!("it loses something") };
            assert!(self.owned.insert(gained), "gained twice");
        }
    }

    fn give_up(&mut self) -> (u16, ReleaseSlot) {
        let Assignment::Revoking(Partition(revoked), slot) = self.next() else { panic!("it is not asked") };
        assert!(self.owned.remove(&revoked));
        (revoked, slot)
    }
}

#[test]
fn partitions_are_handed_over_only_once_they_were_given_up() {
    let Some(options) = fresh() else { return };
    create(&options, 4, &[]);
    let log = KafkaLog::open(options).unwrap();
    let mut first = Worker::join(&log);
    first.gain(4);
    let mut second = Worker::join(&log);
    let slots = [first.give_up(), first.give_up()];
    assert!(!second.signal.wait(Duration::from_secs(2)), "handed over before it was given up");
    assert!(second.member.poll().is_none());
    let given: BTreeSet<u16> = slots.iter().map(|(partition, _)| *partition).collect();
    drop(slots);
    second.gain(2);
    assert_eq!(second.owned, given);
    assert_eq!(first.owned.len(), 2, "the others stay where they are");
    assert!(first.member.poll().is_none());
    // Who leaves is not waited for.
    drop(second);
    first.gain(4);
}
