//! Clausum decides whether a payment should be approved, reviewed, challenged or declined.
//!
//! The log is the truth and a shard is a pure function of it. `ARCHITECTURE.md` is the map; a module
//! imports only from modules on lower floors, which `tests/tidy.rs` holds.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at a surprise")
)]

pub mod base;
pub mod domain;
pub mod expr;
pub mod log;
pub mod policy;
pub mod shard;
pub mod sim;
pub mod state;
pub mod store;
pub mod wire;
pub mod worker;
