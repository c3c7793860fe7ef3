//! Taking a snapshot: verify the copy, hash its files, put what is not there, read it back, and only then put
//! a manifest in force; then remove what nobody needs. A step is at most one object or one listing.

use super::Mark;
use super::catalog::{Cache, Catalog, READ};
use super::sweep::{Rule, sweep};
use crate::archive::{Archive, ArchiveError};
use crate::base::clock::Clock;
use crate::base::hash::{Digest256, Digester};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::Log;
use crate::store::files::File;
use crate::store::{Export, StoreError};
use crate::wire::manifest::{FileEntry, Manifest, manifest_name, object_name};
use crate::worker::checkpoint::Meta;
use bytes::Bytes;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// How often the archive is looked at anew because another was faster, or because it garbled a manifest.
const TRIES: u32 = 8;
/// Bytes of objects taken over from earlier snapshots that are read back, one at least: in turn, so that
/// what decays in the archive is found and put there anew while its file is still here.
const READ_AGAIN: u64 = 32 << 20;

/// A snapshot on its way.
#[derive(Debug)]
pub struct Taking {
    of: Of,
    state: State,
}

/// What a snapshot is taken of, and with.
#[derive(Debug)]
pub(in crate::worker) struct Of {
    pub(in crate::worker) archive: Arc<dyn Archive>,
    pub(in crate::worker) log: Arc<dyn Log>,
    pub(in crate::worker) clock: Arc<dyn Clock>,
    pub(in crate::worker) partition: Partition,
    /// The epoch of its owner.
    pub(in crate::worker) epoch: Offset,
    pub(in crate::worker) export: Box<dyn Export>,
    /// For how many days the last snapshot of each is kept.
    pub(in crate::worker) days: u32,
    pub(in crate::worker) cache: Cache,
}

/// How far it is.
#[derive(Debug)]
struct State {
    stage: Stage,
    began: Duration,
    tries: u32,
    catalog: Catalog,
    /// The files, as far as they are in the archive.
    files: Vec<FileEntry>,
    digests: Vec<Digest256>,
    put_bytes: u64,
    taken: Option<Taken>,
}

#[derive(Debug)]
enum Stage {
    Verify,
    Look,
    File(usize),
    Name,
    Tidy,
    Remove(std::vec::IntoIter<String>),
}

/// A snapshot that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The newest two in force, the newest first: it, and the one before.
    pub newest: Vec<Mark>,
    /// Bytes put into the archive for it.
    pub put_bytes: u64,
    /// What it took.
    pub spent: Duration,
}

/// Why there is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The copy cannot be read; where it is damaged, so is the store.
    Store(StoreError),
    /// The archive failed.
    Archive(ArchiveError),
    /// An object was put and comes back otherwise.
    Garbled(String),
    /// An owner with this later epoch is at work.
    Superseded(Offset),
    /// Others were faster every time.
    Raced,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Store(error) => error.fmt(f),
            Trouble::Archive(error) => error.fmt(f),
            Trouble::Garbled(name) => write!(f, "the archive gives {name} back otherwise than it was put"),
            Trouble::Superseded(epoch) => write!(f, "the owner with epoch {epoch} came later and is at work"),
            Trouble::Raced => f.write_str("other owners took snapshots faster"),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

impl From<ArchiveError> for Trouble {
    fn from(error: ArchiveError) -> Self {
        Trouble::Archive(error)
    }
}

/// What became of a snapshot.
#[derive(Debug)]
pub struct TakingDone {
    pub(in crate::worker) epoch: Offset,
    pub(in crate::worker) result: Result<Taken, Trouble>,
    pub(in crate::worker) cache: Cache,
}

/// Hashes what is written.
#[derive(Default)]
pub(in crate::worker) struct Hashing(pub(in crate::worker) Digester);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Taking {
    /// A snapshot that is about to be taken.
    pub(in crate::worker) fn new(of: Of) -> Self {
        let began = of.clock.elapsed();
        let state = State {
            stage: Stage::Verify,
            began,
            tries: 0,
            catalog: Catalog::default(),
            files: Vec::new(),
            digests: Vec::new(),
            put_bytes: 0,
            taken: None,
        };
        Self { of, state }
    }

    /// One step; at the end, what became of it.
    pub(in crate::worker) fn step(mut self: Box<Self>) -> Result<Box<Self>, Box<TakingDone>> {
        let went = self.advance();
        let result = match (went, self.state.taken.take()) {
            // What is in force is in force, whatever becomes of tidying up.
            (Err(trouble), Some(taken)) => {
                tracing::debug!(%trouble, "what is no longer needed stays in the archive for now");
                Ok(taken)
            }
            (Err(trouble), None) => Err(trouble),
            (Ok(true), taken) => {
                self.state.taken = taken;
                return Ok(self);
            }
            (Ok(false), Some(taken)) => Ok(taken),
            (Ok(false), None) => Err(Trouble::Raced),
        };
        let Of { epoch, cache, .. } = self.of;
        Err(Box::new(TakingDone { epoch, result, cache }))
    }

    /// Goes on; false at the end.
    fn advance(&mut self) -> Result<bool, Trouble> {
        self.state.stage = match std::mem::replace(&mut self.state.stage, Stage::Look) {
            Stage::Verify => {
                self.of.export.verify()?;
                Stage::Look
            }
            Stage::Look => self.look()?,
            Stage::File(index) => match self.of.export.files().get(index).cloned() {
                Some(file) => {
                    let entry = self.file(index, &file)?;
                    self.state.files.push(entry);
                    Stage::File(index + 1)
                }
                None => Stage::Name,
            },
            Stage::Name => self.name()?,
            Stage::Tidy => Stage::Remove(self.tidy()?.into_iter()),
            Stage::Remove(mut names) => match names.next() {
                Some(name) => {
                    self.of.archive.delete(&name)?;
                    Stage::Remove(names)
                }
                None => return Ok(false),
            },
        };
        Ok(true)
    }

    fn meta(&self) -> Result<(Meta, Digest256, Offset), Trouble> {
        let none = |what: &str| Trouble::Store(StoreError::Failed(what.to_owned()));
        let meta = Meta::decode(self.of.export.checkpoint()).map_err(|bad| none(&bad.to_string()))?;
        match (meta.core.genesis, meta.core.applied) {
            (Some(genesis), Some(applied)) => Ok((meta, genesis.digest, applied.offset)),
            _ => Err(none("the checkpoint stands before the log's genesis")),
        }
    }

    /// Looks at what is there. What was put by this owner before counts, and the newest snapshot.
    fn look(&mut self) -> Result<Stage, Trouble> {
        self.state.tries += 1;
        if self.state.tries > TRIES {
            return Err(Trouble::Raced);
        }
        let (_, genesis, _) = self.meta()?;
        let Of { archive, partition, epoch, cache, .. } = &mut self.of;
        self.state.catalog = Catalog::look(&**archive, *partition, READ, cache)?;
        match self.state.catalog.own(genesis).next() {
            Some(newest) if newest.epoch > *epoch => return Err(Trouble::Superseded(newest.epoch)),
            _ => {}
        }
        self.state.files.clear();
        Ok(Stage::File(0))
    }

    /// Sees to it that the archive has a file of the copy.
    fn file(&mut self, index: usize, file: &File) -> Result<FileEntry, Trouble> {
        let digest = match self.state.digests.get(index) {
            Some(digest) => *digest,
            None => {
                let mut hashing = Hashing::default();
                let mut source = self.of.export.open(&file.name)?;
                let copied = io::copy(&mut source, &mut hashing);
                copied.map_err(|error| StoreError::Failed(format!("{}: {error}", file.name)))?;
                if hashing.0.bytes() != file.bytes {
                    return Err(StoreError::Failed(format!("{} changed its length", file.name)).into());
                }
                let digest = hashing.0.finish();
                self.state.digests.push(digest);
                digest
            }
        };
        let entry = |epoch| FileEntry { name: file.name.clone(), bytes: file.bytes, digest, epoch };
        if let Some(epoch) = self.in_the_newest(index, &entry(self.of.epoch))? {
            return Ok(entry(epoch));
        }
        let own = entry(self.of.epoch);
        let name = own.object(self.of.partition);
        let there = self.state.catalog.objects.get(&name).is_some_and(|object| object.bytes == file.bytes);
        if !(there && self.gives_back(&own)?) {
            let mut source = self.of.export.open(&file.name)?;
            self.state.put_bytes += self.of.archive.put_stream(&name, &mut source)?;
            if !self.gives_back(&own)? {
                return Err(Trouble::Garbled(name));
            }
        }
        Ok(own)
    }

    /// The epoch of the object in which the newest snapshot has the same content, if that is still good.
    fn in_the_newest(&self, index: usize, wanted: &FileEntry) -> Result<Option<Offset>, Trouble> {
        let (_, genesis, _) = self.meta()?;
        let Some(newest) = self.state.catalog.own(genesis).next() else { return Ok(None) };
        let same = |file: &&FileEntry| file.digest == wanted.digest && file.bytes == wanted.bytes;
        let Some(found) = newest.files.iter().find(same) else { return Ok(None) };
        let name = object_name(self.of.partition, found.epoch, &found.digest);
        let there = self.state.catalog.objects.get(&name).is_some_and(|object| object.bytes == wanted.bytes);
        if !there || (self.is_read_again(index) && !self.gives_back(found)?) {
            tracing::warn!(
                partition = self.of.partition.0,
                name,
                "an object was lost or decayed; it is put anew"
            );
            return Ok(None);
        }
        Ok(Some(found.epoch))
    }

    /// Whether the file's turn to be read back has come: they take turns by the snapshot's number.
    fn is_read_again(&self, index: usize) -> bool {
        let files = self.of.export.files();
        let count = files.len().max(1) as u64;
        let first = usize::try_from(self.state.catalog.last % count).unwrap_or(0);
        let turn = files.iter().enumerate().cycle().skip(first).take(files.len());
        let mut before = 0_u64;
        for (at, file) in turn {
            if at == index {
                return before < READ_AGAIN;
            }
            before = before.saturating_add(file.bytes);
        }
        false
    }

    /// Whether an object comes back as it was put.
    fn gives_back(&self, file: &FileEntry) -> Result<bool, Trouble> {
        let mut hashing = Hashing::default();
        match self.of.archive.get_stream(&file.object(self.of.partition), &mut hashing) {
            Ok(bytes) => Ok(bytes == file.bytes && hashing.0.finish() == file.digest),
            Err(ArchiveError::Missing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the manifest in force, under the number behind the newest.
    fn name(&mut self) -> Result<Stage, Trouble> {
        let (meta, genesis, position) = self.meta()?;
        let manifest = Manifest {
            genesis,
            partition: self.of.partition,
            number: self.state.catalog.last + 1,
            epoch: self.of.epoch,
            position,
            outputs: meta.outputs.map(|landed| landed.map(|landed| landed.at)),
            engine: meta.core.engine,
            taken_at: self.of.clock.now(),
            checkpoint: self.of.export.checkpoint().to_vec(),
            files: self.state.files.clone(),
        };
        let (name, text) =
            (manifest_name(manifest.partition, manifest.number), Bytes::from(manifest.write()));
        if manifest.files.len() > limits::MANIFEST_FILES || text.len() as u64 > limits::MANIFEST_BYTES {
            return Err(ArchiveError::TooLarge { name, limit: limits::MANIFEST_BYTES }.into());
        }
        let put = self.of.archive.put_if_absent(&name, text.clone());
        match self.of.archive.get(&name, limits::MANIFEST_BYTES) {
            // It is this one's also where it was created and the answer was lost.
            Ok(back) if back == text => {}
            _ if let Err(error) = put => return Err(error.into()),
            Ok(_) | Err(ArchiveError::Missing(_) | ArchiveError::TooLarge { .. }) => {
                tracing::debug!(?put, name, "another manifest has the number; looking again");
                return Ok(Stage::Look);
            }
            Err(error) => return Err(error.into()),
        }
        let mut newest = vec![Mark::of(&manifest)];
        newest.extend(self.state.catalog.newest(genesis).into_iter().take(1));
        let spent = self.of.clock.elapsed().saturating_sub(self.state.began);
        self.state.taken = Some(Taken { newest, put_bytes: self.state.put_bytes, spent });
        Ok(Stage::Tidy)
    }

    /// What is to be removed now.
    fn tidy(&mut self) -> Result<Vec<String>, Trouble> {
        let (_, genesis, _) = self.meta()?;
        let Of { archive, log, clock, partition, epoch, days, cache, .. } = &mut self.of;
        let bounds = log.bounds(TopicPartition::new(Topic::Requests, *partition));
        let log_start = bounds.map_or(Offset(0), |bounds| bounds.start);
        let catalog = Catalog::look(&**archive, *partition, READ, cache)?;
        let (partition, epoch, now, days) = (*partition, *epoch, clock.now(), *days);
        Ok(sweep(&catalog, &Rule { partition, genesis, epoch, now, log_start, days }))
    }
}
