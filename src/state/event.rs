//! An event that is counted: which entities it touched and what a window can count of it. From these
//! rows a posting can be taken back, and a new distinct has its history.

use crate::base::currency::Currency;
use crate::base::hash::Hash128;
use crate::base::time::Ms;
use crate::domain::decision::{Decision, Flow};
use crate::domain::entity::{Entity, EntityKind};
use crate::state::codec::{BadRow, Decoder, Encoder};

const VERSION: u8 = 1;

/// One attempt, as windows count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The event's time.
    pub at: Ms,
    /// Its flow.
    pub flow: Flow,
    /// Minor units.
    pub amount: i64,
    /// The amount's currency.
    pub currency: Currency,
    /// What was decided.
    pub decision: Decision,
    /// Whether a provider reported it as failed.
    pub failed: bool,
    /// The hash of its session's id.
    pub session: Hash128,
    /// Its attempt.
    pub attempt: u32,
    /// The entities it is counted for.
    pub entities: Vec<Entity>,
    /// Values that distincts count and that are no entities: kind of value and hash.
    pub values: Vec<(ValueKind, Hash128)>,
}

/// A value of an event that is no entity but can be counted; the numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValueKind {
    /// The card's first digits.
    Bin = 1,
    /// The card's country, in payouts the beneficiary's.
    Country = 2,
}

impl ValueKind {
    fn from_code(code: u8) -> Option<Self> {
        [ValueKind::Bin, ValueKind::Country].into_iter().find(|kind| *kind as u8 == code)
    }
}

impl EventRow {
    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::versioned(VERSION);
        out.time(self.at);
        out.byte(self.flow as u8);
        out.signed(self.amount);
        out.number(u64::from(self.currency.numeric()));
        out.byte(self.decision as u8);
        out.flag(self.failed);
        out.raw(&self.session.0);
        out.number(u64::from(self.attempt));
        encode_entities(&mut out, &self.entities);
        out.count(self.values.len());
        for (kind, hash) in &self.values {
            out.byte(*kind as u8);
            out.raw(&hash.0);
        }
        out.finish()
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let (version, mut input) = Decoder::versioned(bytes)?;
        if version != VERSION {
            return Err(input.bad("an event of a known version"));
        }
        let at = input.time()?;
        let flow = Flow::from_code(input.byte()?).ok_or(input.bad("a flow"))?;
        let amount = input.signed()?;
        let currency = Currency::from_numeric(input.small()?).ok_or(input.bad("a currency"))?;
        let decision = Decision::from_code(input.byte()?).ok_or(input.bad("a decision"))?;
        let failed = input.flag()?;
        let session = input.hash()?;
        let attempt = input.small()?;
        let entities = decode_entities(&mut input)?;
        let count = input.count(17)?;
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = ValueKind::from_code(input.byte()?).ok_or(input.bad("a kind of value"))?;
            values.push((kind, input.hash()?));
        }
        input.end()?;
        Ok(Self { at, flow, amount, currency, decision, failed, session, attempt, entities, values })
    }
}

/// When a stored event was.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub(super) fn peek_at(bytes: &[u8]) -> Result<Ms, BadRow> {
    let (version, mut input) = Decoder::versioned(bytes)?;
    if version != VERSION {
        return Err(input.bad("an event of a known version"));
    }
    input.time()
}

/// Writes a list of entities.
pub(super) fn encode_entities(out: &mut Encoder, entities: &[Entity]) {
    out.count(entities.len());
    for entity in entities {
        out.byte(entity.kind.code());
        out.raw(&entity.hash.0);
    }
}

/// Reads a list of entities.
pub(super) fn decode_entities(input: &mut Decoder<'_>) -> Result<Vec<Entity>, BadRow> {
    let count = input.count(17)?;
    let mut entities = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = EntityKind::from_code(input.byte()?).ok_or(input.bad("a kind of entity"))?;
        entities.push(Entity { kind, hash: input.hash()? });
    }
    Ok(entities)
}
