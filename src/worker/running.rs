//! A partition that is open: its shard, its store, and what is on its way between them and the log.

use crate::base::position::{Offset, OutputRef, Partition};
use crate::base::time::Ms;
use crate::log::{LogError, Reader, Stored};
use crate::shard::Shard;
use crate::shard::step::BrokenState;
use crate::state::key::Key;
use crate::state::working::Damaged;
use crate::store::{Store, StoreError};
use crate::worker::ack::Inbox;
use crate::worker::checkpoint::{Progress, Writing};
use crate::worker::outbox::Outbox;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An open partition.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) partition: Partition,
    pub(super) shard: Shard,
    pub(super) store: Arc<dyn Store>,
    pub(super) reader: Box<dyn Reader>,
    /// The offset of this owner's announcement.
    pub(super) epoch: Offset,
    /// What tells its announcement from any other.
    pub(super) nonce: String,
    pub(super) inbox: Arc<Inbox>,
    pub(super) outbox: Outbox,
    /// What each output topic held when the partition was taken: up to there nothing is emitted again.
    pub(super) emitted: [Option<OutputRef>; 3],
    /// Records polled and not yet applied.
    pub(super) carried: VecDeque<Stored>,
    /// The log time of the last record that this turn applied: none that waits is older.
    pub(super) reached: Option<Ms>,
    /// A row that a step found unread.
    pub(super) wanted: Option<Key>,
    pub(super) progress: Progress,
    pub(super) job: Option<Box<Writing>>,
    /// Bytes of requests applied and outputs emitted since somebody took them.
    pub(super) applied_bytes: u64,
    /// When the last checkpoint was frozen.
    pub(super) frozen_at: Duration,
    /// Where it stood.
    pub(super) frozen_next: Offset,
    pub(super) incarnation: u64,
}

/// Why a partition cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The shard is to be opened again from its checkpoint.
    Poison(String),
    /// So it is, and what is stored is damaged: it is to be set aside before.
    Damaged(String),
    /// The log does not answer: the shard is to be opened again from its checkpoint when it does.
    Away(String),
    /// The disk is full: so it is when there is room again.
    Full(String),
    /// The log failed for good; so does the process.
    Log(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Poison(why) => write!(f, "poisoned: {why}"),
            Failure::Damaged(why) => write!(f, "poisoned by a damaged state: {why}"),
            Failure::Away(why) | Failure::Full(why) => f.write_str(why),
            Failure::Log(why) => write!(f, "the log failed: {why}"),
        }
    }
}

impl From<BrokenState> for Failure {
    fn from(broken: BrokenState) -> Self {
        Failure::Poison(broken.to_string())
    }
}

impl From<Damaged> for Failure {
    fn from(damaged: Damaged) -> Self {
        Failure::Damaged(damaged.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { .. } => Failure::Damaged(error.to_string()),
            StoreError::Full => Failure::Full(error.to_string()),
            StoreError::Locked(_) | StoreError::Failed(_) => Failure::Poison(error.to_string()),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Closed(why) => Failure::Log(why),
            // A broker that just came back does not know its partitions yet.
            LogError::Unreachable(_) | LogError::NoPartition(_) => Failure::Away(error.to_string()),
            LogError::OutOfRange { .. }
            | LogError::Damaged { .. }
            | LogError::Locked(_)
            | LogError::OtherPartitions { .. }
            | LogError::WrongTopic { .. }
            | LogError::Io { .. } => Failure::Poison(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::position::{Topic, TopicPartition};

    #[test]
    fn what_comes_back_by_itself_is_waited_for_and_no_fault_of_the_shard() {
        let of = TopicPartition::new(Topic::Requests, Partition(3));
        let what = || "refused".to_owned();
        let table = [
            (Failure::from(LogError::Unreachable(what())), "away"),
            (Failure::from(LogError::NoPartition(of)), "away"),
            (Failure::from(StoreError::Full), "full"),
            (Failure::from(LogError::Closed(what())), "log"),
            (Failure::from(LogError::Damaged { file: what(), at: 0, what: what() }), "poison"),
            (Failure::from(StoreError::Failed(what())), "poison"),
            (Failure::from(StoreError::Damaged { file: what(), what: what() }), "damaged"),
        ];
        for (failure, expected) in table {
            let found = match &failure {
                Failure::Away(_) => "away",
                Failure::Full(_) => "full",
                Failure::Log(_) => "log",
                Failure::Poison(_) => "poison",
                Failure::Damaged(_) => "damaged",
            };
            assert_eq!(found, expected, "{failure}");
        }
    }
}
