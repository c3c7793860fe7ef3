//! What the archive holds of a partition's snapshots.

use super::{Mark, meta_of};
use crate::archive::{Archive, ArchiveError, Object};
use crate::base::hash::Digest256;
use crate::base::limits;
use crate::base::position::Partition;
use crate::base::time::Ms;
use crate::wire::manifest::{BadManifest, Manifest, manifest_number, manifests_prefix, objects_prefix};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Manifests that were read before; they never change.
pub(in crate::worker) type Cache = BTreeMap<u64, Arc<Manifest>>;

/// Manifests read at most. There are two and one a day, unless clocks or people did something.
pub(in crate::worker) const READ: usize = 1_024;

/// A manifest's place in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) struct Entry {
    /// When it was put.
    pub(in crate::worker) modified: Ms,
    pub(in crate::worker) found: Found,
}

/// What a manifest is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) enum Found {
    /// One of some log's partition.
    Manifest(Arc<Manifest>),
    /// Of a newer program.
    Newer(String),
    /// It cannot be read, and why.
    Damaged(String),
}

/// Manifests and objects of one partition.
#[derive(Debug, Clone, Default)]
pub(in crate::worker) struct Catalog {
    /// By number.
    pub(in crate::worker) entries: BTreeMap<u64, Entry>,
    /// By name.
    pub(in crate::worker) objects: BTreeMap<String, Object>,
    /// The greatest number there is, read or not.
    pub(in crate::worker) last: u64,
    /// How many older manifests were not read.
    pub(in crate::worker) unread: usize,
}

impl Catalog {
    /// Looks, and reads the `depth` newest manifests that are not in `cache`.
    pub(in crate::worker) fn look(
        archive: &dyn Archive,
        partition: Partition,
        depth: usize,
        cache: &mut Cache,
    ) -> Result<Self, ArchiveError> {
        // Objects first: whatever comes into force meanwhile names some that are not in the list, and never
        // the other way round.
        let objects = archive.list(&objects_prefix(partition))?;
        let listed = archive.list(&manifests_prefix(partition))?;
        let numbered =
            listed.iter().filter_map(|object| Some((manifest_number(partition, &object.name)?, object)));
        let mut numbered: Vec<(u64, &Object)> = numbered.collect();
        numbered.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        let mut catalog = Self {
            entries: BTreeMap::new(),
            objects: objects.into_iter().map(|object| (object.name.clone(), object)).collect(),
            last: numbered.first().map_or(0, |(number, _)| *number),
            unread: numbered.len().saturating_sub(depth.min(READ)),
        };
        for (number, object) in numbered.into_iter().take(depth.min(READ)) {
            let found = match cache.get(&number) {
                Some(manifest) => Found::Manifest(Arc::clone(manifest)),
                None => match read(archive, partition, number, &object.name)? {
                    Some(found) => found,
                    // Somebody removed it meanwhile.
                    None => continue,
                },
            };
            if let Found::Manifest(manifest) = &found {
                cache.insert(number, Arc::clone(manifest));
            }
            catalog.entries.insert(number, Entry { modified: object.modified, found });
        }
        cache.retain(|number, _| catalog.entries.contains_key(number));
        Ok(catalog)
    }

    /// Manifests of the log with this genesis, the newest first.
    pub(in crate::worker) fn own(&self, genesis: Digest256) -> impl Iterator<Item = &Arc<Manifest>> {
        self.entries.values().rev().filter_map(move |entry| match &entry.found {
            Found::Manifest(manifest) if manifest.genesis == genesis => Some(manifest),
            Found::Manifest(_) | Found::Newer(_) | Found::Damaged(_) => None,
        })
    }

    /// Whether all that a manifest names is there, by name and length.
    pub(in crate::worker) fn is_whole(&self, manifest: &Manifest) -> bool {
        manifest.files.iter().all(|file| {
            let object = self.objects.get(&file.object(manifest.partition));
            object.is_some_and(|object| object.bytes == file.bytes)
        })
    }

    /// The newest two whole snapshots of the log with this genesis, the newest first.
    pub(in crate::worker) fn newest(&self, genesis: Digest256) -> Vec<Mark> {
        let whole = self.own(genesis).filter(|manifest| self.is_whole(manifest));
        whole.take(2).map(|manifest| Mark::of(manifest)).collect()
    }
}

fn read(
    archive: &dyn Archive,
    partition: Partition,
    number: u64,
    name: &str,
) -> Result<Option<Found>, ArchiveError> {
    let bytes = match archive.get(name, limits::MANIFEST_BYTES) {
        Ok(bytes) => bytes,
        Err(ArchiveError::Missing(_)) => return Ok(None),
        Err(error @ ArchiveError::TooLarge { .. }) => return Ok(Some(Found::Damaged(error.to_string()))),
        Err(error) => return Err(error),
    };
    Ok(Some(match Manifest::read(&bytes) {
        Ok(manifest) => match meta_of(&manifest, partition, number) {
            Ok(_) => Found::Manifest(Arc::new(manifest)),
            Err(why) => Found::Damaged(why),
        },
        Err(newer @ BadManifest::Version(_)) => Found::Newer(newer.to_string()),
        Err(damaged @ BadManifest::Damaged(_)) => Found::Damaged(damaged.to_string()),
    }))
}
