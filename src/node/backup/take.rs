//! Taking a backup: snapshots, then the log as it stands, then the key, and last what makes it a backup.

use super::{Copied, Hashed, Tell, failed, of_archive};
use crate::archive::{Archive, ArchiveError, Put};
use crate::base::clock::Clock;
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::Log;
use crate::log::embedded::{EmbeddedLog, Still};
use crate::node::data::Data;
use crate::node::installation::InstallationKey;
use crate::node::serve::{Failure, version};
use crate::wire::backup::{self, Backup, BackupFile};
use crate::wire::manifest::{Manifest, manifest_number, manifests_prefix};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, sink};
use std::path::PathBuf;

/// What is backed up.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The data folder.
    pub(super) data: &'a Data,
    /// The installation's key.
    pub(super) key: &'a InstallationKey,
    /// The log.
    pub(super) log: &'a EmbeddedLog,
    /// Where the snapshots are.
    pub(super) archive: &'a dyn Archive,
    /// Tells when it was taken.
    pub(super) clock: &'a dyn Clock,
}

/// Copies an installation to `to`, whatever goes on in it, and reads every byte of the copy back.
///
/// # Errors
/// There is something in the place already, the installation cannot be recovered from what would be copied, or
/// reading or writing failed. What was copied until then is no backup.
pub(super) fn take(source: &Source<'_>, to: &dyn Archive, tell: Tell<'_>) -> Result<Backup, Failure> {
    if !to.is_empty().map_err(|error| of_archive(&error))? {
        return Err(match to.get(backup::NAME, limits::BACKUP_BYTES) {
            Ok(_) => exists(),
            Err(_) => Failure::Input(
                "the place is not empty, and what is there is no backup, or one that was cut off: give another"
                    .to_owned(),
            ),
        });
    }
    let scratch = source.data.path().join("backup.part");
    let mut copy = Copy { to, scratch, files: BTreeMap::new(), tell };
    let mut snapshots = Vec::new();
    for partition in (0..source.log.partitions()).map(Partition) {
        snapshots.push((partition, copy.snapshot(source.archive, partition)?));
    }
    let still = source.log.still().map_err(|error| Failure::Failed(error.to_string()))?;
    let taken_at = source.clock.now();
    for (partition, position) in snapshots {
        recoverable(&still, partition, position)?;
    }
    for file in still.files() {
        copy.put(&format!("{}{}", backup::LOG, file.name()), &mut file.reader())?;
    }
    let secrets =
        [(backup::KEY, source.data.installation_key()), (backup::BOOTSTRAP, source.data.bootstrap())];
    for (name, path) in secrets {
        match File::open(&path) {
            Ok(mut file) => drop(copy.put(name, &mut file)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, &error)),
        }
    }
    // A key that was given by configuration is in no file.
    if !copy.files.contains_key(backup::KEY) {
        copy.put(backup::KEY, &mut source.key.line().as_bytes())?;
    }
    let taken = Backup {
        installation: source.key.id(),
        taken_at,
        program: version().to_owned(),
        partitions: source.log.partitions(),
        ends: still.bounds().iter().map(|(of, bounds)| (*of, bounds.end)).collect(),
        files: copy.files.into_values().collect(),
    };
    match to.put_if_absent(backup::NAME, taken.write().into()) {
        Ok(Put::Created) => Ok(taken),
        Ok(Put::Exists) => Err(exists()),
        Err(error) => Err(of_archive(&error)),
    }
}

fn exists() -> Failure {
    Failure::Input("there is a backup already: give another place".to_owned())
}

/// Whether a partition can be had again: from a snapshot that the log goes on from, or from its beginning.
fn recoverable(still: &Still, partition: Partition, snapshot: Option<Offset>) -> Result<(), Failure> {
    let requests = TopicPartition::new(Topic::Requests, partition);
    let bounds = still.bounds().iter().find(|(of, _)| *of == requests).map(|(_, bounds)| *bounds);
    let Some(bounds) = bounds else { return Ok(()) };
    if bounds.start == Offset(0) || snapshot.is_some_and(|position| position >= bounds.start) {
        return Ok(());
    }
    let what = match snapshot {
        Some(position) => format!("its newest good snapshot stands at {position}"),
        None => "it has no good snapshot".to_owned(),
    };
    Err(Failure::Failed(format!(
        "partition {partition} could not be restored: the log begins at {} and {what}",
        bounds.start
    )))
}

/// A backup while it is made.
struct Copy<'a> {
    to: &'a dyn Archive,
    scratch: PathBuf,
    files: BTreeMap<String, BackupFile>,
    tell: Tell<'a>,
}

impl Copy<'_> {
    /// Copies one file and reads the copy back.
    fn put(&mut self, name: &str, source: &mut dyn Read) -> Result<BackupFile, Failure> {
        let mut source = Hashed::new(source);
        self.to.put_stream(name, &mut source).map_err(|error| of_archive(&error))?;
        let (bytes, digest) = source.finish();
        let mut back = Hashed::new(sink());
        self.to.get_stream(name, &mut back).map_err(|error| of_archive(&error))?;
        if back.finish() != (bytes, digest) {
            return Err(Failure::Failed(format!("{name}: the copy is not what was copied")));
        }
        let file = BackupFile { name: name.to_owned(), bytes, digest };
        self.files.insert(name.to_owned(), file.clone());
        let bytes = self.files.values().map(|file| file.bytes).sum();
        (self.tell)(&Copied { name: name.to_owned(), files: self.files.len() as u64, bytes });
        Ok(file)
    }

    /// Copies the newest snapshot of a partition that is good, and tells its position.
    fn snapshot(&mut self, archive: &dyn Archive, partition: Partition) -> Result<Option<Offset>, Failure> {
        let listed = archive.list(&manifests_prefix(partition)).map_err(|error| of_archive(&error))?;
        let mut numbered: Vec<(u64, String)> = listed
            .into_iter()
            .filter_map(|object| Some((manifest_number(partition, &object.name)?, object.name)))
            .collect();
        numbered.sort_unstable();
        for (_, name) in numbered.into_iter().rev() {
            match self.snapshot_of(archive, partition, &name)? {
                Ok(position) => return Ok(Some(position)),
                Err(why) => tracing::warn!(snapshot = name, why, "left out of the backup"),
            }
        }
        Ok(None)
    }

    /// Copies the snapshot of a manifest; or tells why it is not good.
    fn snapshot_of(
        &mut self,
        archive: &dyn Archive,
        partition: Partition,
        name: &str,
    ) -> Result<Result<Offset, String>, Failure> {
        let bytes = match archive.get(name, limits::MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            Err(error @ (ArchiveError::Missing(_) | ArchiveError::TooLarge { .. })) => {
                return Ok(Err(error.to_string()));
            }
            Err(error) => return Err(of_archive(&error)),
        };
        let manifest = match Manifest::read(&bytes) {
            Ok(manifest) if manifest.partition == partition => manifest,
            Ok(_) => return Ok(Err("it is of another partition".to_owned())),
            Err(error) => return Ok(Err(error.to_string())),
        };
        for entry in &manifest.files {
            let object = entry.object(partition);
            let copied = format!("{}{object}", backup::ARCHIVE);
            if self.files.contains_key(&copied) {
                continue;
            }
            let mut part = match self.fetch(archive, &object)? {
                Ok((part, found)) if found == (entry.bytes, entry.digest) => part,
                Ok(_) => return Ok(Err(format!("{object} is not what its name says"))),
                Err(why) => return Ok(Err(why)),
            };
            part.rewind().map_err(|error| failed(&self.scratch, &error))?;
            self.put(&copied, &mut part)?;
        }
        self.put(&format!("{}{name}", backup::ARCHIVE), &mut &*bytes)?;
        Ok(Ok(manifest.position))
    }

    /// Brings an object into a file of the data folder, whose name is gone at once.
    #[expect(
        clippy::type_complexity,
        reason = "a file with what it holds, or why it is not to be had, or a failure"
    )]
    fn fetch(
        &self,
        archive: &dyn Archive,
        object: &str,
    ) -> Result<Result<(File, (u64, crate::base::hash::Digest256)), String>, Failure> {
        let path = &self.scratch;
        let file = File::options().create(true).truncate(true).read(true).write(true).open(path);
        let file = file.map_err(|error| failed(path, &error))?;
        std::fs::remove_file(path).map_err(|error| failed(path, &error))?;
        let mut part = Hashed::new(file);
        match archive.get_stream(object, &mut part) {
            Ok(_) => {
                let found = (part.digester.bytes(), part.digester.clone().finish());
                Ok(Ok((part.inner, found)))
            }
            Err(error @ ArchiveError::Missing(_)) => Ok(Err(error.to_string())),
            Err(error) => Err(of_archive(&error)),
        }
    }
}
