//! The store seam: the rows of one partition's shard and the checkpoint they belong to.
//!
//! A store holds exactly the rows of its last checkpoint, whatever happened since, but for those that its
//! [`Sieve`] lets it drop; it knows nothing of what rows mean. `conformance` holds what implementations
//! share.

#[cfg(test)]
mod conformance;
pub mod files;
pub mod memory;
pub mod rocks;
mod sieve;

pub use sieve::{Drops, Sieve};

pub use files::{Export, Import, Stores};

use std::fmt;

/// One write of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The key; at most 1 KiB.
    pub key: Vec<u8>,
    /// The new value, or none to delete the row.
    pub value: Option<Vec<u8>>,
}

/// Why a store could not be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Stored bytes are damaged.
    Damaged {
        /// The file, or the store's folder.
        file: String,
        /// What is wrong there.
        what: String,
    },
    /// The disk is full; the store is to be opened again.
    Full,
    /// Another process has the store open.
    Locked(String),
    /// The file system or the library failed; the store is to be opened again.
    Failed(String),
}

/// What a store tells that is used after a commit failed: where the disk was full, still that.
fn before(failed: &StoreError) -> StoreError {
    match failed {
        StoreError::Full => StoreError::Full,
        StoreError::Damaged { .. } | StoreError::Locked(_) | StoreError::Failed(_) => {
            StoreError::Failed(format!("a commit failed before: {failed}"))
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Damaged { file, what } => write!(f, "{file} is damaged: {what}"),
            StoreError::Full => f.write_str("the store's disk is full"),
            StoreError::Locked(folder) => write!(f, "{folder} is open in another process"),
            StoreError::Failed(what) => write!(f, "the store failed: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A row found by a scan.
pub type Row = (Vec<u8>, Vec<u8>);

/// The rows of one shard.
pub trait Store: Send + Sync + fmt::Debug {
    /// The checkpoint in force, as it was written; none in an empty store.
    ///
    /// # Errors
    /// Damage or failure.
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// The values of `keys`, in their order.
    ///
    /// # Errors
    /// Damage or failure.
    fn read(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError>;

    /// At most `limit` rows whose keys begin with `prefix`, in key order, behind `after` if given.
    ///
    /// # Errors
    /// Damage or failure.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StoreError>;

    /// Puts `writes` and `checkpoint` in force together, durably: after a crash at any point there is
    /// either all of it or nothing of it.
    ///
    /// # Errors
    /// The checkpoint before is still in force, or this one may be: the store refuses everything until it
    /// is opened again, and then knows.
    fn commit(&self, writes: Vec<Write>, checkpoint: &[u8]) -> Result<(), StoreError>;

    /// A copy of the checkpoint in force, as files. Cheap: it holds up nothing but a commit.
    ///
    /// # Errors
    /// There is no checkpoint, or the file system failed.
    fn export(&self) -> Result<Box<dyn Export>, StoreError>;

    /// Bytes the store holds on its medium, about.
    fn size_bytes(&self) -> u64;
}
