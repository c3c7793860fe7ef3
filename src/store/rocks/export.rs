//! Copies of a database: hard links to its files in a folder beside it. What the database does with the
//! files afterwards is nothing to them; they are gone when the copy is dropped, and what a crash left of
//! one is cleared by [`RocksStores`](super::RocksStores) at the next start.

use super::{Options, Resources, RocksStore, io, verify};
use crate::store::files::{File, is_name};
use crate::store::{Export, StoreError};
use rocksdb::checkpoint::Checkpoint;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// What names of copies have behind the store's name; a number follows.
pub(super) const SUFFIX: &str = ".export-";

/// A copy of a store.
#[derive(Debug)]
pub(super) struct RocksExport {
    folder: PathBuf,
    checkpoint: Vec<u8>,
    files: Vec<File>,
    resources: Resources,
    options: Options,
}

impl RocksExport {
    /// Copies the store, whose checkpoint is `checkpoint` now.
    pub(super) fn make(store: &RocksStore, checkpoint: Vec<u8>) -> Result<Self, StoreError> {
        let number = store.exports.fetch_add(1, Ordering::Relaxed);
        let mut folder = store.folder.as_os_str().to_owned();
        folder.push(format!("{SUFFIX}{number}"));
        let folder = PathBuf::from(folder);
        remove(&folder)?;
        let made = Checkpoint::new(&store.db).and_then(|maker| maker.create_checkpoint(&folder));
        made.map_err(|error| store.map(&error))?;
        let (resources, options) = (store.resources.clone(), store.options.clone());
        // From here on it is removed when it is dropped, also where it cannot be listed.
        let mut export = Self { folder, checkpoint, files: Vec::new(), resources, options };
        export.files = files_in(&export.folder)?;
        Ok(export)
    }
}

/// The files of a folder, by name.
fn files_in(folder: &Path) -> Result<Vec<File>, StoreError> {
    let failed = |error: std::io::Error| io(folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = entry.metadata().map_err(failed)?.len();
        let name = entry.file_name().into_string().unwrap_or_default();
        if !is_name(&name) {
            let what = format!("a file of the copy is called {:?}", entry.file_name());
            return Err(StoreError::Failed(what));
        }
        files.push(File { name, bytes });
    }
    files.sort_unstable();
    Ok(files)
}

/// Removes a folder and all in it, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Drop for RocksExport {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "a copy of the state stays behind");
        }
    }
}

impl Export for RocksExport {
    fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    fn files(&self) -> &[File] {
        &self.files
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, StoreError> {
        let path = self.folder.join(name);
        if !self.files.iter().any(|file| file.name == name) {
            return Err(StoreError::Failed(format!("{} is not of the copy", path.display())));
        }
        let file = std::fs::File::open(&path).map_err(|error| io(&path, &error))?;
        Ok(Box::new(file))
    }

    fn verify(&self) -> Result<(), StoreError> {
        verify(&self.folder, &self.resources, &self.options).map(|_| ())
    }
}
