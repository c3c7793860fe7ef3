//! Makes traffic and measures what comes of it: open loop, so that a server that stalls is seen stalling.
//!
//! Requests leave when their time has come, whatever earlier answers do, and a latency is counted from
//! that time, not from when a connection was free. The one invariant: a seed repeats the traffic exactly.
//! A closed loop, which finds the most a server takes, is told as one and never called corrected.

pub mod answer;
#[cfg(test)]
pub(crate) mod answerer;
mod connection;
mod pacer;
mod payer;
mod plot;
mod progress;
mod reply;
pub mod report;
pub mod run;
mod scale;
mod schedule;
mod seconds;
mod source;
pub mod switch;
mod target;
#[cfg(test)]
mod tests;
pub mod traffic;

pub use answer::Decided;
pub use plot::plot;
pub use progress::Progress;
pub use report::{OnLog, Report};
pub use run::{Options, Pace, RunError, run};
pub use schedule::Shape;
pub use seconds::Second;
pub use target::Target;
pub use traffic::{Event, Mix, Scenario, Traffic};
