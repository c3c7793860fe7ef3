//! The store of production: one RocksDB in one folder for each partition. It has no write-ahead log, for
//! the log is that; what is in the folder is whole checkpoints and nothing else.
//!
//! A checkpoint is one `WriteBatch` and a flush. One batch goes into one memtable whole: RocksDB changes
//! memtables between batches only, and puts the file of a flushed one in force by one record of its
//! manifest. So whatever flushes, and whenever (our own flush, a full memtable, the memory shared with
//! other partitions), it makes whole checkpoints durable. This holds for one column family only.
//!
//! Stored form: the row with key `k` is under `0x01 k`, the checkpoint under `0x00` as `version u8 = 1 |
//! what was given`. No row key can reach the checkpoint, and every prefix has keys behind it.

mod error;
mod export;
mod filter;
mod folders;
mod frames;
mod look;
#[cfg(test)]
mod tests;
mod tune;

use crate::store::{Export, Row, Store, StoreError, Write, before};
use error::map;
use filter::{Filters, InForce};
pub use folders::RocksStores;
pub use look::{File, Look, Verified, verify};
use rocksdb::{ColumnFamily, DB, DEFAULT_COLUMN_FAMILY_NAME, Direction, FlushOptions, IteratorMode};
use rocksdb::{PrefixRange, ReadOptions, WriteBatch, WriteOptions};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
pub use tune::{Options, Resources};

const CHECKPOINT_KEY: &[u8] = &[0];
const CHECKPOINT_VERSION: u8 = 1;
const ROW_PREFIX: u8 = 1;

/// The rows of one partition in RocksDB.
pub struct RocksStore {
    db: DB,
    folder: PathBuf,
    resources: Resources,
    options: Options,
    /// How many copies were made.
    exports: AtomicU64,
    in_force: InForce,
    /// Why nothing may be done any more: a failed write leaves rows in memory that are not durable.
    failed: OnceLock<StoreError>,
}

impl fmt::Debug for RocksStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl RocksStore {
    /// Opens the store in `folder`, or begins one if there is none.
    ///
    /// # Errors
    /// Another process has it, it is damaged, or the file system failed.
    pub fn open(folder: &Path, resources: &Resources, options: &Options) -> Result<Self, StoreError> {
        let known = is_there(folder)?;
        frames::check(folder)?;
        std::fs::create_dir_all(folder).map_err(|error| io(folder, &error))?;
        let in_force = InForce::default();
        let opened = tune::database(resources, options).and_then(|mut tuned| {
            tuned.create_if_missing(!known);
            let filters = Filters { sieve: options.sieve.clone(), in_force: in_force.clone() };
            tuned.set_compaction_filter_factory(filters);
            DB::open_cf_with_opts(&tuned, folder, [(DEFAULT_COLUMN_FAMILY_NAME, tuned.clone())])
        });
        let db = opened.map_err(|error| error::map_open(&error, folder, known))?;
        let (resources, options) = (resources.clone(), options.clone());
        let (exports, failed) = (AtomicU64::new(0), OnceLock::new());
        let store = Self { db, folder: folder.to_owned(), resources, options, exports, in_force, failed };
        // Until here, and for good where it cannot be read, nothing is dropped.
        store.in_force.set(store.checkpoint().ok().flatten());
        Ok(store)
    }

    /// Merges all files, and drops what the sieve lets go. Takes as long as rewriting everything does.
    pub fn compact(&self) {
        self.db.compact_range(None::<&[u8]>, None::<&[u8]>);
    }

    fn map(&self, error: &rocksdb::Error) -> StoreError {
        map(error, &self.folder)
    }

    fn usable(&self) -> Result<(), StoreError> {
        self.failed.get().cloned().map_or(Ok(()), Err)
    }

    fn family(&self) -> Result<&ColumnFamily, StoreError> {
        let family = self.db.cf_handle(DEFAULT_COLUMN_FAMILY_NAME);
        family.ok_or_else(|| StoreError::Failed("the database has no column family".to_owned()))
    }
}

/// Removes the store in `folder`.
///
/// # Errors
/// It is open, or the file system failed.
pub fn destroy(folder: &Path) -> Result<(), StoreError> {
    DB::destroy(&rocksdb::Options::default(), folder).map_err(|error| map(&error, folder))?;
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder, &error)),
        _ => Ok(()),
    }
}

/// Whether there is a database. Without the file that names its manifest RocksDB would begin an empty one
/// over what is left.
fn is_there(folder: &Path) -> Result<bool, StoreError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io(folder, &error)),
    };
    let mut left = None;
    for entry in entries {
        let name = entry.map_err(|error| io(folder, &error))?.file_name();
        let Some(name) = name.to_str() else { continue };
        if name == "CURRENT" {
            return Ok(true);
        }
        if name.ends_with(".sst") {
            left = Some(name.to_owned());
        }
    }
    let what = |file| format!("the file is missing, but {file} is there");
    let file = folder.join("CURRENT").display().to_string();
    left.map_or(Ok(false), |left| Err(StoreError::Damaged { file, what: what(left) }))
}

fn io(folder: &Path, error: &std::io::Error) -> StoreError {
    if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
        return StoreError::Full;
    }
    StoreError::Failed(format!("{}: {error}", folder.display()))
}

fn read_checkpoint(db: &DB, folder: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(stored) = db.get(CHECKPOINT_KEY).map_err(|error| map(&error, folder))? else { return Ok(None) };
    match stored.split_first() {
        Some((&CHECKPOINT_VERSION, checkpoint)) => Ok(Some(checkpoint.to_vec())),
        _ => Err(StoreError::Damaged {
            file: folder.display().to_string(),
            what: "the checkpoint is of no known version".to_owned(),
        }),
    }
}

fn row_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(key.len() + 1);
    stored.push(ROW_PREFIX);
    stored.extend_from_slice(key);
    stored
}

impl Store for RocksStore {
    fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.usable()?;
        read_checkpoint(&self.db, &self.folder)
    }

    fn read(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.usable()?;
        let stored: Vec<Vec<u8>> = keys.iter().map(|key| row_key(key)).collect();
        let values = self.db.batched_multi_get_cf(self.family()?, &stored, false);
        values
            .into_iter()
            .map(|value| match value {
                Ok(value) => Ok(value.map(|value| value.to_vec())),
                Err(error) => Err(self.map(&error)),
            })
            .collect()
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.usable()?;
        let prefix = row_key(prefix);
        let after = after.map(row_key).filter(|after| *after >= prefix);
        let mut read = ReadOptions::default();
        read.set_iterate_range(PrefixRange(prefix.clone()));
        let from = after.as_ref().unwrap_or(&prefix);
        let mut rows = Vec::new();
        for row in self.db.iterator_opt(IteratorMode::From(from, Direction::Forward), read) {
            if rows.len() == limit {
                break;
            }
            let (key, value) = row.map_err(|error| self.map(&error))?;
            if after.as_deref() != Some(&*key) {
                rows.push((key.get(1..).unwrap_or_default().to_vec(), value.into_vec()));
            }
        }
        Ok(rows)
    }

    fn commit(&self, writes: Vec<Write>, checkpoint: &[u8]) -> Result<(), StoreError> {
        self.usable()?;
        let mut batch = WriteBatch::default();
        for Write { key, value } in writes {
            let key = row_key(&key);
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        let mut stored = Vec::with_capacity(checkpoint.len() + 1);
        stored.push(CHECKPOINT_VERSION);
        stored.extend_from_slice(checkpoint);
        batch.put(CHECKPOINT_KEY, stored);

        let mut write = WriteOptions::default();
        write.disable_wal(true);
        let mut flush = FlushOptions::default();
        flush.set_wait(true);
        let done = self.db.write_opt(batch, &write).and_then(|()| self.db.flush_opt(&flush));
        done.map(|()| self.in_force.set(Some(checkpoint.to_vec()))).map_err(|error| {
            let mapped = self.map(&error);
            self.failed.get_or_init(|| before(&mapped));
            mapped
        })
    }

    fn export(&self) -> Result<Box<dyn Export>, StoreError> {
        self.usable()?;
        let checkpoint = self.checkpoint()?;
        let checkpoint =
            checkpoint.ok_or_else(|| StoreError::Failed("there is no checkpoint to copy".to_owned()))?;
        Ok(Box::new(export::RocksExport::make(self, checkpoint)?))
    }

    fn size_bytes(&self) -> u64 {
        let size = self.db.property_int_value("rocksdb.total-sst-files-size");
        size.ok().flatten().unwrap_or(0)
    }
}
