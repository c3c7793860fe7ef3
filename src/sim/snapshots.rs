//! What befalls archive and folders, what must hold of snapshots, and what the log may lose for their sake.
//!
//! The simulation takes away much, never all: a partition whose every state is gone with the log behind it
//! cannot come back, and nobody says it could.

use super::invariant::{Breach, Invariant, ensure};
use super::world::World;
use crate::archive::memory::Fault;
use crate::base::hash::{crc32, sha256};
use crate::base::position::{Offset, Partition};
use crate::store::memory::Folder;
use crate::wire::manifest::{FileEntry, Manifest, manifest_name, manifest_number, manifests_prefix};
use crate::worker::checkpoint::Meta;

impl World {
    /// A step of the jobs that some owner has waiting.
    pub(super) fn work_one(&mut self) -> Result<(), Breach> {
        let owners = self.owners();
        let Some((node, partition)) = self.chance.pick(&owners).copied() else { return Ok(()) };
        for _ in 0..self.chance.between(1, 6) {
            let Some(owned) = self.nodes.get_mut(node).and_then(|node| node.owned(partition)) else { break };
            if !owned.work()? {
                break;
            }
        }
        self.check_snapshots()
    }

    /// The next write of a process goes wrong, or one that went wrong before lands after all.
    pub(super) fn fail_archive(&mut self) {
        let late = self.archive.late();
        if late > 0 && self.chance.one_in(3) {
            self.count("archive write lands late");
            let index = self.chance.size(0, late - 1);
            self.archive.land_late(index);
            return;
        }
        let Some((_, producer)) = self.any_process() else { return };
        let faults = [
            (Fault::Lost, "archive write lost"),
            (Fault::Unheard, "archive write unheard"),
            (Fault::Late, "archive write late"),
            (Fault::Garbled, "archive write garbled"),
        ];
        let Some((fault, name)) = self.chance.pick(&faults).copied() else { return };
        self.count(name);
        self.archive.fail_next(producer.0, fault);
    }

    pub(super) fn cut_off_archive(&mut self) {
        let Some((_, producer)) = self.any_process() else { return };
        self.count("archive cut off");
        self.archive.cut_off(producer.0, true);
    }

    /// An object or a manifest is lost, or decays where it lies.
    pub(super) fn rot(&mut self) {
        let partition = self.any_partition();
        let below = format!("snapshots/{partition}/");
        let names = self.archive.objects().into_iter().map(|object| object.name);
        let names: Vec<String> = names.filter(|name| name.starts_with(&below)).collect();
        let Some(name) = self.chance.pick(&names).cloned() else { return };
        let trimmed = self.trimmed.get(&partition).copied();
        if !self.recoverable(partition, trimmed, Some(&name), None) {
            return;
        }
        self.count("object rots");
        self.rotten.insert(name.clone());
        if self.chance.one_in(3) {
            self.archive.lose(&name);
        } else {
            let cut = self.chance.one_in(2);
            self.archive.damage(&name, cut);
        }
    }

    /// A folder is damaged, or lost with its machine's disk.
    pub(super) fn harm_folder(&mut self) {
        let (node, partition) = (self.any_node(), self.any_partition());
        let trimmed = self.trimmed.get(&partition).copied();
        let Some(folder) = self.nodes.get(node).map(|node| node.folders.folder(partition)) else { return };
        if !self.recoverable(partition, trimmed, None, Some(node)) {
            return;
        }
        if !folder.is_open() && self.chance.one_in(2) {
            self.count("folder lost");
            if let Some(node) = self.nodes.get(node) {
                node.folders.put(partition, Folder::default());
            }
        } else {
            self.count("folder damaged");
            folder.damage();
        }
    }

    /// The front of the requests goes, as far as the owner says that it is not needed.
    pub(super) fn trim(&mut self) -> Result<(), Breach> {
        let partition = self.any_partition();
        let Some(node) = self.assigned.get(&partition).copied() else { return Ok(()) };
        let owned = self.nodes.get_mut(node).and_then(|node| node.owned(partition));
        let Some(keep) = owned.and_then(|owned| owned.status.keep()) else { return Ok(()) };
        let most = keep.requests.0;
        let numbers = self.in_force.range((partition, 0)..=(partition, u64::MAX)).map(|(_, number)| *number);
        let held = numbers.filter_map(|number| self.manifest(partition, number));
        let held = held.filter(|manifest| manifest.position.0 >= most).count();
        let rotten = self.rotten.iter().any(|name| name.starts_with(&manifests_prefix(partition)));
        ensure(held >= 2 || rotten, Invariant::SnapshotKeep, || {
            format!("partition {partition}: the log is needed from {most}, but {held} snapshots are of there")
        })?;
        let to = self.chance.between(most / 2, most);
        let before = self.trimmed.get(&partition).copied().unwrap_or(0);
        if to <= before || !self.recoverable(partition, Some(to), None, None) {
            return Ok(());
        }
        self.count("log trimmed");
        self.trimmed.insert(partition, to);
        self.log.trim(Self::requests(partition), Offset(to));
        Ok(())
    }

    fn manifest(&self, partition: Partition, number: u64) -> Option<Manifest> {
        Manifest::read(&self.archive.content(&manifest_name(partition, number))?).ok()
    }

    fn is_there(&self, partition: Partition, file: &FileEntry) -> bool {
        self.archive.content(&file.object(partition)).is_some_and(|content| sha256(&content) == file.digest)
    }

    /// Whether a partition still has something to begin from when the log is trimmed to `trimmed`, `object`
    /// is gone, and the folder of `node`.
    fn recoverable(
        &self,
        partition: Partition,
        trimmed: Option<u64>,
        object: Option<&str>,
        node: Option<usize>,
    ) -> bool {
        let Some(trimmed) = trimmed else { return true };
        let others = self.nodes.iter().enumerate().filter(|(index, _)| Some(*index) != node);
        let mut stands = others.filter_map(|(_, node)| node.checkpoint(partition));
        stands.any(|stands| stands >= trimmed) || self.whole(partition, trimmed, object)
    }

    /// Whether a snapshot in the archive would do, without one object.
    pub(super) fn whole_snapshot(&self, partition: Partition, object: Option<&str>) -> bool {
        self.whole(partition, self.trimmed.get(&partition).copied().unwrap_or(0), object)
    }

    fn whole(&self, partition: Partition, trimmed: u64, without: Option<&str>) -> bool {
        let numbers = self.in_force.range((partition, 0)..=(partition, u64::MAX)).map(|(_, number)| *number);
        numbers.rev().any(|number| {
            let named = |name: String| without != Some(name.as_str());
            let manifest =
                self.manifest(partition, number).filter(|_| named(manifest_name(partition, number)));
            manifest.is_some_and(|manifest| {
                manifest.position.0 >= trimmed
                    && manifest
                        .files
                        .iter()
                        .all(|file| named(file.object(partition)) && self.is_there(partition, file))
            })
        })
    }

    /// A worker that can begin with a partition by itself; any of them, if it can be.
    pub(super) fn able(&mut self, partition: Partition) -> usize {
        let trimmed = self.trimmed.get(&partition).copied();
        let archive = trimmed.is_none() || self.whole_snapshot(partition, None);
        let stands = |node: &super::node::Node| node.checkpoint(partition);
        let able = self.nodes.iter().enumerate().filter(|(_, node)| archive || stands(node) >= trimmed);
        let able: Vec<usize> = able.map(|(index, _)| index).collect();
        self.chance.pick(&able).copied().unwrap_or(0)
    }

    /// Takes in manifests that came into force, and holds the newest ones to what they say.
    pub(super) fn check_snapshots(&mut self) -> Result<(), Breach> {
        let objects = self.archive.objects();
        for partition in self.partitions() {
            let numbers = objects.iter().filter_map(|object| manifest_number(partition, &object.name));
            let numbers: Vec<u64> = numbers.collect();
            let known = self.in_force.range((partition, 0)..=(partition, u64::MAX)).next_back();
            let known = known.map_or(0, |(_, number)| *number);
            // One that was late by so much that its number has been free again is out of everyone's sight.
            for number in numbers.iter().copied().filter(|number| *number > known) {
                self.in_force.insert((partition, number));
                self.mix(format!("snapshot {partition} {number}").as_bytes());
            }
            for number in numbers.iter().rev().take(2) {
                self.check_snapshot(partition, *number)?;
            }
        }
        Ok(())
    }

    fn check_snapshot(&self, partition: Partition, number: u64) -> Result<(), Breach> {
        let name = manifest_name(partition, number);
        if self.rotten.contains(&name) || !self.in_force.contains(&(partition, number)) {
            return Ok(());
        }
        let breach = |what: String| Breach::of(Invariant::SnapshotWhole, format!("{name}: {what}"));
        let manifest = self.manifest(partition, number);
        let manifest = manifest.ok_or_else(|| breach("cannot be read".to_owned()))?;
        let lost = manifest
            .files
            .iter()
            .find(|file| !self.is_there(partition, file) && !self.rotten.contains(&file.object(partition)));
        if let Some(file) = lost {
            return Err(breach(format!("{} is not there, or another", file.object(partition))));
        }
        let applied = Meta::decode(&manifest.checkpoint).ok().and_then(|meta| meta.core.applied);
        let records = self.history.records(Self::requests(partition));
        let stands = applied.is_some_and(|applied| {
            let at = records.binary_search_by_key(&applied.offset, |record| record.offset);
            let record = at.ok().and_then(|at| records.get(at));
            record.is_some_and(|record| crc32(&[&record.content]) == applied.checksum)
        });
        if stands { Ok(()) } else { Err(breach("stands on no record of the log".to_owned())) }
    }
}
