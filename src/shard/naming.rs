//! The names of an organization's rows that are keyed hashes of what callers wrote: found by whoever knows
//! the organization's key, and by nobody else.

use crate::base::hash::{EntityKey, Hash128};

/// Spaces of the organization's keyed hashes beside those of entities, which are below 128.
const SPACE_IDEMPOTENCY: u8 = 200;
const SPACE_SESSION: u8 = 202;

/// What makes a request a repeat of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat<'a> {
    /// An explicit idempotency key.
    Key(&'a str),
    /// The caller's order and payment.
    Order(&'a str, &'a str),
    /// Source and id of the record.
    Record(&'a str, &'a str),
}

/// The hash of a session's id.
#[must_use]
pub fn session(key: &EntityKey, id: &str) -> Hash128 {
    key.hash(SPACE_SESSION, id.as_bytes())
}

/// The hash of what makes a request a repeat.
#[must_use]
pub fn idempotency(key: &EntityKey, repeat: Repeat<'_>) -> Hash128 {
    let space = [SPACE_IDEMPOTENCY];
    // None of the parts holds a control character, so a zero byte keeps them apart.
    let hash = |tag: &[u8], first: &str, second: &str| {
        key.hash_parts(&[&space, tag, first.as_bytes(), &[0], second.as_bytes()])
    };
    match repeat {
        Repeat::Key(explicit) => hash(b"k", explicit, ""),
        Repeat::Order(order, payment) => hash(b"o", order, payment),
        Repeat::Record(source, id) => hash(b"r", source, id),
    }
}
