//! A store as files: copies of its checkpoint that stay as they are, and files from elsewhere that become
//! a partition's store.

use crate::base::position::Partition;
use crate::store::{Store, StoreError};
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

/// Bytes of a file's name.
pub const NAME_BYTES: usize = 255;

/// A file of a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// Its name, see [`is_name`].
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// Whether a copy's file may be called so: nothing that leads out of its folder, or is hidden in it.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !name.is_empty() && name.len() <= NAME_BYTES && !name.starts_with('.') && name.bytes().all(plain)
}

/// The checkpoint that was in force when the copy was made, as files that stay as they are while the store
/// goes on. They are gone when this is dropped.
pub trait Export: Send + fmt::Debug {
    /// The checkpoint.
    fn checkpoint(&self) -> &[u8];

    /// The files, by name.
    fn files(&self) -> &[File];

    /// Reads a file from its beginning.
    ///
    /// # Errors
    /// There is none of that name, or it cannot be read.
    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, StoreError>;

    /// Reads all of it as a store would, and checks whatever can be checked. Takes as long as the disk.
    ///
    /// # Errors
    /// Damage, which is the store's as well; or failure.
    fn verify(&self) -> Result<(), StoreError>;
}

/// Files on their way to become a partition's store. Nothing of them is in force before
/// [`Import::finish`], and they are gone when this is dropped before.
pub trait Import: Send + fmt::Debug {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot have that name, or the file system failed.
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + '_>, StoreError>;

    /// Makes the files durable, reads all of them as a store would, and puts them in the place of the
    /// partition's store: a crash leaves that one whole or this one whole.
    ///
    /// # Errors
    /// They are no store with a checkpoint; the partition's store is open; or the file system failed. The
    /// store before is still there.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// Every partition's store, in one place.
pub trait Stores: Send + Sync + fmt::Debug {
    /// Opens a partition's store, or begins an empty one.
    ///
    /// # Errors
    /// It is open already, damaged, or the file system failed.
    fn open(&self, partition: Partition) -> Result<Arc<dyn Store>, StoreError>;

    /// Moves a partition's store out of the way, for a person to look at; the one moved there before goes.
    /// Tells where it is, or nothing if there was no store.
    ///
    /// # Errors
    /// It is open, or the file system failed.
    fn set_aside(&self, partition: Partition) -> Result<Option<String>, StoreError>;

    /// Begins to bring files from elsewhere. One at a time for each partition.
    ///
    /// # Errors
    /// The file system failed.
    fn import(&self, partition: Partition) -> Result<Box<dyn Import>, StoreError>;
}
