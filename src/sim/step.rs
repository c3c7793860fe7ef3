//! One step of the world: a little time passes and one thing happens.

use super::invariant::Breach;
use super::world::World;
use crate::base::position::{Partition, TopicPartition};
use crate::log::AppendError;
use crate::log::memory::{Landing, Waiting};

impl World {
    /// One step; with `quiet`, nothing new is sent.
    pub(super) fn step(&mut self, quiet: bool) -> Result<(), Breach> {
        self.report.steps += 1;
        let (least, most) = (self.profile.step_ms / 4, self.profile.step_ms);
        let ms = self.chance.between(least, most);
        self.time.pass(ms);
        if self.chance.one_in(3_000) {
            // Long enough for windows to empty, rarely for idempotency to end.
            let pause = *self.chance.pick(&[60_000, 3_600_000, 90_000_000]).unwrap_or(&60_000);
            self.time.pass(pause);
        }
        match self.chance.weighted(&[if quiet { 0 } else { 6 }, 22, 40, 8, 30, 3]) {
            0 => self.produce(),
            1 => self.land(),
            2 => self.turn_one()?,
            3 => self.write_one(),
            4 => self.work_one()?,
            _ => self.tend()?,
        }
        self.befall()?;
        self.observe()
    }

    /// Ends the oldest of some waiting appends, well or not.
    fn land(&mut self) {
        let waiting = self.log.waiting();
        let Some(Waiting { producer, to, .. }) = self.chance.pick(&waiting).copied() else { return };
        let faults = self.profile.faults.clone();
        let alive = self.is_alive(producer);
        let chance = &mut self.chance;
        let (how, fault) = if chance.in_1000(faults.landing_copied) {
            (Landing::Copied, "copied")
        } else if chance.in_1000(faults.landing_fails) {
            let error = if chance.one_in(2) { AppendError::Busy } else { AppendError::Full };
            (Landing::Failed(error), "append failed")
        } else if chance.in_1000(faults.landing_lost) {
            (Landing::AckLost, "acknowledgement lost")
        } else if chance.in_1000(if alive { faults.landing_torn / 8 } else { faults.landing_torn * 4 }) {
            (Landing::Torn(chance.size(1, 2)), "batch torn")
        } else if !alive && chance.one_in(3) {
            (Landing::Dropped, "batch lost")
        } else {
            (Landing::Acked, "")
        };
        let torn = matches!(how, Landing::Torn(_));
        self.log.land(producer, to, how);
        if !fault.is_empty() {
            self.count(fault);
        }
        if torn && !alive {
            // What the producer sent behind it is gone as well, or a gap follows.
            if self.chance.one_in(2) {
                self.log.drop_waiting(producer, Some(to));
            }
        } else if !alive {
            self.count("late landing");
        }
    }

    pub(super) fn owners(&self) -> Vec<(usize, Partition)> {
        let nodes = self.nodes.iter().enumerate();
        let owners = nodes.filter_map(|(index, node)| Some((index, node.process.as_ref()?)));
        owners.flat_map(|(index, process)| process.owners.keys().map(move |of| (index, *of))).collect()
    }

    fn turn_one(&mut self) -> Result<(), Breach> {
        let owners = self.owners();
        let Some((node, partition)) = self.chance.pick(&owners).copied() else { return Ok(()) };
        for _ in 0..self.chance.between(1, 4) {
            self.turn(node, partition)?;
        }
        Ok(())
    }

    /// Writes a checkpoint that waits; some fail, before or after they took effect.
    fn write_one(&mut self) {
        let owners = self.owners();
        for (node, partition) in owners {
            let fails = self.chance.in_1000(self.profile.faults.commit);
            let later = self.chance.one_in(3);
            let Some(worker) = self.nodes.get_mut(node) else { continue };
            let folder = worker.folders.folder(partition);
            let Some(owned) = worker.owned(partition).filter(|owned| owned.has_checkpoint() && !later) else {
                continue;
            };
            if fails {
                use crate::store::memory::CommitFault;
                let all = [CommitFault::FailBefore, CommitFault::FailAfter, CommitFault::Full];
                let fault = self.chance.pick(&all).copied().unwrap_or(CommitFault::Full);
                folder.fail_commit(fault);
                owned.write();
                self.count("checkpoint torn");
            } else {
                owned.write();
            }
        }
    }

    /// What an operator and the group see to: processes run, partitions have owners.
    pub(super) fn tend(&mut self) -> Result<(), Breach> {
        for node in 0..self.nodes.len() {
            if self.chance.one_in(3) {
                self.start(node)?;
            }
        }
        for (partition, node) in self.assigned.clone() {
            let Some(worker) = self.nodes.get(node).filter(|worker| worker.process.is_some()) else {
                continue;
            };
            if !worker.owns(partition) {
                self.take(node, partition);
            }
        }
        Ok(())
    }

    /// Lets a worker take a partition.
    pub(super) fn take(&mut self, node: usize, partition: Partition) {
        self.furnish(node, partition);
        let serial = self.serial();
        if let Some(worker) = self.nodes.get_mut(node) {
            worker.own(partition, serial);
        }
    }

    /// Sees to it that a worker can begin with a partition: where the log no longer holds what its folder
    /// needs, it gets a copy of a better one; sometimes it gets one anyway.
    pub(super) fn furnish(&mut self, node: usize, partition: Partition) {
        let trimmed = self.trimmed.get(&partition).copied();
        let stands =
            |world: &Self, node: usize| world.nodes.get(node).and_then(|worker| worker.checkpoint(partition));
        let usable =
            trimmed.is_none() || stands(self, node) >= trimmed || self.whole_snapshot(partition, None);
        let copies = self.chance.in_1000(self.profile.faults.copy_folder * 5);
        // An operator who does not know lets it fail first.
        if (usable && !copies) || (!usable && self.chance.one_in(4)) {
            return;
        }
        let from = (0..self.nodes.len()).filter(|other| trimmed.is_none() || stands(self, *other) >= trimmed);
        let from: Vec<usize> = from.collect();
        let Some(from) = self.chance.pick(&from).copied().filter(|from| *from != node) else { return };
        let folder = self.nodes.get(from).map(|worker| worker.folders.folder(partition));
        let Some(copy) = folder.filter(|folder| !folder.is_damaged()).map(|folder| folder.copy()) else {
            return;
        };
        if let Some(worker) = self.nodes.get(node) {
            worker.folders.put(partition, copy);
        }
        self.count("folder copied");
    }

    /// Where the requests of a partition are.
    pub(super) fn requests(partition: Partition) -> TopicPartition {
        TopicPartition::new(crate::base::position::Topic::Requests, partition)
    }
}
