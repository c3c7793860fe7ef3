//! The head of an entity: what is known of all its events, its newest postings, and the list of its
//! pages.
//!
//! Only the head's owner changes it, one event at a time. An event that is not older than any before it
//! is appended; a late one is inserted at its time. A page that a call needs and that is not in memory is
//! an [`Absent`], before anything was changed.
//!
//! Nothing is kept for ever: below the head's *floor* there is nothing, whatever a page may still hold.
//! `prune` raises it.

use crate::base::currency::Currency;
use crate::base::time::Ms;
use crate::state::codec::{BadRow, Decoder, Encoder};
use crate::state::velocity::memo::{Memo, Place};
use crate::state::velocity::posting::{Posting, Run};
use crate::state::velocity::summary::Summary;
use crate::state::velocity::tally::{Counts, Tally};
use std::sync::Arc;

const VERSION: u8 = 2;
/// The form before heads had a floor.
const WITHOUT_FLOOR: u8 = 1;
const PAGE_VERSION: u8 = 1;
/// Postings in the head before the oldest move to a page.
const TAIL_MAX: usize = 64;
/// Postings that move at once.
const TAIL_MOVE: usize = 32;
/// Postings of a page that still takes more of them.
const PAGE_FILL: u32 = 160;
/// Postings of a page before late events split it.
const PAGE_MAX: usize = 256;

/// A page that must be read first, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absent(pub u64);

/// The pages of one entity, as far as they are in memory.
pub trait Pages {
    /// A page.
    ///
    /// # Errors
    /// It is not in memory.
    fn page(&self, number: u64) -> Result<&Run, Absent>;
}

/// A change of a page that an insertion made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageWrite {
    /// Its number.
    pub number: u64,
    /// Its new content.
    pub run: Run,
}

/// An entry of the list of pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEntry {
    /// The page's number: in the order they were made, not of time.
    pub number: u64,
    /// What it adds up to.
    pub summary: Summary,
}

/// The head of an entity's postings.
#[derive(Debug, Clone)]
pub struct Head {
    /// Time of the earliest event.
    pub(super) first: Ms,
    /// Time of the latest event.
    pub(super) last: Ms,
    /// Events ever counted.
    pub(super) events: u64,
    /// The number of the next page.
    next_page: u64,
    /// Events at this time and before are not counted any more; only ever grows.
    pub(super) floor: Ms,
    /// Pages in the order of time; shared between copies, for it is long where an entity is busy.
    pub(super) pages: Arc<Vec<PageEntry>>,
    /// The newest postings, behind those of every page.
    pub(super) tail: Run,
    /// Windows asked before; changes no answer and is not stored.
    pub(super) memo: Vec<Memo>,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            first: Ms(0),
            last: Ms(0),
            events: 0,
            next_page: 0,
            floor: Ms(i64::MIN),
            pages: Arc::default(),
            tail: Run::default(),
            memo: Vec::new(),
        }
    }
}

/// The memo is left out: it changes no answer.
impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        let numbers = |head: &Self| (head.first, head.last, head.events, head.next_page, head.floor);
        numbers(self) == numbers(other) && self.pages == other.pages && self.tail == other.tail
    }
}

impl Head {
    /// A copy to be changed, with room for what comes.
    #[must_use]
    pub fn to_change(&self) -> Self {
        Self { pages: Arc::clone(&self.pages), tail: self.tail.with_room(), memo: self.memo.clone(), ..*self }
    }

    /// Time of the earliest event, if there is any.
    #[must_use]
    pub fn first(&self) -> Option<Ms> {
        (self.events > 0).then_some(self.first)
    }

    /// Time of the latest event, if there is any.
    #[must_use]
    pub fn last(&self) -> Option<Ms> {
        (self.events > 0).then_some(self.last)
    }

    /// What the events in `(end - window, end]` that are later than the floor add up to, money in
    /// `currency`.
    ///
    /// # Errors
    /// A page must be read first.
    pub fn count(
        &mut self,
        end: Ms,
        window_ms: i64,
        currency: Currency,
        pages: &impl Pages,
    ) -> Result<Counts, Absent> {
        if self.events == 0 {
            return Ok(Counts::default());
        }
        let edge = end.plus(-window_ms).max(self.floor);
        if end < self.last {
            return Ok(self.between(edge, end, pages)?.counts(currency));
        }
        let known = self.memo.iter().position(|memo| memo.window_ms == window_ms && memo.edge <= edge);
        if let Some(memo) = known.and_then(|index| self.memo.get_mut(index)) {
            memo.advance(edge, &self.pages, &self.tail, pages)?;
            return Ok(memo.tally.counts(currency));
        }
        let start = self.seek(edge, pages)?;
        let tally = self.sum_from(start, pages)?;
        let counts = tally.counts(currency);
        self.memo.retain(|memo| memo.window_ms != window_ms);
        self.memo.push(Memo { window_ms, edge, start, tally });
        Ok(counts)
    }

    /// The first posting later than `edge`.
    fn seek(&self, edge: Ms, pages: &impl Pages) -> Result<Place, Absent> {
        let run = self.pages.partition_point(|entry| entry.summary.last <= edge);
        let at = match self.pages.get(run) {
            None => self.tail.place(edge),
            Some(entry) if entry.summary.first > edge => 0,
            Some(entry) => pages.page(entry.number)?.place(edge),
        };
        Ok(Place { run, at })
    }

    /// Everything from `start` on.
    fn sum_from(&self, start: Place, pages: &impl Pages) -> Result<Tally, Absent> {
        let mut tally = Tally::default();
        for (index, entry) in self.pages.iter().enumerate().skip(start.run) {
            if index == start.run && start.at > 0 {
                let run = pages.page(entry.number)?;
                run.postings.iter().skip(start.at).for_each(|posting| tally.add(posting));
            } else {
                tally.add_page(&entry.summary);
            }
        }
        let skip = if start.run >= self.pages.len() { start.at } else { 0 };
        self.tail.postings.iter().skip(skip).for_each(|posting| tally.add(posting));
        Ok(tally)
    }

    /// The events in `(after, until]`, from the summaries of whole pages and the postings of cut ones.
    fn between(&self, after: Ms, until: Ms, pages: &impl Pages) -> Result<Tally, Absent> {
        let mut tally = Tally::default();
        let inside = |posting: &&Posting| posting.at > after && posting.at <= until;
        let from = self.pages.partition_point(|entry| entry.summary.last <= after);
        for entry in self.pages.iter().skip(from).take_while(|entry| entry.summary.first <= until) {
            if entry.summary.first > after && entry.summary.last <= until {
                tally.add_page(&entry.summary);
            } else {
                let run = pages.page(entry.number)?;
                run.postings.iter().filter(inside).for_each(|posting| tally.add(posting));
            }
        }
        self.tail.postings.iter().filter(inside).for_each(|posting| tally.add(posting));
        Ok(tally)
    }

    /// Time of the latest event not later than `at`: the latest of all, however old, or one later than the
    /// floor.
    ///
    /// # Errors
    /// A page must be read first.
    pub fn previous(&self, at: Ms, pages: &impl Pages) -> Result<Option<Ms>, Absent> {
        if self.events == 0 || at < self.first {
            return Ok(None);
        }
        if at >= self.last {
            return Ok(Some(self.last));
        }
        if at <= self.floor {
            return Ok(None);
        }
        if let Some(posting) = self.tail.postings.iter().rev().find(|posting| posting.at <= at) {
            return Ok(Some(posting.at));
        }
        let behind = self.pages.partition_point(|entry| entry.summary.first <= at);
        let Some(entry) = behind.checked_sub(1).and_then(|index| self.pages.get(index)) else {
            return Ok(None);
        };
        if entry.summary.last <= at {
            return Ok(Some(entry.summary.last));
        }
        let run = pages.page(entry.number)?;
        let before = run.postings.iter().rev().map(|posting| posting.at).find(|before| *before <= at);
        Ok(before.filter(|before| *before > self.floor))
    }

    /// Counts an event. Returns the pages that changed.
    ///
    /// # Errors
    /// A page must be read first; nothing was changed.
    pub fn insert(&mut self, posting: Posting, pages: &impl Pages) -> Result<Vec<PageWrite>, Absent> {
        let late = self.pages.last().is_some_and(|entry| posting.at < entry.summary.last);
        let writes = if posting.at <= self.floor {
            Vec::new()
        } else if late {
            self.insert_in_page(posting, pages)?
        } else {
            let room = |entry: &&PageEntry| entry.summary.count <= PAGE_FILL;
            let full = self.tail.postings.len() >= TAIL_MAX;
            let open = match self.pages.last().filter(room).filter(|_| full) {
                Some(entry) => Some((entry.number, pages.page(entry.number)?.clone())),
                None => None,
            };
            self.insert_in_tail(posting);
            if full { self.move_tail(open) } else { Vec::new() }
        };
        self.first = if self.events == 0 { posting.at } else { self.first.min(posting.at) };
        self.last = if self.events == 0 { posting.at } else { self.last.max(posting.at) };
        self.events += 1;
        Ok(writes)
    }

    fn insert_in_tail(&mut self, posting: Posting) {
        self.tail.insert(posting);
        let pages = self.pages.len();
        for memo in &mut self.memo {
            if posting.at > memo.edge {
                memo.tally.add(&posting);
            } else if memo.start.run >= pages {
                memo.start.at += 1;
            }
        }
    }

    /// Moves the oldest postings of the tail to the `open` page, the last one, or else to a new one.
    fn move_tail(&mut self, open: Option<(u64, Run)>) -> Vec<PageWrite> {
        let moved = self.tail.take_front(TAIL_MOVE);
        let before = self.pages.len();
        let extended = open.is_some();
        let (number, mut run) = open.unwrap_or_else(|| (self.next_page, Run::default()));
        let held = run.postings.len();
        run.append(moved);
        let Some(summary) = Summary::of(&run) else { return Vec::new() };
        let entries = Arc::make_mut(&mut self.pages);
        if extended {
            entries.pop();
        } else {
            self.next_page += 1;
        }
        entries.push(PageEntry { number, summary });
        for memo in &mut self.memo {
            if memo.start.run >= before {
                memo.start = match memo.start.at.checked_sub(TAIL_MOVE) {
                    Some(at) => Place { run: entries.len(), at },
                    None => Place { run: entries.len() - 1, at: held + memo.start.at },
                };
            }
        }
        vec![PageWrite { number, run }]
    }

    /// Inserts a late event into the page its time belongs to, which may split.
    fn insert_in_page(&mut self, posting: Posting, pages: &impl Pages) -> Result<Vec<PageWrite>, Absent> {
        let index = self.pages.partition_point(|entry| entry.summary.last <= posting.at);
        let Some(entry) = self.pages.get(index) else { return Ok(Vec::new()) };
        let number = entry.number;
        let mut run = pages.page(number)?.clone();
        run.insert(posting);
        // The places of every memo behind this one have moved.
        self.memo.clear();
        let mut runs = vec![PageWrite { number, run }];
        if let Some(first) = runs.first_mut().filter(|first| first.run.postings.len() > PAGE_MAX) {
            let front = first.run.take_front(first.run.postings.len() / 2);
            let run = std::mem::replace(&mut first.run, front);
            runs.push(PageWrite { number: self.next_page, run });
            self.next_page += 1;
        }
        let entries = runs.iter().filter_map(|write| {
            Summary::of(&write.run).map(|summary| PageEntry { number: write.number, summary })
        });
        let entries: Vec<PageEntry> = entries.collect();
        Arc::make_mut(&mut self.pages).splice(index..=index, entries);
        Ok(runs)
    }

    /// The pages that asking for `windows` at `at` and then counting an event there will read once nothing
    /// is kept at or below `horizon`, as far as can be told now.
    pub fn wants(&self, at: Ms, horizon: Ms, windows: &[i64]) -> Vec<u64> {
        if self.pages.is_empty() {
            return Vec::new();
        }
        let floor = self.floor.max(horizon);
        let mut wanted = Vec::new();
        let mut want = |index: usize| {
            if let Some(entry) = self.pages.get(index)
                && !wanted.contains(&entry.number)
            {
                wanted.push(entry.number);
            }
        };
        let cut_at = |edge: Ms| {
            let index = self.pages.partition_point(|entry| entry.summary.last <= edge);
            self.pages.get(index).is_some_and(|entry| entry.summary.first <= edge).then_some(index)
        };
        for window_ms in windows {
            cut_at(at.plus(-window_ms).max(floor)).into_iter().for_each(&mut want);
        }
        if at <= floor {
            return wanted;
        }
        if at < self.last {
            cut_at(at).into_iter().for_each(&mut want);
        }
        let last = self.pages.len().saturating_sub(1);
        match self.pages.last() {
            Some(entry) if at < entry.summary.last => {
                want(self.pages.partition_point(|entry| entry.summary.last <= at));
            }
            Some(entry) if entry.summary.last > floor && self.tail.postings.len() >= TAIL_MAX => want(last),
            Some(_) | None => {}
        }
        wanted
    }

    /// Every posting in order, for those who check.
    ///
    /// # Errors
    /// A page is not in memory.
    pub fn postings(&self, pages: &impl Pages) -> Result<Vec<Posting>, Absent> {
        let mut all = Vec::new();
        for entry in self.pages.iter() {
            all.extend_from_slice(&pages.page(entry.number)?.postings);
        }
        all.extend_from_slice(&self.tail.postings);
        Ok(all)
    }

    /// The numbers of all pages, in the order of time.
    pub fn page_numbers(&self) -> impl Iterator<Item = u64> {
        self.pages.iter().map(|entry| entry.number)
    }

    /// Events ever counted.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The number that the next page will have.
    #[must_use]
    pub const fn next_page(&self) -> u64 {
        self.next_page
    }

    /// The list of pages, in the order of time.
    #[must_use]
    pub fn pages(&self) -> &[PageEntry] {
        &self.pages
    }

    /// The newest postings, behind those of every page.
    #[must_use]
    pub const fn tail(&self) -> &Run {
        &self.tail
    }

    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::versioned(VERSION);
        out.time(self.first);
        out.time(self.last);
        out.number(self.events);
        out.number(self.next_page);
        out.time(self.floor);
        out.count(self.pages.len());
        for entry in self.pages.iter() {
            out.number(entry.number);
            entry.summary.encode(&mut out);
        }
        self.tail.encode(&mut out);
        out.finish()
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let (version, mut input) = Decoder::versioned(bytes)?;
        if ![VERSION, WITHOUT_FLOOR].contains(&version) {
            return Err(input.bad("a head of a known version"));
        }
        let (first, last) = (input.time()?, input.time()?);
        let (events, next_page) = (input.number()?, input.number()?);
        let floor = if version == WITHOUT_FLOOR { Ms(i64::MIN) } else { input.time()? };
        let count = input.count(9)?;
        let mut pages = Vec::with_capacity(count);
        for _ in 0..count {
            pages.push(PageEntry { number: input.number()?, summary: Summary::decode(&mut input)? });
        }
        let tail = Run::decode(&mut input)?;
        input.end()?;
        Ok(Self { first, last, events, next_page, floor, pages: Arc::new(pages), tail, memo: Vec::new() })
    }
}

/// The time of the latest event of a stored head.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub(in crate::state) fn peek_last(bytes: &[u8]) -> Result<Ms, BadRow> {
    let (version, mut input) = Decoder::versioned(bytes)?;
    if ![VERSION, WITHOUT_FLOOR].contains(&version) {
        return Err(input.bad("a head of a known version"));
    }
    input.time()?;
    input.time()
}

/// The stored value of a page.
#[must_use]
pub fn encode_page(run: &Run) -> Vec<u8> {
    let mut out = Encoder::versioned(PAGE_VERSION);
    run.encode(&mut out);
    out.finish()
}

/// Reads the stored value of a page.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_page(bytes: &[u8]) -> Result<Run, BadRow> {
    let (version, mut input) = Decoder::versioned(bytes)?;
    if version != PAGE_VERSION {
        return Err(input.bad("a page of a known version"));
    }
    let run = Run::decode(&mut input)?;
    input.end()?;
    Ok(run)
}
