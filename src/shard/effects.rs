//! What a step wants to happen outside, as values. Whoever runs the shard does it, in this order, once
//! the state that led to it is settled.

use crate::base::id::OrgId;
use crate::base::position::{OutputRef, Position, Topic};
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, Organization};
use crate::domain::decision::{Decision, Flow};
use crate::wire::envelope::DeadCode;
use crate::wire::record::Builder;
use bytes::Bytes;

/// Effects of a batch, in the order of its records.
#[derive(Debug, Default)]
pub struct Effects {
    /// Records for output topics. The epoch's header is still to be added.
    pub outputs: Vec<Output>,
    /// Answers for gateways that wait.
    pub replies: Vec<Reply>,
    /// Changes of what gateways hold in memory.
    pub directory: Vec<DirectoryChange>,
    /// What is counted.
    pub notes: Vec<Note>,
}

/// A record for an output topic of the same partition.
#[derive(Debug)]
pub struct Output {
    /// The topic.
    pub topic: Topic,
    /// Its place in the topic's chain.
    pub output: OutputRef,
    /// Key, value and headers.
    pub record: Builder,
}

/// An answer for a gateway that waits; best effort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The `ce_id` of the request.
    pub id: String,
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: Bytes,
    /// Whether it is the repeat of a stored answer.
    pub replayed: bool,
    /// The request's place in the log.
    pub position: Position,
}

/// A change of what gateways know without asking a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryChange {
    /// An organization as it is now.
    Organization(Organization),
    /// A key as it is now.
    ApiKey(OrgId, ApiKey),
    /// Since when maintenance of the installation is on; none while it is off.
    Maintenance(Option<Ms>),
}

/// Something to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A payment was decided.
    Decided {
        /// Its flow.
        flow: Flow,
        /// Its decision.
        decision: Decision,
        /// Conditions that ended in an error.
        errors: u32,
    },
    /// A stored answer was repeated.
    Repeated,
    /// A request was refused with this code.
    Rejected(&'static str),
    /// A record became a dead letter.
    DeadLetter(DeadCode),
    /// A signal fired.
    Signal(std::sync::Arc<str>),
}

/// Sizes of [`Effects`], to which they are cut when a record leaves no trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    outputs: usize,
    replies: usize,
    directory: usize,
    notes: usize,
}

impl Effects {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            outputs: self.outputs.len(),
            replies: self.replies.len(),
            directory: self.directory.len(),
            notes: self.notes.len(),
        }
    }

    pub(super) fn cut(&mut self, mark: Mark) {
        self.outputs.truncate(mark.outputs);
        self.replies.truncate(mark.replies);
        self.directory.truncate(mark.directory);
        self.notes.truncate(mark.notes);
    }
}
