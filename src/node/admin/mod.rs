//! The operator's door: a Unix socket in the data folder, for whoever owns that folder.
//!
//! A command that changes anything writes records and waits until their shard has applied them, like any
//! caller: what is answered as done is in force. What is random is drawn here and travels in the record;
//! of a secret only its digest does, the clear text goes into the answer of the one who asked.

mod client;
mod desk;
mod documents;
mod guests;
mod installation;
mod keys;
mod organizations;
mod replies;
mod socket;
#[cfg(test)]
mod tests;

pub use client::{AskError, ask, is_served};
#[cfg(feature = "kafka")]
pub(super) use desk::Trouble;
pub(super) use desk::{Backup, Desk, Parts};
#[cfg(feature = "kafka")]
pub(super) use organizations::found;
pub(super) use replies::Answers;
pub(super) use socket::Socket;
