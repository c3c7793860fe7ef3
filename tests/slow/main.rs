//! Tests that run the whole: public data through a shard, the real binary under fire. A smoke length is
//! part of every test run; `CLAUSUM_SLOW=1` asks for the long one.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "tests stop at a surprise and say what they skip"
)]

mod asyncapi;
mod backup;
#[cfg(feature = "kafka")]
mod broker;
mod bucket;
mod crowd;
mod damage;
mod data;
mod faults;
mod golden;
mod handbook;
mod kill;
mod look;
mod operator;
mod prechecks;
mod programs;
mod replay;
mod secure;
mod server;
mod service;
mod shard;
mod shared;
#[cfg(feature = "kafka")]
mod site;
mod snapshots;
#[cfg(feature = "kafka")]
mod streams;
#[cfg(feature = "kafka")]
mod switch;
#[cfg(feature = "kafka")]
mod switch_load;
#[cfg(feature = "kafka")]
mod topics;
