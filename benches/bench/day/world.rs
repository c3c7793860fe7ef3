//! What runs through the day: log, store, worker, trimmer, a reader of the decisions, and two crashes.

use crate::day::Day;
use crate::day::load::Load;
use crate::day::samples::{Sample, on_cpu, ratio, resident_bytes};
use crate::step::{genesis, put_organization};
use crate::worker::Nobody;
use bytes::Bytes;
use clausum::base::clock::{Clock, ManualClock};
use clausum::base::hash::sha256;
use clausum::base::position::{Offset, Partition, Topic, TopicPartition};
use clausum::base::signal::Signal;
use clausum::base::time::Ms;
use clausum::log::embedded::{EmbeddedLog, Held, Options as LogOptions};
use clausum::log::{Contents, Log, Mark, PollLimit, Reader, Readers};
use clausum::node::trim::{self, Trimmer};
use clausum::policy::Catalogue;
use clausum::shard::effects::Note;
use clausum::shard::engine::{Engine, Engines};
use clausum::state::retention::Retention;
use clausum::store::rocks::{Options as StoreOptions, Resources, RocksStores};
use clausum::store::{Import, Store, StoreError, Stores};
use clausum::wire::chain::{ChainReader, Link, Taken};
use clausum::wire::record::Content;
use clausum::wire::signature::Trust;
use clausum::worker::checkpoint::Meta;
use clausum::worker::job::Job;
use clausum::worker::owner::{Owner, OwnerTurn};
use clausum::worker::sieve::sieve;
use clausum::worker::status::Keep;
use clausum::worker::{Notes, Options, Parts};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const START: i64 = 1_780_000_000_000;
const HOME: Partition = Partition(0);
const PIPELINE: &str = include_str!("../../../pipelines/payin.yaml");
const PACK: &str = include_str!("../../../rules/payin.yaml");
/// Steps of an hour; then minutes, in which checkpoints are due and the log is looked at.
const STEPS: i64 = 720;
const STEPS_OF_MINUTE: i64 = 12;
const MINUTES_OF_SAMPLE: i64 = 10;
/// Hours at whose end the worker crashes.
const CRASHES: [i64; 2] = [8, 16];

/// What is kept and for how long, in hours of the day: everything expires at least five times.
fn engines(day: Day) -> Engines {
    let hour = day.hour_ms;
    let retention = Retention {
        idempotency_ms: hour,
        decision_ms: 2 * hour,
        session_ms: 3 * hour,
        entity_ms: 4 * hour,
        event_ms: 2 * hour,
    };
    let kept = |hours: i64| format!("retention: {}s}}", (hours * hour / 1_000).max(10));
    let pipeline = PIPELINE.replace("retention: 90d}", &kept(2)).replace("retention: 30d}", &kept(1));
    let catalogue = Arc::new(Catalogue::of(&pipeline, PACK).unwrap());
    Engines::of(vec![Engine { version: 1, catalogue, probes: false }]).with_retention(retention)
}

struct World {
    day: Day,
    clock: Arc<ManualClock>,
    log: Arc<EmbeddedLog>,
    /// The store that is open.
    store: Open,
    parts: Parts,
    owner: Owner,
    trimmer: Trimmer,
    /// What the newest two snapshots stand on, the newest last.
    snapshots: VecDeque<Keep>,
    reader: Box<dyn Reader>,
    chain: ChainReader,
    mark: Mark,
    taken: usize,
    digest: [u8; 32],
    checkpoints: Vec<Checkpoint>,
    written: Arc<Written>,
}

/// The store that is open.
type Open = Arc<Mutex<Option<Arc<dyn Store>>>>;

/// Stores of which the one that is open can be looked at.
#[derive(Debug)]
struct Watched {
    stores: RocksStores,
    open: Open,
}

impl Stores for Watched {
    fn open(&self, partition: Partition) -> Result<Arc<dyn Store>, StoreError> {
        let store = self.stores.open(partition)?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&store));
        Ok(store)
    }

    fn set_aside(&self, partition: Partition) -> Result<Option<String>, StoreError> {
        self.stores.set_aside(partition)
    }

    fn import(&self, partition: Partition) -> Result<Box<dyn Import>, StoreError> {
        self.stores.import(partition)
    }
}

/// What one checkpoint took.
struct Checkpoint {
    spent: Duration,
    on_cpu: Duration,
}

/// Bytes of the last checkpoints.
#[derive(Debug, Default)]
struct Written(Mutex<Vec<usize>>);

impl Notes for Written {
    fn note(&self, _: &Note) {}
    fn turn(&self, _: usize, _: Duration) {}
    fn poisoned(&self) {}
    fn snapshot(&self, _: u64, _: Duration) {}
    fn restored(&self) {}
    fn snapshot_failed(&self) {}

    fn checkpoint(&self, _: usize, bytes: usize, _: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

/// The mean of some times. A middle one would leap when bursts and checkpoints fall together otherwise.
fn mean(of: impl ExactSizeIterator<Item = Duration>) -> Duration {
    let count = u32::try_from(of.len().max(1)).unwrap();
    of.sum::<Duration>() / count
}

/// Lives through a day. Tells the samples, the decisions, and a digest over them.
pub(crate) fn live(day: Day) -> (Vec<Sample>, usize, [u8; 32]) {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(day, folder.path());
    let mut load = Load::new(day);
    let (mut samples, mut payments) = (Vec::new(), 0);
    let step_ms = day.hour_ms / STEPS;
    for step in 0..24 * STEPS {
        let at_ms = step * step_ms;
        world.clock.set(Ms(START + at_ms));
        let records = load.next(at_ms, step_ms);
        payments += records.len();
        world.append(records);
        world.apply();
        if step % STEPS_OF_MINUTE == STEPS_OF_MINUTE - 1 {
            world.read();
            let minute = step / STEPS_OF_MINUTE;
            let snapshot = minute % MINUTES_OF_SAMPLE == MINUTES_OF_SAMPLE - 1;
            if snapshot {
                world.snapshot();
            }
            let held = world.trim(Ms(START + at_ms));
            if snapshot {
                samples.push(world.sample(minute + 1, payments, held));
            }
        }
        if CRASHES.iter().any(|hour| hour * STEPS == step + 1) {
            world.crash();
        }
    }
    world.close();
    world.read();
    assert_eq!(world.taken, payments, "a decision is missing or there twice");
    world.log.close();
    (samples, world.taken, world.digest)
}

impl World {
    fn new(day: Day, folder: &Path) -> Self {
        let clock = Arc::new(ManualClock::new(Ms(START), 3));
        let options = LogOptions {
            segment_bytes: (day.payments as u64) * 14,
            ..LogOptions::new(folder.join("log"), 1)
        };
        let log = EmbeddedLog::open(&options, Arc::clone(&clock) as Arc<dyn Clock>, &[]).unwrap().0;
        let (log, engines) = (Arc::new(log), engines(day));
        let (store, written) = (Arc::new(Mutex::new(None)), Arc::<Written>::default());
        // Files that nobody writes to are looked at within seconds, as they are within a day.
        let options =
            StoreOptions { sieve: sieve(engines.retention()), sift_after_s: 20, ..StoreOptions::default() };
        let stores = RocksStores::new(folder.join("state"), Resources::default(), options).unwrap();
        let parts = Parts {
            log: Arc::clone(&log) as Arc<dyn Log>,
            stores: Arc::new(Watched { stores, open: Arc::clone(&store) }),
            archive: None,
            engines,
            trust: Trust::Everyone,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            replies: Arc::new(Nobody),
            directory: Arc::new(Nobody),
            notes: Arc::clone(&written) as Arc<dyn Notes>,
            signal: Arc::new(Signal::default()),
        };
        let decisions = TopicPartition::new(Topic::Decisions, HOME);
        let readers = Readers::default();
        let mark = readers.register("audit", decisions, Offset(0));
        let trim = trim::Options { retention_ms: 2 * day.hour_ms, max_bytes: 1 << 32, idle_ms: day.hour_ms };
        let mut world = Self {
            day,
            owner: Self::owner(&parts, day),
            trimmer: Trimmer::new(Arc::clone(&log), readers, trim),
            reader: log.reader(decisions, Offset(0)).unwrap(),
            clock,
            log,
            store,
            parts,
            snapshots: VecDeque::new(),
            chain: ChainReader::after(None),
            mark,
            taken: 0,
            digest: [0; 32],
            checkpoints: Vec::new(),
            written,
        };
        world.append(vec![genesis(1), put_organization()]);
        world.apply();
        world
    }

    fn owner(parts: &Parts, day: Day) -> Owner {
        let checkpoint_ms = u64::try_from(day.hour_ms / 60).unwrap();
        let options = Options { checkpoint_ms, resident_rows: 60_000, ..Options::default() };
        Owner::new(parts.clone(), options, HOME, Arc::default())
    }

    fn requests() -> TopicPartition {
        TopicPartition::new(Topic::Requests, HOME)
    }

    fn append(&self, records: Vec<Bytes>) {
        for bulk in records.chunks(512) {
            let (done, landed) = std::sync::mpsc::channel();
            let tell = Box::new(move |result: Result<_, _>| done.send(result.is_ok()).unwrap());
            self.log.append(Self::requests(), bulk.to_vec(), tell).unwrap();
            assert!(landed.recv().unwrap());
        }
    }

    fn turn(&mut self) -> OwnerTurn {
        let turn = self.owner.turn();
        while let Some(job) = self.owner.take_job() {
            let writes = matches!(job, Job::Checkpoint(_));
            let (began, cpu) = (Instant::now(), on_cpu());
            let done = job.run();
            let checkpoint = Checkpoint { spent: began.elapsed(), on_cpu: on_cpu().saturating_sub(cpu) };
            if writes {
                self.checkpoints.push(checkpoint);
            }
            self.owner.finished(done);
        }
        if let OwnerTurn::Idle(wait) = turn {
            self.parts.signal.wait(wait.min(Duration::from_millis(5)));
        }
        turn
    }

    /// Turns the worker until it has applied all there is.
    fn apply(&mut self) {
        let end = self.log.bounds(Self::requests()).unwrap().end;
        while self.owner.status().applied() < end.0 {
            self.turn();
        }
    }

    /// Reads decisions under the reader's rule, and says how far.
    fn read(&mut self) {
        loop {
            let records = self.reader.poll(PollLimit { records: 4_096, bytes: 8 << 20 }).unwrap();
            if records.is_empty() {
                break;
            }
            for record in records {
                let content = Content::read(&record.content).unwrap();
                let link = Link::read(&content).unwrap();
                if self.chain.take(record.offset, &link) == Taken::Next {
                    self.taken += 1;
                    self.digest = sha256(&[&self.digest[..], content.value.unwrap()].concat()).0;
                }
            }
        }
        self.mark.reached(self.reader.position());
    }

    /// Notes what a snapshot of the newest checkpoint would stand on.
    fn snapshot(&mut self) {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap();
        let Some(bytes) = store.checkpoint().unwrap() else { return };
        let Meta { core, outputs } = Meta::decode(&bytes).unwrap();
        let outputs = outputs.map(|landed| landed.map_or(Offset(0), |landed| landed.at.next()));
        self.snapshots.push_back(Keep { requests: core.applied.unwrap().offset, outputs });
        if self.snapshots.len() > 2 {
            self.snapshots.pop_front();
        }
    }

    fn trim(&mut self, now: Ms) -> Held {
        let keep = self.snapshots.front().filter(|_| self.snapshots.len() == 2).copied();
        let round = self.trimmer.round(now, &[(HOME, keep)]).unwrap();
        assert_eq!(round.trimmed.overrun, []);
        round.trimmed.held
    }

    fn sample(&mut self, minute: i64, payments: usize, held: Held) -> Sample {
        let checkpoints = std::mem::take(&mut self.checkpoints);
        let spent = || checkpoints.iter().map(|checkpoint| checkpoint.spent);
        let written = std::mem::take(&mut *self.written.0.lock().unwrap_or_else(PoisonError::into_inner));
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap();
        let trimmed = self.log.trim(&clausum::log::embedded::Trim::default()).unwrap();
        Sample {
            hours: ratio(minute, 60),
            payments,
            log_bytes: trimmed.left_bytes,
            state_bytes: store.size_bytes(),
            rows: self.owner.status().rows(),
            resident_bytes: resident_bytes(),
            checkpoint: mean(spent()),
            slowest: spent().max().unwrap_or_default(),
            on_cpu: mean(checkpoints.iter().map(|checkpoint| checkpoint.on_cpu)),
            written: written.iter().sum::<usize>() / written.len().max(1),
            held,
        }
    }

    /// Loses all that is in memory and goes on from the last checkpoint.
    fn crash(&mut self) {
        self.owner = Self::owner(&self.parts, self.day);
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let end = self.log.bounds(Self::requests()).unwrap().end;
        // Its announcement is behind all there was.
        while self.owner.status().applied() <= end.0 {
            self.turn();
        }
    }

    fn close(&mut self) {
        self.owner.close();
        while !matches!(self.turn(), OwnerTurn::Ended(_)) {}
    }
}
