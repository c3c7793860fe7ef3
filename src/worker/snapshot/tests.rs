//! Snapshots one after the other and against each other, over an archive in memory.

use super::catalog::{Catalog, Entry, Found, READ};
use super::sweep::{Rule, sweep};
use super::take::{Of, Taken, Taking, Trouble};
use super::*;
use crate::archive::memory::{Fault, MemoryArchive};
use crate::archive::{Archive, Object};
use crate::base::clock::{Clock, ManualClock};
use crate::base::hash::{Digest256, sha256};
use crate::log::memory::{MemoryLog, Producer};
use crate::shard::core::{Applied, Core, GenesisMark};
use crate::store::memory::Folder;
use crate::store::{Store, Write};
use crate::wire::manifest::{FileEntry, manifest_name};
use std::collections::BTreeMap;
use std::sync::Arc;

const HERE: Partition = Partition(0);
const DAY: i64 = 86_400_000;

/// An archive, and a store whose copies go there.
struct Bench {
    archive: MemoryArchive,
    clock: Arc<ManualClock>,
    log: MemoryLog,
    store: Box<dyn Store>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Ms(1_780_000_000_000), 0));
        let archive = MemoryArchive::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let log = MemoryLog::auto_flush(1, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { archive, clock, log, store: Box::new(Folder::default().open().unwrap()) }
    }

    /// Writes rows with these first bytes, and a checkpoint at `position`.
    fn checkpoint(&self, position: u64, rows: &[u8]) {
        let core = Core {
            genesis: Some(GenesisMark { offset: Offset(0), digest: sha256(b"ours") }),
            applied: Some(Applied { offset: Offset(position), checksum: 1 }),
            engine: 1,
            ..Core::default()
        };
        let value = Some(position.to_be_bytes().repeat(20));
        let writes = rows.iter().map(|row| Write { key: vec![*row, 1], value: value.clone() }).collect();
        self.store.commit(writes, &Meta { core, outputs: [None; 3] }.encode()).unwrap();
    }

    /// A snapshot of what the store holds now, by the owner with this epoch.
    fn taking(&self, epoch: u64) -> Box<Taking> {
        Box::new(Taking::new(Of {
            archive: Arc::new(self.archive.handle(u32::try_from(epoch).unwrap())),
            log: Arc::new(self.log.handle(Producer(0))),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            partition: HERE,
            epoch: Offset(epoch),
            export: self.store.export().unwrap(),
            days: 30,
            cache: BTreeMap::new(),
        }))
    }

    fn take(&self, epoch: u64) -> Result<Taken, Trouble> {
        end(self.taking(epoch))
    }

    fn catalog(&self) -> Catalog {
        Catalog::look(&self.archive.handle(0), HERE, READ, &mut BTreeMap::new()).unwrap()
    }

    fn numbers(&self) -> Vec<u64> {
        self.catalog().entries.into_keys().collect()
    }

    fn newest(&self) -> Arc<Manifest> {
        Arc::clone(self.catalog().own(sha256(b"ours")).next().unwrap())
    }

    /// Whether every file of the newest manifest comes back as it was hashed.
    fn is_whole(&self) -> bool {
        let content = |file: &FileEntry| self.archive.content(&file.object(HERE));
        let whole = |file: &FileEntry| content(file).is_some_and(|content| sha256(&content) == file.digest);
        self.newest().files.iter().all(whole)
    }
}

fn end(mut taking: Box<Taking>) -> Result<Taken, Trouble> {
    loop {
        match taking.step() {
            Ok(more) => taking = more,
            Err(done) => return done.result,
        }
    }
}

/// Goes on until the next thing to be put is the manifest.
fn before_the_manifest(bench: &Bench, mut taking: Box<Taking>) -> Box<Taking> {
    let files = bench.store.export().unwrap().files().len();
    // A look at the copy and one at the archive, the files, and finding that there are no more.
    for _ in 0..files + 3 {
        taking = taking.step().unwrap();
    }
    taking
}

#[test]
fn only_what_is_not_there_is_put() {
    let bench = Bench::new();
    bench.checkpoint(5, b"abc");
    let first = bench.take(3).unwrap();
    assert_eq!((first.newest[0].number, first.newest[0].position), (1, Offset(5)));
    assert_eq!((first.newest.len(), first.put_bytes), (1, first.newest[0].bytes));
    bench.checkpoint(9, b"b");
    let second = bench.take(7).unwrap();
    let marks: Vec<_> = second.newest.iter().map(|mark| (mark.number, mark.position)).collect();
    assert_eq!(marks, [(2, Offset(9)), (1, Offset(5))]);
    assert!(second.put_bytes < first.put_bytes && second.put_bytes > 0);
    let epochs: Vec<(String, u64)> =
        bench.newest().files.iter().map(|file| (file.name.clone(), file.epoch.0)).collect();
    let due = [("checkpoint", 7), ("rows-61", 3), ("rows-62", 7), ("rows-63", 3)];
    assert_eq!(epochs, due.map(|(name, epoch)| (name.to_owned(), epoch)));
    assert!(bench.is_whole());
    bench.take(7).unwrap();
    assert_eq!(bench.take(7).unwrap().put_bytes, 0, "nothing changed");
    assert_eq!(bench.numbers(), [3, 4], "the newest two stay, of this day the newest");
}

#[test]
fn what_was_lost_or_decayed_is_put_anew() {
    let bench = Bench::new();
    bench.checkpoint(5, b"abc");
    bench.take(3).unwrap();
    let harms: [fn(&Bench, &str); 3] = [
        |bench, name| assert!(bench.archive.lose(name)),
        |bench, name| assert!(bench.archive.damage(name, true)),
        |bench, name| assert!(bench.archive.damage(name, false)),
    ];
    for harm in harms {
        harm(&bench, &bench.newest().files[2].object(HERE));
        assert!(!bench.is_whole());
        assert!(bench.take(3).unwrap().put_bytes > 0);
        assert!(bench.is_whole());
    }
}

#[test]
fn what_comes_back_otherwise_is_never_named() {
    let bench = Bench::new();
    bench.checkpoint(5, b"abc");
    bench.archive.fail_next(3, Fault::Garbled);
    assert!(matches!(bench.take(3), Err(Trouble::Garbled(_))));
    assert_eq!(bench.numbers(), [0; 0]);
    bench.take(3).unwrap();
    assert!(bench.is_whole(), "what was garbled is put again");
}

#[test]
fn an_answer_that_was_lost_is_asked_for() {
    let bench = Bench::new();
    bench.checkpoint(5, b"a");
    for (fault, outcome) in [(Fault::Lost, false), (Fault::Late, false), (Fault::Unheard, true)] {
        let taking = before_the_manifest(&bench, bench.taking(3));
        bench.archive.fail_next(3, fault);
        assert_eq!(end(taking).is_ok(), outcome, "{fault:?}");
    }
    assert_eq!(bench.numbers(), [1]);
    assert!(bench.archive.land_late(0));
    assert_eq!(bench.numbers(), [1], "the late one finds its number taken");
}

#[test]
fn of_two_owners_the_later_one_goes_on() {
    let bench = Bench::new();
    bench.checkpoint(5, b"ab");
    let slow = before_the_manifest(&bench, bench.taking(3));
    bench.checkpoint(6, b"b");
    bench.take(8).unwrap();
    assert_eq!(end(slow), Err(Trouble::Superseded(Offset(8))), "it lost the race to a later owner");
    assert!(matches!(bench.take(3), Err(Trouble::Superseded(_))), "and does not begin again");

    let slow = before_the_manifest(&bench, bench.taking(20));
    bench.checkpoint(7, b"a");
    bench.take(9).unwrap();
    let taken = end(slow).unwrap();
    assert_eq!(taken.newest.iter().map(|mark| mark.number).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(bench.newest().epoch, Offset(20));
    assert!(bench.is_whole());
}

#[test]
fn a_damaged_copy_becomes_no_snapshot() {
    let bench = Bench::new();
    let folder = Folder::default();
    let bench = Bench { store: Box::new(folder.open().unwrap()), ..bench };
    bench.checkpoint(5, b"a");
    folder.damage();
    assert!(matches!(bench.take(3), Err(Trouble::Store(crate::store::StoreError::Damaged { .. }))));
    assert!(bench.archive.objects().is_empty());
}

#[test]
fn a_manifest_that_says_other_than_its_checkpoint_is_damaged() {
    let bench = Bench::new();
    bench.checkpoint(5, b"a");
    bench.take(3).unwrap();
    let manifest = (*bench.newest()).clone();
    let other = Manifest { number: 2, position: Offset(6), ..manifest.clone() };
    let put = |number, manifest: &Manifest| {
        bench.archive.handle(0).put(&manifest_name(HERE, number), manifest.write().into()).unwrap();
    };
    put(2, &other);
    put(3, &manifest);
    let catalog = bench.catalog();
    let damaged = |number| matches!(catalog.entries[&number].found, Found::Damaged(_));
    assert!(!damaged(1) && damaged(2) && damaged(3), "{catalog:?}");
}

#[test]
fn the_log_keeps_what_the_older_of_two_needs() {
    let mark = |number, position, outputs: [Option<u64>; 3]| Mark {
        number,
        position: Offset(position),
        outputs: outputs.map(|at| at.map(Offset)),
        taken_at: Ms(0),
        bytes: 1,
    };
    let (older, newer) = (mark(1, 5, [Some(3), None, Some(9)]), mark(2, 8, [Some(4), Some(2), Some(9)]));
    assert_eq!(keep(&[]), None);
    assert_eq!(keep(std::slice::from_ref(&newer)), None);
    let due = Keep { requests: Offset(5), outputs: [Offset(4), Offset(0), Offset(10)] };
    assert_eq!(keep(&[newer.clone(), older.clone()]), Some(due));
    assert_eq!(keep(&[older, newer]), Some(due), "numbers are not positions");
}

/// A catalog of manifests (number, day taken, position, its one object) and objects (epoch, content, day put).
fn catalog(manifests: &[(u64, i64, u64, &FileEntry)], objects: &[(&FileEntry, i64)]) -> Catalog {
    let mut catalog = Catalog::default();
    for (number, day, position, file) in manifests {
        let manifest = Manifest {
            genesis: sha256(b"ours"),
            partition: HERE,
            number: *number,
            epoch: Offset(50),
            position: Offset(*position),
            outputs: [None; 3],
            engine: 1,
            taken_at: Ms(day * DAY + 7 + i64::try_from(*number).unwrap()),
            checkpoint: Vec::new(),
            files: vec![(*file).clone()],
        };
        let found = Found::Manifest(Arc::new(manifest));
        catalog.entries.insert(*number, Entry { modified: Ms(day * DAY), found });
    }
    for (file, day) in objects {
        let (name, bytes, modified) = (file.object(HERE), file.bytes, Ms(day * DAY));
        catalog.objects.insert(name.clone(), Object { name, bytes, modified });
    }
    catalog
}

fn file(epoch: u64, content: &str) -> FileEntry {
    let (name, bytes, digest) = ("f".to_owned(), content.len() as u64, sha256(content.as_bytes()));
    FileEntry { name, bytes, digest, epoch: Offset(epoch) }
}

fn rule(day: i64, log_start: u64) -> Rule {
    let (now, log_start) = (Ms(day * DAY + DAY / 2), Offset(log_start));
    Rule { partition: HERE, genesis: sha256(b"ours"), epoch: Offset(50), now, log_start, days: 30 }
}

#[test]
fn the_newest_two_stay_and_the_last_of_each_day() {
    let one = file(1, "one");
    let all = [
        (1, 58, 10, &one),
        (2, 71, 20, &one),
        (3, 71, 30, &one),
        (4, 80, 40, &one),
        (5, 100, 50, &one),
        (6, 100, 60, &one),
        (7, 100, 70, &one),
    ];
    let catalog = catalog(&all, &[(&one, 58)]);
    let goes = |rule: &Rule| -> Vec<u64> {
        let names = sweep(&catalog, rule);
        all.iter().map(|(number, ..)| *number).filter(|n| names.contains(&manifest_name(HERE, *n))).collect()
    };
    assert_eq!(goes(&rule(100, 0)), [1, 2, 5], "1 is of 42 days ago");
    assert_eq!(goes(&rule(100, 35)), [1, 2, 3, 5], "the log no longer holds where 3 stands");
    assert_eq!(goes(&Rule { days: 0, ..rule(100, 0) }), [1, 2, 3, 4, 5]);
    assert_eq!(goes(&Rule { genesis: sha256(b"theirs"), ..rule(100, 0) }), [0; 0], "they are another's");
}

#[test]
fn objects_go_when_nobody_names_them_and_a_day_has_passed() {
    let (named, old, young, later) = (file(1, "named"), file(2, "old"), file(3, "young"), file(51, "later"));
    let manifests = [(1, 100, 10, &named), (2, 100, 20, &named)];
    let objects = [(&named, 90), (&old, 98), (&young, 100), (&later, 90)];
    let two = catalog(&manifests, &objects);
    assert_eq!(sweep(&two, &rule(100, 0)), [old.object(HERE)]);

    // A manifest that goes takes its object along, and goes first.
    let mut three = catalog(&[(1, 10, 1, &old), (2, 100, 10, &named), (3, 100, 20, &named)], &objects);
    assert_eq!(sweep(&three, &rule(100, 0)), [manifest_name(HERE, 1), old.object(HERE)]);

    // As long as something cannot be read, it may name anything; in the end it goes.
    let damaged = |day: i64| Entry { modified: Ms(day * DAY), found: Found::Damaged(String::new()) };
    three.entries.insert(4, damaged(100));
    assert_eq!(sweep(&three, &rule(100, 0)), [manifest_name(HERE, 1)]);
    three.entries.insert(4, damaged(98));
    let both = [manifest_name(HERE, 1), manifest_name(HERE, 4), old.object(HERE)];
    assert_eq!(sweep(&three, &rule(100, 0)), both);
    let newer = Found::Newer(String::new());
    three.entries.insert(5, Entry { modified: Ms(0), found: newer });
    assert_eq!(sweep(&three, &rule(100, 0)), both[..2], "a newer program's stays, and what it may name");
}

#[test]
fn what_lacks_an_object_is_none_of_the_newest_two() {
    let (there, gone) = (file(1, "there"), file(1, "gone"));
    let manifests = [(1, 100, 10, &there), (2, 100, 20, &there), (3, 100, 30, &gone)];
    let mut lacking = catalog(&manifests, &[(&there, 90)]);
    let marks = lacking.newest(sha256(b"ours"));
    assert_eq!(marks.iter().map(|mark| mark.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(sweep(&lacking, &rule(100, 0)), [""; 0], "it may be on its way still");
    if let Some(entry) = lacking.entries.get_mut(&3) {
        entry.modified = Ms(98 * DAY);
    }
    assert_eq!(sweep(&lacking, &rule(100, 0)), [manifest_name(HERE, 3)]);
    assert_eq!(lacking.newest(Digest256([0; 32])), []);
}
