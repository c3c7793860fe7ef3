//! Looks into a store that another process may have open: nothing is locked and nothing is changed.
//!
//! What is seen is the checkpoint that was in force when it was opened. All files are opened at once, so
//! those that a running server merges and removes meanwhile stay readable.

use super::error::{map, map_open};
use super::{Options, Resources, frames, is_there, read_checkpoint, row_key, tune};
use crate::store::{Row, StoreError};
use rocksdb::{DB, IteratorMode, PrefixRange, ReadOptions};
use std::fmt;
use std::path::{Path, PathBuf};

/// Openings before a file that is not there is one that is missing: between reading which files there are
/// and opening them, a server may have merged some.
const TRIES: usize = 3;
/// All files at once.
const ALL_FILES: i32 = -1;
const READ_AHEAD: usize = 1 << 20;

/// A store seen from outside.
pub struct Look {
    db: DB,
    folder: PathBuf,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of it.
    pub bytes: u64,
    /// Its level; files are merged from 0 downwards.
    pub level: i32,
}

impl Look {
    /// Opens the store in `folder`.
    ///
    /// # Errors
    /// There is none, it is damaged, or the file system failed.
    pub fn open(folder: &Path, resources: &Resources, options: &Options) -> Result<Self, StoreError> {
        let known = is_there(folder)?;
        let options = Options { open_files: ALL_FILES, ..options.clone() };
        let mut tries = TRIES;
        loop {
            tries -= 1;
            frames::check(folder)?;
            let opened = tune::database(resources, &options)
                .and_then(|tuned| DB::open_for_read_only(&tuned, folder, false));
            match opened {
                Ok(db) => return Ok(Self { db, folder: folder.to_owned() }),
                Err(error) if tries > 0 && error.as_ref().contains("No such file") => {}
                Err(error) => return Err(map_open(&error, folder, known)),
            }
        }
    }

    /// Opens the store in `folder`; none if there is none.
    ///
    /// # Errors
    /// It is damaged, or the file system failed.
    pub fn find(folder: &Path, resources: &Resources, options: &Options) -> Result<Option<Self>, StoreError> {
        if is_there(folder)? { Self::open(folder, resources, options).map(Some) } else { Ok(None) }
    }

    /// The checkpoint in force, as it was written; none in an empty store.
    ///
    /// # Errors
    /// Damage or failure.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_checkpoint(&self.db, &self.folder)
    }

    /// The value of a row.
    ///
    /// # Errors
    /// Damage or failure.
    pub fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get(row_key(key)).map_err(|error| map(&error, &self.folder))
    }

    /// The rows whose keys begin with `prefix`, in key order, every block read against its checksum; ends
    /// behind the first error.
    pub fn rows(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Row, StoreError>> {
        let mut read = ReadOptions::default();
        read.fill_cache(false);
        read.set_readahead_size(READ_AHEAD);
        read.set_iterate_range(PrefixRange(row_key(prefix)));
        self.db.iterator_opt(IteratorMode::Start, read).map(|row| {
            let (key, value) = row.map_err(|error| map(&error, &self.folder))?;
            Ok((key.get(1..).unwrap_or_default().to_vec(), value.into_vec()))
        })
    }

    /// The files, by level and path.
    ///
    /// # Errors
    /// The file system failed.
    pub fn files(&self) -> Result<Vec<File>, StoreError> {
        self.files_where(|_, _| true)
    }

    /// The files of which one holds the row with `key`, the newest first.
    ///
    /// # Errors
    /// The file system failed.
    pub fn files_of(&self, key: &[u8]) -> Result<Vec<File>, StoreError> {
        let key = row_key(key);
        self.files_where(|start, end| (start..=end).contains(&&*key))
    }

    fn files_where(&self, wanted: impl Fn(&[u8], &[u8]) -> bool) -> Result<Vec<File>, StoreError> {
        let files = self.db.live_files().map_err(|error| map(&error, &self.folder))?;
        let held = files.into_iter().filter(|file| {
            let (start, end) = (file.start_key.as_deref(), file.end_key.as_deref());
            wanted(start.unwrap_or_default(), end.unwrap_or_default())
        });
        let mut held: Vec<File> = held
            .map(|file| File {
                path: self.folder.join(file.name.trim_start_matches('/')),
                bytes: file.size as u64,
                level: file.level,
            })
            .collect();
        held.sort_unstable_by(|a, b| (a.level, &b.path).cmp(&(b.level, &a.path)));
        Ok(held)
    }
}

/// What a store holds, every block of it read and its checksum verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Whether there is a checkpoint.
    pub checkpoint: bool,
}

/// Reads everything in the store in `folder`, which nobody needs to have open and nobody is kept from.
///
/// # Errors
/// Damage, or the file system failed.
pub fn verify(folder: &Path, resources: &Resources, options: &Options) -> Result<Verified, StoreError> {
    let look = Look::open(folder, resources, options)?;
    let mut verified = Verified { checkpoint: look.checkpoint()?.is_some(), ..Verified::default() };
    for row in look.rows(&[]) {
        let (key, value) = row?;
        verified.rows += 1;
        verified.bytes += (key.len() + value.len()) as u64;
    }
    Ok(verified)
}
