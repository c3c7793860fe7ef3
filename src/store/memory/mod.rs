//! The store of the simulation, and of tests. It fails only when it is told to, so that one seed decides
//! all; what a crash leaves of it is in its [`Folder`], which outlives every store opened on it.

mod files;
mod folders;

pub use folders::Folders;

use crate::store::{Export, Row, Sieve, Store, StoreError, Write, before};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a data folder holds, and what is to go wrong with it next.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    content: Content,
    open: bool,
    next_commit: Option<CommitFault>,
    reads: Option<StoreError>,
    damaged: bool,
    full: bool,
}

/// Rows and their checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// The rows.
    pub rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The checkpoint in force.
    pub checkpoint: Option<Vec<u8>>,
}

/// What happens to a commit. Behind every one the store refuses all until it is opened again, which is
/// also how a crash in a commit looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFault {
    /// It fails before it takes effect.
    FailBefore,
    /// It takes effect and fails then.
    FailAfter,
    /// The disk is full; it does not take effect.
    Full,
}

impl Folder {
    /// Opens the store in it.
    ///
    /// # Errors
    /// It is open.
    pub fn open(&self) -> Result<MemoryStore, StoreError> {
        let mut inner = self.inner();
        if inner.open {
            return Err(StoreError::Locked("a folder in memory".to_owned()));
        }
        inner.open = true;
        Ok(MemoryStore { folder: self.clone(), failed: Mutex::new(None) })
    }

    /// Another folder with the same content: a copy of the files, or what a crash leaves of them.
    #[must_use]
    pub fn copy(&self) -> Folder {
        Folder::from(self.content())
    }

    /// What it holds.
    #[must_use]
    pub fn content(&self) -> Content {
        self.inner().content.clone()
    }

    /// Drops every row that `sieve` lets go under the checkpoint in force; also while a store is open.
    pub fn sift(&self, sieve: &Sieve) {
        let content = &mut self.inner().content;
        let drops = sieve.under(content.checkpoint.as_deref());
        content.rows.retain(|key, value| !drops(key, value));
    }

    /// Lets the next commit fail.
    pub fn fail_commit(&self, fault: CommitFault) {
        self.inner().next_commit = Some(fault);
    }

    /// Lets all reads fail from now on, or succeed again.
    pub fn fail_reads(&self, error: Option<StoreError>) {
        self.inner().reads = error;
    }

    /// Fills the disk under it: nothing more is written to it, until there is room again.
    pub fn fill(&self, full: bool) {
        self.inner().full = full;
    }

    /// Lets what was to fail work again; what is damaged stays so.
    pub fn work(&self) {
        let mut inner = self.inner();
        (inner.next_commit, inner.reads, inner.full) = (None, None, false);
    }

    /// Whether the disk under it is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.inner().full
    }

    /// Damages what it holds: whatever reads it says so, until it is set aside or replaced.
    pub fn damage(&self) {
        self.inner().damaged = true;
    }

    /// Whether what it holds is damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.inner().damaged
    }

    /// Whether a store in it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.inner().open
    }

    /// Puts other content in the place of what it holds, which nothing may have open.
    fn replace(&self, content: Content) -> Result<Content, StoreError> {
        let mut inner = self.inner();
        if inner.open {
            return Err(StoreError::Locked("a folder in memory".to_owned()));
        }
        (inner.next_commit, inner.reads, inner.damaged) = (None, None, false);
        Ok(std::mem::replace(&mut inner.content, content))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What reading fails with.
    fn fault(&self) -> Option<StoreError> {
        let file = || "a file in memory".to_owned();
        let damaged = || StoreError::Damaged { file: file(), what: "it was damaged".to_owned() };
        self.damaged.then(damaged).or_else(|| self.reads.clone())
    }
}

impl From<Content> for Folder {
    fn from(content: Content) -> Self {
        Folder { inner: Arc::new(Mutex::new(Inner { content, ..Inner::default() })) }
    }
}

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    folder: Folder,
    failed: Mutex<Option<StoreError>>,
}

impl MemoryStore {
    /// The folder, unless a commit failed.
    fn usable(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(failed) => Err(before(failed)),
            None => Ok(self.folder.inner()),
        }
    }

    fn readable(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        let inner = self.usable()?;
        inner.fault().map_or(Ok(inner), Err)
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.folder.inner().open = false;
    }
}

impl Store for MemoryStore {
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.readable()?.content.checkpoint.clone())
    }

    fn read(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let inner = self.readable()?;
        Ok(keys.iter().map(|key| inner.content.rows.get(key).cloned()).collect())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StoreError> {
        let inner = self.readable()?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let rows = inner.content.rows.range::<[u8], _>((from, Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, writes: Vec<Write>, checkpoint: &[u8]) -> Result<(), StoreError> {
        let mut inner = self.usable()?;
        let full = inner.full.then_some(CommitFault::Full);
        let fault = inner.next_commit.take().or(full);
        if matches!(fault, None | Some(CommitFault::FailAfter)) {
            for Write { key, value } in writes {
                match value {
                    Some(value) => drop(inner.content.rows.insert(key, value)),
                    None => drop(inner.content.rows.remove(&key)),
                }
            }
            inner.content.checkpoint = Some(checkpoint.to_vec());
        }
        let Some(fault) = fault else { return Ok(()) };
        drop(inner);
        let full = fault == CommitFault::Full;
        let failed = if full { StoreError::Full } else { StoreError::Failed(format!("{fault:?}, as told")) };
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed.clone());
        Err(failed)
    }

    fn export(&self) -> Result<Box<dyn Export>, StoreError> {
        let inner = self.usable()?;
        if inner.content.checkpoint.is_none() {
            return Err(StoreError::Failed("there is no checkpoint to copy".to_owned()));
        }
        Ok(Box::new(files::MemoryExport::of(&inner.content, inner.fault())))
    }

    fn size_bytes(&self) -> u64 {
        let rows = &self.folder.inner().content.rows;
        rows.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }
}
