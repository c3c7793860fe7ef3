//! The end of a world: nothing fails any more, one owner for each partition catches up, and everything is
//! held against the oracle and against a replay of the whole log.

use super::chance::Chance;
use super::clock::{SimClock, Time};
use super::invariant::{Breach, Invariant, ensure};
use super::node::{Node, Owned};
use super::oracle::{Owed, Plain};
use super::world::World;
use crate::base::clock::Clock;
use crate::base::position::{OutputRef, Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::log::memory::{MemoryLog, Producer};
use crate::log::{Contents, Log};
use crate::state::key::Kind;
use crate::store::memory::Content;
use crate::store::memory::Folder;
use crate::wire::chain::Link;
use crate::wire::record;
use crate::worker::checkpoint::Meta;
use crate::worker::owner::{End, OwnerTurn};
use crate::worker::status::Phase;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Turns in which a partition must have settled.
const PATIENCE: usize = 200_000;
/// Turns in which everything owed must have landed once nothing fails any more.
const CALM: usize = 20_000;
/// Changes of a worker's binary in a calm that say that no one binary will do.
const TURNCOATS: u64 = 40;

impl World {
    /// Brings the world to its end.
    pub(super) fn finish(&mut self) -> Result<(), Breach> {
        // Who is too far from the log's time signs what nobody believes.
        self.log_clock.set_off(0);
        self.nodes.iter().for_each(|node| node.clock.set_off(0));
        if self.chance.one_in(2) {
            self.calm()?;
        }
        for node in 0..self.nodes.len() {
            self.kill(node);
        }
        for node in &mut self.nodes {
            node.folders.all().iter().for_each(Folder::work);
            node.engine = super::engines::NEWEST;
        }
        self.log.flush_all();
        self.observe()?;
        for partition in self.partitions() {
            let owner = self.settle(partition)?;
            self.check_rows(partition, owner)?;
        }
        let mut chance = self.chance.fork();
        self.readers.finish(&mut chance)?;
        for model in &self.models {
            if let Some(missing) = model.missing() {
                return Err(Breach::of(Invariant::ReaderComplete, missing));
            }
            self.report.decisions += model.decisions() as u64;
        }
        Ok(())
    }

    /// Nothing fails any more, and nobody is started anew: whoever owns a partition gets everything done.
    fn calm(&mut self) -> Result<(), Breach> {
        for (node, partition) in std::mem::take(&mut self.zombies) {
            if self.assigned.get(&partition) != Some(&node) {
                self.drop_owner(node, partition);
            }
        }
        self.heal();
        let upgrades = |world: &Self| world.report.faults.get("upgrade").copied().unwrap_or(0);
        let before = upgrades(self);
        for turn in 0..CALM {
            // Partitions of one worker whose states are further apart than any one binary reaches: those that
            // lost theirs begin in the log of long ago. Each settles by itself in the end.
            if upgrades(self) - before > TURNCOATS {
                return Ok(());
            }
            for (partition, node) in self.assigned.clone() {
                self.start(node)?;
                if turn % 500 == 499 || self.nodes.get(node).is_some_and(|worker| !worker.owns(partition)) {
                    self.heal();
                }
                if self.nodes.get(node).is_some_and(|worker| !worker.owns(partition)) {
                    self.take(node, partition);
                }
                self.turn(node, partition)?;
                if let Some(owned) = self.nodes.get_mut(node).and_then(|node| node.owned(partition)) {
                    owned.work_all()?;
                }
            }
            self.check_snapshots()?;
            self.time.pass(20);
            self.log.flush_all();
            self.observe()?;
            if self.models.iter().all(|model| model.missing().is_none()) {
                return Ok(());
            }
        }
        let missing = self.models.iter().find_map(super::oracle::Model::missing).unwrap_or_default();
        let mut at = Vec::new();
        for (partition, node) in self.assigned.clone() {
            let (trimmed, whole) =
                (self.trimmed.get(&partition).copied(), self.whole_snapshot(partition, None));
            let here = self.nodes.get(node).and_then(|node| node.checkpoint(partition));
            let owned = self.nodes.get_mut(node).and_then(|node| node.owned(partition));
            let phase = owned.map(|owned| owned.phase());
            at.push(format!(
                "{partition} on {node}: {phase:?}, state {here:?}, log from {trimmed:?}, snapshot {whole}"
            ));
        }
        let at = at.join("; ");
        Err(Breach::of(Invariant::Settles, format!("{missing}, though nothing fails: {at}")))
    }

    /// Everything works again, and operators have seen to what cannot begin.
    fn heal(&mut self) {
        for node in &self.nodes {
            node.folders.all().iter().for_each(Folder::work);
            if let Some(process) = &node.process {
                self.archive.cut_off(process.producer.0, false);
                self.log.refuse_appends(process.producer, None);
                self.log.refuse_reads(process.producer, None);
            }
        }
        for (partition, node) in self.assigned.clone() {
            let owned = self.nodes.get_mut(node).and_then(|node| node.owned(partition));
            if owned.is_some_and(|owned| owned.is_parked()) {
                self.drop_owner(node, partition);
                self.take(node, partition);
            }
        }
    }

    /// Lets one worker take a partition, catch up and leave; tells which.
    fn settle(&mut self, partition: Partition) -> Result<usize, Breach> {
        let node = self.able(partition);
        // A crowd of binaries comes back here: from a log in mid-upgrade, the one before the newest first.
        for engine in [2, super::engines::NEWEST] {
            if let Some(worker) = self.nodes.get_mut(node) {
                worker.engine = engine;
            }
            if self.settle_as(node, partition)? {
                return Ok(node);
            }
        }
        Err(Breach::of(Invariant::Settles, format!("partition {partition}: no binary can run it")))
    }

    /// Settles with one binary; false if the log needs a newer one.
    fn settle_as(&mut self, node: usize, partition: Partition) -> Result<bool, Breach> {
        self.kill(node);
        self.start(node)?;
        let serial = self.serial();
        if let Some(worker) = self.nodes.get_mut(node) {
            worker.own(partition, serial);
        }
        let mut idle = 0;
        for _ in 0..PATIENCE {
            let Some(turned) = self.turn(node, partition)? else { break };
            self.time.pass(20);
            if let Some(owned) = self.nodes.get_mut(node).and_then(|node| node.owned(partition)) {
                owned.work_all()?;
            }
            self.check_snapshots()?;
            self.log.flush_all();
            self.observe()?;
            match turned {
                OwnerTurn::Ended(End::Left) => return Ok(true),
                OwnerTurn::Ended(End::Engine(_)) => return Ok(false),
                OwnerTurn::Ended(End::Log(why)) => return Err(Breach::of(Invariant::Settles, why)),
                OwnerTurn::Busy => idle = 0,
                OwnerTurn::Idle(_) => idle += 1,
            }
            let end = self.log.handle(Producer(0)).bounds(Self::requests(partition));
            let end = end.map_or(0, |bounds| bounds.end.0);
            let owned = self.nodes.get_mut(node).and_then(|node| node.owned(partition));
            // One that is poisoned, or looks for what to begin from, would leave with what it had before.
            let open = |owned: &&mut Owned| owned.phase() == Phase::Running && owned.applied() + 16 >= end;
            if let Some(owned) = owned.filter(|owned| idle > 3 && open(owned)) {
                owned.close();
            }
        }
        let trimmed = self.trimmed.get(&partition).copied();
        let stands = self.nodes.get(node).and_then(|node| node.checkpoint(partition));
        let owned = self.nodes.get_mut(node).and_then(|node| node.owned(partition));
        let found = owned.map(|owned| (owned.status.phase(), owned.applied(), owned.status.failure()));
        let text = format!(
            "partition {partition} does not settle: {found:?}, checkpoint {stands:?}, trimmed to {trimmed:?}"
        );
        Err(Breach::of(Invariant::Settles, text))
    }

    /// Holds the final rows of a partition, without those that have expired, against the oracle, and
    /// against those of a replay.
    fn check_rows(&mut self, partition: Partition, node: usize) -> Result<(), Breach> {
        let folder = self.nodes.get(node).map(|node| node.folders.folder(partition));
        if let Some(folder) = &folder {
            folder.sift(&self.profile.keeping.sieve());
        }
        let content = folder.map(|folder| folder.content()).unwrap_or_default();
        if let Some(model) = self.models.get(usize::from(partition.0)) {
            super::rows::check(model, &content)?;
        }
        for (key, value) in &content.rows {
            self.digest = crate::base::hash::sha256(&[&self.digest.0[..], key, value].concat());
        }
        self.replay(partition, &content)
    }

    /// A worker without a store reads the whole log of a partition, from a copy of it.
    fn replay(&mut self, partition: Partition, content: &Content) -> Result<(), Breach> {
        let (time, records) = (Time::default(), self.history.records(Self::requests(partition)));
        let clock = SimClock::new(&time, 5);
        let partitions = self.profile.partitions;
        let log = MemoryLog::auto_flush(partitions, Arc::clone(&clock) as Arc<dyn Clock>);
        let handle = log.handle(Producer(0));
        let of = Self::requests(partition);
        for stored in records {
            let end = handle.bounds(of).map_or(0, |bounds| bounds.end.0);
            log.skip(of, stored.offset.0 - end);
            clock.set(stored.timestamp);
            let appended = handle.append(of, vec![stored.content.clone()], Box::new(|_| ()));
            appended.map_err(|error| Breach::of(Invariant::Harness, error.to_string()))?;
        }
        let mut rows = self.run_replay(&log, &time, clock.now(), partition)?;
        // Whose clock is ahead has dropped what the other may still hold.
        let mut content = content.clone();
        let ahead = [&rows, &content].into_iter().max_by_key(|content| clock_of(content));
        let drops = self.profile.keeping.sieve().under(ahead.and_then(|ahead| ahead.checkpoint.as_deref()));
        rows.rows.retain(|key, value| !drops(key, value));
        content.rows.retain(|key, value| !drops(key, value));
        // The replay announced itself, which the log it is a copy of does not hold.
        rows.rows.retain(|key, _| Kind::of(key) != Some(Kind::Signature) || content.rows.contains_key(key));
        ensure(rows.rows == content.rows, Invariant::StoredReplay, || {
            difference(partition, &content, &rows)
        })?;
        let model = self.models.get(usize::from(partition.0));
        let owed = model.map_or(&[][..], |model| model.owed());
        let due: BTreeMap<(Topic, OutputRef), &Plain> = owed.iter().filter_map(landed).collect();
        for topic in Topic::OUTPUTS {
            let dump = log.dump(TopicPartition::new(topic, partition));
            let found = dump.map(|dump| dump.records).unwrap_or_default();
            let count = due.keys().filter(|key| key.0 == topic).count();
            ensure(found.len() == count, Invariant::OutputReplay, || {
                format!("{topic}-{partition}: a replay emits {} of {count} outputs", found.len())
            })?;
            for stored in found {
                let link =
                    record::Content::read(&stored.content).ok().and_then(|content| Link::read(&content));
                let output = link.map(|link| link.output);
                let plain = Plain::read(&stored.content).map(Plain::but_epoch);
                let first = output.and_then(|output| due.get(&(topic, output)).copied());
                ensure(first.is_some() && first == plain.as_ref(), Invariant::OutputReplay, || {
                    format!("{topic}-{partition}: a replay emits another {output:?}")
                })?;
            }
        }
        Ok(())
    }

    fn run_replay(
        &self,
        log: &MemoryLog,
        time: &Time,
        now: Ms,
        partition: Partition,
    ) -> Result<Content, Breach> {
        let mut node = Node::new("replay".to_owned(), time, 6, &self.profile);
        node.clock.set(now);
        let mut chance = Chance::new(self.report.seed);
        for engine in [2, super::engines::NEWEST] {
            node.engine = engine;
            node.start(log, None, Producer(u32::from(engine == 2) + 1), &Arc::default(), &mut chance)?;
            node.own(partition, 0);
            let mut idle = 0;
            for _ in 0..PATIENCE {
                let Some(owned) = node.owned(partition) else { break };
                time.pass(20);
                let turned = owned.turn()?;
                owned.work_all()?;
                match turned {
                    OwnerTurn::Ended(End::Left) => {
                        return Ok(node.folders.folder(partition).content());
                    }
                    OwnerTurn::Ended(_) => break,
                    OwnerTurn::Busy => idle = 0,
                    OwnerTurn::Idle(_) => idle += 1,
                }
                if idle > 3 {
                    owned.close();
                }
            }
            node.process = None;
        }
        Err(Breach::of(Invariant::Settles, format!("the replay of partition {partition} does not settle")))
    }
}

/// The clock of a checkpoint.
pub(super) fn clock_of(content: &Content) -> Option<Ms> {
    Meta::decode(content.checkpoint.as_deref()?).ok().map(|meta| meta.core.clock)
}

fn landed(owed: &Owed) -> Option<((Topic, OutputRef), &Plain)> {
    Some(((owed.topic, owed.output), owed.landed.as_ref()?))
}

fn difference(partition: Partition, content: &Content, replay: &Content) -> String {
    let differs = |(key, value): &(&Vec<u8>, &Vec<u8>)| replay.rows.get(*key) != Some(*value);
    let first = content.rows.iter().find(differs).map(|(key, _)| key.first().copied());
    let (ours, theirs) = (content.rows.len(), replay.rows.len());
    format!(
        "partition {partition}: {ours} rows, {theirs} after a replay; the first that differs is {first:?}"
    )
}
