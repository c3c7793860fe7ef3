//! What the library's clients tell of themselves, gathered from all of them for whoever looks. Each client tells
//! on a thread of its own, about once a second; nobody waits here for another.
//!
//! Counts are of all clients there were since the log was opened. What stands now (round trips, brokers, the
//! group) is only of clients that told lately: one whose thread waits for room tells nothing meanwhile.

use super::waiting::Unanswered;
use rdkafka::Statistics;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A client that told nothing for so many looks stands for nothing.
const STALE_LOOKS: u64 = 5;

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The one that appends.
    Producer,
    /// One for each partition that is read.
    Reader,
    /// This worker's place in the group.
    Member,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Producer, Role::Reader, Role::Member];
}

/// Counts of what went between clients and brokers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests sent.
    pub requests: u64,
    /// Requests that could not be sent, and answers that could not be read.
    pub errors: u64,
    /// Requests that were not answered in time.
    pub timeouts: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Connections that ended.
    pub disconnects: u64,
}

impl Counts {
    fn each(self, other: Self, how: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            requests: how(self.requests, other.requests),
            errors: how(self.errors, other.errors),
            timeouts: how(self.timeouts, other.timeouts),
            retries: how(self.retries, other.retries),
            disconnects: how(self.disconnects, other.disconnects),
        }
    }
}

/// From a request to its answer, over about the last second; of several brokers, the slowest one's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundTrip {
    /// Not longer for 99 of 100 requests, in microseconds.
    pub p99_us: u64,
    /// Not longer for half of the requests, in microseconds.
    pub p50_us: u64,
}

/// What the clients of one role tell together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Since the log was opened.
    pub counts: Counts,
    /// None where nothing was answered lately. A reader's requests wait at the broker for records, so its round
    /// trips are long where there are none.
    pub round_trip: Option<RoundTrip>,
    /// The longest that a broker made a client wait, in milliseconds.
    pub throttle_ms: u64,
}

/// How a broker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// No client needs it now.
    Unused,
    /// A client needs it and has no connection.
    Down,
    /// Some client has a connection.
    Up,
}

/// How many of the brokers that are known are reached, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Brokers {
    /// With a connection.
    pub up: usize,
    /// Needed, and without one.
    pub down: usize,
    /// Not needed.
    pub unused: usize,
}

/// This worker's place in the group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Group {
    /// Whether it is a member, and no rebalance is going on.
    pub joined: bool,
    /// Partitions assigned to it.
    pub partitions: u64,
    /// Times that partitions were given or taken, since the log was opened.
    pub rebalances: u64,
}

/// How the log stands with its brokers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// What the clients of each role tell, in the order of [`Role::ALL`].
    pub traffic: [Traffic; Role::ALL.len()],
    /// The brokers.
    pub brokers: Brokers,
    /// The group.
    pub group: Group,
    /// Appends without an answer.
    pub unanswered: Unanswered,
}

impl Figures {
    /// What the clients of a role tell.
    #[must_use]
    pub const fn traffic(&self, role: Role) -> &Traffic {
        let [producer, reader, member] = &self.traffic;
        match role {
            Role::Producer => producer,
            Role::Reader => reader,
            Role::Member => member,
        }
    }

    const fn traffic_mut(&mut self, role: Role) -> &mut Traffic {
        let [producer, reader, member] = &mut self.traffic;
        match role {
            Role::Producer => producer,
            Role::Reader => reader,
            Role::Member => member,
        }
    }
}

/// Where the clients tell.
#[derive(Debug, Default)]
pub(super) struct Gathered(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    looks: u64,
    next: u64,
    /// Sums over all clients there were; nothing else in it is kept.
    total: Figures,
    clients: BTreeMap<u64, Latest>,
}

/// What a client told last.
#[derive(Debug)]
struct Latest {
    role: Role,
    /// The looks there had been.
    told: Option<u64>,
    /// Of each broker's handle, by its name.
    counts: BTreeMap<String, Counts>,
    reach: BTreeMap<i32, Reach>,
    round_trip: Option<RoundTrip>,
    throttle_ms: u64,
    group: Group,
}

impl Gathered {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client begins; its figures go with what is returned.
    pub(super) fn client(self: &Arc<Self>, role: Role) -> Telling {
        let mut table = self.table();
        let number = table.next;
        table.next += 1;
        let latest = Latest {
            role,
            told: None,
            counts: BTreeMap::new(),
            reach: BTreeMap::new(),
            round_trip: None,
            throttle_ms: 0,
            group: Group::default(),
        };
        table.clients.insert(number, latest);
        Telling { gathered: Arc::clone(self), number }
    }

    /// What they tell now. To be called about once a second.
    pub(super) fn look(&self, unanswered: Unanswered) -> Figures {
        let mut table = self.table();
        table.looks += 1;
        let mut figures = Figures { unanswered, ..table.total };
        let mut reach = BTreeMap::new();
        for client in table.clients.values() {
            if client.told.is_none_or(|told| told + STALE_LOOKS < table.looks) {
                continue;
            }
            for (broker, how) in &client.reach {
                let known = reach.entry(*broker).or_insert(*how);
                *known = (*known).max(*how);
            }
            let traffic = figures.traffic_mut(client.role);
            traffic.round_trip = traffic.round_trip.max(client.round_trip);
            traffic.throttle_ms = traffic.throttle_ms.max(client.throttle_ms);
            figures.group.joined |= client.group.joined;
            figures.group.partitions += client.group.partitions;
        }
        let count = |how| reach.values().filter(|is| **is == how).count();
        figures.brokers =
            Brokers { up: count(Reach::Up), down: count(Reach::Down), unused: count(Reach::Unused) };
        figures
    }
}

/// A client's own place among the figures.
#[derive(Debug)]
pub(super) struct Telling {
    gathered: Arc<Gathered>,
    number: u64,
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.gathered.table().clients.remove(&self.number);
    }
}

impl Telling {
    /// Takes what the client tells.
    pub(super) fn tell(&self, statistics: &Statistics) {
        let mut table = self.gathered.table();
        let looks = table.looks;
        let Table { total, clients, .. } = &mut *table;
        let Some(latest) = clients.get_mut(&self.number) else { return };
        latest.told = Some(looks);
        let sums = &mut total.traffic_mut(latest.role).counts;
        let mut counts = BTreeMap::new();
        for broker in statistics.brokers.values() {
            let now = Counts {
                requests: broker.tx,
                errors: broker.txerrs.saturating_add(broker.rxerrs),
                timeouts: broker.req_timeouts,
                retries: broker.txretries,
                disconnects: count(broker.disconnects.unwrap_or(0)),
            };
            let before = latest.counts.get(&broker.name).copied().unwrap_or_default();
            *sums = sums.each(now.each(before, u64::saturating_sub), u64::saturating_add);
            counts.insert(broker.name.clone(), now);
        }
        latest.counts = counts;
        let known = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        latest.reach = known.map(|broker| (broker.nodeid, reach(&broker.state))).collect();
        let windows = statistics.brokers.values().filter_map(|broker| broker.rtt.as_ref());
        let answered = windows.filter(|window| window.cnt > 0);
        latest.round_trip =
            answered.map(|window| RoundTrip { p99_us: count(window.p99), p50_us: count(window.p50) }).max();
        let throttles = statistics.brokers.values().filter_map(|broker| broker.throttle.as_ref());
        latest.throttle_ms = throttles.map(|window| count(window.max)).max().unwrap_or(0);
        if let Some(group) = &statistics.cgrp {
            let rebalances = count(group.rebalance_cnt);
            total.group.rebalances += rebalances.saturating_sub(latest.group.rebalances);
            latest.group = Group {
                joined: group.state == "up" && group.join_state == "steady",
                partitions: u64::try_from(group.assignment_size).unwrap_or(0),
                rebalances,
            };
        }
    }
}

fn count(raw: i64) -> u64 {
    u64::try_from(raw).unwrap_or(0)
}

/// A state by the library's name for it. A connection that failed is begun again only where it is needed.
fn reach(state: &str) -> Reach {
    match state {
        "UP" | "UPDATE" | "REAUTH" => Reach::Up,
        "INIT" => Reach::Unused,
        _ => Reach::Down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::statistics::{Broker, ConsumerGroup, Window};

    fn broker(name: &str, nodeid: i32, state: &str, tx: u64) -> Broker {
        Broker {
            name: name.to_owned(),
            nodeid,
            state: state.to_owned(),
            tx,
            txerrs: 1,
            rxerrs: 2,
            req_timeouts: 3,
            txretries: 4,
            disconnects: Some(5),
            ..Broker::default()
        }
    }

    fn told(brokers: Vec<Broker>) -> Statistics {
        let brokers = brokers.into_iter().map(|broker| (broker.name.clone(), broker)).collect();
        Statistics { brokers, ..Statistics::default() }
    }

    fn look(gathered: &Gathered) -> Figures {
        gathered.look(Unanswered::default())
    }

    #[test]
    fn counts_outlive_the_clients_that_counted() {
        let gathered = Arc::new(Gathered::default());
        let first = gathered.client(Role::Reader);
        first.tell(&told(vec![broker("a/1", 1, "UP", 10), broker("b/bootstrap", -1, "UP", 5)]));
        first.tell(&told(vec![broker("a/1", 1, "UP", 12)]));
        drop(first);
        let second = gathered.client(Role::Reader);
        second.tell(&told(vec![broker("a/1", 1, "UP", 100)]));
        let figures = look(&gathered);
        let counts = figures.traffic(Role::Reader).counts;
        let due = Counts { requests: 117, errors: 9, timeouts: 9, retries: 12, disconnects: 15 };
        assert_eq!(counts, due);
        assert_eq!(figures.traffic(Role::Producer).counts, Counts::default());
        drop(second);
        assert_eq!(look(&gathered).traffic(Role::Reader).counts, due);
    }

    #[test]
    fn a_broker_is_up_where_anybody_reaches_it_and_down_where_somebody_needs_it() {
        let gathered = Arc::new(Gathered::default());
        let (one, other) = (gathered.client(Role::Producer), gathered.client(Role::Reader));
        one.tell(&told(vec![
            broker("a/1", 1, "INIT", 0),
            broker("b/2", 2, "TRY_CONNECT", 0),
            broker("c/3", 3, "AUTH_REQ", 0),
            broker("d/4", 4, "INIT", 0),
            broker("x/bootstrap", -1, "UP", 0),
        ]));
        other.tell(&told(vec![broker("a/1", 1, "UP", 0), broker("c/3", 3, "INIT", 0)]));
        assert_eq!(look(&gathered).brokers, Brokers { up: 1, down: 2, unused: 1 });
        drop(other);
        assert_eq!(look(&gathered).brokers, Brokers { up: 0, down: 2, unused: 2 });
    }

    #[test]
    fn the_slowest_round_trip_is_told_and_none_that_is_old() {
        let gathered = Arc::new(Gathered::default());
        let window = |p50, p99, cnt| Some(Window { p50, p99, cnt, ..Window::default() });
        let mut brokers =
            vec![broker("a/1", 1, "UP", 1), broker("b/2", 2, "UP", 1), broker("c/3", 3, "UP", 1)];
        brokers[0].rtt = window(500, 900, 7);
        brokers[1].rtt = window(400, 2_000, 7);
        brokers[2].rtt = window(9_000, 9_000, 0);
        brokers[1].throttle = Some(Window { max: 30, ..Window::default() });
        let (one, silent) = (gathered.client(Role::Producer), gathered.client(Role::Producer));
        one.tell(&told(brokers));
        let now = || *look(&gathered).traffic(Role::Producer);
        for _ in 0..STALE_LOOKS {
            let traffic = now();
            assert_eq!(traffic.round_trip, Some(RoundTrip { p50_us: 400, p99_us: 2_000 }));
            assert_eq!(traffic.throttle_ms, 30);
        }
        assert_eq!((now().round_trip, now().throttle_ms, now().counts.requests), (None, 0, 3));
        assert_eq!(look(&gathered).brokers, Brokers::default());
        silent.tell(&told(vec![broker("a/1", 1, "UP", 1)]));
        assert_eq!(look(&gathered).brokers.up, 1);
    }

    #[test]
    fn the_group_is_joined_once_it_is_at_rest() {
        let gathered = Arc::new(Gathered::default());
        let member = gathered.client(Role::Member);
        let tell = |member: &Telling, join_state: &str, size, rebalances| {
            let cgrp = ConsumerGroup {
                state: "up".to_owned(),
                join_state: join_state.to_owned(),
                assignment_size: size,
                rebalance_cnt: rebalances,
                ..ConsumerGroup::default()
            };
            member.tell(&Statistics { cgrp: Some(cgrp), ..Statistics::default() });
            look(&gathered).group
        };
        assert_eq!(tell(&member, "wait-sync", 0, 0), Group::default());
        assert_eq!(tell(&member, "steady", 4, 1), Group { joined: true, partitions: 4, rebalances: 1 });
        assert_eq!(tell(&member, "wait-join", 2, 3), Group { joined: false, partitions: 2, rebalances: 3 });
        drop(member);
        assert_eq!(look(&gathered).group, Group { rebalances: 3, ..Group::default() });
        assert_eq!(tell(&gathered.client(Role::Member), "steady", 2, 1).rebalances, 4);
    }
}
