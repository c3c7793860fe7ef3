//! What befalls the world beside the fates of appends and checkpoints.

use super::invariant::Breach;
use super::traffic::commands;
use super::world::World;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::log::memory::{Landing, Producer, Waiting};
use crate::log::{AppendError, LogError};
use crate::store::StoreError;
use crate::store::memory::Folder;

impl World {
    /// Perhaps something befalls the world.
    pub(super) fn befall(&mut self) -> Result<(), Breach> {
        let faults = self.profile.faults.clone();
        let rates = [
            faults.crash,
            faults.reassign,
            faults.refuse_appends,
            faults.refuse_reads,
            faults.store_reads,
            faults.clock,
            faults.gap,
            faults.trim,
            faults.land_copy,
            faults.engine,
            faults.announce,
            faults.archive_writes,
            faults.archive_cut,
            faults.rot,
            faults.folder,
            faults.sift,
            faults.disk,
            60,
        ];
        let total: u64 = rates.iter().sum();
        if self.chance.below(10_000) >= total {
            return Ok(());
        }
        match self.chance.weighted(&rates) {
            0 => self.crash(),
            1 => self.reassign(),
            2 => self.refuse_appends(),
            3 => self.refuse_reads(),
            4 => self.fail_store(),
            5 => self.step_clock(),
            6 => self.gap(),
            7 => self.trim()?,
            8 => self.land_copy(),
            9 => self.change_engine(),
            10 => self.announce(),
            11 => self.fail_archive(),
            12 => self.cut_off_archive(),
            13 => self.rot(),
            14 => self.harm_folder(),
            15 => self.sift(),
            16 => self.fill_disk(),
            _ => self.mend()?,
        }
        Ok(())
    }

    pub(super) fn any_node(&mut self) -> usize {
        self.chance.size(0, self.nodes.len().saturating_sub(1))
    }

    pub(super) fn any_partition(&mut self) -> Partition {
        Partition(u16::try_from(self.chance.below(u64::from(self.profile.partitions))).unwrap_or(0))
    }

    pub(super) fn any_process(&mut self) -> Option<(usize, Producer)> {
        let node = self.any_node();
        let process = self.nodes.get(node)?.process.as_ref()?;
        Some((node, process.producer))
    }

    /// A worker ends: what it had on the way to the log is lost, or partly, or still under way.
    fn crash(&mut self) {
        let Some((node, producer)) = self.any_process() else { return };
        self.count("crash");
        if self.chance.one_in(3)
            && let Some(process) = self.nodes.get_mut(node).and_then(|node| node.process.as_mut())
        {
            // Its checkpoint took effect; it did not live to hear of it.
            process.owners.values_mut().for_each(super::node::Owned::write_unheard);
        }
        self.kill(node);
        let waiting = self.log.waiting().into_iter().filter(|waiting| waiting.producer == producer);
        for Waiting { to, .. } in waiting.collect::<Vec<_>>() {
            match self.chance.below(4) {
                0 => {}
                1 => {
                    // It ended while it wrote: of one batch the first records are there.
                    self.count("batch torn");
                    let first = self.chance.size(1, 4);
                    self.log.land(producer, to, Landing::Torn(first));
                    self.log.drop_waiting(producer, Some(to));
                }
                _ => self.log.drop_waiting(producer, Some(to)),
            }
        }
    }

    /// The announcement of a worker that ended long ago lands late.
    fn announce(&mut self) {
        self.count("late announcement");
        let partition = self.any_partition();
        let nonce = format!("elsewhere-{}", self.serial());
        self.append(partition, vec![commands::announcement(&nonce)]);
    }

    /// A worker that finds itself superseded takes back what it has on the way to the outputs of a
    /// partition; it will hand it over again.
    pub(super) fn purge(&mut self, producer: Producer, partition: Partition) {
        if self.chance.one_in(2) {
            return;
        }
        self.count("purge");
        for topic in Topic::OUTPUTS {
            let to = TopicPartition::new(topic, partition);
            if self.chance.one_in(2) {
                // Some of it was on the wire already; it does not listen for that any more.
                let first = self.chance.size(1, 4);
                self.log.land(producer, to, Landing::Torn(first));
            }
            self.log.drop_waiting(producer, Some(to));
        }
    }

    /// A partition becomes another worker's; who had it is asked, told, or not told.
    fn reassign(&mut self) {
        let partition = self.any_partition();
        let to = self.any_node();
        let Some(from) = self.assigned.insert(partition, to) else { return };
        let owns = self.nodes.get(from).is_some_and(|node| node.owns(partition));
        if from == to || !owns {
            return;
        }
        match self.chance.below(3) {
            0 => {
                self.count("revoked");
                if let Some(owned) = self.nodes.get_mut(from).and_then(|node| node.owned(partition)) {
                    owned.close();
                }
            }
            1 => {
                self.count("lost");
                self.drop_owner(from, partition);
            }
            _ => {
                self.count("zombie");
                self.zombies.push((from, partition));
            }
        }
    }

    fn refuse_appends(&mut self) {
        let Some((_, producer)) = self.any_process() else { return };
        self.count("appends refused");
        let error = if self.chance.one_in(2) { AppendError::Busy } else { AppendError::Full };
        self.log.refuse_appends(producer, Some(error));
    }

    fn refuse_reads(&mut self) {
        let Some((_, producer)) = self.any_process() else { return };
        self.count("log reads fail");
        let error = LogError::Io { file: "a segment".to_owned(), what: "simulated".to_owned() };
        self.log.refuse_reads(producer, Some(error));
    }

    fn fail_store(&mut self) {
        let (node, partition) = (self.any_node(), self.any_partition());
        let Some(folder) = self.nodes.get(node).map(|node| node.folders.folder(partition)) else { return };
        folder.fail_reads(Some(StoreError::Failed("simulated".to_owned())));
        self.count("store reads fail");
    }

    /// There is no more room for what a worker keeps of a partition.
    fn fill_disk(&mut self) {
        let (node, partition) = (self.any_node(), self.any_partition());
        let Some(folder) = self.nodes.get(node).map(|node| node.folders.folder(partition)) else { return };
        folder.fill(true);
        self.count("disk full");
    }

    /// A clock steps, forwards or back: that of the log, or a worker's.
    fn step_clock(&mut self) {
        self.count("clock step");
        let most = *self.chance.pick(&[1_000, 60_000, 7_200_000]).unwrap_or(&1_000);
        let off = self.chance.signed(-most, most);
        let node = self.any_node();
        match self.nodes.get(node).filter(|_| self.chance.one_in(2)) {
            Some(node) => node.clock.set_off(off),
            None => self.log_clock.set_off(off),
        }
    }

    fn gap(&mut self) {
        let topic = Topic::ALL.get(self.chance.size(0, 3)).copied().unwrap_or(Topic::Requests);
        let of = TopicPartition::new(topic, self.any_partition());
        self.count("offsets left out");
        self.log.skip(of, self.chance.between(1, 3));
    }

    /// A store drops what it may.
    fn sift(&mut self) {
        let (node, partition) = (self.any_node(), self.any_partition());
        let Some(folder) = self.nodes.get(node).map(|node| node.folders.folder(partition)) else { return };
        let before = folder.content().rows.len();
        folder.sift(&self.profile.keeping.sieve());
        if folder.content().rows.len() < before {
            self.count("rows dropped");
        }
    }

    /// Something that landed once lands again.
    fn land_copy(&mut self) {
        let copies = self.log.copies().len();
        if copies == 0 {
            return;
        }
        let index = self.chance.size(0, copies - 1);
        if copies > 12 || self.chance.one_in(3) {
            self.log.drop_copy(index);
        } else {
            self.count("landed twice");
            self.log.land_copy(index);
        }
    }

    fn change_engine(&mut self) {
        let partition = self.any_partition();
        let model = self.models.get(usize::from(partition.0));
        let next = model.map_or(0, super::oracle::Model::engine) + 1;
        if (2..=super::engines::NEWEST).contains(&next) {
            self.count("engine change");
            self.append(partition, vec![commands::engine(next)]);
        }
    }

    /// Something that failed works again, a zombie is told, or an operator sees to a parked partition.
    pub(super) fn mend(&mut self) -> Result<(), Breach> {
        let node = self.any_node();
        if let Some(worker) = self.nodes.get(node) {
            worker.folders.all().iter().for_each(Folder::work);
            if let Some(process) = &worker.process {
                self.archive.cut_off(process.producer.0, false);
                self.log.refuse_appends(process.producer, None);
                self.log.refuse_reads(process.producer, None);
            }
        }
        if let Some((node, partition)) = self.chance.pick(&self.zombies).copied()
            && self.assigned.get(&partition) != Some(&node)
        {
            self.drop_owner(node, partition);
        }
        for (partition, node) in self.assigned.clone() {
            let owned = self.nodes.get_mut(node).and_then(|node| node.owned(partition));
            if owned.is_some_and(|owned| owned.is_parked()) && self.chance.one_in(2) {
                self.count("parked");
                self.drop_owner(node, partition);
                self.take(node, partition);
            }
        }
        Ok(())
    }
}
