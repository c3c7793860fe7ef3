//! Makes traffic and measures what comes of it: open loop, so that a server that stalls is seen stalling.
//!
//! Requests leave when their time has come, whatever earlier answers do, and a latency is counted from
//! that time, not from when a connection was free. The one invariant: a seed repeats the traffic exactly.

pub mod answer;
mod payer;
pub mod report;
pub mod run;
#[cfg(test)]
mod tests;
pub mod traffic;

pub use answer::Decided;
pub use report::Report;
pub use run::{Options, run};
pub use traffic::{Event, Mix, Scenario, Traffic};
