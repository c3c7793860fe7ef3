//! Restoring a backup into an empty data folder. A restored log goes on far behind its end: what was
//! appended after the backup was taken may have been seen, and no position may name two records.

use super::{Copied, Hashed, Tell, damaged, failed, of_archive};
use crate::archive::{Archive, ArchiveError, Put};
use crate::base::clock::Clock;
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::embedded::{EmbeddedLog, Options};
use crate::log::{AppendError, Contents};
use crate::node::data::{Data, write_secret};
use crate::node::serve::Failure;
use crate::wire::backup::{self, Backup, BackupFile};
use crate::wire::manifest::{Manifest, manifests_prefix};
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

/// How far behind its end a restored partition goes on: so much at least, and as much again for each such time
/// since the backup was taken. No partition takes 100,000 records a second.
const GAP: u64 = 1_000_000;
const GAP_MS: i64 = 10_000;

/// Where topic-partitions go on.
type Ends = Vec<(TopicPartition, Offset)>;

/// A restored installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What was restored.
    pub backup: Backup,
    /// Where each topic-partition goes on.
    pub next: Vec<(TopicPartition, Offset)>,
    /// What is damaged in the log, as it was in that which was backed up.
    pub damaged: Vec<String>,
}

/// Brings the backup in `from` into `data`, which must be empty or not there, and its snapshots into
/// `archive`. Every file is compared with what the backup says of it.
///
/// # Errors
/// It is no backup or damaged, there is something in `data` already, or reading or writing failed. What a
/// restore left that was cut off, no server starts on.
pub(super) fn restore(
    from: &dyn Archive,
    data: &Data,
    archive: &dyn Fn() -> Result<Box<dyn Archive>, Failure>,
    clock: &Arc<dyn Clock>,
    tell: Tell<'_>,
) -> Result<Restored, Failure> {
    let backup = read(from)?;
    let folder = data.path();
    refuse_unless_empty(data)?;
    data.create().map_err(|error| failed(folder, &error))?;
    let _lock = data.lock().map_err(|error| Failure::Input(error.to_string()))?;
    let marker = data.restoring();
    durable(&marker, b"").map_err(|error| failed(&marker, &error))?;
    let archive = archive()?;
    refuse_strangers(&*archive, &backup)?;

    let mut bring = Bring {
        from,
        data,
        archive: &*archive,
        copied: Copied { name: String::new(), files: 0, bytes: 0 },
        tell,
    };
    let (manifests, others): (Vec<_>, Vec<_>) = backup
        .files
        .iter()
        .partition(|file| file.name.starts_with(backup::ARCHIVE) && file.name.ends_with(".json"));
    // A manifest puts its snapshot in force, so it comes when all it names is there.
    for file in others.into_iter().chain(manifests.iter().copied()) {
        bring.file(file)?;
    }
    let floors = floors(&*archive, &manifests)?;
    let (next, damaged) = go_on(data, &backup, &floors, clock)?;
    fs::remove_file(&marker).map_err(|error| failed(&marker, &error))?;
    sync_folder(folder).map_err(|error| failed(folder, &error))?;
    Ok(Restored { backup, next, damaged })
}

fn read(from: &dyn Archive) -> Result<Backup, Failure> {
    let bytes = match from.get(backup::NAME, limits::BACKUP_BYTES) {
        Ok(bytes) => bytes,
        Err(ArchiveError::Missing(_)) => {
            let why = format!("there is no {}: this is no backup, or one that was cut off", backup::NAME);
            return Err(Failure::Input(why));
        }
        Err(error) => return Err(of_archive(&error)),
    };
    Backup::read(&bytes).map_err(|error| Failure::Input(format!("{}: {error}", backup::NAME)))
}

fn refuse_unless_empty(data: &Data) -> Result<(), Failure> {
    let folder = data.path();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| failed(folder, &error))?,
    };
    for entry in entries {
        let name = entry.map_err(|error| failed(folder, &error))?.file_name();
        if name != "lock" {
            let (folder, name) = (folder.display(), name.display());
            return Err(Failure::Input(if data.restoring().exists() {
                format!("{folder}: a restore into it was cut off; empty it and restore again")
            } else {
                format!("{folder} is not empty: there is {name}; restore into a new folder")
            }));
        }
    }
    Ok(())
}

/// Snapshots of a later state of the same partitions would be taken for the newest, and the log ends before
/// them.
fn refuse_strangers(archive: &dyn Archive, backup: &Backup) -> Result<(), Failure> {
    for partition in (0..backup.partitions).map(Partition) {
        let there = archive.list(&manifests_prefix(partition)).map_err(|error| of_archive(&error))?;
        let known = |name: &str| {
            backup.files.iter().any(|file| file.name.strip_prefix(backup::ARCHIVE) == Some(name))
        };
        if let Some(other) = there.iter().find(|object| !known(&object.name)) {
            let name = &other.name;
            let why = format!(
                "the archive has {name}, which is not of this backup: give the restored installation an archive of its own"
            );
            return Err(Failure::Input(why));
        }
    }
    Ok(())
}

/// What is brought from a backup.
struct Bring<'a> {
    from: &'a dyn Archive,
    data: &'a Data,
    archive: &'a dyn Archive,
    copied: Copied,
    tell: Tell<'a>,
}

impl Bring<'_> {
    fn file(&mut self, file: &BackupFile) -> Result<(), Failure> {
        let name = &file.name;
        if let Some(log) = name.strip_prefix(backup::LOG) {
            self.fetch(file, &self.data.log().join(log))?;
        } else if let Some(object) = name.strip_prefix(backup::ARCHIVE) {
            self.object(file, object)?;
        } else {
            let path = self.data.path().join(name);
            let content = self.from.get(name, file.bytes).map_err(|error| of_archive(&error))?;
            self.check(file, (content.len() as u64, crate::base::hash::sha256(&content)))?;
            write_secret(&path, &content).map_err(|error| failed(&path, &error))?;
        }
        self.copied = Copied {
            name: name.clone(),
            files: self.copied.files + 1,
            bytes: self.copied.bytes + file.bytes,
        };
        (self.tell)(&self.copied);
        Ok(())
    }

    /// Writes a file of the backup to a path, durably.
    fn fetch(&self, file: &BackupFile, to: &Path) -> Result<File, Failure> {
        let open = File::options().create_new(true).read(true).write(true).open(to);
        let mut sink = Hashed::new(open.map_err(|error| failed(to, &error))?);
        self.from.get_stream(&file.name, &mut sink).map_err(|error| of_archive(&error))?;
        let found = (sink.digester.bytes(), sink.digester.clone().finish());
        self.check(file, found)?;
        sink.inner.sync_all().map_err(|error| failed(to, &error))?;
        Ok(sink.inner)
    }

    fn check(&self, file: &BackupFile, found: (u64, crate::base::hash::Digest256)) -> Result<(), Failure> {
        if found == (file.bytes, file.digest) {
            return Ok(());
        }
        Err(Failure::Failed(format!("the backup is damaged: {} is not what was backed up", file.name)))
    }

    /// Puts an object into the archive. Objects are named by their content; of manifests, one that is there
    /// must be the same.
    fn object(&self, file: &BackupFile, object: &str) -> Result<(), Failure> {
        let part = self.data.path().join("restore.part");
        let mut content = self.fetch(file, &part)?;
        fs::remove_file(&part).map_err(|error| failed(&part, &error))?;
        content.rewind().map_err(|error| failed(&part, &error))?;
        if !object.ends_with(".json") {
            self.archive.put_stream(object, &mut content).map_err(|error| of_archive(&error))?;
            return Ok(());
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut content, &mut bytes).map_err(|error| failed(&part, &error))?;
        let put = self.archive.put_if_absent(object, bytes.clone().into());
        if put.map_err(|error| of_archive(&error))? == Put::Created {
            return Ok(());
        }
        let there = self.archive.get(object, limits::MANIFEST_BYTES).map_err(|error| of_archive(&error))?;
        if there == bytes {
            return Ok(());
        }
        Err(Failure::Input(format!(
            "the archive has another {object}: give the restored installation one of its own"
        )))
    }
}

/// The records that the restored snapshots stand on.
fn floors(
    archive: &dyn Archive,
    manifests: &[&BackupFile],
) -> Result<Vec<(TopicPartition, Offset)>, Failure> {
    let mut floors = Vec::new();
    for file in manifests {
        let name = file.name.strip_prefix(backup::ARCHIVE).unwrap_or(&file.name);
        let bytes = archive.get(name, limits::MANIFEST_BYTES).map_err(|error| of_archive(&error))?;
        let manifest = Manifest::read(&bytes).map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
        floors.push((TopicPartition::new(Topic::Requests, manifest.partition), manifest.position));
        let outputs = Topic::OUTPUTS.into_iter().zip(manifest.outputs);
        floors.extend(
            outputs.filter_map(|(topic, at)| Some((TopicPartition::new(topic, manifest.partition), at?))),
        );
    }
    Ok(floors)
}

/// Opens the restored log, checks that it holds what the backup says, and lets it go on behind a gap.
fn go_on(
    data: &Data,
    backup: &Backup,
    floors: &[(TopicPartition, Offset)],
    clock: &Arc<dyn Clock>,
) -> Result<(Ends, Vec<String>), Failure> {
    let options = Options { may_cut: false, ..Options::new(data.log(), backup.partitions) };
    let opened = EmbeddedLog::open(&options, Arc::clone(clock), floors);
    let (log, _) = opened.map_err(|error| Failure::Failed(format!("the restored log: {error}")))?;
    let mut next = Vec::new();
    let gap = gap(clock.now().since(backup.taken_at));
    let (told, done) = channel();
    for (of, least) in &backup.ends {
        let end = log.bounds(*of).map_err(|error| Failure::Failed(error.to_string()))?.end;
        if end < *least {
            return Err(Failure::Failed(format!(
                "the restored log ends at {end} of {of}, and not at {least}"
            )));
        }
        let to = Offset(end.0.saturating_add(gap));
        let told = told.clone();
        let tell = move |outcome: Result<_, AppendError>| drop(told.send(outcome.map(|_| ())));
        log.skip(*of, to, Box::new(tell)).map_err(|error| Failure::Failed(error.to_string()))?;
        next.push((*of, to));
    }
    drop(told);
    for outcome in done {
        outcome.map_err(|error| Failure::Failed(error.to_string()))?;
    }
    let damaged = damaged(&log);
    log.close();
    Ok((next, damaged))
}

/// Behind which nothing can have been appended in `since_ms`.
pub(super) fn gap(since_ms: i64) -> u64 {
    let times = u64::try_from(since_ms / GAP_MS).unwrap_or(0);
    times.saturating_add(1).saturating_mul(GAP)
}

fn durable(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
