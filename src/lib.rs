//! Clausum decides whether a payment should be approved, reviewed, challenged or declined.
//!
//! The log is the truth and a shard is a pure function of it. `ARCHITECTURE.md` is the map; a module
//! imports only from modules on lower floors, which `tests/tidy.rs` holds.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop at a surprise")
)]

pub mod archive;
pub mod base;
pub mod cli;
pub mod domain;
pub mod expr;
pub mod gateway;
pub mod http;
pub mod load;
pub mod log;
pub mod node;
pub mod policy;
pub mod shard;
pub mod sim;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod wire;
pub mod worker;
