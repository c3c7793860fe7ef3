//! The way back: answers of shards to the operator's records, told apart from those to HTTP callers.

use crate::base::clock::Clock;
use crate::base::collections::Map;
use crate::base::hash::Digest256;
use crate::log::AppendError;
use crate::shard::effects::Reply;
use crate::worker::Replies;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot::{Receiver, Sender, channel};

/// What a record that somebody waits for came to.
pub(super) type Outcome = Result<Reply, AppendError>;

/// Records whose answer the operator's door waits for. Their number is bounded by that of its connections,
/// of which each waits for the few records of one command.
#[derive(Debug)]
pub(in crate::node) struct Answers {
    /// What the ids of these records begin with, unlike those of any other.
    instance: String,
    next: AtomicU64,
    waiting: Mutex<Map<String, Sender<Outcome>>>,
    /// Where all other answers go.
    others: Arc<dyn Replies>,
}

impl Answers {
    /// Nobody waits yet; what is not for this door goes to `others`.
    ///
    /// # Errors
    /// There is no randomness.
    pub(in crate::node) fn new(clock: &dyn Clock, others: Arc<dyn Replies>) -> Result<Self, String> {
        let mut random = [0; 32];
        clock.entropy(&mut random).map_err(|error| error.to_string())?;
        let instance = format!("admin-{}-", Digest256(random));
        Ok(Self { instance, next: AtomicU64::new(0), waiting: Mutex::default(), others })
    }

    /// The id of a new record, and where its outcome will be.
    pub(super) fn expect(self: &Arc<Self>) -> Expected {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}{number}", self.instance);
        let (sender, receiver) = channel();
        self.waiting().insert(id.clone(), sender);
        Expected { id, receiver, answers: Arc::clone(self) }
    }

    /// Tells what a record came to.
    pub(super) fn tell(&self, id: &str, outcome: Outcome) {
        if let Some(sender) = self.waiting().remove(id) {
            // Whoever gave up meanwhile hears nothing.
            drop(sender.send(outcome));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Map<String, Sender<Outcome>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replies for Answers {
    fn reply(&self, reply: Reply) {
        if !reply.id.starts_with(&self.instance) {
            return self.others.reply(reply);
        }
        let sender = self.waiting().remove(&reply.id);
        if let Some(sender) = sender {
            drop(sender.send(Ok(reply)));
        }
    }
}

/// A record that somebody waits for; forgotten when dropped.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) id: String,
    pub(super) receiver: Receiver<Outcome>,
    answers: Arc<Answers>,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.answers.waiting().remove(&self.id);
    }
}
