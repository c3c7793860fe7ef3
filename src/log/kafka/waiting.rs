//! What was handed to the producer and is not answered: how much there may be of it, and how long the oldest of
//! it waits. An append is never given up, so this is where it shows that the brokers take nothing.
//!
//! Time is what whoever looks says it is: an append's age counts from the first look that saw it, so the way of
//! an append asks no clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// What is not answered, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unanswered {
    /// Appends.
    pub appends: usize,
    /// Their records.
    pub records: usize,
    /// Bytes of these.
    pub bytes: usize,
    /// The age of the oldest append, short of the time between two looks; none where there is none.
    pub oldest: Option<Duration>,
}

/// The number of an append that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// The appends that were taken and not answered; as many as there is room for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    records: usize,
    bytes: usize,
    next: u64,
    /// Everything below was seen by a look.
    seen: u64,
    since: BTreeMap<Ticket, Duration>,
}

/// Most records and bytes that may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Waiting {
    /// Takes an append; none where there is no room for it.
    pub(super) fn take(&mut self, records: usize, bytes: usize, room: Room) -> Option<Ticket> {
        // What is larger than the whole queue goes alone, or it never would.
        let fits = self.records + records <= room.records && self.bytes + bytes <= room.bytes;
        if self.records > 0 && !fits {
            return None;
        }
        self.records += records;
        self.bytes += bytes;
        let ticket = Ticket(self.next);
        self.next += 1;
        self.since.insert(ticket, Duration::MAX);
        Some(ticket)
    }

    /// An append was answered; whether it was the last.
    pub(super) fn release(&mut self, ticket: Ticket, records: usize, bytes: usize) -> bool {
        self.since.remove(&ticket);
        self.records -= records;
        self.bytes -= bytes;
        self.is_empty()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Looks at all of it; `now` never goes back.
    pub(super) fn look(&mut self, now: Duration) -> Unanswered {
        for (_, since) in self.since.range_mut(Ticket(self.seen)..) {
            *since = now;
        }
        self.seen = self.next;
        Unanswered {
            appends: self.since.len(),
            records: self.records,
            bytes: self.bytes,
            oldest: self.since.first_key_value().map(|(_, since)| now.saturating_sub(*since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { records: 10, bytes: 100 };

    const fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn there_is_room_for_so_many_records_and_bytes_or_for_one_append() {
        let mut waiting = Waiting::default();
        let first = waiting.take(9, 10, ROOM).unwrap();
        assert_eq!(waiting.take(2, 1, ROOM), None, "records");
        assert_eq!(waiting.take(1, 91, ROOM), None, "bytes");
        let second = waiting.take(1, 90, ROOM).unwrap();
        assert!(!waiting.release(first, 9, 10));
        assert!(waiting.release(second, 1, 90) && waiting.is_empty());
        assert!(waiting.take(11, 101, ROOM).is_some(), "it goes alone");
        assert_eq!(waiting.take(1, 1, ROOM), None);
    }

    #[test]
    fn the_oldest_is_as_old_as_the_look_that_saw_it_first() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.look(second(5)), Unanswered::default());
        let first = waiting.take(2, 20, ROOM).unwrap();
        assert_eq!(waiting.look(second(6)).oldest, Some(second(0)));
        let later = waiting.take(1, 10, ROOM).unwrap();
        let told = waiting.look(second(16));
        assert_eq!(told, Unanswered { appends: 2, records: 3, bytes: 30, oldest: Some(second(10)) });
        // Another partition's may be answered before it.
        waiting.release(later, 1, 10);
        let third = waiting.take(1, 10, ROOM).unwrap();
        assert_eq!(waiting.look(second(20)).oldest, Some(second(14)));
        waiting.release(first, 2, 20);
        assert_eq!(waiting.look(second(21)).oldest, Some(second(1)), "the next one's own age");
        waiting.release(third, 1, 10);
        assert_eq!(waiting.look(second(22)), Unanswered::default());
    }
}
