//! Velocity around one event: what its entities' windows say with it included, and its postings.

use crate::base::currency::Currency;
use crate::base::id::OrgId;
use crate::base::time::Ms;
use crate::domain::decision::Flow;
use crate::domain::entity::{Entity, EntityKind};
use crate::policy::{Aggregate, Velocity};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::state::velocity::head::{Absent, Head, Pages};
use crate::state::velocity::posting::{Posting, Run};
use crate::state::velocity::tally::Counts;
use crate::state::working::{Missing, WorkingSet};

/// The event whose windows are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) org: OrgId,
    pub(super) flow: Flow,
    pub(super) at: Ms,
    pub(super) amount: i64,
    pub(super) currency: Currency,
}

impl Event {
    fn head(&self, entity: Entity) -> Key {
        Key::Head(self.org, self.flow, entity)
    }

    fn page(&self, entity: Entity, number: u64) -> Key {
        Key::Page(self.org, self.flow, entity, number)
    }
}

/// The heads of an event's entities, taken out of the working set to be changed.
pub(super) struct Heads {
    event: Event,
    heads: Vec<Taken>,
}

/// A head that was taken.
struct Taken {
    entity: Entity,
    head: Head,
    /// Pages that are of no use any more.
    gone: Vec<u64>,
}

struct WorkingPages<'a> {
    working: &'a WorkingSet,
    event: Event,
    entity: Entity,
}

impl Pages for WorkingPages<'_> {
    fn page(&self, number: u64) -> Result<&Run, Absent> {
        let key = self.event.page(self.entity, number);
        self.working.get::<Run>(&key).ok().flatten().ok_or(Absent(number))
    }
}

impl WorkingPages<'_> {
    /// A page that a head lists is either unread or there.
    fn missing(&self, absent: Absent) -> Missing {
        let key = self.event.page(self.entity, absent.0);
        if self.working.knows(&key) { Missing::Broken(key) } else { Missing::Unread(key) }
    }
}

impl Heads {
    /// Takes the heads of `entities`, without what lies at or below the `horizon` of its kind.
    pub(super) fn take(
        event: Event,
        entities: &[Entity],
        horizon: impl Fn(EntityKind) -> Ms,
        working: &WorkingSet,
    ) -> Result<Self, Missing> {
        let mut heads = Vec::with_capacity(entities.len());
        for entity in entities {
            let head = working.get::<Head>(&event.head(*entity))?;
            let mut head = head.map(Head::to_change).unwrap_or_default();
            let gone = head.prune(horizon(entity.kind));
            heads.push(Taken { entity: *entity, head, gone });
        }
        Ok(Self { event, heads })
    }

    /// The values of `wanted`, in their order; none where the entity is absent.
    pub(super) fn values(
        &mut self,
        wanted: &[Velocity],
        working: &WorkingSet,
    ) -> Result<Vec<Option<i64>>, Missing> {
        wanted.iter().map(|velocity| self.value(velocity, working)).collect()
    }

    fn value(&mut self, velocity: &Velocity, working: &WorkingSet) -> Result<Option<i64>, Missing> {
        let event = self.event;
        let taken = self.heads.iter_mut().find(|taken| taken.entity.kind == velocity.entity);
        let Some(Taken { entity, head, .. }) = taken else { return Ok(None) };
        let pages = WorkingPages { working, event, entity: *entity };
        let found = match velocity.window {
            Some(window) => head
                .count(event.at, window.ms(), event.currency, &pages)
                .map(|counts| windowed(velocity.aggregate, &counts, &event)),
            None => timed(velocity.aggregate, head, &event, &pages),
        };
        found.map_err(|absent| pages.missing(absent))
    }

    /// Counts the event for every entity and puts the heads back.
    pub(super) fn insert(mut self, posting: Posting, working: &mut WorkingSet) -> Result<(), Missing> {
        let event = self.event;
        for Taken { entity, head, gone } in &mut self.heads {
            let pages = WorkingPages { working, event, entity: *entity };
            let writes = head.insert(posting, &pages).map_err(|absent| pages.missing(absent))?;
            gone.iter().for_each(|number| working.delete(event.page(*entity, *number)));
            for write in writes {
                working.put(event.page(*entity, write.number), Row::Page(write.run));
            }
            working.put(event.head(*entity), Row::Head(std::mem::take(head)));
        }
        Ok(())
    }
}

/// The rows that asking for `windows` of an entity will read next.
pub(super) fn wants(
    event: Event,
    entity: Entity,
    horizon: Ms,
    windows: &[i64],
    working: &WorkingSet,
    wanted: &mut Vec<Key>,
) {
    let key = event.head(entity);
    match working.get::<Head>(&key) {
        Err(_) => wanted.push(key),
        Ok(None) => {}
        Ok(Some(head)) => {
            let pages = head.wants(event.at, horizon, windows).into_iter();
            let pages = pages.map(|number| event.page(entity, number));
            wanted.extend(pages.filter(|page| !working.knows(page)));
        }
    }
}

/// A value over a window: what was there before, and the event itself.
fn windowed(aggregate: Aggregate, before: &Counts, event: &Event) -> Option<i64> {
    let count = |n: u64| Some(i64::try_from(n).unwrap_or(i64::MAX));
    let sum = before.sum + i128::from(event.amount);
    match aggregate {
        Aggregate::Count => count(before.count + 1),
        Aggregate::Sum => Some(i64::try_from(sum).unwrap_or(i64::MAX)),
        Aggregate::Average => i64::try_from(sum / (i128::from(before.in_currency) + 1)).ok(),
        Aggregate::CountApproved => count(before.approved),
        Aggregate::CountDeclined => count(before.declined),
        Aggregate::CountFailed => count(before.failed),
        Aggregate::Min
        | Aggregate::Max
        | Aggregate::Distinct(_)
        | Aggregate::SecondsSinceLast
        | Aggregate::FirstSeenAge => None,
    }
}

/// A value without a window.
fn timed(
    aggregate: Aggregate,
    head: &Head,
    event: &Event,
    pages: &WorkingPages<'_>,
) -> Result<Option<i64>, Absent> {
    Ok(match aggregate {
        Aggregate::SecondsSinceLast => {
            head.previous(event.at, pages)?.map(|previous| event.at.since(previous) / 1_000)
        }
        Aggregate::FirstSeenAge => Some(head.first().map_or(0, |first| event.at.since(first).max(0) / 1_000)),
        Aggregate::Count
        | Aggregate::Sum
        | Aggregate::Average
        | Aggregate::Min
        | Aggregate::Max
        | Aggregate::Distinct(_)
        | Aggregate::CountApproved
        | Aggregate::CountDeclined
        | Aggregate::CountFailed => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Hash128;
    use crate::base::position::Offset;
    use crate::domain::decision::Decision;
    use crate::state::velocity::posting::Outcome;
    use std::collections::BTreeSet;

    #[test]
    fn pages_below_the_horizon_are_deleted_with_the_next_event() {
        let entity = Entity { kind: EntityKind::Email, hash: Hash128([4; 16]) };
        let currency = Currency::from_code("MXN").unwrap();
        let outcome = Outcome { decision: Decision::Approve, failed: false };
        let mut working = WorkingSet::default();
        let (mut written, mut deleted) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..2_000 {
            let at = Ms(i64::try_from(number).unwrap() * 1_000);
            let event = Event { org: OrgId::INSTALLATION, flow: Flow::Payin, at, amount: 5, currency };
            working.load(event.head(entity), None).unwrap();
            let heads = Heads::take(event, &[entity], |_| at.plus(-600_000), &working).unwrap();
            let posting = Posting { at, amount: 5, currency, outcome, event: Offset(number) };
            heads.insert(posting, &mut working).unwrap();
            working.commit();
            for (key, row) in working.freeze().rows {
                if let Key::Page(_, _, _, page) = key {
                    if row.is_some() {
                        written.insert(page)
                    } else {
                        deleted.insert(page)
                    };
                }
            }
        }
        let key = Key::Head(OrgId::INSTALLATION, Flow::Payin, entity);
        let listed: BTreeSet<u64> = working.get::<Head>(&key).unwrap().unwrap().page_numbers().collect();
        assert!(deleted.len() > 5 && listed.len() < 6, "{deleted:?} {listed:?}");
        assert_eq!(written.difference(&deleted).copied().collect::<BTreeSet<u64>>(), listed);
    }
}
