//! What only a log on Kafka can suffer, over a real broker. The suite that all logs share is `log::conformance`.

mod broker;
mod errors;
mod figures;
mod foreign;
pub(crate) mod harness;
mod link;
mod members;
mod opening;
mod raw;
mod secure;
mod topics;
