//! Which requests are turned away before they reach the log: those whose partition is behind or not
//! deciding.

use crate::base::position::Partition;
use crate::worker::status::{Phase, Status};
use std::fmt;
use std::sync::Arc;

/// How a partition is doing at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// What its owner is at.
    pub phase: Phase,
    /// Records durable and not yet applied.
    pub lag_records: u64,
    /// Age of the oldest of them in milliseconds.
    pub lag_ms: u64,
    /// Wall time of the last durable checkpoint in epoch milliseconds, 0 for none.
    pub checkpoint_at: u64,
    /// Wall time of the newest snapshot in epoch milliseconds, 0 for none.
    pub snapshot_at: u64,
    /// Bytes of its files.
    pub snapshot_bytes: u64,
    /// Bytes of the store.
    pub state_bytes: u64,
}

impl From<&Status> for Seen {
    fn from(status: &Status) -> Self {
        Self {
            phase: status.phase(),
            lag_records: status.lag_records(),
            lag_ms: status.lag_ms(),
            checkpoint_at: status.checkpoint_at(),
            snapshot_at: status.snapshot_at(),
            snapshot_bytes: status.snapshot_bytes(),
            state_bytes: status.state_bytes(),
        }
    }
}

/// The partitions as the gateway sees them.
#[derive(Clone)]
pub struct Partitions {
    look: Arc<dyn Fn(Partition) -> Option<Seen> + Send + Sync>,
}

impl fmt::Debug for Partitions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions").finish_non_exhaustive()
    }
}

impl Partitions {
    /// The partitions of a worker in this process.
    #[must_use]
    pub fn of_worker(statuses: &[(Partition, Arc<Status>)]) -> Self {
        let mut statuses = statuses.to_vec();
        statuses.sort_by_key(|(partition, _)| *partition);
        Self::seen_by(move |wanted| {
            let at = statuses.binary_search_by_key(&wanted, |(partition, _)| *partition).ok()?;
            statuses.get(at).map(|(_, status)| Seen::from(&**status))
        })
    }

    /// Partitions looked at through `look`; none where nobody owns one.
    #[must_use]
    pub fn seen_by(look: impl Fn(Partition) -> Option<Seen> + Send + Sync + 'static) -> Self {
        Self { look: Arc::new(look) }
    }

    /// How `partition` is doing.
    pub(super) fn see(&self, partition: Partition) -> Option<Seen> {
        (self.look)(partition)
    }

    /// Whether a request for `partition` may be appended now.
    pub(super) fn takes(&self, partition: Partition, lag_ms: u64) -> bool {
        self.see(partition).is_some_and(|seen| seen.phase == Phase::Running && seen.lag_ms <= lag_ms)
    }
}
