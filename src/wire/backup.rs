//! What a backup says of itself: `backup.json`, which is written last and makes it one. Beside it lie the
//! files it names:
//!
//! ```text
//! installation.key, bootstrap.json     as in the data folder
//! log/log.meta, log/<segment>          the log up to a moment
//! archive/snapshots/…                  a snapshot of each partition that had one
//! ```
//!
//! It has one spelling: members in the order below, no space, and last a SHA-256 over everything before it.

use crate::base::hash::{Digest256, sha256};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::wire::internal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version written.
const VERSION: u32 = 1;

/// The name of the object that makes a backup one.
pub const NAME: &str = "backup.json";
/// The installation key's file.
pub const KEY: &str = "installation.key";
/// The bootstrap object's file.
pub const BOOTSTRAP: &str = "bootstrap.json";
/// Where the log's files are.
pub const LOG: &str = "log/";
/// Where objects of the archive are.
pub const ARCHIVE: &str = "archive/";

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The installation, a UUID.
    pub installation: String,
    /// When the log stood where this backup holds it.
    pub taken_at: Ms,
    /// The version of the program that took it.
    pub program: String,
    /// Partitions of every topic.
    pub partitions: u16,
    /// What each topic-partition held at least: behind its newest record.
    pub ends: Vec<(TopicPartition, Offset)>,
    /// The files, by name.
    pub files: Vec<BackupFile>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub digest: Digest256,
}

/// Bytes that are no backup's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadBackup {
    /// A newer program wrote it.
    Version(u32),
    /// It is damaged, or none.
    Damaged(String),
}

impl fmt::Display for BadBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadBackup::Version(version) => {
                write!(f, "it is of version {version}, which this program does not know")
            }
            BadBackup::Damaged(what) => write!(f, "it is damaged: {what}"),
        }
    }
}

impl std::error::Error for BadBackup {}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    installation: String,
    taken_at: String,
    program: String,
    partitions: u16,
    ends: Vec<EndForm>,
    files: Vec<FileForm>,
    checksum: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndForm {
    topic: String,
    partition: u16,
    end: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    name: String,
    bytes: u64,
    sha256: String,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Backup {
    /// The stored text.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let ends = self.ends.iter().map(|(of, end)| EndForm {
            topic: of.topic.name().to_owned(),
            partition: of.partition.0,
            end: end.0,
        });
        let files = self.files.iter().map(|file| FileForm {
            name: file.name.clone(),
            bytes: file.bytes,
            sha256: file.digest.to_string(),
        });
        let mut form = Form {
            version: VERSION,
            installation: self.installation.clone(),
            taken_at: self.taken_at.to_string(),
            program: self.program.clone(),
            partitions: self.partitions,
            ends: ends.collect(),
            files: files.collect(),
            checksum: String::new(),
        };
        let text = internal::write(&form);
        // Over everything before the value of the checksum, which is the last thing.
        form.checksum = sha256(text.strip_suffix(b"\"}").unwrap_or(&text)).to_string();
        internal::write(&form)
    }

    /// Reads a stored text.
    ///
    /// # Errors
    /// It is none, not spelled as [`Backup::write`] spells it, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, BadBackup> {
        let damaged = |what: &dyn fmt::Display| BadBackup::Damaged(what.to_string());
        if bytes.len() as u64 > limits::BACKUP_BYTES {
            return Err(damaged(&"it is longer than any"));
        }
        match serde_json::from_slice::<Versioned>(bytes) {
            Ok(Versioned { version: VERSION }) => {}
            Ok(Versioned { version }) => return Err(BadBackup::Version(version)),
            Err(error) => return Err(damaged(&error)),
        }
        let form = serde_json::from_slice::<Form>(bytes).map_err(|error| damaged(&error))?;
        let backup = form.typed().ok_or_else(|| damaged(&"a member is not what it must be"))?;
        if backup.write() != bytes {
            return Err(damaged(&"its checksum is another, or its spelling"));
        }
        Ok(backup)
    }

    /// Bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }
}

impl Form {
    fn typed(self) -> Option<Backup> {
        let mut ends = Vec::with_capacity(self.ends.len());
        for form in &self.ends {
            let topic = Topic::ALL.into_iter().find(|topic| topic.name() == form.topic)?;
            ends.push((TopicPartition::new(topic, Partition(form.partition)), Offset(form.end)));
        }
        let mut files = Vec::with_capacity(self.files.len());
        for form in self.files {
            let digest = Digest256::from_hex(&form.sha256)?;
            is_place(&form.name).then_some(())?;
            files.push(BackupFile { name: form.name, bytes: form.bytes, digest });
        }
        files.iter().zip(files.iter().skip(1)).all(|(one, next)| one.name < next.name).then_some(())?;
        Some(Backup {
            installation: self.installation,
            taken_at: Ms::parse_rfc3339(&self.taken_at)?,
            program: self.program,
            partitions: self.partitions,
            ends,
            files,
        })
    }
}

/// Whether a file of a backup may be called so: it leads to where files of its kind go, and nowhere else.
fn is_place(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_segment =
        |segment: &str| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain);
    match (name.strip_prefix(LOG), name.strip_prefix(ARCHIVE)) {
        (Some(rest), _) => is_segment(rest),
        (_, Some(rest)) => rest.split('/').all(is_segment),
        (None, None) => name == KEY || name == BOOTSTRAP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written once by version 1; never changed.
    const SAMPLE: &str = include_str!("backup.sample.json");

    fn sample() -> Backup {
        let file = |name: &str| BackupFile { name: name.to_owned(), bytes: 3, digest: sha256(b"abc") };
        Backup {
            installation: "00000000-0000-4000-8000-000000000001".to_owned(),
            taken_at: Ms(1_780_000_000_123),
            program: "1.3.0".to_owned(),
            partitions: 2,
            ends: vec![
                (TopicPartition::new(Topic::Requests, Partition(0)), Offset(977)),
                (TopicPartition::new(Topic::DeadLetters, Partition(1)), Offset(0)),
            ],
            files: vec![
                file("archive/snapshots/0/manifests/00000000000000000001.json"),
                file("installation.key"),
                file("log/log.meta"),
            ],
        }
    }

    #[test]
    fn the_sample_reads_as_it_did() {
        assert_eq!(Backup::read(SAMPLE.trim_end().as_bytes()), Ok(sample()));
        assert_eq!(String::from_utf8(sample().write()).unwrap(), SAMPLE.trim_end());
    }

    #[test]
    fn no_byte_can_be_another() {
        let text = sample().write();
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            assert!(Backup::read(&other).is_err(), "byte {at}");
            assert!(Backup::read(&text[..at]).is_err(), "cut at {at}");
        }
        let newer = SAMPLE.replace("\"version\":1", "\"version\":2");
        assert_eq!(Backup::read(newer.trim_end().as_bytes()), Err(BadBackup::Version(2)));
    }

    #[test]
    fn a_file_has_its_place() {
        for wrong in [
            "../x",
            "/etc/passwd",
            "log/../x",
            "log/a/b",
            "log/",
            "archive/a/../b",
            "archive//x",
            "state/0",
            "log/.x",
        ] {
            let mut backup = sample();
            backup.files = vec![BackupFile { name: wrong.to_owned(), bytes: 0, digest: sha256(b"") }];
            assert!(Backup::read(&backup.write()).is_err(), "{wrong}");
        }
        let mut backup = sample();
        backup.files.reverse();
        assert!(Backup::read(&backup.write()).is_err(), "files out of order");
    }
}
