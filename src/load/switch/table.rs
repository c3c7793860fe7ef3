//! Requests under way and their ids: what an answer is matched with. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// A request that has not been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    /// When it was due, behind the begin of the run.
    pub(super) due: Duration,
    /// When its producer heard that the log has it, if it did.
    pub(super) acknowledged: Option<Duration>,
}

/// The requests under way, by number. Numbers grow, and most requests are answered in their order.
#[derive(Debug)]
pub(super) struct Table {
    slots: VecDeque<Option<Open>>,
    /// The number of the first slot.
    first: u64,
    open: usize,
    /// Slots at most.
    most: usize,
}

impl Table {
    /// An empty one, with room for `most`.
    pub(super) const fn new(most: usize) -> Self {
        Self { slots: VecDeque::new(), first: 0, open: 0, most }
    }

    /// Takes a request in and gives it its number; none if there is no room.
    pub(super) fn add(&mut self, due: Duration) -> Option<u64> {
        if self.slots.len() >= self.most {
            return None;
        }
        let behind = u64::try_from(self.slots.len()).ok()?;
        self.slots.push_back(Some(Open { due, acknowledged: None }));
        self.open += 1;
        Some(self.first + behind)
    }

    /// The log has the request, which may have been answered before.
    pub(super) fn acknowledge(&mut self, number: u64, at: Duration) {
        if let Some(open) = self.slot(number).and_then(Option::as_mut) {
            open.acknowledged = Some(at);
        }
    }

    /// Takes a request out; none if it is not under way, such as one that was taken out before.
    pub(super) fn take(&mut self, number: u64) -> Option<Open> {
        let taken = self.slot(number)?.take()?;
        self.open -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
        Some(taken)
    }

    /// Requests under way.
    pub(super) const fn open(&self) -> usize {
        self.open
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.open == 0
    }

    fn slot(&mut self, number: u64) -> Option<&mut Option<Open>> {
        let behind = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(behind)
    }
}

/// The ids of a run's requests: `<mark>-<number>`.
#[derive(Debug)]
pub(super) struct Ids(String);

impl Ids {
    pub(super) fn new(mark: &str) -> Self {
        Self(format!("{mark}-"))
    }

    /// The id of a request.
    pub(super) fn of(&self, number: u64) -> String {
        format!("{}{number}", self.0)
    }

    /// The number of the request with an id; none if it is no id of this run's.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        let digits = id.strip_prefix(&self.0)?;
        digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn each_is_taken_out_once_in_whatever_order() {
        let mut table = Table::new(4);
        assert_eq!([1, 2, 3].map(|due| table.add(MS * due)), [Some(0), Some(1), Some(2)]);
        table.acknowledge(1, MS * 9);
        assert_eq!(table.take(1), Some(Open { due: MS * 2, acknowledged: Some(MS * 9) }));
        assert_eq!((table.take(1), table.take(3), table.open()), (None, None, 2));
        assert_eq!(table.take(0), Some(Open { due: MS, acknowledged: None }));
        // An acknowledgement that comes behind the answer is of nobody.
        table.acknowledge(0, MS * 9);
        assert_eq!(table.add(MS * 4), Some(3));
        assert_eq!(
            [2, 3].map(|number| table.take(number).map(|open| open.due)),
            [Some(MS * 3), Some(MS * 4)]
        );
        assert!(table.is_empty());
        assert_eq!((table.add(MS), table.take(0)), (Some(4), None));
    }

    #[test]
    fn a_request_that_is_never_answered_takes_a_bounded_place() {
        let mut table = Table::new(3);
        assert_eq!(table.add(MS), Some(0));
        for number in 1..3 {
            assert_eq!(table.add(MS), Some(number));
            assert!(table.take(number).is_some());
        }
        assert_eq!((table.add(MS), table.open()), (None, 1));
        assert!(table.take(0).is_some());
        assert_eq!(table.add(MS), Some(3));
    }

    #[test]
    fn only_this_run_s_ids_have_a_number() {
        let ids = Ids::new("load-18f");
        assert_eq!(ids.number(&ids.of(12_345)), Some(12_345));
        for other in ["load-18f-", "load-18f-01", "load-18f-+1", "load-18f0-1", "load-18-1", "1", ""] {
            assert_eq!(ids.number(other), None, "{other}");
        }
    }
}
