//! The folders of one machine of the simulation, one for each partition.

use super::{Content, Folder, files};
use crate::base::position::Partition;
use crate::store::files::is_name;
use crate::store::{Import, Store, StoreError, Stores};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Folders by partition, which outlive every store opened in them.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    folders: BTreeMap<Partition, Folder>,
    aside: BTreeMap<Partition, Content>,
}

impl Folders {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder of a partition, made if there is none.
    #[must_use]
    pub fn folder(&self, partition: Partition) -> Folder {
        self.inner().folders.entry(partition).or_default().clone()
    }

    /// Every folder there is.
    #[must_use]
    pub fn all(&self) -> Vec<Folder> {
        self.inner().folders.values().cloned().collect()
    }

    /// Puts a folder in the place of a partition's: what a person does who copies one, or removes it. A
    /// store that is open keeps the one before.
    pub fn put(&self, partition: Partition, folder: Folder) {
        self.inner().folders.insert(partition, folder);
    }

    /// What was last set aside.
    #[must_use]
    pub fn aside(&self, partition: Partition) -> Option<Content> {
        self.inner().aside.get(&partition).cloned()
    }
}

impl Stores for Folders {
    fn open(&self, partition: Partition) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(self.folder(partition).open()?))
    }

    fn set_aside(&self, partition: Partition) -> Result<Option<String>, StoreError> {
        let folder = self.folder(partition);
        let damaged = folder.is_damaged();
        let content = folder.replace(Content::default())?;
        if content == Content::default() && !damaged {
            return Ok(None);
        }
        self.inner().aside.insert(partition, content);
        Ok(Some(format!("the set aside of partition {partition}")))
    }

    fn import(&self, partition: Partition) -> Result<Box<dyn Import>, StoreError> {
        Ok(Box::new(MemoryImport { folder: self.folder(partition), files: BTreeMap::new() }))
    }
}

/// Files on their way into a folder.
#[derive(Debug)]
struct MemoryImport {
    folder: Folder,
    files: BTreeMap<String, Vec<u8>>,
}

/// A file, while there is room for it.
struct Room<'a> {
    full: bool,
    file: &'a mut Vec<u8>,
}

impl Write for Room<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Import for MemoryImport {
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + '_>, StoreError> {
        if !is_name(name) || self.files.contains_key(name) {
            return Err(StoreError::Failed(format!("no new file of a store is called {name:?}")));
        }
        let full = self.folder.is_full();
        Ok(Box::new(Room { full, file: self.files.entry(name.to_owned()).or_default() }))
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.folder.replace(files::content(&self.files)?).map(|_| ())
    }
}
