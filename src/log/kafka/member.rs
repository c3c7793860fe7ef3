//! A member of the group of workers: a consumer that fetches nothing and only hears who has which partition,
//! polled by a thread of its own. A revocation waits on that thread until the partition was given up; meanwhile
//! the library keeps the membership alive, up to `max.poll.interval.ms`.

use super::figures::Telling;
use super::{Options, complain, not_made, say, settings};
use crate::base::position::{Partition, Topic};
use crate::base::signal::Signal;
use crate::log::{Assignment, LogError, Membership, Release, ReleaseSlot};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Statistics, TopicPartitionList};
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long the thread waits for the library before it looks whether it is to end.
const IDLE: Duration = Duration::from_millis(100);
/// How long leaving is waited for.
const LEAVE: Duration = Duration::from_secs(5);

/// This worker's place in the group.
pub(super) struct Member {
    group: Arc<Group>,
}

struct Group {
    state: Mutex<State>,
    changed: Condvar,
    signal: Weak<Signal>,
}

#[derive(Default)]
struct State {
    news: VecDeque<Change>,
    /// Revocations that were not answered, each by its number.
    awaited: BTreeSet<(Partition, u64)>,
    revocations: u64,
    /// The member was dropped.
    leaving: bool,
    /// Its consumer is closed.
    left: bool,
}

enum Change {
    Gain(Partition),
    Revoke(Partition, u64),
    Lose(Partition),
}

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, changes: impl Iterator<Item = Change>) {
        let told = {
            let mut state = self.state();
            let before = state.news.len();
            state.news.extend(changes);
            state.news.len() > before
        };
        if told && let Some(signal) = self.signal.upgrade() {
            signal.raise();
        }
    }
}

/// Joins the group.
pub(super) fn join(options: &Options, telling: Telling, signal: &Arc<Signal>) -> Result<Member, LogError> {
    let (state, changed) = (Mutex::default(), Condvar::new());
    let group = Arc::new(Group { state, changed, signal: Arc::downgrade(signal) });
    let topic = options.topic(Topic::Requests);
    let heard = Heard { group: Arc::clone(&group), topic: topic.clone(), telling };
    let consumer: BaseConsumer<Heard> =
        settings::member(options).create_with_context(heard).map_err(not_made)?;
    consumer.subscribe(&[&topic]).map_err(not_made)?;
    let serving = Arc::clone(&group);
    let thread = std::thread::Builder::new().name("kafka-group".to_owned());
    let thread = thread.spawn(move || serve(consumer, &serving));
    thread.map_err(|error| LogError::Closed(error.to_string()))?;
    Ok(Member { group })
}

fn serve(consumer: BaseConsumer<Heard>, group: &Group) {
    while !group.state().leaving {
        // A record or an end that slips in before the partition is paused is nobody's.
        drop(consumer.poll(IDLE));
    }
    drop(consumer);
    group.state().left = true;
    group.changed.notify_all();
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Member")
    }
}

impl Membership for Member {
    fn poll(&mut self) -> Option<Assignment> {
        Some(match self.group.state().news.pop_front()? {
            Change::Gain(partition) => Assignment::Gained(partition),
            Change::Lose(partition) => Assignment::Lost(partition),
            Change::Revoke(partition, number) => {
                let release = Answer { group: Arc::downgrade(&self.group), awaited: (partition, number) };
                Assignment::Revoking(partition, ReleaseSlot::new(Box::new(release)))
            }
        })
    }
}

impl Drop for Member {
    /// Leaves the group, so that others need not wait for this member's silence.
    fn drop(&mut self) {
        self.group.state().leaving = true;
        self.group.changed.notify_all();
        drop(self.group.changed.wait_timeout_while(self.group.state(), LEAVE, |state| !state.left));
    }
}

#[derive(Debug)]
struct Answer {
    group: Weak<Group>,
    awaited: (Partition, u64),
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Group")
    }
}

impl Release for Answer {
    fn released(&mut self) {
        if let Some(group) = self.group.upgrade() {
            group.state().awaited.remove(&self.awaited);
            group.changed.notify_all();
        }
    }
}

/// Hears of rebalances, on the thread that serves the consumer.
struct Heard {
    group: Arc<Group>,
    topic: String,
    telling: Telling,
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        say(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        complain(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.telling.tell(&statistics);
    }
}

impl ConsumerContext for Heard {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let of = self.partitions(list);
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.gained(consumer, &of)
        } else {
            self.revoked(consumer, &of);
            consumer.incremental_unassign(list)
        };
        if let Err(error) = done {
            tracing::error!(%error, "a rebalance could not be followed");
        }
    }
}

impl Heard {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<Partition> {
        let own = list.elements_for_topic(&self.topic);
        own.iter().filter_map(|element| u16::try_from(element.partition()).ok().map(Partition)).collect()
    }

    fn gained(&self, consumer: &BaseConsumer<Self>, of: &[Partition]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for partition in of {
            // Told where to begin, the library asks no broker for it; and it never does begin.
            let begin = rdkafka::Offset::Offset(0);
            list.add_partition_offset(&self.topic, i32::from(partition.0), begin)?;
        }
        consumer.incremental_assign(&list)?;
        if !of.is_empty() {
            consumer.pause(&list)?;
        }
        self.group.tell(of.iter().map(|partition| Change::Gain(*partition)));
        Ok(())
    }

    /// Has the partitions given up, and waits until they are; not where they are another's already, nor where
    /// there is nobody left to answer.
    fn revoked(&self, consumer: &BaseConsumer<Self>, of: &[Partition]) {
        if consumer.assignment_lost() {
            self.group.tell(of.iter().map(|partition| Change::Lose(*partition)));
            return;
        }
        let number = {
            let mut state = self.group.state();
            state.revocations += 1;
            let number = state.revocations;
            state.awaited.extend(of.iter().map(|partition| (*partition, number)));
            number
        };
        self.group.tell(of.iter().map(|partition| Change::Revoke(*partition, number)));
        let mut state = self.group.state();
        while !state.leaving && !state.awaited.is_empty() {
            if consumer.assignment_lost() {
                let late = std::mem::take(&mut state.awaited);
                drop(state);
                self.group.tell(late.into_iter().map(|(partition, _)| Change::Lose(partition)));
                return;
            }
            let waited = self.group.changed.wait_timeout(state, IDLE);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
