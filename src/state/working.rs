//! The working set: decoded rows of one shard, with what a record changed held apart until it is whole.
//!
//! A record's changes are journalled: [`WorkingSet::rollback`] undoes them all, so a record that meets an
//! unread key or panics leaves no trace. Changed rows stay here until the checkpoint that holds them is
//! durable. What is in memory changes no answer, only whether a read comes first.
//!
//! A row that has expired at the clock of the record at hand is absent, here and nowhere else: nobody above
//! asks how old a row is, nobody below needs to have dropped it.

use crate::base::time::Ms;
use crate::state::codec::BadRow;
use crate::state::key::{Key, Kind};
use crate::state::retention::Retention;
use crate::state::row::{FromRow, Row};
use crate::state::slots::{Slot, Slots, Spot};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Rows looked at in a turn to find some to forget, for each that came since the last, and besides. A turn
/// never goes through all of them: those who wait for its decisions would wait for that.
const LOOKS_EACH: usize = 4;
const LOOKS: usize = 64;

/// Why a row cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// It must be read from the store first.
    Unread(Key),
    /// The stored row is not of its key's kind: a broken invariant.
    Broken(Key),
}

/// A stored value that could not be read: a broken invariant of stored state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The row's key.
    pub key: Key,
    /// What is wrong in its value.
    pub fault: BadRow,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {:?}: {}", self.key, self.fault)
    }
}

impl std::error::Error for Damaged {}

/// Rows changed since the last freeze, as they were then.
#[derive(Debug)]
pub struct Frozen {
    /// Which freeze.
    pub generation: u64,
    /// The rows; none is a deleted one. In no order, some twice: that is for whoever writes them.
    pub rows: Vec<(Key, Option<Arc<Row>>)>,
}

/// Whether rows of a kind are written once and seldom read, so that they stay only until the store has them.
const fn is_passing(kind: Kind) -> bool {
    matches!(kind, Kind::Event | Kind::Decision)
}

/// Decoded rows of one shard.
#[derive(Debug)]
pub struct WorkingSet {
    retention: Retention,
    /// The shard's clock with the record at hand.
    clock: Ms,
    slots: Slots,
    /// What became dirty in this generation; some of it twice, some rolled back since.
    dirty: Vec<Spot>,
    /// What was frozen in each generation that is not durable yet.
    frozen: VecDeque<(u64, Vec<Spot>)>,
    journal: Vec<(Spot, Option<Slot>)>,
    /// Rows in the order in which they are looked at to be forgotten, with the turn since which they were not
    /// looked at. Some are gone already.
    queue: VecDeque<(Spot, u64)>,
    /// Rows that came since the last turn.
    came: usize,
    generation: u64,
    turn: u64,
}

impl Default for WorkingSet {
    fn default() -> Self {
        Self::new(Retention::SHIPPED)
    }
}

impl WorkingSet {
    /// An empty set of rows that are there for so long.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            clock: Ms(i64::MIN),
            slots: Slots::default(),
            dirty: Vec::new(),
            frozen: VecDeque::new(),
            journal: Vec::new(),
            queue: VecDeque::new(),
            came: 0,
            generation: 1,
            turn: 0,
        }
    }

    /// How long rows are there.
    #[must_use]
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// Begins with a record at this clock: what has expired by then is absent to it.
    pub fn begin_record(&mut self, clock: Ms) {
        self.clock = clock;
    }

    /// What a slot holds as far as the record at hand can see.
    fn seen<'s>(&self, slot: &'s Slot) -> Option<&'s Row> {
        slot.row.as_deref().filter(|row| !self.retention.is_expired(row, self.clock))
    }

    /// Whether the row is in memory, be it there or known to be absent.
    #[must_use]
    pub fn knows(&self, key: &Key) -> bool {
        self.slots.find(key).is_some()
    }

    /// The content of a row, if there is one.
    ///
    /// # Errors
    /// It must be read first, or is of another kind.
    pub fn get<T: FromRow>(&self, key: &Key) -> Result<Option<&T>, Missing> {
        let slot = self.slots.find(key).ok_or(Missing::Unread(*key))?;
        slot.used.set(self.turn);
        match self.seen(slot) {
            None => Ok(None),
            Some(row) => T::from_row(row).map(Some).ok_or(Missing::Broken(*key)),
        }
    }

    /// Writes a row.
    pub fn put(&mut self, key: Key, row: Row) {
        self.write(key, Some(Arc::new(row)));
    }

    /// Deletes a row.
    pub fn delete(&mut self, key: Key) {
        self.write(key, None);
    }

    fn write(&mut self, key: Key, row: Option<Arc<Row>>) {
        let slot = Slot { row, dirty: Some(self.generation), used: Cell::new(self.turn) };
        let (spot, before) = self.slots.put(key, slot);
        if before.as_ref().is_none_or(|slot| slot.dirty != Some(self.generation)) {
            self.dirty.push(spot);
        }
        if before.is_none() && !is_passing(key.kind()) {
            self.enqueue(spot);
        }
        self.journal.push((spot, before));
    }

    /// Keeps what was written since the last commit or rollback.
    pub fn commit(&mut self) {
        self.journal.clear();
    }

    /// Undoes what was written since the last commit or rollback.
    pub fn rollback(&mut self) {
        while let Some((spot, before)) = self.journal.pop() {
            match (before, self.slots.at(spot)) {
                (Some(before), Some((_, slot))) => *slot = before,
                (Some(_) | None, _) => self.slots.remove(spot),
            }
        }
    }

    /// Takes in what the store holds for a key; a row already in memory is newer and stays.
    ///
    /// # Errors
    /// The stored value is damaged.
    pub fn load(&mut self, key: Key, value: Option<&[u8]>) -> Result<(), Damaged> {
        if self.knows(&key) {
            return Ok(());
        }
        let row = match value {
            Some(bytes) => {
                let row = Row::decode(key.kind(), bytes).map_err(|fault| Damaged { key, fault })?;
                Some(Arc::new(row))
            }
            None => None,
        };
        let slot = Slot { row, dirty: None, used: Cell::new(self.turn) };
        let (spot, _) = self.slots.put(key, slot);
        self.enqueue(spot);
        Ok(())
    }

    fn enqueue(&mut self, spot: Spot) {
        self.queue.push_back((spot, self.turn));
        self.came += 1;
    }

    /// Takes a picture of the rows changed since the last one. They stay here until
    /// [`WorkingSet::persisted`].
    pub fn freeze(&mut self) -> Frozen {
        let generation = self.generation;
        self.generation += 1;
        let mut spots = std::mem::take(&mut self.dirty);
        let mut rows = Vec::with_capacity(spots.len());
        spots.retain(|spot| match self.slots.at(*spot) {
            Some((key, slot)) if slot.dirty == Some(generation) => {
                rows.push((*key, slot.row.clone()));
                true
            }
            Some(_) | None => false,
        });
        self.frozen.push_back((generation, spots));
        Frozen { generation, rows }
    }

    /// The store now holds what was frozen in `generation` and before.
    pub fn persisted(&mut self, generation: u64) {
        while self.frozen.front().is_some_and(|frozen| frozen.0 <= generation) {
            let frozen = self.frozen.pop_front();
            frozen.into_iter().flat_map(|(_, spots)| spots).for_each(|spot| self.stored(spot, generation));
        }
    }

    fn stored(&mut self, spot: Spot, generation: u64) {
        let Some((key, slot)) = self.slots.at(spot) else { return };
        if slot.dirty.is_some_and(|dirty| dirty <= generation) {
            slot.dirty = None;
            // What passes only takes the place of what is read with each event; a page that was taken away
            // is never asked for again.
            let is_gone = slot.row.is_none() && key.kind() == Kind::Page;
            if is_passing(key.kind()) || is_gone {
                self.slots.remove(spot);
            }
        }
    }

    /// Rows changed and not yet frozen.
    #[must_use]
    pub fn dirty_rows(&self) -> usize {
        self.dirty.len()
    }

    /// Rows in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no row is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Begins a turn; while there are more than `limit` rows, some are forgotten that the store holds and that
    /// were not used since they were looked at last. What the last turn read, this one may need, and keeps.
    pub fn begin_turn(&mut self, limit: usize) {
        self.turn += 1;
        let looks = LOOKS + LOOKS_EACH * std::mem::take(&mut self.came);
        for _ in 0..looks.min(self.queue.len()) {
            // Of those that are gone there are never more than of those that are there.
            if self.slots.len() <= limit && self.queue.len() <= 2 * self.slots.len() + LOOKS {
                return;
            }
            let Some((spot, looked)) = self.queue.pop_front() else { return };
            let room = self.slots.len() <= limit;
            let Some((_, slot)) = self.slots.at(spot) else { continue };
            let used = slot.used.get();
            if room || slot.dirty.is_some() || used + 1 >= self.turn {
                self.queue.push_back((spot, looked));
            } else if used > looked {
                self.queue.push_back((spot, self.turn));
            } else {
                self.slots.remove(spot);
            }
        }
    }

    /// Every row in memory that has content, with its key, in no order: for handing over and checking.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &Row)> {
        self.slots.iter().filter_map(|(key, slot)| self.seen(slot).map(|row| (key, row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Hash128;
    use crate::base::id::OrgId;
    use crate::domain::decision::Flow;
    use crate::domain::entity::{Entity, EntityKind};
    use crate::state::key::Scope;
    use crate::state::session::IdempotencyRow;

    const ORG: OrgId = OrgId::INSTALLATION;
    const KEY: Key = Key::Lists(ORG);

    fn pack(text: &str) -> Row {
        Row::Pack(text.to_owned())
    }

    fn read(set: &WorkingSet) -> Result<Option<&String>, Missing> {
        set.get::<String>(&KEY)
    }

    #[test]
    fn a_record_that_is_rolled_back_leaves_no_trace() {
        let mut set = WorkingSet::default();
        assert_eq!(read(&set), Err(Missing::Unread(KEY)));
        set.load(KEY, None).unwrap();
        set.put(KEY, pack("kept"));
        set.commit();
        set.put(KEY, pack("first"));
        set.put(KEY, pack("second"));
        set.put(Key::Organization(ORG), pack("new"));
        set.rollback();
        assert_eq!(read(&set).unwrap().unwrap(), "kept");
        assert!(!set.knows(&Key::Organization(ORG)), "an unread key is unread again");
        let frozen = set.freeze();
        assert_eq!(frozen.rows, [(KEY, Some(Arc::new(pack("kept"))))]);
    }

    #[test]
    fn a_freeze_is_a_picture() {
        let mut set = WorkingSet::default();
        set.put(KEY, pack("one"));
        set.commit();
        let first = set.freeze();
        set.put(KEY, pack("two"));
        set.commit();
        assert_eq!(first.rows, [(KEY, Some(Arc::new(pack("one"))))]);
        set.persisted(first.generation);
        assert_eq!(set.freeze().rows, [(KEY, Some(Arc::new(pack("two"))))], "changed again, so still dirty");
        assert!(set.freeze().rows.is_empty());
    }

    #[test]
    fn only_what_the_store_holds_is_forgotten() {
        let mut set = WorkingSet::default();
        set.put(KEY, pack("dirty"));
        set.commit();
        set.load(Key::Organization(ORG), None).unwrap();
        set.begin_turn(1);
        assert!(set.knows(&Key::Organization(ORG)), "the last turn asked for it");
        set.begin_turn(1);
        assert!(set.knows(&KEY) && !set.knows(&Key::Organization(ORG)));
        let frozen = set.freeze();
        set.begin_turn(0);
        assert!(set.knows(&KEY), "frozen but not yet durable");
        set.persisted(frozen.generation);
        set.begin_turn(0);
        assert!(!set.knows(&KEY));
    }

    #[test]
    fn a_turn_forgets_few_and_never_what_is_in_use() {
        let session = |number: u32| Key::Session(ORG, Flow::Payin, Hash128(u128::from(number).to_be_bytes()));
        let mut set = WorkingSet::default();
        (0..1_000).for_each(|number| set.load(session(number), None).unwrap());
        set.begin_turn(usize::MAX);
        let mut sizes = vec![set.len()];
        while set.len() > 1 {
            assert_eq!(set.get::<crate::state::session::SessionRow>(&session(7)), Ok(None));
            set.begin_turn(0);
            sizes.push(set.len());
            assert!(sizes.len() < 100, "{sizes:?}");
        }
        assert!(set.knows(&session(7)), "every turn used it");
        assert!(sizes.windows(2).all(|pair| pair[0] - pair[1] <= LOOKS), "{sizes:?}");
        for turn in 1..50 {
            (0..1_000).for_each(|number| set.load(session(turn * 1_000 + number), None).unwrap());
            set.begin_turn(500);
            assert!(set.len() <= 3_000, "rows that come fast go as fast: {}", set.len());
        }
    }

    #[test]
    fn what_has_expired_is_absent_to_the_record_and_to_no_other() {
        let entry = IdempotencyRow {
            request: Hash128([1; 16]),
            session: Hash128([2; 16]),
            attempt: 1,
            decided_at: Ms(5_000),
        };
        let key = Key::Idempotency(ORG, Scope::Payin, Hash128([3; 16]));
        let mut set = WorkingSet::default();
        set.load(key, Some(&Row::Idempotency(entry).encode())).unwrap();
        let end = 5_000 + Retention::SHIPPED.idempotency_ms;
        let mut is_there = |clock| {
            set.begin_record(Ms(clock));
            (set.get::<IdempotencyRow>(&key).unwrap().is_some(), set.rows().count())
        };
        assert_eq!(is_there(end - 1), (true, 1));
        assert_eq!(is_there(end), (false, 0));
        assert_eq!(is_there(end - 1), (true, 1), "planning looks ahead, the step comes after");
    }

    #[test]
    fn a_page_that_was_taken_away_takes_no_room() {
        let entity = Entity { kind: EntityKind::Email, hash: Hash128([3; 16]) };
        let key = Key::Page(ORG, Flow::Payin, entity, 0);
        let mut set = WorkingSet::default();
        set.delete(key);
        set.commit();
        let frozen = set.freeze();
        assert_eq!(frozen.rows, [(key, None)]);
        set.persisted(frozen.generation);
        assert!(set.is_empty());
    }

    #[test]
    fn another_kind_of_row_is_a_broken_invariant() {
        let mut set = WorkingSet::default();
        set.put(KEY, Row::Settings(crate::domain::settings::ScoringSettings::default()));
        assert_eq!(read(&set), Err(Missing::Broken(KEY)));
        assert!(set.load(Key::Organization(ORG), Some(&[9, 9])).is_err());
    }
}
