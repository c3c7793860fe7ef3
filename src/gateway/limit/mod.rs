//! Rate limits: the contract's section 3. Of a key, a UTC minute and a UTC day ([`Spent`]); of an address
//! on routes that ask for no key, a minute ([`Addresses`]).
//!
//! A gateway counts for itself, in memory, and asks nobody: a request of a limited key costs no round trip,
//! and no store of counts can be down. A restart forgets what was counted, so the most that a restart gives
//! away is one window. Where several gateways serve, each takes the limit divided by their number, rounded
//! up: exact where they share their callers evenly, at worst too strict for one that always meets the same.

mod address;
mod spent;
mod window;

pub(super) use address::Addresses;
pub(super) use spent::{Allowance, Spent};
