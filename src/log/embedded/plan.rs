//! Which of the oldest segments may go: a function of what the segments say of themselves and of what the
//! log is kept for. What recovery needs is never given up. Age and readers protect as long as the log is
//! not too large.

use super::format::Layout;
use super::retain::Trim;
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::Unread;

/// What a sealed segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Each slot's next offset when it began.
    pub(super) starts: Vec<Offset>,
    /// Each slot's next offset when it ended.
    pub(super) ends: Vec<Offset>,
    /// Its newest timestamp, or that before it.
    pub(super) newest: Ms,
    /// Its size.
    pub(super) bytes: u64,
}

/// What keeps the oldest segment that is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Held {
    /// It is written to, so there is nothing to hold.
    #[default]
    Nothing,
    /// It is not old enough.
    Age,
    /// Readers have not read it.
    Readers(Vec<Unread>),
    /// A shard would need it to recover: these hold records in it that are needed.
    Recovery(Vec<TopicPartition>),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// How many of the oldest segments go.
    pub(super) segments: usize,
    /// Who had not read all that goes.
    pub(super) overrun: Vec<Unread>,
    pub(super) held: Held,
}

/// Plans a trim of `segments`, behind which there are `newest_bytes` in the one that is written to.
pub(super) fn plan(segments: &[Facts], newest_bytes: u64, trim: &Trim, layout: Layout) -> Plan {
    let needed = floors(&trim.needed, layout);
    let readers = readers(segments, &trim.unread, layout);
    let mut plan = Plan::default();
    let mut bytes = segments.iter().map(|segment| segment.bytes).sum::<u64>() + newest_bytes;
    for segment in segments {
        let unread = readers.iter().filter(|(slot, unread)| segment.holds(*slot, unread.from));
        let unread: Vec<Unread> = unread.map(|(_, unread)| *unread).collect();
        let needed = layout.all().enumerate().zip(&needed);
        let needed = needed.filter(|((slot, _), floor)| segment.holds(*slot, **floor));
        let needed: Vec<TopicPartition> = needed.map(|((_, of), _)| of).collect();
        let fits = bytes <= trim.max_bytes;
        if fits && segment.newest >= trim.older_than {
            return Plan { held: Held::Age, ..plan };
        }
        if fits && !unread.is_empty() {
            return Plan { held: Held::Readers(unread), ..plan };
        }
        if !needed.is_empty() {
            return Plan { held: Held::Recovery(needed), ..plan };
        }
        plan.segments += 1;
        bytes -= segment.bytes;
        for unread in unread {
            if !plan.overrun.contains(&unread) {
                plan.overrun.push(unread);
            }
        }
    }
    plan
}

impl Facts {
    /// Whether it has a record of a slot at or behind an offset.
    fn holds(&self, slot: usize, from: Offset) -> bool {
        let bounds = self.starts.get(slot).zip(self.ends.get(slot));
        bounds.is_some_and(|(start, end)| start < end && *end > from)
    }
}

/// The first offset needed of each slot.
fn floors(needed: &[(TopicPartition, Offset)], layout: Layout) -> Vec<Offset> {
    let mut floors = vec![Offset(0); layout.slots()];
    for (of, floor) in needed {
        if let Some(known) = layout.slot(*of).and_then(|slot| floors.get_mut(slot)) {
            *known = *floor;
        }
    }
    floors
}

/// The readers with their slots. One whose next record is gone already is kept nothing for: it has to be
/// set right before it can go on.
fn readers(segments: &[Facts], unread: &[Unread], layout: Layout) -> Vec<(usize, Unread)> {
    let first = segments.first();
    let start = |slot: usize| first.and_then(|first| first.starts.get(slot)).copied().unwrap_or_default();
    let placed = unread.iter().filter_map(|unread| Some((layout.slot(unread.of)?, *unread)));
    placed.filter(|(slot, unread)| unread.from >= start(*slot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::position::{Partition, Topic};

    const LAYOUT: Layout = Layout { topics: 2, partitions: 1 };
    const REQUESTS: TopicPartition = TopicPartition { topic: Topic::Requests, partition: Partition(0) };
    const DECISIONS: TopicPartition = TopicPartition { topic: Topic::Decisions, partition: Partition(0) };

    fn segments() -> [Facts; 3] {
        let offsets = |two: [u64; 2]| two.map(Offset).to_vec();
        [
            Facts { starts: offsets([0, 0]), ends: offsets([5, 0]), newest: Ms(100), bytes: 10 },
            Facts { starts: offsets([5, 0]), ends: offsets([9, 3]), newest: Ms(200), bytes: 10 },
            Facts { starts: offsets([9, 3]), ends: offsets([9, 8]), newest: Ms(300), bytes: 10 },
        ]
    }

    /// All that may go but for what the test says.
    fn all() -> Trim {
        Trim {
            needed: vec![(REQUESTS, Offset(99)), (DECISIONS, Offset(99))],
            unread: vec![],
            older_than: Ms(1_000),
            max_bytes: 1_000,
        }
    }

    fn check(trim: &Trim, segments_due: usize, held_due: Held) -> Plan {
        let plan = plan(&segments(), 10, trim, LAYOUT);
        assert_eq!((plan.segments, &plan.held), (segments_due, &held_due), "{trim:?}");
        plan
    }

    #[test]
    fn what_recovery_needs_stays_whatever_else() {
        check(&Trim::default(), 0, Held::Recovery(vec![REQUESTS]));
        for (requests, decisions, due, by) in [
            (4, 9, 0, vec![REQUESTS]),
            (5, 0, 1, vec![REQUESTS, DECISIONS]),
            (9, 2, 1, vec![DECISIONS]),
            (9, 3, 2, vec![DECISIONS]),
        ] {
            let needed = vec![(REQUESTS, Offset(requests)), (DECISIONS, Offset(decisions))];
            check(&Trim { needed: needed.clone(), ..all() }, due, Held::Recovery(by.clone()));
            check(&Trim { needed, max_bytes: 0, ..all() }, due, Held::Recovery(by));
        }
        check(&all(), 3, Held::Nothing);
        let unnamed = Trim { needed: vec![(REQUESTS, Offset(99))], ..all() };
        check(&unnamed, 1, Held::Recovery(vec![DECISIONS]));
    }

    #[test]
    fn a_segment_is_as_old_as_its_newest_record() {
        check(&Trim { older_than: Ms(100), ..all() }, 0, Held::Age);
        check(&Trim { older_than: Ms(101), ..all() }, 1, Held::Age);
        check(&Trim { older_than: Ms(301), ..all() }, 3, Held::Nothing);
    }

    #[test]
    fn beyond_its_size_the_log_protects_neither_age_nor_readers() {
        let young = |max_bytes| Trim { older_than: Ms(0), max_bytes, ..all() };
        check(&young(40), 0, Held::Age);
        check(&young(39), 1, Held::Age);
        check(&young(20), 2, Held::Age);
        check(&young(0), 3, Held::Nothing);
        let slow = Unread { reader: "slow", of: REQUESTS, from: Offset(6) };
        let slow_and = |max_bytes| Trim { unread: vec![slow], max_bytes, ..all() };
        let plan = check(&slow_and(30), 1, Held::Readers(vec![slow]));
        assert_eq!(plan.overrun, [], "it has read what goes");
        let plan = check(&slow_and(29), 3, Held::Nothing);
        assert_eq!(plan.overrun, [slow], "and had not read what went then");
    }

    #[test]
    fn a_reader_is_waited_for_until_it_has_read() {
        for (from, due) in [(0, 0), (4, 0), (5, 1), (8, 1), (9, 3)] {
            let reader = Unread { reader: "rollup", of: REQUESTS, from: Offset(from) };
            let held = if due == 3 { Held::Nothing } else { Held::Readers(vec![reader]) };
            check(&Trim { unread: vec![reader], ..all() }, due, held);
        }
    }

    #[test]
    fn a_reader_that_lost_its_place_is_waited_for_no_more() {
        let lost = Unread { reader: "lost", of: REQUESTS, from: Offset(4) };
        let trim = Trim { unread: vec![lost], ..all() };
        let plan = plan(&segments()[1..], 10, &trim, LAYOUT);
        assert_eq!(plan, Plan { segments: 2, overrun: vec![], held: Held::Nothing });
    }
}
