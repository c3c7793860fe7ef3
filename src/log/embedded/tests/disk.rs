//! A disk that fails as told and a machine that crashes: it keeps apart what a program sees and what a
//! power cut leaves.

use crate::log::embedded::disk::{Access, Disk, DiskFile, Lock};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

const SECTOR: usize = 512;

/// A machine's disk. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(in crate::log) struct TestDisk(Arc<(Mutex<Machine>, Condvar)>);

#[derive(Debug, Default)]
struct Machine {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    locked: bool,
    faults: Faults,
    holding: bool,
    held: usize,
    syncs: usize,
    diary: Option<Diary>,
}

/// What a power cut at each moment would leave, and how much was acknowledged by then.
#[derive(Debug)]
struct Diary {
    acknowledged: Arc<AtomicU64>,
    entries: Vec<(u64, TestDisk)>,
}

#[derive(Debug, Clone, Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<Range<usize>>,
    /// What a cut took away, which the disk may have until the cut is synced.
    ghost: Option<Vec<u8>>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::log) struct Faults {
    /// Bytes that may still be written before the disk is full.
    pub(in crate::log) space: Option<usize>,
    pub(in crate::log) write: bool,
    pub(in crate::log) sync: bool,
    pub(in crate::log) folder_sync: bool,
    pub(in crate::log) truncate: bool,
}

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy)]
pub(in crate::log) enum Unsynced {
    Nothing,
    /// Some of it, cut at any byte.
    Prefix(u64),
    /// Any of its sectors; the others are zeros, or what was there before.
    Sectors(u64),
}

impl TestDisk {
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.0.lock().unwrap()
    }

    pub(in crate::log) fn set_faults(&self, faults: Faults) {
        self.machine().faults = faults;
    }

    /// Lets syncs wait until [`TestDisk::release`].
    pub(in crate::log) fn hold(&self) {
        self.machine().holding = true;
    }

    pub(in crate::log) fn release(&self) {
        self.machine().holding = false;
        self.0.1.notify_all();
    }

    /// Waits until a sync waits.
    pub(in crate::log) fn wait_held(&self) {
        let waiting = self.0.1.wait_timeout_while(self.machine(), Duration::from_secs(20), |m| m.held == 0);
        assert!(!waiting.unwrap().1.timed_out(), "nothing is synced");
    }

    pub(in crate::log) fn syncs(&self) -> usize {
        self.machine().syncs
    }

    /// The disk after a power cut, not locked, without faults.
    pub(in crate::log) fn after_crash(&self, unsynced: Unsynced) -> TestDisk {
        self.machine().after_crash(unsynced)
    }

    /// Notes from now on what a power cut would leave at each moment.
    pub(in crate::log) fn keep_diary(&self, acknowledged: &Arc<AtomicU64>) {
        self.machine().diary = Some(Diary { acknowledged: Arc::clone(acknowledged), entries: Vec::new() });
    }

    pub(in crate::log) fn take_diary(&self) -> Vec<(u64, TestDisk)> {
        self.machine().diary.take().unwrap().entries
    }

    /// The disk as another process sees it, everything durable.
    pub(in crate::log) fn copy(&self) -> TestDisk {
        let machine = self.machine();
        let mut files = machine.files.clone();
        for file in files.values_mut() {
            file.durable = file.seen.clone();
            file.dirty.clear();
        }
        let names = machine.names.clone();
        TestDisk::with(Machine { files, durable_names: names.clone(), names, ..Machine::default() })
    }

    fn with(machine: Machine) -> TestDisk {
        TestDisk(Arc::new((Mutex::new(machine), Condvar::new())))
    }

    pub(in crate::log) fn bytes(&self, name: &str) -> Vec<u8> {
        let machine = self.machine();
        machine.files[&machine.names[name]].seen.clone()
    }

    pub(in crate::log) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut machine = self.machine();
        let id = machine.files.len() as u64 + 1_000;
        machine.files.insert(id, File { seen: bytes.clone(), durable: bytes, ..File::default() });
        machine.names.insert(name.to_owned(), id);
        machine.durable_names.insert(name.to_owned(), id);
    }

    pub(in crate::log) fn names(&self) -> Vec<String> {
        self.machine().names.keys().cloned().collect()
    }
}

impl Machine {
    fn after_crash(&self, unsynced: Unsynced) -> TestDisk {
        let mut files = self.files.clone();
        for file in files.values_mut() {
            file.seen = left_of(file, unsynced);
            file.durable = file.seen.clone();
            (file.dirty, file.ghost) = (Vec::new(), None);
        }
        let names = self.durable_names.clone();
        TestDisk::with(Machine { files, durable_names: names.clone(), names, ..Machine::default() })
    }

    /// Something changed.
    fn note(&mut self) {
        let Some(diary) = &self.diary else { return };
        let (acknowledged, seed) = (diary.acknowledged.load(Ordering::SeqCst), diary.entries.len() as u64);
        let kinds = [Unsynced::Nothing, Unsynced::Prefix(seed), Unsynced::Sectors(seed)];
        let left = kinds.map(|unsynced| (acknowledged, self.after_crash(unsynced)));
        if let Some(diary) = &mut self.diary {
            diary.entries.extend(left);
        }
    }
}

/// What is left of a file.
fn left_of(file: &File, unsynced: Unsynced) -> Vec<u8> {
    let (seed, sectors) = match unsynced {
        Unsynced::Nothing => return file.durable.clone(),
        Unsynced::Prefix(seed) => (seed, false),
        Unsynced::Sectors(seed) => (seed, true),
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let seen = file.ghost.as_ref().unwrap_or(&file.seen);
    if seen.len() <= file.durable.len() {
        return file.durable.clone();
    }
    let mut left = file.durable.clone();
    left.resize(random.random_range(file.durable.len()..=seen.len()), 0);
    let mut at = file.durable.len();
    while at < left.len() {
        let end = if sectors { ((at / SECTOR + 1) * SECTOR).min(left.len()) } else { left.len() };
        if !sectors || random.random_bool(0.7) {
            left[at..end].copy_from_slice(&seen[at..end]);
        }
        at = end;
    }
    left
}

#[derive(Debug)]
struct Opened {
    disk: TestDisk,
    id: u64,
    access: Access,
}

#[derive(Debug)]
struct Held(TestDisk);

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.machine().locked = false;
    }
}

fn fault(what: &str) -> io::Error {
    io::Error::other(format!("{what} failed as told"))
}

impl Disk for TestDisk {
    fn folder(&self) -> String {
        "test disk".to_owned()
    }

    fn lock(&self, _: &str) -> io::Result<Option<Box<dyn Lock>>> {
        let free = !std::mem::replace(&mut self.machine().locked, true);
        Ok(free.then(|| Box::new(Held(self.clone())) as Box<dyn Lock>))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut machine = self.machine();
        if machine.faults.space == Some(0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let id = machine.files.len() as u64;
        machine.files.insert(id, File::default());
        machine.names.insert(name.to_owned(), id);
        machine.note();
        Ok(Box::new(Opened { disk: self.clone(), id, access: Access::Write }))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let id = self.machine().names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Opened { disk: self.clone(), id, access }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut machine = self.machine();
        let id = machine.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        machine.names.insert(to.to_owned(), id);
        machine.note();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut machine = self.machine();
        machine.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        machine.note();
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut machine = self.machine();
        if machine.faults.folder_sync {
            return Err(fault("folder sync"));
        }
        machine.durable_names = machine.names.clone();
        machine.note();
        Ok(())
    }
}

impl DiskFile for Opened {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.machine().files[&self.id].seen.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let machine = self.disk.machine();
        let seen = &machine.files[&self.id].seen;
        let from = usize::try_from(at).unwrap().min(seen.len());
        // Short reads are legal; let there be many.
        let count = into.len().min(seen.len() - from).min(7_919);
        into[..count].copy_from_slice(&seen[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        assert_eq!(self.access, Access::Write);
        let mut machine = self.disk.machine();
        if machine.faults.write {
            return Err(fault("write"));
        }
        let space = machine.faults.space.unwrap_or(usize::MAX);
        let written = bytes.len().min(space);
        machine.faults.space = machine.faults.space.map(|space| space - written);
        let file = machine.files.get_mut(&self.id).unwrap();
        let from = usize::try_from(at).unwrap();
        file.seen.resize(file.seen.len().max(from + written), 0);
        file.seen[from..from + written].copy_from_slice(&bytes[..written]);
        file.dirty.push(from..from + written);
        machine.note();
        if written < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = self.disk.machine();
        machine.held += 1;
        self.disk.0.1.notify_all();
        machine = self.disk.0.1.wait_while(machine, |machine| machine.holding).unwrap();
        machine.held -= 1;
        machine.syncs += 1;
        let failed = machine.faults.sync;
        let file = machine.files.get_mut(&self.id).unwrap();
        let dirty = std::mem::take(&mut file.dirty);
        if failed {
            // What was dirty counts as clean from now on, and never reaches the disk.
            return Err(fault("sync"));
        }
        file.ghost = None;
        file.durable.resize(file.seen.len(), 0);
        for range in dirty {
            let end = range.end.min(file.seen.len());
            if range.start < end {
                file.durable[range.start..end].copy_from_slice(&file.seen[range.start..end]);
            }
        }
        machine.note();
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut machine = self.disk.machine();
        if machine.faults.truncate {
            return Err(fault("truncate"));
        }
        let file = machine.files.get_mut(&self.id).unwrap();
        file.ghost = Some(file.seen.clone());
        file.seen.truncate(usize::try_from(length).unwrap());
        machine.note();
        Ok(())
    }
}
