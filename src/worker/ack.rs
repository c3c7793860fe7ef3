//! What the log tells a partition's owner, from its own thread: kept until the owner's next turn. An owner
//! that begins anew has a new inbox, so what belonged to its past is told to nobody.

use crate::base::position::Topic;
use crate::base::signal::Signal;
use crate::log::{AppendError, Appended, Done};
use std::sync::{Arc, Mutex, PoisonError};

/// What became of something handed to the log.
#[derive(Debug)]
pub(super) enum Ack {
    /// The announcement.
    Announced(Result<Appended, AppendError>),
    /// A batch of outputs, by its number in its topic.
    Outputs(Topic, u64, Result<Appended, AppendError>),
}

/// Acknowledgements on their way to an owner.
#[derive(Debug)]
pub(super) struct Inbox {
    acks: Mutex<Vec<Ack>>,
    signal: Arc<Signal>,
}

impl Inbox {
    pub(super) fn new(signal: &Arc<Signal>) -> Arc<Self> {
        Arc::new(Self { acks: Mutex::new(Vec::new()), signal: Arc::clone(signal) })
    }

    /// A callback for the log that puts what it is told in here.
    pub(super) fn done(
        self: &Arc<Self>,
        ack: impl FnOnce(Result<Appended, AppendError>) -> Ack + Send + 'static,
    ) -> Done {
        let inbox = Arc::clone(self);
        Box::new(move |result| {
            inbox.acks.lock().unwrap_or_else(PoisonError::into_inner).push(ack(result));
            inbox.signal.raise();
        })
    }

    pub(super) fn take(&self) -> Vec<Ack> {
        std::mem::take(&mut *self.acks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
