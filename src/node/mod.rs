//! Builds the parts of a server from what the operator wrote, starts them from the bottom and stops them
//! from the top.
//!
//! What was written is [`raw`]; what the program runs with is [`Config`], made once, every fault told at
//! once. Components receive their own few options and never the configuration. There are no globals.

mod admin;
mod background;
pub mod backup;
mod beside;
mod bootstrap;
#[cfg(feature = "kafka")]
mod brokers;
mod config;
mod counting;
mod data;
mod demo;
mod files;
mod genesis;
mod ground;
mod installation;
#[cfg(feature = "kafka")]
pub mod kafka;
mod ledger;
mod notify;
mod raw;
mod replay;
mod roster;
mod scrubbing;
mod serve;
#[cfg(feature = "kafka")]
mod stall;
mod standing;
mod states;
mod stop;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(feature = "kafka")]
pub mod topics;
pub mod trim;
mod trimming;
mod values;
mod watchdog;

pub use admin::{AskError, ask, is_served};
pub use config::{Config, Fault, KEYS, Kafka, Known, Resolved, Shown, TlsFiles, resolve};
pub use data::Data;
pub use notify::Notify;
pub use raw::{Flag, Written};
pub use replay::{Proof, Proved};
pub use serve::{Failure, Start, build, serve, version};
pub use standing::{Standing, standing};
pub use stop::Stop;
pub use tls::check;
pub use values::duration;
