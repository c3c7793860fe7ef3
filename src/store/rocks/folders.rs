//! The stores of all partitions in one folder:
//!
//! ```text
//! <root>/<partition>/            the store
//! <root>/<partition>.export-<n>/ a copy being read; removed when it was, and at start
//! <root>/<partition>.import/     files from elsewhere, not yet in force; removed at start
//! <root>/<partition>.old/        the store that an import takes the place of; while it changes
//! <root>/<partition>.damaged/    the last store that was set aside, for a person to look at
//! ```

use super::export::{SUFFIX, remove};
use super::{Options, Resources, RocksStore, io, verify};
use crate::base::position::Partition;
use crate::store::files::is_name;
use crate::store::{Import, Store, StoreError, Stores};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Every partition's store below one folder, which is this process's.
#[derive(Debug)]
pub struct RocksStores {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    root: PathBuf,
    resources: Resources,
    options: Options,
    /// What was opened, as long as somebody has it.
    opened: Mutex<BTreeMap<Partition, Weak<RocksStore>>>,
}

impl RocksStores {
    /// The stores below `root`, which need not be there. What a crash left unfinished is cleared.
    ///
    /// # Errors
    /// The file system failed.
    pub fn new(root: PathBuf, resources: Resources, options: Options) -> Result<Self, StoreError> {
        let place = Place { root, resources, options, opened: Mutex::default() };
        place.clear()?;
        Ok(Self { place: Arc::new(place) })
    }
}

impl Place {
    fn live(&self, partition: Partition) -> PathBuf {
        self.root.join(partition.to_string())
    }

    fn beside(&self, partition: Partition, what: &str) -> PathBuf {
        self.root.join(format!("{partition}.{what}"))
    }

    fn clear(&self) -> Result<(), StoreError> {
        std::fs::create_dir_all(&self.root).map_err(|error| io(&self.root, &error))?;
        let entries = std::fs::read_dir(&self.root).map_err(|error| io(&self.root, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| io(&self.root, &error))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let Some((number, rest)) = name.split_once('.') else { continue };
            let Ok(number) = number.parse::<u16>() else { continue };
            match rest {
                "import" => remove(&path)?,
                "old" => self.mend(Partition(number))?,
                _ if name.contains(SUFFIX) => remove(&path)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends an exchange that was cut short: the store before goes if its successor is in place, and comes
    /// back if it is not.
    fn mend(&self, partition: Partition) -> Result<(), StoreError> {
        let (live, old) = (self.live(partition), self.beside(partition, "old"));
        if live.exists() {
            return remove(&old);
        }
        if old.exists() {
            self.rename(&old, &live)?;
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        std::fs::rename(from, to).map_err(|error| io(from, &error))?;
        sync(&self.root)
    }

    fn closed(&self, partition: Partition) -> Result<(), StoreError> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match opened.get(&partition).and_then(Weak::upgrade) {
            Some(_) => Err(StoreError::Locked(self.live(partition).display().to_string())),
            None => Ok(()),
        }
    }

    /// Puts what is in `from` in the place of the partition's store.
    fn exchange(&self, partition: Partition, from: &Path) -> Result<(), StoreError> {
        self.closed(partition)?;
        self.mend(partition)?;
        let (live, old) = (self.live(partition), self.beside(partition, "old"));
        if live.exists() {
            self.rename(&live, &old)?;
        }
        let renamed = self.rename(from, &live);
        self.mend(partition)?;
        renamed
    }
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| io(path, &error))
}

impl Stores for RocksStores {
    fn open(&self, partition: Partition) -> Result<Arc<dyn Store>, StoreError> {
        let place = &self.place;
        place.closed(partition)?;
        place.mend(partition)?;
        let store = RocksStore::open(&place.live(partition), &place.resources, &place.options)?;
        let store = Arc::new(store);
        let mut opened = place.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(partition, Arc::downgrade(&store));
        Ok(store)
    }

    fn set_aside(&self, partition: Partition) -> Result<Option<String>, StoreError> {
        let place = &self.place;
        place.closed(partition)?;
        place.mend(partition)?;
        let (live, aside) = (place.live(partition), place.beside(partition, "damaged"));
        if !live.exists() {
            return Ok(None);
        }
        remove(&aside)?;
        place.rename(&live, &aside)?;
        Ok(Some(aside.display().to_string()))
    }

    fn import(&self, partition: Partition) -> Result<Box<dyn Import>, StoreError> {
        let folder = self.place.beside(partition, "import");
        remove(&folder)?;
        std::fs::create_dir(&folder).map_err(|error| io(&folder, &error))?;
        Ok(Box::new(RocksImport { place: Arc::clone(&self.place), partition, folder, names: Vec::new() }))
    }
}

/// Files on their way to become a store.
#[derive(Debug)]
struct RocksImport {
    place: Arc<Place>,
    partition: Partition,
    folder: PathBuf,
    names: Vec<String>,
}

impl Drop for RocksImport {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "an unfinished import stays behind");
        }
    }
}

impl Import for RocksImport {
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + '_>, StoreError> {
        if !is_name(name) {
            return Err(StoreError::Failed(format!("no file of a store is called {name:?}")));
        }
        let path = self.folder.join(name);
        let file = File::create_new(&path).map_err(|error| io(&path, &error))?;
        self.names.push(name.to_owned());
        Ok(Box::new(file))
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        for name in &self.names {
            sync(&self.folder.join(name))?;
        }
        sync(&self.folder)?;
        let Place { resources, options, .. } = &*self.place;
        let verified = verify(&self.folder, resources, options)?;
        if !verified.checkpoint {
            let file = self.folder.display().to_string();
            return Err(StoreError::Damaged { file, what: "it has no checkpoint".to_owned() });
        }
        self.place.exchange(self.partition, &self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores(root: &Path) -> RocksStores {
        RocksStores::new(root.to_owned(), Resources::default(), Options::default()).unwrap()
    }

    fn written(stores: &RocksStores, checkpoint: &[u8]) {
        stores.open(Partition(3)).unwrap().commit(Vec::new(), checkpoint).unwrap();
    }

    fn checkpoint(stores: &RocksStores) -> Option<Vec<u8>> {
        stores.open(Partition(3)).unwrap().checkpoint().unwrap()
    }

    #[test]
    fn an_exchange_cut_short_leaves_one_of_the_two() {
        let root = tempfile::tempdir().unwrap();
        let [live, old] = ["3", "3.old"].map(|name| root.path().join(name));
        written(&stores(root.path()), b"before");
        std::fs::rename(&live, &old).unwrap();
        assert_eq!(checkpoint(&stores(root.path())), Some(b"before".to_vec()), "nothing took its place");
        let here = stores(root.path());
        std::fs::rename(&live, &old).unwrap();
        assert_eq!(checkpoint(&here), Some(b"before".to_vec()), "nor in the same process");
        std::fs::rename(&live, &old).unwrap();
        RocksStore::open(&live, &Resources::default(), &Options::default())
            .and_then(|store| store.commit(Vec::new(), b"after"))
            .unwrap();
        assert_eq!(checkpoint(&stores(root.path())), Some(b"after".to_vec()));
        assert!(!old.exists());
    }

    #[test]
    fn what_a_crash_left_is_cleared_and_what_was_set_aside_is_not() {
        let root = tempfile::tempdir().unwrap();
        let unfinished = ["3.export-7", "3.export-8.tmp", "3.import"];
        for name in unfinished.into_iter().chain(["3.damaged", "a person's own"]) {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        drop(stores(root.path()));
        assert!(unfinished.iter().all(|name| !root.path().join(name).exists()));
        assert!(root.path().join("3.damaged").exists() && root.path().join("a person's own").exists());
    }

    #[test]
    fn copies_are_links_beside_the_store_and_go_with_it() {
        let root = tempfile::tempdir().unwrap();
        let stores = stores(root.path());
        written(&stores, b"one");
        let export = stores.open(Partition(3)).unwrap().export().unwrap();
        let sst = export.files().iter().find(|file| file.name.ends_with(".sst")).unwrap();
        let links = std::os::unix::fs::MetadataExt::nlink;
        let copy = root.path().join("3.export-0");
        assert_eq!(links(&std::fs::metadata(copy.join(&sst.name)).unwrap()), 2);
        drop(export);
        assert!(!copy.exists());
    }
}
