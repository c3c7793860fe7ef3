//! What only a store in files can suffer.

use super::*;
use crate::store::conformance::copy_folder;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const ROWS: u16 = 400;

fn uncompacted() -> Options {
    Options { compact: false, ..Options::default() }
}

fn open(folder: &Path) -> Result<RocksStore, StoreError> {
    RocksStore::open(folder, &Resources::default(), &uncompacted())
}

/// What lies in the database itself, read without this program's own reading.
fn raw(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let db = DB::open_for_read_only(&rocksdb::Options::default(), folder, false).unwrap();
    let rows = db.iterator(IteratorMode::Start).map(|row| row.unwrap());
    rows.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

#[test]
fn rows_and_checkpoint_lie_where_they_ever_did() {
    let sample = [(b"\x00".to_vec(), b"\x01cp".to_vec()), (b"\x01k".to_vec(), b"v".to_vec())];
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(here.path()).unwrap();
    store.commit(vec![Write { key: b"k".to_vec(), value: Some(b"v".to_vec()) }], b"cp").unwrap();
    drop(store);
    assert_eq!(raw(here.path()), sample, "what is written");

    let db = DB::open_default(there.path()).unwrap();
    sample.iter().for_each(|(key, value)| db.put(key, value).unwrap());
    drop(db);
    let store = open(there.path()).unwrap();
    assert_eq!(store.checkpoint(), Ok(Some(b"cp".to_vec())));
    assert_eq!(store.read(&[b"k".to_vec()]), Ok(vec![Some(b"v".to_vec())]));
    drop(store);
    let db = DB::open_default(there.path()).unwrap();
    db.put(b"\x00", b"\x02cp").unwrap();
    drop(db);
    let error = open(there.path()).unwrap().checkpoint().unwrap_err();
    assert!(error.to_string().contains("the checkpoint is of no known version"), "{error}");
}

fn key(n: u16) -> Vec<u8> {
    n.to_be_bytes().to_vec()
}

/// Rows that all carry the checkpoint's number, of a size that makes several blocks.
fn numbered(number: u32) -> Vec<Write> {
    (0..ROWS).map(|n| Write { key: key(n), value: Some(value(number, n)) }).collect()
}

fn value(number: u32, n: u16) -> Vec<u8> {
    let mut value = number.to_le_bytes().to_vec();
    value.extend((0..64).flat_map(|i| (u32::from(n) * 77 + i * 31).to_le_bytes()));
    value
}

fn check_whole(store: &RocksStore) -> Option<u32> {
    let checkpoint = store.checkpoint().unwrap();
    let number = checkpoint.map(|blob| u32::from_le_bytes(blob.try_into().unwrap()));
    let values = store.read(&(0..ROWS).map(key).collect::<Vec<_>>()).unwrap();
    for (n, found) in (0..).zip(values) {
        assert_eq!(found, number.map(|number| value(number, n)), "row {n} of checkpoint {number:?}");
    }
    number
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_copy_taken_at_any_moment_holds_one_whole_checkpoint() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let stop = AtomicBool::new(false);
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                store.commit(numbered(number), &number.to_le_bytes()).unwrap();
            }
        });
        // Also when a check fails: the scope waits for the thread.
        let _stopping = Stop(&stop);
        for _ in 0..40 {
            let copy = TempDir::new().unwrap();
            copy_folder(folder.path(), copy.path());
            seen.push(check_whole(&open(copy.path()).unwrap()));
        }
    });
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.last() > seen.first(), "no commit was seen: {seen:?}");
}

#[test]
fn a_full_memtable_is_flushed_at_a_checkpoint_boundary() {
    let folder = TempDir::new().unwrap();
    // So little memory that every batch asks for a flush of its own.
    let store =
        RocksStore::open(folder.path(), &Resources::new(1 << 20, 64 << 10), &Options::default()).unwrap();
    let mut write = WriteOptions::default();
    write.disable_wal(true);
    for number in 0..60_u32 {
        let mut batch = WriteBatch::default();
        for row in numbered(number) {
            batch.put(row_key(&row.key), row.value.unwrap());
        }
        batch.put(CHECKPOINT_KEY, [&[CHECKPOINT_VERSION][..], &number.to_le_bytes()].concat());
        // Never flushed by us: what is found in the files was put there by RocksDB alone.
        store.db.write_opt(batch, &write).unwrap();
        store.db.disable_file_deletions().unwrap();
        let copy = TempDir::new().unwrap();
        copy_folder(folder.path(), copy.path());
        store.db.enable_file_deletions().unwrap();
        check_whole(&open(copy.path()).unwrap());
    }
    assert!(store.size_bytes() > 0, "RocksDB flushed nothing by itself");
}

#[test]
fn files_that_nothing_names_any_more_are_damage() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    store.commit(numbered(3), &3_u32.to_le_bytes()).unwrap();
    drop(store);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_str().unwrap().ends_with(".sst") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    assert!(matches!(open(folder.path()), Err(StoreError::Damaged { .. })));
}

/// Flips one byte and tells what came of it: wrong data is what may never come.
fn check_flip(folder: &Path, file: &str, at: usize) -> &'static str {
    let copy = TempDir::new().unwrap();
    copy_folder(folder, copy.path());
    let path = copy.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(&path, &bytes).unwrap();
    let place = format!("{file} at {at}");
    let store = match open(copy.path()) {
        Ok(store) => store,
        Err(StoreError::Damaged { .. }) => return "refused",
        Err(other) => panic!("{place}: {other:?}"),
    };
    let mut told = false;
    let mut expect = |error: StoreError| {
        assert!(matches!(error, StoreError::Damaged { .. }), "{place}: {error:?}");
        told = true;
    };
    match store.checkpoint() {
        Ok(checkpoint) => assert_eq!(checkpoint, Some(3_u32.to_le_bytes().to_vec()), "{place}"),
        Err(error) => expect(error),
    }
    for n in 0..ROWS {
        match store.read(&[key(n)]) {
            Ok(values) => assert_eq!(values, [Some(value(3, n))], "{place}"),
            Err(error) => expect(error),
        }
    }
    match store.scan(b"", None, usize::MAX) {
        Ok(rows) => assert_eq!(rows.len(), usize::from(ROWS), "{place}"),
        Err(error) => expect(error),
    }
    drop(store);
    let verified = verify(copy.path(), &Resources::default(), &uncompacted());
    match verified {
        Err(StoreError::Damaged { file: named, .. }) => assert!(named.contains(file), "{place}: {named}"),
        other => assert!(!told, "{place}: reads told of damage, verifying did not: {other:?}"),
    }
    if told { "told" } else { "harmless" }
}

#[test]
fn a_flipped_byte_is_told_or_harmless_but_never_wrong_data() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    store.commit(numbered(3), &3_u32.to_le_bytes()).unwrap();
    drop(store);
    let files = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let sst = names.iter().find(|name| name.ends_with(".sst")).unwrap();
    let length = std::fs::read(folder.path().join(sst)).unwrap().len();
    let mut outcomes: Vec<&str> =
        (0..length).step_by(length / 60).map(|at| check_flip(folder.path(), sst, at)).collect();
    outcomes.extend((1..60).map(|back| check_flip(folder.path(), sst, length - back)));
    let told = outcomes.iter().filter(|outcome| **outcome != "harmless").count();
    assert!(told * 10 > outcomes.len() * 8, "{outcomes:?}");
}

#[test]
fn a_lost_file_is_damage_and_never_an_empty_store() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    store.commit(numbered(3), &3_u32.to_le_bytes()).unwrap();
    drop(store);
    let files = std::fs::read_dir(folder.path()).unwrap();
    for name in files.map(|file| file.unwrap().file_name().into_string().unwrap()) {
        let needed = name == "CURRENT" || name.starts_with("MANIFEST") || name.ends_with(".sst");
        let copy = TempDir::new().unwrap();
        copy_folder(folder.path(), copy.path());
        drop(std::fs::remove_file(copy.path().join(&name)));
        match open(copy.path()) {
            Ok(store) => {
                assert!(!needed, "{name} is not missed");
                assert_eq!(check_whole(&store), Some(3));
            }
            Err(StoreError::Damaged { .. }) => assert!(needed, "{name} is missed"),
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn after_a_failed_write_it_does_nothing_until_it_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    store.commit(numbered(1), &1_u32.to_le_bytes()).unwrap();
    let aside = folder.path().with_extension("aside");
    std::fs::rename(folder.path(), &aside).unwrap();
    let error = store.commit(numbered(2), &2_u32.to_le_bytes()).unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    std::fs::rename(&aside, folder.path()).unwrap();
    assert!(matches!(store.read(&[key(0)]), Err(StoreError::Failed(_))));
    assert!(matches!(store.checkpoint(), Err(StoreError::Failed(_))));
    assert!(matches!(store.scan(b"", None, 1), Err(StoreError::Failed(_))));
    assert!(matches!(store.commit(vec![], b""), Err(StoreError::Failed(_))));
    drop(store);
    assert_eq!(check_whole(&open(folder.path()).unwrap()), Some(1));
}

#[test]
fn verify_counts_and_destroy_removes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store");
    let store = open(&path).unwrap();
    store.commit(numbered(3), b"c").unwrap();
    let verified = verify(&path, &Resources::default(), &uncompacted()).unwrap();
    assert_eq!((verified.rows, verified.checkpoint), (u64::from(ROWS), true));
    assert_eq!(verified.bytes, u64::from(ROWS) * (2 + 4 + 256));
    assert!(matches!(destroy(&path), Err(StoreError::Locked(_))), "an open store is removed");
    drop(store);
    destroy(&path).unwrap();
    assert!(!path.exists());
    destroy(&path).unwrap();
    assert_eq!(open(&path).unwrap().checkpoint(), Ok(None));
}

#[test]
fn its_own_logs_are_few() {
    let folder = TempDir::new().unwrap();
    for _ in 0..8 {
        drop(open(folder.path()).unwrap());
    }
    let files = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().filter(|name| name.starts_with("LOG")).count() <= 3, "{names:?}");
}

#[test]
#[ignore = "a measurement"]
fn measure_idle_memory_and_commits() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned()
    };
    println!("before: {}", resident());
    let folder = TempDir::new().unwrap();
    let resources = Resources::default();
    let stores: Vec<RocksStore> = (0..4)
        .map(|n| {
            RocksStore::open(&folder.path().join(n.to_string()), &resources, &Options::default()).unwrap()
        })
        .collect();
    println!("4 stores open: {}", resident());
    let start = crate::base::clock::Clock::elapsed(&crate::base::clock::SystemClock);
    for number in 0..50 {
        stores[0].commit(numbered(number), &number.to_le_bytes()).unwrap();
    }
    let end = crate::base::clock::Clock::elapsed(&crate::base::clock::SystemClock);
    println!("commit of {ROWS} rows: {:?} each; {}", (end - start) / 50, resident());
    let many: Vec<Write> =
        (0..50_000_u32).map(|n| Write { key: n.to_be_bytes().to_vec(), value: Some(vec![7; 400]) }).collect();
    stores[1].commit(many, b"").unwrap();
    let keys: Vec<Vec<u8>> = (0..50_000_u32).step_by(49).map(|n| n.to_be_bytes().to_vec()).collect();
    let start = crate::base::clock::Clock::elapsed(&crate::base::clock::SystemClock);
    stores[1].read(&keys).unwrap();
    let cold = crate::base::clock::Clock::elapsed(&crate::base::clock::SystemClock) - start;
    println!("{} cold keys: {cold:?}; {}", keys.len(), resident());
}
