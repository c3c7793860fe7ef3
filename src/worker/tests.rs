//! A partition that loses its state, finds it damaged, or finds the archive silent.

use super::*;
use crate::archive::memory::MemoryArchive;
use crate::base::clock::ManualClock;
use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::position::{Offset, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::log::memory::{MemoryLog, Producer};
use crate::shard::engine::SHIPPED_VERSION;
use crate::store::memory::{Folder, Folders};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, Genesis, OrganizationPut};
use crate::wire::signature::Trust;
use crate::worker::job::Job;
use crate::worker::owner::Owner;
use crate::worker::status::{Phase, Status};
use crate::worker::turn::DIRTY_CHECKPOINTS;
use std::sync::Mutex;
use std::time::Duration;

const HERE: Partition = Partition(0);

/// Counts poisonings and restores.
#[derive(Debug, Default)]
struct Counted(Mutex<(u32, u32)>);

impl Replies for Counted {
    fn reply(&self, _: Reply) {}
}

impl Directory for Counted {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

impl Notes for Counted {
    fn note(&self, _: &Note) {}
    fn turn(&self, _: usize, _: Duration) {}
    fn checkpoint(&self, _: usize, _: usize, _: Duration) {}
    fn snapshot(&self, _: u64, _: Duration) {}
    fn snapshot_failed(&self) {}

    fn restored(&self) {
        self.0.lock().unwrap().1 += 1;
    }

    fn poisoned(&self) {
        self.0.lock().unwrap().0 += 1;
    }
}

/// A partition with its machine's folders, a log and an archive.
struct Bench {
    parts: Parts,
    options: Options,
    clock: Arc<ManualClock>,
    log: MemoryLog,
    archive: MemoryArchive,
    folders: Folders,
    counted: Arc<Counted>,
    owner: Owner,
}

fn requests() -> TopicPartition {
    TopicPartition::new(Topic::Requests, HERE)
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Ms(1_780_000_000_000), 1));
        let log = MemoryLog::auto_flush(1, Arc::clone(&clock) as Arc<dyn Clock>);
        let archive = MemoryArchive::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let (folders, counted) = (Folders::default(), Arc::new(Counted::default()));
        let parts = Parts {
            log: Arc::new(log.handle(Producer(1))),
            stores: Arc::new(folders.clone()),
            archive: Some(Arc::new(archive.handle(1))),
            engines: Engines::shipped().unwrap(),
            trust: Trust::Everyone,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            replies: Arc::clone(&counted) as Arc<dyn Replies>,
            directory: Arc::clone(&counted) as Arc<dyn Directory>,
            notes: Arc::clone(&counted) as Arc<dyn Notes>,
            signal: Arc::default(),
        };
        let options = Options { checkpoint_ms: 1_000, snapshot_ms: 10_000, ..Options::default() };
        let owner = Owner::new(parts.clone(), options.clone(), HERE, Arc::<Status>::default());
        let bench = Self { parts, options, clock, log, archive, folders, counted, owner };
        let genesis = Genesis {
            installation: OrgId::INSTALLATION.to_string(),
            topic: Topic::Requests.name().to_owned(),
            partitions: 1,
            key_digest: sha256(b"").to_string(),
            engine: SHIPPED_VERSION,
        };
        bench.append(RecordType::Genesis, &internal::write(&genesis));
        bench
    }

    /// One that lost its state, where the log has lost its beginning.
    fn without_state() -> Self {
        let mut bench = Self::new();
        bench.settle();
        bench.append(RecordType::Tick, b"{}");
        bench.settle();
        bench.trim();
        bench.again();
        bench.folders.put(HERE, Folder::default());
        bench
    }

    fn append(&self, kind: RecordType, body: &[u8]) {
        let record = product_record(OrgId::INSTALLATION, kind, body, "r").unwrap();
        self.parts.log.append(requests(), vec![record], Box::new(|_| ())).unwrap();
    }

    /// An organization is put.
    fn found(&self, number: u8) {
        let body = OrganizationPut {
            profile_id: OrgId::INSTALLATION.to_string(),
            name: "Bench".to_owned(),
            organization_type: "comercio".to_owned(),
            locale: "en".to_owned(),
            entity_key: sha256(&[number]).to_string(),
            allow_publishable_assess: true,
        };
        let org = OrgId::from_random([number; 16]);
        let record = product_record(org, RecordType::Organization, &internal::write(&body), "r").unwrap();
        self.parts.log.append(requests(), vec![record], Box::new(|_| ())).unwrap();
    }

    /// Turns until a checkpoint is to be written.
    fn checkpoint(&mut self) -> Job {
        for _ in 0..100 {
            self.owner.turn();
            match self.owner.take_job() {
                Some(job @ Job::Checkpoint(_)) => return job,
                Some(job) => self.owner.finished(job.run()),
                None => {}
            }
        }
        panic!("there was none to be written");
    }

    fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus(seconds * 1_000));
    }

    /// Turns and does what is asked for, as long as `does` wants it done.
    fn turn(&mut self, turns: u32, does: impl Fn(&Job) -> bool) {
        for _ in 0..turns {
            assert!(!matches!(self.owner.turn(), owner::OwnerTurn::Ended(_)));
            while let Some(job) = self.owner.take_job() {
                if does(&job) {
                    self.owner.finished(job.run());
                }
            }
        }
    }

    /// Until everything is applied and written, and its time has come for the next of everything.
    fn settle(&mut self) {
        for _ in 0..4 {
            self.turn(8, |_| true);
            self.pass(11);
        }
        assert_eq!(self.owner.status().phase(), Phase::Running);
        let end = self.parts.log.bounds(requests()).unwrap().end;
        assert_eq!(self.owner.status().applied(), end.0);
    }

    /// The owner ends without a word, and another begins.
    fn again(&mut self) {
        self.owner = Owner::new(self.parts.clone(), self.options.clone(), HERE, Arc::default());
    }

    fn counts(&self) -> (u32, u32) {
        *self.counted.0.lock().unwrap()
    }

    fn trim(&self) -> Offset {
        let keep = self.owner.status().keep().unwrap().requests;
        self.log.trim(requests(), keep);
        keep
    }
}

#[test]
fn an_idle_partition_comes_to_two_snapshots() {
    let mut bench = Bench::new();
    bench.turn(8, |_| true);
    assert_eq!(bench.owner.status().keep(), None);
    bench.pass(2);
    bench.turn(8, |_| true);
    assert_eq!((bench.owner.status().keep(), bench.owner.status().snapshot_at() > 0), (None, true));
    bench.settle();
    let keep = bench.owner.status().keep().unwrap();
    assert_eq!(keep.requests, Offset(1), "its announcement is the last record");
    let objects = bench.archive.objects();
    bench.settle();
    assert_eq!(bench.archive.objects(), objects, "and then to no more");
    bench.again();
    bench.turn(8, |_| true);
    assert_eq!(bench.owner.status().keep(), Some(keep), "what the archive holds is known at once");
}

#[test]
fn a_lost_state_is_fetched_though_the_log_has_lost_its_beginning() {
    let mut bench = Bench::new();
    bench.settle();
    bench.append(RecordType::Tick, b"{}");
    bench.settle();
    assert!(bench.trim() > Offset(0));
    let before = bench.folders.folder(HERE).content();
    bench.again();
    bench.folders.put(HERE, Folder::default());
    bench.settle();
    assert_eq!(bench.counts(), (0, 1));
    let after = bench.folders.folder(HERE).content();
    assert_eq!(after.rows, before.rows);
}

#[test]
fn a_damaged_state_is_set_aside_wherever_it_shows() {
    let mut bench = Bench::new();
    bench.settle();
    bench.trim();
    bench.again();
    bench.folders.folder(HERE).damage();
    bench.settle();
    assert_eq!(bench.counts(), (0, 1), "at opening it is no failure of the shard");
    assert!(bench.folders.aside(HERE).is_some());

    bench.append(RecordType::Tick, b"{}");
    bench.folders.folder(HERE).damage();
    bench.settle();
    assert_eq!(bench.counts(), (1, 2), "a snapshot reads all of it, and finds it");
    assert!(!bench.folders.folder(HERE).is_damaged());
}

#[test]
fn a_silent_archive_keeps_nobody_waiting_who_can_begin() {
    let mut bench = Bench::new();
    bench.settle();
    bench.again();
    // The look at the archive is asked for behind the one here, and never comes back.
    let looks = std::cell::Cell::new(0);
    let only_here = |_: &Job| {
        looks.set(looks.get() + 1);
        looks.get() == 1
    };
    bench.turn(8, only_here);
    assert_eq!(bench.owner.status().phase(), Phase::Opening);
    bench.pass(6);
    bench.turn(8, |_| true);
    assert_eq!((bench.owner.status().phase(), bench.counts()), (Phase::Running, (0, 0)));
}

#[test]
fn with_nothing_to_begin_from_it_is_parked() {
    let mut bench = Bench::without_state();
    bench.archive.cut_off(1, true);
    for _ in 0..3 {
        bench.turn(8, |_| true);
        bench.pass(1);
    }
    assert_eq!((bench.owner.status().phase(), bench.counts()), (Phase::Parked, (3, 0)));
    bench.archive.cut_off(1, false);
    bench.pass(300);
    bench.settle();
    assert_eq!(bench.counts(), (3, 1), "it tries again by itself");
}

#[test]
fn a_full_disk_is_waited_for() {
    let mut bench = Bench::new();
    bench.settle();
    let fill = |bench: &Bench, full| bench.folders.folder(HERE).fill(full);
    let phase_at = |bench: &mut Bench| {
        bench.turn(8, |_| true);
        bench.owner.status().phase()
    };
    fill(&bench, true);
    bench.append(RecordType::Tick, b"{}");
    let table = [(1, Phase::Poisoned), (2, Phase::Poisoned), (4, Phase::Poisoned), (8, Phase::Poisoned)];
    let table = [&table[..], &[(16, Phase::Poisoned), (32, Phase::Poisoned), (64, Phase::Parked)]].concat();
    for (number, (wait, phase)) in (1..).zip(table) {
        assert_eq!((phase_at(&mut bench), bench.counts()), (phase, (number, 0)));
        bench.pass(wait - 1);
        assert_eq!(phase_at(&mut bench), phase, "for {wait} s");
        bench.pass(1);
        assert_eq!(phase_at(&mut bench), Phase::Running);
        bench.pass(1);
    }
    assert_eq!(phase_at(&mut bench), Phase::Parked);
    fill(&bench, false);
    assert!(bench.owner.status().hurry(), "who made room need not wait");
    bench.settle();
    assert_eq!(bench.counts(), (8, 0), "nothing was lost with it");
    fill(&bench, true);
    bench.append(RecordType::Tick, b"{}");
    assert_eq!(phase_at(&mut bench), Phase::Poisoned);
    fill(&bench, false);
    bench.pass(1);
    assert_eq!(phase_at(&mut bench), Phase::Running, "where there was room, the wait is short again");
}

#[test]
fn a_store_that_is_used_after_it_was_full_is_still_full() {
    let mut bench = Bench::new();
    bench.settle();
    bench.folders.folder(HERE).fill(true);
    bench.append(RecordType::Tick, b"{}");
    // Its writing fails while the owner reads on and has not heard of it.
    let unheard = bench.checkpoint().run();
    bench.found(1);
    bench.turn(2, |_| false);
    assert_eq!((bench.owner.status().phase(), bench.counts()), (Phase::Poisoned, (1, 0)));
    bench.owner.finished(unheard);
    bench.folders.folder(HERE).fill(false);
    bench.turn(8, |_| true);
    assert_eq!(bench.owner.status().phase(), Phase::Poisoned, "it waits for room, which takes a second");
    bench.pass(1);
    bench.turn(8, |_| true);
    assert_eq!(bench.owner.status().phase(), Phase::Running);
}

#[test]
fn a_store_that_is_slow_is_waited_for() {
    let mut bench = Bench::new();
    bench.options = Options { checkpoint_rows: 3, turn_records: 1, ..bench.options };
    bench.again();
    bench.settle();
    let before = bench.owner.status().applied();
    (0..100).for_each(|number| bench.found(number));
    let slow = bench.checkpoint();
    bench.turn(300, |_| true);
    let (frozen, room) = (3, DIRTY_CHECKPOINTS * 3);
    let applied = bench.owner.status().applied() - before;
    assert!(applied <= u64::try_from(frozen + room).unwrap(), "{applied}");
    bench.owner.finished(slow.run());
    bench.turn(300, |_| true);
    bench.settle();
    assert_eq!(bench.owner.status().applied(), before + 100);
}

#[test]
fn a_snapshot_for_which_there_is_no_room_is_fetched_when_there_is() {
    let mut bench = Bench::without_state();
    bench.folders.folder(HERE).fill(true);
    bench.turn(8, |_| true);
    assert_eq!((bench.owner.status().phase(), bench.counts()), (Phase::Poisoned, (1, 0)));
    bench.folders.folder(HERE).fill(false);
    bench.pass(1);
    bench.settle();
    assert_eq!(bench.counts(), (1, 1));
}
