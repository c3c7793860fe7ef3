//! What a snapshot is, as an object of the archive: which files make up a partition's state, which objects
//! hold them, and where in the log they stand. And what those objects are called:
//!
//! ```text
//! snapshots/<partition>/objects/<epoch>-<sha256>            the content of a file
//! snapshots/<partition>/manifests/<number, 20 digits>.json  a manifest, which puts its snapshot in force
//! ```
//!
//! A manifest has one spelling: members in the order below, no space, and last a SHA-256 over everything
//! before it. Whatever is not spelled so was not written by this program, or is damaged.

use crate::base::hash::{Digest256, sha256};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic};
use crate::base::time::Ms;
use crate::wire::internal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version written.
const VERSION: u32 = 1;

/// A snapshot's manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Digest of the genesis record of the partition's log: tells whose snapshot it is.
    pub genesis: Digest256,
    /// The partition.
    pub partition: Partition,
    /// Its number; that of the newest is the greatest.
    pub number: u64,
    /// The epoch of the owner who took it.
    pub epoch: Offset,
    /// The last record of the requests topic that is in the state.
    pub position: Offset,
    /// Per output topic, in the order of [`Topic::OUTPUTS`], where the last output stands that was known
    /// to be in the log; none before the first.
    pub outputs: [Option<Offset>; 3],
    /// The engine version in force.
    pub engine: u32,
    /// When it was taken, by the owner's clock.
    pub taken_at: Ms,
    /// The store's checkpoint.
    pub checkpoint: Vec<u8>,
    /// The files, by name.
    pub files: Vec<FileEntry>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content.
    pub digest: Digest256,
    /// The epoch in the name of the object that holds it: that of the owner who put it there.
    pub epoch: Offset,
}

impl FileEntry {
    /// The object that holds it, for a snapshot of `partition`.
    #[must_use]
    pub fn object(&self, partition: Partition) -> String {
        object_name(partition, self.epoch, &self.digest)
    }
}

/// Bytes that are no manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadManifest {
    /// A newer program wrote it.
    Version(u32),
    /// It is damaged, or no manifest.
    Damaged(String),
}

impl fmt::Display for BadManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadManifest::Version(version) => {
                write!(f, "it is of version {version}, which this program does not know")
            }
            BadManifest::Damaged(what) => write!(f, "it is damaged: {what}"),
        }
    }
}

impl std::error::Error for BadManifest {}

/// Where the objects of a partition's snapshots are.
#[must_use]
pub fn objects_prefix(partition: Partition) -> String {
    format!("snapshots/{partition}/objects")
}

/// Where the manifests of a partition's snapshots are.
#[must_use]
pub fn manifests_prefix(partition: Partition) -> String {
    format!("snapshots/{partition}/manifests")
}

/// The name of the object that an owner with this epoch puts content of this digest into.
#[must_use]
pub fn object_name(partition: Partition, epoch: Offset, digest: &Digest256) -> String {
    format!("{}/{epoch}-{digest}", objects_prefix(partition))
}

/// The epoch in an object's name; none if it is no object of a snapshot.
#[must_use]
pub fn object_epoch(partition: Partition, name: &str) -> Option<Offset> {
    let rest = name.strip_prefix(&objects_prefix(partition))?.strip_prefix('/')?;
    let (epoch, digest) = rest.split_once('-')?;
    let (epoch, digest) = (Offset(epoch.parse().ok()?), Digest256::from_hex(digest)?);
    (object_name(partition, epoch, &digest) == name).then_some(epoch)
}

/// The name of a manifest.
#[must_use]
pub fn manifest_name(partition: Partition, number: u64) -> String {
    format!("{}/{number:020}.json", manifests_prefix(partition))
}

/// The number in a manifest's name; none if it is no manifest's.
#[must_use]
pub fn manifest_number(partition: Partition, name: &str) -> Option<u64> {
    let rest = name.strip_prefix(&manifests_prefix(partition))?.strip_prefix('/')?;
    let number = rest.strip_suffix(".json")?.parse().ok()?;
    (manifest_name(partition, number) == name).then_some(number)
}

/// The members, in their order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    genesis: String,
    partition: u16,
    number: u64,
    epoch: u64,
    position: u64,
    outputs: Vec<OutputForm>,
    engine: u32,
    taken_at: String,
    checkpoint: String,
    files: Vec<FileForm>,
    checksum: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputForm {
    topic: String,
    at: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    name: String,
    bytes: u64,
    sha256: String,
    object: String,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Manifest {
    /// The stored text.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let outputs = Topic::OUTPUTS.into_iter().zip(self.outputs);
        let outputs =
            outputs.map(|(topic, at)| OutputForm { topic: topic.name().to_owned(), at: at.map(|at| at.0) });
        let files = self.files.iter().map(|file| FileForm {
            name: file.name.clone(),
            bytes: file.bytes,
            sha256: file.digest.to_string(),
            object: format!("{}-{}", file.epoch, file.digest),
        });
        let mut form = Form {
            version: VERSION,
            genesis: self.genesis.to_string(),
            partition: self.partition.0,
            number: self.number,
            epoch: self.epoch.0,
            position: self.position.0,
            outputs: outputs.collect(),
            engine: self.engine,
            taken_at: self.taken_at.to_string(),
            checkpoint: hex(&self.checkpoint),
            files: files.collect(),
            checksum: String::new(),
        };
        let text = internal::write(&form);
        // Over everything before the value of the checksum, which is the last thing.
        let before = text.strip_suffix(b"\"}").unwrap_or(&text);
        form.checksum = sha256(before).to_string();
        internal::write(&form)
    }

    /// Reads a stored text.
    ///
    /// # Errors
    /// It is no manifest, not spelled as [`Manifest::write`] spells it, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, BadManifest> {
        let damaged = |what: &str| BadManifest::Damaged(what.to_owned());
        if bytes.len() as u64 > limits::MANIFEST_BYTES {
            return Err(damaged("it is longer than any"));
        }
        let version = serde_json::from_slice::<Versioned>(bytes).map(|form| form.version);
        match version {
            Ok(VERSION) => {}
            Ok(version) => return Err(BadManifest::Version(version)),
            Err(error) => return Err(BadManifest::Damaged(error.to_string())),
        }
        let form = serde_json::from_slice::<Form>(bytes);
        let form = form.map_err(|error| BadManifest::Damaged(error.to_string()))?;
        let manifest = form.typed().ok_or_else(|| damaged("a member is not what it must be"))?;
        if manifest.write() != bytes {
            return Err(damaged("its checksum is another, or its spelling"));
        }
        Ok(manifest)
    }

    /// Bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }
}

impl Form {
    fn typed(self) -> Option<Manifest> {
        let mut outputs = [None; 3];
        if self.outputs.len() != outputs.len() || self.files.len() > limits::MANIFEST_FILES {
            return None;
        }
        for ((to, topic), form) in outputs.iter_mut().zip(Topic::OUTPUTS).zip(&self.outputs) {
            *to = form.at.map(Offset);
            (form.topic == topic.name()).then_some(())?;
        }
        let epoch = Offset(self.epoch);
        let files: Option<Vec<FileEntry>> = self.files.into_iter().map(|file| file.typed(epoch)).collect();
        let files = files?;
        let ordered = files.iter().zip(files.iter().skip(1)).all(|(one, next)| one.name < next.name);
        ordered.then_some(())?;
        Some(Manifest {
            genesis: Digest256::from_hex(&self.genesis)?,
            partition: Partition(self.partition),
            number: self.number,
            epoch,
            position: Offset(self.position),
            outputs,
            engine: self.engine,
            taken_at: Ms::parse_rfc3339(&self.taken_at)?,
            checkpoint: unhex(&self.checkpoint)?,
            files,
        })
    }
}

impl FileForm {
    /// An object is never of a later epoch than the manifest that names it.
    fn typed(self, latest: Offset) -> Option<FileEntry> {
        let digest = Digest256::from_hex(&self.sha256)?;
        let (epoch, name) = self.object.split_once('-')?;
        let epoch = Offset(epoch.parse().ok()?);
        let known = name == self.sha256 && epoch <= latest;
        known.then_some(FileEntry { name: self.name, bytes: self.bytes, digest, epoch })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written once by version 1; never changed.
    const SAMPLE: &str = include_str!("manifest.sample.json");

    fn sample() -> Manifest {
        let digest = sha256(b"sst");
        let file = |name: &str, epoch| FileEntry { name: name.to_owned(), bytes: 3, digest, epoch };
        Manifest {
            genesis: sha256(b"genesis"),
            partition: Partition(3),
            number: 12,
            epoch: Offset(40),
            position: Offset(977),
            outputs: [Some(Offset(950)), None, Some(Offset(0))],
            engine: 1,
            taken_at: Ms(1_780_000_000_123),
            checkpoint: vec![1, 0, 255],
            files: vec![file("000012.sst", Offset(7)), file("CURRENT", Offset(40))],
        }
    }

    #[test]
    fn the_sample_reads_as_it_did() {
        assert_eq!(Manifest::read(SAMPLE.trim_end().as_bytes()), Ok(sample()));
        assert_eq!(String::from_utf8(sample().write()).unwrap(), SAMPLE.trim_end());
    }

    #[test]
    fn no_byte_can_be_another() {
        let text = sample().write();
        for at in 0..text.len() {
            for flip in [1, 0x20] {
                let mut other = text.clone();
                other[at] ^= flip;
                assert!(Manifest::read(&other).is_err(), "byte {at}");
            }
            assert!(Manifest::read(&text[..at]).is_err(), "cut at {at}");
        }
        assert!(Manifest::read(&[&text[..], b" "].concat()).is_err());
    }

    #[test]
    fn what_is_well_spelled_and_wrong_is_refused() {
        let spoil = |change: fn(&mut Manifest)| {
            let mut manifest = sample();
            change(&mut manifest);
            Manifest::read(&manifest.write())
        };
        assert!(spoil(|manifest| manifest.files.reverse()).is_err(), "files out of order");
        assert!(spoil(|manifest| manifest.files[0].epoch = Offset(41)).is_err(), "an object of the future");
        assert!(spoil(|manifest| manifest.files.clear()).is_ok());
        let newer = SAMPLE.replace("\"version\":1", "\"version\":2");
        assert_eq!(Manifest::read(newer.trim_end().as_bytes()), Err(BadManifest::Version(2)));
    }

    #[test]
    fn names_are_read_back() {
        let (of, digest) = (Partition(3), sha256(b"x"));
        let name = object_name(of, Offset(40), &digest);
        assert_eq!(name, format!("snapshots/3/objects/40-{digest}"));
        assert_eq!(object_epoch(of, &name), Some(Offset(40)));
        assert_eq!(manifest_name(of, 12), "snapshots/3/manifests/00000000000000000012.json");
        assert_eq!(manifest_number(of, &manifest_name(of, 12)), Some(12));
        assert_eq!(manifest_number(of, &manifest_name(of, u64::MAX)), Some(u64::MAX));
        for other in
            ["snapshots/3/manifests/12.json", "snapshots/3/objects/+40-x", "snapshots/33/objects/40-x"]
        {
            assert_eq!((manifest_number(of, other), object_epoch(of, other)), (None, None), "{other}");
        }
        assert_eq!(object_epoch(of, &format!("snapshots/3/objects/040-{digest}")), None);
    }
}
