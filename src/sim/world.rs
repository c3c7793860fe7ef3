//! The world of one seed: what is in it, and a step of it.

use super::Report;
use super::chance::Chance;
use super::clock::{SimClock, Time};
use super::history::History;
use super::invariant::{Breach, Invariant, ensure};
use super::node::{Node, Told};
use super::oracle::Model;
use super::profile::Profile;
use super::readers::Readers;
use super::traffic::{Shipment, Traffic};
use crate::archive::memory::MemoryArchive;
use crate::base::clock::Clock;
use crate::base::hash::{Digest256, sha256};
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::log::memory::{MemoryLog, Producer};
use crate::log::{AppendError, Log, Stored};
use crate::worker::owner::{End, OwnerTurn};
use crate::worker::status::Phase;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Gateways and switches, which append requests.
const SENDERS: [Producer; 2] = [Producer(1), Producer(2)];

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) profile: Profile,
    pub(super) time: Time,
    pub(super) log_clock: Arc<SimClock>,
    pub(super) log: MemoryLog,
    pub(super) archive: MemoryArchive,
    /// Objects that the simulation damaged or lost.
    pub(super) rotten: BTreeSet<String>,
    /// Manifests that came into force, by partition and number.
    pub(super) in_force: BTreeSet<(Partition, u64)>,
    pub(super) nodes: Vec<Node>,
    /// Whose each partition is, as the group would say.
    pub(super) assigned: BTreeMap<Partition, usize>,
    /// Owners that were not told that they lost their partition.
    pub(super) zombies: Vec<(usize, Partition)>,
    pub(super) told: Arc<Told>,
    pub(super) traffic: Traffic,
    pub(super) history: History,
    pub(super) models: Vec<Model>,
    pub(super) readers: Readers,
    /// Appends whose sender heard nothing good: sent again.
    retries: Arc<Mutex<Vec<Shipment>>>,
    /// Up to where the requests of a partition were trimmed.
    pub(super) trimmed: BTreeMap<Partition, u64>,
    next_producer: u32,
    next_serial: u64,
    pub(super) digest: Digest256,
    pub(super) report: Report,
}

impl World {
    pub(super) fn new(seed: u64) -> Result<Self, Breach> {
        let mut chance = Chance::new(seed);
        let profile = Profile::draw(&mut chance);
        let time = Time::default();
        let log_clock = SimClock::new(&time, seed);
        let log = MemoryLog::new(profile.partitions, Arc::clone(&log_clock) as Arc<dyn Clock>);
        let archive = MemoryArchive::new(SimClock::new(&time, seed) as Arc<dyn Clock>);
        let nodes = (0..profile.workers).map(|number| {
            let (name, seed) = (format!("worker-{number}"), seed ^ (number as u64 + 1) << 32);
            Node::new(name, &time, seed, &profile)
        });
        let nodes = nodes.collect();
        let traffic = Traffic::new(chance.fork(), &profile);
        let history = History::new(&log, profile.partitions)?;
        let models = (0..profile.partitions).map(|partition| Model::new(partition, &profile));
        let models = models.collect();
        Ok(Self {
            chance,
            time,
            log_clock,
            log,
            archive,
            rotten: BTreeSet::new(),
            in_force: BTreeSet::new(),
            nodes,
            assigned: BTreeMap::new(),
            zombies: Vec::new(),
            told: Arc::default(),
            traffic,
            history,
            models,
            readers: Readers::default(),
            retries: Arc::default(),
            trimmed: BTreeMap::new(),
            next_producer: 10,
            next_serial: 0,
            digest: sha256(&seed.to_be_bytes()),
            report: Report::new(seed, &profile),
            profile,
        })
    }

    /// Mixes something seen into the digest.
    pub(super) fn mix(&mut self, seen: &[u8]) {
        self.digest = sha256(&[&self.digest.0, seen].concat());
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        (0..self.profile.partitions).map(Partition)
    }

    pub(super) fn count(&mut self, fault: &'static str) {
        *self.report.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    /// Appends records as one of the senders, those of the product's own signed as the log wants it.
    pub(super) fn append(&mut self, to: Partition, records: Vec<Bytes>) {
        let now = self.log_clock.now();
        let records = records.into_iter().map(|record| self.traffic.signed(to, now, record)).collect();
        self.send(to, records);
    }

    /// Appends records as they are.
    fn send(&mut self, to: Partition, records: Vec<Bytes>) {
        let sender = self.chance.pick(&SENDERS).copied().unwrap_or(Producer(1));
        let retries = Arc::clone(&self.retries);
        let again: Vec<Shipment> =
            records.iter().map(|content| Shipment { to, content: content.clone() }).collect();
        // A sender that did not hear that its records are durable sends them again: they may then be twice.
        let done = move |result: Result<_, AppendError>| {
            if result.is_err() {
                retries.lock().unwrap_or_else(PoisonError::into_inner).extend(again);
            }
        };
        let of = TopicPartition::new(Topic::Requests, to);
        if self.log.handle(sender).append(of, records, Box::new(done)).is_err() {
            self.count("sender refused");
        }
    }

    /// New traffic, or some that a sender has to repeat.
    pub(super) fn produce(&mut self) {
        let retry = self.retries.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(shipment) = retry {
            return self.send(shipment.to, vec![shipment.content]);
        }
        if let Some(copy) = self.traffic.copy() {
            self.count("copy of a signed record");
            return self.send(copy.to, vec![copy.content]);
        }
        let mut batches: BTreeMap<Partition, Vec<Bytes>> = BTreeMap::new();
        for _ in 0..self.chance.size(1, self.profile.batch) {
            let shipment = self.traffic.next(self.log_clock.now());
            batches.entry(shipment.to).or_default().push(shipment.content);
        }
        for (to, records) in batches {
            self.append(to, records);
        }
    }

    /// Starts the process of a worker that has none.
    pub(super) fn start(&mut self, node: usize) -> Result<(), Breach> {
        let producer = Producer(self.next_producer);
        let (log, archive, told) = (self.log.clone(), self.archive.clone(), Arc::clone(&self.told));
        let Some(worker) = self.nodes.get_mut(node).filter(|worker| worker.process.is_none()) else {
            return Ok(());
        };
        self.next_producer += 1;
        worker.start(&log, Some(&archive), producer, &told, &mut self.chance)
    }

    /// A process ends without a word. Its appends still wait, and may land late.
    pub(super) fn kill(&mut self, node: usize) {
        let Some(process) = self.nodes.get_mut(node).and_then(|node| node.process.take()) else { return };
        self.log.crash(process.producer);
        self.zombies.retain(|zombie| zombie.0 != node);
    }

    /// Turns an owner, and does what its end asks for.
    pub(super) fn turn(&mut self, node: usize, partition: Partition) -> Result<Option<OwnerTurn>, Breach> {
        let Some(process) = self.nodes.get_mut(node).and_then(|node| node.process.as_mut()) else {
            return Ok(None);
        };
        let producer = process.producer;
        let Some(owned) = process.owners.get_mut(&partition) else { return Ok(None) };
        let ran = owned.phase() == Phase::Running;
        let turned = owned.turn()?;
        let (serial, superseded) = (owned.serial, ran && owned.phase() == Phase::Opening);
        if superseded {
            self.purge(producer, partition);
        }
        self.mix(format!("turn {serial} {turned:?}").as_bytes());
        match &turned {
            OwnerTurn::Ended(End::Left) => {
                self.drop_owner(node, partition);
            }
            OwnerTurn::Ended(End::Engine(version)) => {
                // The worker exits, and comes back as the next release.
                self.kill(node);
                if let Some(worker) = self.nodes.get_mut(node) {
                    // Older than its oldest: the log is further back than the release, which goes back too.
                    let oldest = worker.engine.saturating_sub(1);
                    worker.engine = if *version < oldest { *version + 1 } else { *version };
                }
                self.count("upgrade");
            }
            OwnerTurn::Ended(End::Log(_)) => {
                self.kill(node);
                self.count("log failed");
            }
            OwnerTurn::Busy | OwnerTurn::Idle(_) => {}
        }
        self.hear()?;
        Ok(Some(turned))
    }

    pub(super) fn drop_owner(&mut self, node: usize, partition: Partition) {
        if let Some(worker) = self.nodes.get_mut(node) {
            worker.drop_owner(partition);
        }
        self.zombies.retain(|zombie| *zombie != (node, partition));
    }

    /// Judges what waiting callers heard.
    fn hear(&mut self) -> Result<(), Breach> {
        for reply in self.told.take_replies() {
            self.mix(&reply.body);
            let model = self.models.get(usize::from(reply.position.partition.0));
            model.map_or(Ok(()), |model| model.judge_reply(&reply))?;
            self.report.replies += 1;
        }
        Ok(())
    }

    /// Takes in what became durable, and lets readers read.
    pub(super) fn observe(&mut self) -> Result<(), Breach> {
        let seen = self.history.observe()?;
        for (of, record) in &seen {
            self.mix(&record.content);
            self.mix(format!("{of} {} {}", record.offset, record.timestamp.0).as_bytes());
            self.take_in(*of, record)?;
        }
        if !seen.is_empty() {
            self.report.taken += self.readers.read(&mut self.chance)?;
        }
        Ok(())
    }

    fn take_in(&mut self, of: TopicPartition, record: &Stored) -> Result<(), Breach> {
        let Some(model) = self.models.get_mut(usize::from(of.partition.0)) else { return Ok(()) };
        if of.topic == Topic::Requests {
            self.report.records += 1;
            model.apply(record);
            return Ok(());
        }
        let (link, first) = model.judge(of.topic, record)?;
        self.report.outputs += 1;
        self.report.duplicates += u64::from(!first);
        self.readers.landed(of, record, link, model.chain(of.topic))
    }

    /// What every partition begins with.
    pub(super) fn begin(&mut self) -> Result<(), Breach> {
        let workers = self.nodes.len();
        for partition in self.partitions() {
            for record in self.traffic.beginnings(partition) {
                self.append(partition, vec![record]);
                self.log.flush_all();
            }
            self.assigned.insert(partition, self.chance.size(0, workers.saturating_sub(1)));
        }
        self.observe()?;
        let settled = self.retries.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        ensure(settled, Invariant::Harness, || "the beginning was refused".to_owned())
    }

    /// The producers of processes that run.
    pub(super) fn is_alive(&self, producer: Producer) -> bool {
        let mut processes = self.nodes.iter().filter_map(|node| node.process.as_ref());
        SENDERS.contains(&producer) || processes.any(|process| process.producer == producer)
    }
}
