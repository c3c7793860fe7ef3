//! Who owns which partition, as far as each was told. The group makes sure of nothing: two members may
//! both believe that they own a partition, which is what a zombie is.

use super::{Inner, Producer};
use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::{Assignment, Membership, Release, ReleaseSlot};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

/// The members and what they have not heard yet.
#[derive(Debug, Default)]
pub(super) struct Group {
    news: BTreeMap<Producer, VecDeque<Change>>,
    signals: BTreeMap<Producer, Weak<Signal>>,
    /// Revocations that were not answered.
    awaited: BTreeSet<(Partition, Producer)>,
}

/// A change that a member has not heard yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Gain(Partition),
    Revoke(Partition),
    Lose(Partition),
}

impl Group {
    pub(super) fn join(
        &mut self,
        member: Producer,
        signal: &Arc<Signal>,
        inner: &Arc<Inner>,
    ) -> Box<dyn Membership> {
        self.signals.insert(member, Arc::downgrade(signal));
        if self.news.get(&member).is_some_and(|news| !news.is_empty()) {
            signal.raise();
        }
        Box::new(Member { inner: Arc::clone(inner), member })
    }

    pub(super) fn assign_all(&mut self, member: Producer, partitions: u16) {
        let news = self.news.entry(member).or_default();
        news.extend((0..partitions).map(|partition| Change::Gain(Partition(partition))));
    }

    /// Tells a member, and gives the signal to raise.
    pub(super) fn tell(&mut self, member: Producer, change: Change) -> Option<Arc<Signal>> {
        if let Change::Revoke(partition) = change {
            self.awaited.insert((partition, member));
        }
        self.news.entry(member).or_default().push_back(change);
        self.signals.get(&member).and_then(Weak::upgrade)
    }

    /// Whether a revocation is not answered yet.
    pub(super) fn awaits(&self, partition: Partition, member: Producer) -> bool {
        self.awaited.contains(&(partition, member))
    }

    /// Forgets a member.
    pub(super) fn forget(&mut self, member: Producer) {
        self.news.remove(&member);
        self.signals.remove(&member);
        self.awaited.retain(|(_, awaited)| *awaited != member);
    }
}

#[derive(Debug)]
struct Member {
    inner: Arc<Inner>,
    member: Producer,
}

impl Membership for Member {
    fn poll(&mut self) -> Option<Assignment> {
        let change = self.inner.state().group.news.get_mut(&self.member)?.pop_front()?;
        Some(match change {
            Change::Gain(partition) => Assignment::Gained(partition),
            Change::Lose(partition) => Assignment::Lost(partition),
            Change::Revoke(partition) => {
                let (inner, member) = (Arc::downgrade(&self.inner), self.member);
                let release = Answer { inner, partition, member };
                Assignment::Revoking(partition, ReleaseSlot::new(Box::new(release)))
            }
        })
    }
}

#[derive(Debug)]
struct Answer {
    inner: Weak<Inner>,
    partition: Partition,
    member: Producer,
}

impl Release for Answer {
    fn released(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.state().group.awaited.remove(&(self.partition, self.member));
        }
    }
}
