//! Finding and fetching what a partition begins from, away from the thread that turns its owner: the store is
//! opened here, the archive asked, a snapshot brought and verified. What is done with what was found is decided
//! by the owner.

use crate::archive::Archive;
use crate::base::hash::{Digest256, Digester};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::{Bounds, Log, LogError, Reader};
use crate::store::{Import, Store, StoreError, Stores};
use crate::wire::manifest::{FileEntry, Manifest};
use crate::wire::signature::Trust;
use crate::worker::checkpoint::{Meta, VERSION};
use crate::worker::outbox::Landed;
use crate::worker::recover::{Archived, Local, look, tails};
use crate::worker::running::Failure;
use crate::worker::snapshot::catalog::{Cache, Catalog, Found};
use crate::worker::snapshot::meta_of;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// A look or a fetch.
#[derive(Debug)]
pub struct Restore {
    pub(super) serial: u64,
    pub(super) partition: Partition,
    pub(super) log: Arc<dyn Log>,
    pub(super) stores: Arc<dyn Stores>,
    pub(super) task: Task,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Task {
    /// Open the store here; or first set it aside.
    Local { set_aside: bool, trust: Trust },
    /// Ask the archive, and read so many manifests.
    Archive { archive: Arc<dyn Archive>, depth: usize, cache: Cache },
    /// Read what the log holds of the outputs, and have a reader of the requests begin at an offset.
    Tails { known: [Option<Landed>; 3], next: Option<Offset> },
    /// Bring a snapshot, of which so many files are there.
    Fetch { archive: Arc<dyn Archive>, manifest: Arc<Manifest>, import: Option<Box<dyn Import>>, at: usize },
}

/// What became of it.
#[derive(Debug)]
pub struct Restored {
    pub(super) serial: u64,
    pub(super) outcome: Outcome,
}

/// What was found or done.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The store here.
    Local(Result<Box<Here>, Failure>),
    /// The archive.
    Archive(Result<(Archived, Box<Catalog>), Failure>, Cache),
    /// What the log holds of the outputs.
    Tails(Result<Box<Tails>, Failure>),
    /// The snapshot of this number is the store here now; or why it is not.
    Fetched(u64, Result<(), StoreError>),
}

/// The store here, and the log.
#[derive(Debug)]
pub(super) struct Here {
    /// Open, unless it is damaged.
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) local: Local,
    pub(super) bounds: Bounds,
    pub(super) genesis: Option<(Offset, Digest256)>,
}

/// What the log holds of the outputs, and where the requests are read.
#[derive(Debug)]
pub(super) struct Tails {
    pub(super) landed: [Option<Landed>; 3],
    pub(super) reader: Option<Box<dyn Reader>>,
}

impl Restore {
    /// One step; at the end, what became of it.
    pub(super) fn step(self) -> Result<Self, Box<Restored>> {
        let Self { serial, partition, log, stores, task } = self;
        let outcome = match task {
            Task::Local { set_aside, trust } => {
                Outcome::Local(here(&*stores, &*log, partition, (set_aside, &trust)))
            }
            Task::Archive { archive, depth, mut cache } => {
                Outcome::Archive(archived(&*archive, &*log, partition, depth, &mut cache), cache)
            }
            Task::Tails { known, next } => Outcome::Tails(tails(&*log, partition, known, next)),
            Task::Fetch { archive, manifest, import, at } => {
                let number = manifest.number;
                match fetch(&*stores, &*archive, &manifest, import, at) {
                    Ok(Some(import)) => {
                        let import = Some(import);
                        let task = Task::Fetch { archive, manifest, import, at: at + 1 };
                        return Ok(Self { serial, partition, log, stores, task });
                    }
                    Ok(None) => Outcome::Fetched(number, Ok(())),
                    Err(why) => Outcome::Fetched(number, Err(why)),
                }
            }
        };
        Err(Box::new(Restored { serial, outcome }))
    }
}

/// Opens the store here and asks the log about its checkpoint.
fn here(
    stores: &dyn Stores,
    log: &dyn Log,
    partition: Partition,
    (set_aside, trust): (bool, &Trust),
) -> Result<Box<Here>, Failure> {
    if set_aside && let Some(place) = stores.set_aside(partition)? {
        tracing::error!(partition = partition.0, place, "a damaged state was set aside");
    }
    let opened = stores.open(partition).and_then(|store| Ok((store.checkpoint()?, store)));
    let (store, local) = match opened {
        Err(damaged @ StoreError::Damaged { .. }) => (None, Local::Damaged(damaged.to_string())),
        Err(error) => return Err(error.into()),
        Ok((None, store)) => (Some(store), Local::Empty),
        Ok((Some(bytes), store)) => match (Meta::decode(&bytes), bytes.first()) {
            (Ok(meta), _) => {
                let candidate = look::candidate(log, partition, meta)?;
                (Some(store), Local::Checkpoint(Box::new(candidate)))
            }
            (Err(_), Some(version)) if *version > VERSION => {
                (None, Local::Newer(format!("is of version {version}, which this program does not know")))
            }
            (Err(bad), _) => (None, Local::Damaged(bad.to_string())),
        },
    };
    let bounds = look::bounds(log, partition)?;
    // Who has a checkpoint does not depend on the oldest records.
    let genesis = match &local {
        Local::Checkpoint(_) => None,
        Local::Empty | Local::Damaged(_) | Local::Newer(_) => look::genesis(log, partition, trust)?,
    };
    Ok(Box::new(Here { store, local, bounds, genesis }))
}

/// What the log holds of the outputs, and a reader of the requests if one is to begin.
fn tails(
    log: &dyn Log,
    partition: Partition,
    known: [Option<Landed>; 3],
    next: Option<Offset>,
) -> Result<Box<Tails>, Failure> {
    let landed = tails::read_tails(log, partition, known)?;
    let requests = TopicPartition::new(Topic::Requests, partition);
    let reader = next.map(|next| log.reader(requests, next)).transpose()?;
    Ok(Box::new(Tails { landed, reader }))
}

/// Asks the archive for snapshots and the log about their checkpoints.
fn archived(
    archive: &dyn Archive,
    log: &dyn Log,
    partition: Partition,
    depth: usize,
    cache: &mut Cache,
) -> Result<(Archived, Box<Catalog>), Failure> {
    let catalog = match Catalog::look(archive, partition, depth, cache) {
        Ok(catalog) => catalog,
        Err(error) => return Ok((Archived::Silent(error.to_string()), Box::default())),
    };
    let mut snapshots = BTreeMap::new();
    for (number, entry) in &catalog.entries {
        let found = match &entry.found {
            Found::Newer(why) | Found::Damaged(why) => Err(why.clone()),
            Found::Manifest(manifest) => meta_of(manifest, partition, *number),
        };
        let found = match found.map(|meta| look::candidate(log, partition, meta)) {
            Ok(Ok(candidate)) => Ok(candidate),
            Ok(Err(LogError::Closed(why))) => return Err(Failure::Log(why)),
            // Where the log cannot be read, another snapshot may still stand on what can.
            Ok(Err(error)) => Err(error.to_string()),
            Err(why) => Err(why),
        };
        snapshots.insert(*number, found);
    }
    Ok((Archived::Snapshots(snapshots, catalog.unread), Box::new(catalog)))
}

/// Brings the next file of a snapshot, or puts all of them in force; none when they are.
fn fetch(
    stores: &dyn Stores,
    archive: &dyn Archive,
    manifest: &Manifest,
    import: Option<Box<dyn Import>>,
    at: usize,
) -> Result<Option<Box<dyn Import>>, StoreError> {
    let mut import = match import {
        Some(import) => import,
        None => stores.import(manifest.partition)?,
    };
    match manifest.files.get(at) {
        Some(file) => {
            bring(archive, manifest, file, &mut *import)?;
            Ok(Some(import))
        }
        None => import.finish().map(|()| None),
    }
}

fn bring(
    archive: &dyn Archive,
    manifest: &Manifest,
    file: &FileEntry,
    import: &mut dyn Import,
) -> Result<(), StoreError> {
    let name = file.object(manifest.partition);
    let sink = import.create(&file.name)?;
    let mut sink = Checked { sink, digester: Digester::default(), most: file.bytes, full: false };
    let got = archive.get_stream(&name, &mut sink);
    if sink.full {
        return Err(StoreError::Full);
    }
    let bytes = got.map_err(|error| StoreError::Failed(error.to_string()))?;
    if bytes != file.bytes || sink.digester.finish() != file.digest {
        return Err(StoreError::Failed(format!("{name} is damaged: it is not what was put there")));
    }
    Ok(())
}

/// Hashes what is written, and takes no more than is due.
struct Checked<W> {
    sink: W,
    digester: Digester,
    most: u64,
    /// Whether there was no room for it.
    full: bool,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.digester.bytes() + bytes.len() as u64 > self.most {
            return Err(io::Error::other("an object is longer than it was"));
        }
        self.sink.write_all(bytes).inspect_err(|error| {
            self.full |= matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        })?;
        self.digester.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
