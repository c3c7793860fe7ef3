//! Sessions and requests already decided: what makes an attempt the next one, and a repeat a repeat.

use crate::base::hash::Hash128;
use crate::base::id;
use crate::base::time::Ms;
use crate::state::codec::{BadRow, Decoder, Encoder};

const SESSION_VERSION: u8 = 1;
const IDEMPOTENCY_VERSION: u8 = 1;

/// A session: one payment or payout under evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its transaction.
    pub transaction: TransactionId,
    /// Attempts decided, from 1.
    pub attempts: u32,
    /// When the latest was decided.
    pub decided_at: Ms,
}

/// A transaction's id, before it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionId {
    /// When its first attempt was decided.
    pub at: Ms,
    /// What tells it from others of that millisecond.
    pub tail: [u8; 10],
}

impl TransactionId {
    /// `txn_…`.
    #[must_use]
    pub fn text(&self) -> String {
        id::sortable("txn_", self.at, self.tail)
    }
}

impl SessionRow {
    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::versioned(SESSION_VERSION);
        out.time(self.transaction.at);
        out.raw(&self.transaction.tail);
        out.number(u64::from(self.attempts));
        out.time(self.decided_at);
        out.finish()
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let (version, mut input) = Decoder::versioned(bytes)?;
        if version != SESSION_VERSION {
            return Err(input.bad("a session of a known version"));
        }
        let transaction = TransactionId { at: input.time()?, tail: input.array()? };
        let row = Self { transaction, attempts: input.small()?, decided_at: input.time()? };
        input.end()?;
        Ok(row)
    }
}

/// A request already decided, by its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRow {
    /// Keyed hash of the request's comparable form.
    pub request: Hash128,
    /// The hash of its session's id.
    pub session: Hash128,
    /// Its attempt.
    pub attempt: u32,
    /// When it was decided.
    pub decided_at: Ms,
}

impl IdempotencyRow {
    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::versioned(IDEMPOTENCY_VERSION);
        out.raw(&self.request.0);
        out.raw(&self.session.0);
        out.number(u64::from(self.attempt));
        out.time(self.decided_at);
        out.finish()
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let (version, mut input) = Decoder::versioned(bytes)?;
        if version != IDEMPOTENCY_VERSION {
            return Err(input.bad("an idempotency entry of a known version"));
        }
        let row = Self {
            request: input.hash()?,
            session: input.hash()?,
            attempt: input.small()?,
            decided_at: input.time()?,
        };
        input.end()?;
        Ok(row)
    }
}
