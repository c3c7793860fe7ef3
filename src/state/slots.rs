//! The places of rows in memory: found by their keys once, by where they are from then on. A row that changes
//! is asked for when it changes, when it is frozen and when it is stored; only the first of these hashes a key.

use crate::base::collections::{Table, hash_of};
use crate::state::key::Key;
use crate::state::row::Row;
use std::cell::Cell;
use std::mem;
use std::sync::Arc;

/// What is in memory for a key.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) row: Option<Arc<Row>>,
    /// The generation it was changed in, until a checkpoint holds it.
    pub(super) dirty: Option<u64>,
    /// The turn that last used it.
    pub(super) used: Cell<u64>,
}

/// Where a slot is. It finds nothing once that slot was taken out, whatever is there then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    index: usize,
    stamp: u32,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    /// How many slots were taken out here.
    stamp: u32,
    /// None where there is room.
    slot: Option<Slot>,
}

/// Slots by key.
#[derive(Debug, Default)]
pub(super) struct Slots {
    places: Table<usize>,
    entries: Vec<Entry>,
    /// Where there is room.
    free: Vec<usize>,
}

impl Slots {
    /// The slot of a key.
    pub(super) fn find(&self, key: &Key) -> Option<&Slot> {
        let index = *self.places.find(hash_of(key), |index| self.is_of(*index, key))?;
        self.entries.get(index)?.slot.as_ref()
    }

    fn is_of(&self, index: usize, key: &Key) -> bool {
        self.entries.get(index).is_some_and(|entry| entry.key == *key)
    }

    /// Puts a slot in the place of the one there is, if there is one.
    pub(super) fn put(&mut self, key: Key, slot: Slot) -> (Spot, Option<Slot>) {
        let hash = hash_of(&key);
        let found = self.places.find(hash, |index| self.is_of(*index, &key)).copied();
        if let Some(index) = found
            && let Some(entry) = self.entries.get_mut(index)
        {
            return (Spot { index, stamp: entry.stamp }, entry.slot.replace(slot));
        }
        let index = self.free.pop().unwrap_or(self.entries.len());
        let stamp = match self.entries.get_mut(index) {
            Some(entry) => {
                (entry.key, entry.slot) = (key, Some(slot));
                entry.stamp
            }
            None => {
                self.entries.push(Entry { key, stamp: 0, slot: Some(slot) });
                0
            }
        };
        let entries = &self.entries;
        let again = |index: &usize| entries.get(*index).map_or(0, |entry| hash_of(&entry.key));
        self.places.insert_unique(hash, index, again);
        (Spot { index, stamp }, None)
    }

    /// What is at a spot, to be changed.
    pub(super) fn at(&mut self, spot: Spot) -> Option<(&Key, &mut Slot)> {
        let entry = self.entries.get_mut(spot.index).filter(|entry| entry.stamp == spot.stamp)?;
        entry.slot.as_mut().map(|slot| (&entry.key, slot))
    }

    /// Takes out what is at a spot.
    pub(super) fn remove(&mut self, spot: Spot) {
        let Some(entry) = self.entries.get_mut(spot.index).filter(|entry| entry.stamp == spot.stamp) else {
            return;
        };
        if mem::take(&mut entry.slot).is_none() {
            return;
        }
        entry.stamp = entry.stamp.wrapping_add(1);
        let hash = hash_of(&entry.key);
        if let Ok(place) = self.places.find_entry(hash, |index| *index == spot.index) {
            place.remove();
        }
        self.free.push(spot.index);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Slot)> {
        self.entries.iter().filter_map(|entry| entry.slot.as_ref().map(|slot| (&entry.key, slot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Hash128;
    use crate::base::id::OrgId;
    use crate::domain::decision::Flow;
    use std::collections::BTreeMap;

    fn key(number: u64) -> Key {
        Key::Session(OrgId::INSTALLATION, Flow::Payin, Hash128(u128::from(number).to_be_bytes()))
    }

    fn slot(used: u64) -> Slot {
        Slot { row: None, dirty: None, used: Cell::new(used) }
    }

    #[test]
    fn slots_are_as_a_plain_map_has_them() {
        let (mut slots, mut plain) = (Slots::default(), BTreeMap::new());
        let mut gone = Vec::new();
        let mut random = 1_u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) % 300;
            if random >> 62 == 0 {
                if let Some((spot, _)) = plain.remove(&number) {
                    slots.remove(spot);
                    gone.push(spot);
                }
            } else {
                let (spot, before) = slots.put(key(number), slot(step));
                let known = plain.insert(number, (spot, step));
                assert_eq!(before.map(|slot| slot.used.get()), known.map(|(_, step)| step));
                assert!(known.is_none_or(|known| known.0 == spot), "a slot moved");
            }
        }
        assert!(gone.len() > 1_000 && slots.entries.len() <= 300, "room is used again");
        assert!(gone.iter().all(|spot| slots.at(*spot).is_none()), "what was taken out is found");
        assert_eq!(slots.len(), plain.len());
        assert_eq!(slots.iter().count(), plain.len());
        for number in 0..300 {
            let found = slots.find(&key(number)).map(|slot| slot.used.get());
            assert_eq!(found, plain.get(&number).map(|(_, step)| *step));
            if let Some((spot, step)) = plain.get(&number) {
                let (at, slot) = slots.at(*spot).unwrap();
                assert_eq!((*at, slot.used.get()), (key(number), *step));
            }
        }
    }
}
