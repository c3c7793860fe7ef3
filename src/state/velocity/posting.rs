//! A posting: what one event adds to the windows of one entity.

use crate::base::currency::Currency;
use crate::base::position::Offset;
use crate::base::time::Ms;
use crate::domain::decision::Decision;
use crate::state::codec::{BadRow, Decoder, Encoder};

/// One event, as the windows of an entity count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// The event's time.
    pub at: Ms,
    /// Minor units.
    pub amount: i64,
    /// The amount's currency.
    pub currency: Currency,
    /// How it ended.
    pub outcome: Outcome,
    /// The event: the offset of its request, which tells events of one millisecond apart.
    pub event: Offset,
}

/// How an event ended: its decision, and whether a provider reported it as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// Whether a provider reported it as failed.
    pub failed: bool,
}

impl Outcome {
    const FAILED: u8 = 4;

    fn code(self) -> u8 {
        self.decision as u8 | if self.failed { Self::FAILED } else { 0 }
    }

    fn from_code(code: u8) -> Option<Self> {
        let decision = Decision::from_code(code & 3)?;
        (code < 8).then_some(Self { decision, failed: code & Self::FAILED != 0 })
    }
}

/// A value of an event that a distinct counts, kept beside the postings of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistinctValue {
    /// Which posting of the run, from 0.
    pub posting: u16,
    /// What kind of value.
    pub what: u8,
    /// The first eight bytes of its keyed hash.
    pub hash: u64,
}

/// Room for postings comes in steps of so many.
const ROOM: usize = 8;

/// Postings in the order of time, and of the log where times are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The postings.
    pub postings: Vec<Posting>,
    /// Values that distincts count, by posting.
    pub values: Vec<DistinctValue>,
}

impl Run {
    /// Where a posting at `at` goes: behind all that are not later.
    #[must_use]
    pub fn place(&self, at: Ms) -> usize {
        self.postings.partition_point(|posting| posting.at <= at)
    }

    /// Puts a posting at its time.
    pub fn insert(&mut self, posting: Posting) {
        let place = self.place(posting.at);
        self.postings.insert(place, posting);
        for value in &mut self.values {
            value.posting += u16::from(usize::from(value.posting) >= place);
        }
    }

    /// A copy that takes more postings without moving.
    #[must_use]
    pub fn with_room(&self) -> Self {
        let mut postings = Vec::with_capacity((self.postings.len() / ROOM + 1) * ROOM);
        postings.extend_from_slice(&self.postings);
        Self { postings, values: self.values.clone() }
    }

    /// Takes the first `count` postings out, with their values.
    #[must_use]
    pub fn take_front(&mut self, count: usize) -> Run {
        let count = count.min(self.postings.len());
        let back = self.postings.split_off(count);
        let postings = std::mem::replace(&mut self.postings, back);
        let (values, mut rest): (Vec<DistinctValue>, Vec<DistinctValue>) =
            self.values.iter().partition(|value| usize::from(value.posting) < count);
        let shift = u16::try_from(count).unwrap_or(u16::MAX);
        rest.iter_mut().for_each(|value| value.posting -= shift);
        self.values = rest;
        Run { postings, values }
    }

    /// Puts `later` behind what there is.
    pub fn append(&mut self, later: Run) {
        let shift = u16::try_from(self.postings.len()).unwrap_or(u16::MAX);
        self.postings.extend(later.postings);
        let moved = later.values.into_iter();
        self.values.extend(moved.map(|value| DistinctValue { posting: value.posting + shift, ..value }));
    }

    /// Writes the run: times as differences, amounts and events as they are.
    pub fn encode(&self, out: &mut Encoder) {
        out.count(self.postings.len());
        let mut before = Ms(0);
        for posting in &self.postings {
            out.signed(posting.at.since(before));
            before = posting.at;
            out.byte(posting.outcome.code());
            out.number(u64::from(posting.currency.numeric()));
            out.signed(posting.amount);
            out.number(posting.event.0);
        }
        out.count(self.values.len());
        for value in &self.values {
            out.number(u64::from(value.posting));
            out.byte(value.what);
            out.number(value.hash);
        }
    }

    /// Reads a run.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self, BadRow> {
        let count = input.count(5)?;
        let mut postings = Vec::with_capacity(count);
        let mut at = Ms(0);
        for _ in 0..count {
            at = at.plus(input.signed()?);
            let outcome = Outcome::from_code(input.byte()?).ok_or(input.bad("an outcome"))?;
            let currency = Currency::from_numeric(input.small()?).ok_or(input.bad("a currency"))?;
            let amount = input.signed()?;
            postings.push(Posting { at, amount, currency, outcome, event: Offset(input.number()?) });
        }
        let count = input.count(3)?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(DistinctValue {
                posting: input.small()?,
                what: input.byte()?,
                hash: input.number()?,
            });
        }
        if !postings.is_sorted_by_key(|posting| posting.at) {
            return Err(input.bad("postings in the order of time"));
        }
        Ok(Self { postings, values })
    }
}
