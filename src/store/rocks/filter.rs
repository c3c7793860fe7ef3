//! The sieve as RocksDB asks for it: whenever files are merged, each row is looked at under the checkpoint
//! that was durable when the merging began.

use crate::store::rocks::{CHECKPOINT_KEY, ROW_PREFIX};
use crate::store::{Drops, Sieve};
use rocksdb::CompactionDecision;
use rocksdb::compaction_filter::CompactionFilter;
use rocksdb::compaction_filter_factory::{CompactionFilterContext, CompactionFilterFactory};
use std::ffi::CStr;
use std::sync::{Arc, Mutex, PoisonError};

const NAME: &CStr = c"clausum.sieve";

/// The checkpoint in force, once it is known: written when the store is opened and by each commit behind
/// its flush.
#[derive(Debug, Clone, Default)]
pub(super) struct InForce(Arc<Mutex<Option<Vec<u8>>>>);

impl InForce {
    /// A checkpoint is durable.
    pub(super) fn set(&self, checkpoint: Option<Vec<u8>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = checkpoint;
    }
}

/// Makes a filter for each merging. Several may be asked for at once, so nothing in it changes.
pub(super) struct Filters {
    pub(super) sieve: Sieve,
    pub(super) in_force: InForce,
}

impl CompactionFilterFactory for Filters {
    type Filter = Filter;

    fn create(&mut self, _: CompactionFilterContext) -> Filter {
        let checkpoint = self.in_force.0.lock().unwrap_or_else(PoisonError::into_inner);
        Filter(self.sieve.under(checkpoint.as_deref()))
    }

    fn name(&self) -> &CStr {
        NAME
    }
}

/// One merging's.
pub(super) struct Filter(Drops);

impl CompactionFilter for Filter {
    fn filter(&mut self, _level: u32, key: &[u8], value: &[u8]) -> CompactionDecision {
        let row = if key == CHECKPOINT_KEY { None } else { key.strip_prefix(&[ROW_PREFIX]) };
        match row {
            Some(row) if (self.0)(row, value) => CompactionDecision::Remove,
            Some(_) | None => CompactionDecision::Keep,
        }
    }

    fn name(&self) -> &CStr {
        NAME
    }
}
