//! Who reads the log beside the workers, and how far each has durably come: the log is not trimmed before
//! them, as long as there is room. A reader that was too slow for that finds its next read out of range.

use crate::base::position::{Offset, TopicPartition};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A reader of one partition, by its name, and the first record it has still to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// The reader, for messages.
    pub reader: &'static str,
    /// What it reads.
    pub of: TopicPartition,
    /// Where it goes on.
    pub from: Offset,
}

/// Every reader there is.
#[derive(Debug, Clone, Default)]
pub struct Readers(Arc<Mutex<BTreeMap<(&'static str, TopicPartition), Offset>>>);

/// A reader's hand on its own position. Letting go of it changes nothing: a reader that ended by accident
/// will want to go on.
#[derive(Debug)]
pub struct Mark {
    readers: Readers,
    name: &'static str,
    of: TopicPartition,
}

impl Readers {
    /// Makes a reader known that goes on at `from`; one of that name and partition that was known goes on
    /// there now.
    #[must_use]
    pub fn register(&self, name: &'static str, of: TopicPartition, from: Offset) -> Mark {
        self.known().insert((name, of), from);
        Mark { readers: self.clone(), name, of }
    }

    /// What each has still to read.
    #[must_use]
    pub fn unread(&self) -> Vec<Unread> {
        let known = self.known();
        known.iter().map(|((reader, of), from)| Unread { reader, of: *of, from: *from }).collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(&'static str, TopicPartition), Offset>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    /// Everything before `next` is durably read.
    pub fn reached(&self, next: Offset) {
        if let Some(from) = self.readers.known().get_mut(&(self.name, self.of)) {
            *from = next.max(*from);
        }
    }

    /// The reader is no more, and nothing need wait for it.
    pub fn leave(self) {
        self.readers.known().remove(&(self.name, self.of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::position::{Partition, Topic};

    #[test]
    fn a_reader_is_known_until_it_leaves() {
        let readers = Readers::default();
        let of = TopicPartition::new(Topic::Events, Partition(3));
        let unread = |from| vec![Unread { reader: "rollup", of, from: Offset(from) }];
        let mark = readers.register("rollup", of, Offset(7));
        assert_eq!(readers.unread(), unread(7));
        mark.reached(Offset(9));
        mark.reached(Offset(8));
        assert_eq!(readers.unread(), unread(9), "what was read stays read");
        drop(mark);
        assert_eq!(readers.unread(), unread(9), "it will come back");
        readers.register("rollup", of, Offset(9)).leave();
        assert_eq!(readers.unread(), []);
    }
}
