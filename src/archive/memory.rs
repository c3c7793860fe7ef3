//! The archive of the simulation, and of tests. It fails only when it is told to: each process has a handle
//! of its own, whose next write can be lost, kept without the process hearing of it, land late or be kept
//! otherwise than it was given. Readers see whole objects only, whatever failed.

use crate::archive::{Archive, ArchiveError, Object, Put, check_name};
use crate::base::clock::Clock;
use crate::base::time::Ms;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The archive and the commands to it.
#[derive(Debug, Clone)]
pub struct MemoryArchive {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, (Bytes, Ms)>,
    /// Handles that reach nothing.
    cut_off: BTreeSet<u32>,
    /// What happens to the next write of a handle.
    next: BTreeMap<u32, Fault>,
    late: Vec<Late>,
}

/// What happens to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails before it takes effect.
    Lost,
    /// It takes effect, and its caller hears that it failed.
    Unheard,
    /// Its caller hears that it failed; it takes effect at [`MemoryArchive::land_late`].
    Late,
    /// It succeeds, and what is kept is not what was given.
    Garbled,
}

/// A write.
#[derive(Debug, Clone)]
enum Late {
    Put(String, Bytes),
    Create(String, Bytes),
    Delete(String),
}

impl State {
    fn apply(&mut self, write: Late, now: Ms) -> Put {
        match write {
            Late::Create(name, _) if self.objects.contains_key(&name) => return Put::Exists,
            Late::Put(name, content) | Late::Create(name, content) => {
                self.objects.insert(name, (content, now));
            }
            Late::Delete(name) => drop(self.objects.remove(&name)),
        }
        Put::Created
    }
}

impl MemoryArchive {
    /// An empty archive whose objects carry the time of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { clock, state: Mutex::default() }) }
    }

    /// The archive as one process sees it.
    #[must_use]
    pub fn handle(&self, who: u32) -> Handle {
        Handle { inner: Arc::clone(&self.inner), who }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every object, by name.
    #[must_use]
    pub fn objects(&self) -> Vec<Object> {
        let state = self.state();
        let objects = state.objects.iter();
        objects.map(|(name, (content, at))| object(name, content, *at)).collect()
    }

    /// What an object holds.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Bytes> {
        self.state().objects.get(name).map(|(content, _)| content.clone())
    }

    /// Cuts a process off, or lets it reach the archive again.
    pub fn cut_off(&self, who: u32, cut: bool) {
        let mut state = self.state();
        let _changed = if cut { state.cut_off.insert(who) } else { state.cut_off.remove(&who) };
    }

    /// Lets the next write of a process fail.
    pub fn fail_next(&self, who: u32, fault: Fault) {
        self.state().next.insert(who, fault);
    }

    /// How many writes may still land late.
    #[must_use]
    pub fn late(&self) -> usize {
        self.state().late.len()
    }

    /// Lets a late write take effect.
    pub fn land_late(&self, index: usize) -> bool {
        let now = self.inner.clock.now();
        let mut state = self.state();
        let known = index < state.late.len();
        if known {
            let write = state.late.remove(index);
            state.apply(write, now);
        }
        known
    }

    /// Loses an object, which no archive may.
    pub fn lose(&self, name: &str) -> bool {
        self.state().objects.remove(name).is_some()
    }

    /// Damages an object where it lies: a bit flips, or its end goes. An empty one cannot be damaged.
    pub fn damage(&self, name: &str, cut: bool) -> bool {
        let mut state = self.state();
        let Some((content, _)) = state.objects.get_mut(name).filter(|(content, _)| !content.is_empty())
        else {
            return false;
        };
        *content = if cut { content.slice(..content.len() / 2) } else { garbled(content) };
        true
    }
}

fn garbled(content: &Bytes) -> Bytes {
    let mut bytes = content.to_vec();
    let middle = bytes.len() / 2;
    match bytes.get_mut(middle) {
        Some(byte) => *byte ^= 4,
        None => bytes.push(0),
    }
    bytes.into()
}

fn object(name: &str, content: &Bytes, modified: Ms) -> Object {
    Object { name: name.to_owned(), bytes: content.len() as u64, modified }
}

/// A process's view of a [`MemoryArchive`].
#[derive(Debug, Clone)]
pub struct Handle {
    inner: Arc<Inner>,
    who: u32,
}

impl Handle {
    fn state(&self) -> Result<MutexGuard<'_, State>, ArchiveError> {
        let state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cut_off.contains(&self.who) {
            return Err(ArchiveError::Unavailable("it cannot be reached".to_owned()));
        }
        Ok(state)
    }

    fn write(&self, write: Late) -> Result<Put, ArchiveError> {
        let now = self.inner.clock.now();
        let mut state = self.state()?;
        let failed = || ArchiveError::Unavailable("a write failed".to_owned());
        match (state.next.remove(&self.who), write) {
            (Some(Fault::Lost), _) => Err(failed()),
            (Some(Fault::Unheard), write) => {
                state.apply(write, now);
                Err(failed())
            }
            (Some(Fault::Late), write) => {
                state.late.push(write);
                Err(failed())
            }
            (Some(Fault::Garbled), Late::Put(name, content)) => {
                Ok(state.apply(Late::Put(name, garbled(&content)), now))
            }
            (None | Some(Fault::Garbled), write) => Ok(state.apply(write, now)),
        }
    }

    fn content(&self, name: &str) -> Result<Bytes, ArchiveError> {
        check_name(name)?;
        let state = self.state()?;
        let found = state.objects.get(name).map(|(content, _)| content.clone());
        found.ok_or_else(|| ArchiveError::Missing(name.to_owned()))
    }
}

impl Archive for Handle {
    fn put(&self, name: &str, content: Bytes) -> Result<(), ArchiveError> {
        check_name(name)?;
        self.write(Late::Put(name.to_owned(), content)).map(|_| ())
    }

    fn put_if_absent(&self, name: &str, content: Bytes) -> Result<Put, ArchiveError> {
        check_name(name)?;
        self.write(Late::Create(name.to_owned(), content))
    }

    fn get(&self, name: &str, limit: u64) -> Result<Bytes, ArchiveError> {
        let content = self.content(name)?;
        if content.len() as u64 > limit {
            return Err(ArchiveError::TooLarge { name: name.to_owned(), limit });
        }
        Ok(content)
    }

    fn put_stream(&self, name: &str, source: &mut dyn Read) -> Result<u64, ArchiveError> {
        let mut content = Vec::new();
        let read = source.read_to_end(&mut content);
        let read = read.map_err(|error| ArchiveError::Stream(error.to_string()))?;
        self.put(name, content.into())?;
        Ok(read as u64)
    }

    fn get_stream(&self, name: &str, sink: &mut dyn Write) -> Result<u64, ArchiveError> {
        let content = self.content(name)?;
        sink.write_all(&content).map_err(|error| ArchiveError::Stream(error.to_string()))?;
        Ok(content.len() as u64)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, ArchiveError> {
        check_name(prefix)?;
        let below = format!("{prefix}/");
        let state = self.state()?;
        let from = state.objects.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        Ok(from.map(|(name, (content, at))| object(name, content, *at)).collect())
    }

    fn is_empty(&self) -> Result<bool, ArchiveError> {
        Ok(self.state()?.objects.is_empty())
    }

    fn delete(&self, name: &str) -> Result<(), ArchiveError> {
        check_name(name)?;
        self.write(Late::Delete(name.to_owned())).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::conformance;
    use crate::base::clock::ManualClock;

    fn archive() -> MemoryArchive {
        MemoryArchive::new(Arc::new(ManualClock::new(Ms(1_780_000_000_000), 0)))
    }

    #[test]
    fn it_conforms() {
        conformance::check(&archive().handle(1)).unwrap();
    }

    #[test]
    fn it_fails_as_told() {
        let archive = archive();
        let (one, other) = (archive.handle(1), archive.handle(2));
        let failed = Err(ArchiveError::Unavailable("a write failed".to_owned()));
        let put = |handle: &Handle| handle.put_if_absent("a/b", Bytes::from_static(b"one"));
        archive.fail_next(1, Fault::Lost);
        assert_eq!((put(&one), archive.content("a/b")), (failed.clone(), None));
        archive.fail_next(1, Fault::Late);
        assert_eq!((put(&one), archive.content("a/b")), (failed.clone(), None));
        assert_eq!(other.put_if_absent("a/b", Bytes::from_static(b"two")), Ok(Put::Created));
        assert!(archive.land_late(0) && archive.late() == 0);
        assert_eq!(archive.content("a/b"), Some(Bytes::from_static(b"two")), "it came too late");
        assert!(archive.lose("a/b"));
        archive.fail_next(1, Fault::Unheard);
        assert_eq!(put(&one), failed);
        assert_eq!(put(&one), Ok(Put::Exists), "it is its own");
        archive.cut_off(1, true);
        assert!(one.list("a").is_err() && other.list("a").is_ok_and(|objects| objects.len() == 1));
        archive.cut_off(1, false);
        archive.fail_next(1, Fault::Garbled);
        one.put("a/b", Bytes::from_static(b"one")).unwrap();
        assert_ne!(one.get("a/b", 9), Ok(Bytes::from_static(b"one")));
        assert!(archive.damage("a/b", true));
        assert_eq!(archive.objects()[0].bytes, 1);
    }
}
