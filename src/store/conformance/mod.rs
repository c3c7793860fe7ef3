//! What every store must do, run over each of them.

mod files;

use super::memory::{CommitFault, Folder};
use super::rocks::{Options, Resources, RocksStore};
use super::{Row, Sieve, Store, StoreError, Write};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// Lets a store drop what it may.
type Sift = Box<dyn Fn()>;

/// Where a store is kept.
trait Place {
    fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        self.open_with(Sieve::none()).map(|(store, _)| store)
    }
    /// With what lets the store sift.
    fn open_with(&self, sieve: Sieve) -> Result<(Arc<dyn Store>, Sift), StoreError>;
    /// What a crash would leave now, whoever has the store open.
    fn copy(&self) -> Box<dyn Place>;
}

struct Rocks {
    folder: TempDir,
    resources: Resources,
}

impl Rocks {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), resources: Resources::default() }
    }
}

impl Place for Rocks {
    fn open_with(&self, sieve: Sieve) -> Result<(Arc<dyn Store>, Sift), StoreError> {
        let options = Options { compact: false, sieve, ..Options::default() };
        let store = Arc::new(RocksStore::open(self.folder.path(), &self.resources, &options)?);
        let sifted = Arc::clone(&store);
        Ok((store, Box::new(move || sifted.compact())))
    }

    fn copy(&self) -> Box<dyn Place> {
        let copy = Rocks { folder: tempfile::tempdir().unwrap(), resources: self.resources.clone() };
        copy_folder(self.folder.path(), copy.folder.path());
        Box::new(copy)
    }
}

impl Place for Folder {
    fn open_with(&self, sieve: Sieve) -> Result<(Arc<dyn Store>, Sift), StoreError> {
        let folder = self.clone();
        Ok((Arc::new(Folder::open(self)?), Box::new(move || folder.sift(&sieve))))
    }

    fn copy(&self) -> Box<dyn Place> {
        Box::new(Folder::copy(self))
    }
}

/// Copies first what names other files, then those: as if all had been copied at one moment, as long as
/// no file is removed meanwhile.
pub(super) fn copy_folder(from: &Path, to: &Path) {
    let rank = |name: &str| match name {
        "CURRENT" => 0,
        name if name.starts_with("MANIFEST") => 1,
        _ => 2,
    };
    let entries = std::fs::read_dir(from).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_by_key(|name| rank(name));
    // The store may begin files after the folder was listed; those the manifest names are all wanted.
    for name in names.iter().filter(|name| rank(name) < 2) {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let wanted = rank(&name) == 2 && !name.starts_with("LOCK") && !name.ends_with(".dbtmp");
        if wanted && let Err(error) = std::fs::copy(from.join(&name), to.join(&name)) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{name}");
        }
    }
}

fn each(check: impl Fn(&dyn Place)) {
    check(&Folder::default());
    check(&Rocks::new());
}

fn put(key: &[u8], value: &[u8]) -> Write {
    Write { key: key.to_vec(), value: Some(value.to_vec()) }
}

fn delete(key: &[u8]) -> Write {
    Write { key: key.to_vec(), value: None }
}

fn row(key: &[u8], value: &[u8]) -> Row {
    (key.to_vec(), value.to_vec())
}

fn read(store: &dyn Store, keys: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    store.read(&keys.iter().map(|key| key.to_vec()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn an_empty_store_has_nothing() {
    each(|place| {
        let store = place.open().unwrap();
        assert_eq!(store.checkpoint(), Ok(None));
        assert_eq!(read(&*store, &[b"", b"a"]), [None, None]);
        assert_eq!(store.read(&[]), Ok(vec![]));
        assert_eq!(store.scan(b"", None, 10), Ok(vec![]));
    });
}

#[test]
fn writes_take_effect_in_their_order_and_reads_answer_in_theirs() {
    each(|place| {
        let store = place.open().unwrap();
        store.commit(vec![put(b"a", b"1"), put(b"b", b""), put(b"a", b"2"), delete(b"c")], b"one").unwrap();
        assert_eq!(
            read(&*store, &[b"b", b"a", b"c", b"a"]),
            [Some(vec![]), Some(b"2".to_vec()), None, Some(b"2".to_vec())]
        );
        store.commit(vec![put(b"c", b"3"), delete(b"a")], b"").unwrap();
        assert_eq!(read(&*store, &[b"a", b"b", b"c"]), [None, Some(vec![]), Some(b"3".to_vec())]);
        assert_eq!(store.checkpoint(), Ok(Some(vec![])));
        store.commit(vec![], b"three").unwrap();
        assert_eq!(store.checkpoint(), Ok(Some(b"three".to_vec())));
        assert_eq!(store.scan(b"", None, 9), Ok(vec![row(b"b", b""), row(b"c", b"3")]));
    });
}

#[test]
fn a_scan_keeps_to_its_prefix() {
    let keys: [&[u8]; 9] = [b"", b"\0", b"\0\0", b"\x01", b"a", b"a\xff", b"b", b"\xff", b"\xff\xff\xff"];
    each(|place| {
        let store = place.open().unwrap();
        store.commit(keys.iter().map(|key| put(key, b"v")).collect(), b"c").unwrap();
        let prefixes: [&[u8]; 9] =
            [b"", b"\0", b"a", b"a\xff", b"b", b"c", b"\xff", b"\xff\xff", b"\xff\xff\xff\xff"];
        let afters: [Option<&[u8]>; 8] = [
            None,
            Some(b""),
            Some(b"\0"),
            Some(b"a"),
            Some(b"a\x01"),
            Some(b"a\xff"),
            Some(b"\xff"),
            Some(b"\xff\xff\xff\xff"),
        ];
        for prefix in prefixes {
            for after in afters {
                for limit in [0, 1, 2, 100] {
                    let expected: Vec<Row> = (keys.iter())
                        .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| **key > after))
                        .take(limit)
                        .map(|key| row(key, b"v"))
                        .collect();
                    let found = store.scan(prefix, after, limit).unwrap();
                    assert_eq!(found, expected, "{prefix:?} behind {after:?}, at most {limit}");
                }
            }
        }
    });
}

#[test]
fn one_opens_it_at_a_time() {
    each(|place| {
        let store = place.open().unwrap();
        let error = place.open().err();
        assert!(matches!(error, Some(StoreError::Locked(_))), "{error:?}");
        drop(store);
        drop(place.open().unwrap());
    });
}

#[test]
fn a_crash_leaves_exactly_the_last_checkpoint() {
    each(|place| {
        let store = place.open().unwrap();
        for n in 0..5_u8 {
            let rows = [&b"x"[..], b"y", b"z"].map(|key| put(key, &[n]));
            store.commit(rows.to_vec(), &[n]).unwrap();
            let left = place.copy();
            let left = left.open().unwrap();
            assert_eq!(left.checkpoint(), Ok(Some(vec![n])));
            assert_eq!(read(&*left, &[b"x", b"y", b"z"]), vec![Some(vec![n]); 3]);
        }
        drop(store);
        assert_eq!(place.open().unwrap().checkpoint(), Ok(Some(vec![4])));
    });
}

#[test]
fn any_history_is_as_in_a_map() {
    each(|place| {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut store = place.open().unwrap();
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for round in 0..40_u32 {
            let mut writes = Vec::new();
            for _ in 0..random.random_range(0..60) {
                let key = vec![b'k'; random.random_range(0..3)]
                    .into_iter()
                    .chain([random.random_range(0..20)])
                    .collect::<Vec<u8>>();
                if random.random_range(0..4) == 0 {
                    model.remove(&key);
                    writes.push(Write { key, value: None });
                } else {
                    let mut value = vec![0; random.random_range(0..600)];
                    random.fill_bytes(&mut value);
                    model.insert(key.clone(), value.clone());
                    writes.push(Write { key, value: Some(value) });
                }
            }
            store.commit(writes, &round.to_le_bytes()).unwrap();
            if random.random_range(0..8) == 0 {
                drop(store);
                store = place.open().unwrap();
            }
            let mut found: Vec<Row> = Vec::new();
            loop {
                let after = found.last().map(|(key, _)| key.clone());
                let page = store.scan(b"k", after.as_deref(), 7).unwrap();
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            let expected: Vec<Row> =
                model.clone().into_iter().filter(|(key, _)| key.starts_with(b"k")).collect();
            assert_eq!(found, expected);
            let keys: Vec<Vec<u8>> = (0..20).map(|last| vec![b'k', last]).collect();
            let expected: Vec<_> = keys.iter().map(|key| model.get(key).cloned()).collect();
            assert_eq!(store.read(&keys), Ok(expected));
            assert_eq!(store.checkpoint(), Ok(Some(round.to_le_bytes().to_vec())));
        }
    });
}

/// A row may go once its value is not above the checkpoint's number.
fn by_number() -> Sieve {
    Sieve::new(|checkpoint| {
        let number = checkpoint.first().copied().unwrap_or_default();
        Box::new(move |key, value| key != b"stays" && value.first().is_some_and(|value| *value <= number))
    })
}

#[test]
fn what_the_sieve_lets_go_may_be_dropped_and_nothing_else() {
    each(|place| {
        let (store, sift) = place.open_with(by_number()).unwrap();
        let rows = || vec![put(b"a", &[1]), put(b"b", &[2]), put(b"c", &[3]), put(b"stays", &[0])];
        store.commit(rows(), &[0]).unwrap();
        sift();
        assert_eq!(store.scan(b"", None, 9).unwrap().len(), 4, "nothing is due");
        store.commit(vec![put(b"b", &[9])], &[2]).unwrap();
        sift();
        let found = store.scan(b"", None, 9).unwrap();
        assert_eq!(found, [row(b"b", &[9]), row(b"c", &[3]), row(b"stays", &[0])]);
        assert_eq!(read(&*store, &[b"a", b"b"]), [None, Some(vec![9])]);
        store.commit(vec![put(b"c", &[1])], &[3]).unwrap();
        sift();
        assert_eq!(read(&*store, &[b"c"]), [None], "what it was before does not come back");
        assert_eq!(store.checkpoint(), Ok(Some(vec![3])));
        drop((store, sift));
        let (store, sift) = place.open_with(by_number()).unwrap();
        store.commit(vec![put(b"d", &[3]), put(b"e", &[4])], &[3]).unwrap();
        sift();
        assert_eq!(read(&*store, &[b"b", b"c", b"d", b"e"]), [Some(vec![9]), None, None, Some(vec![4])]);
    });
}

#[test]
fn nothing_goes_before_its_checkpoint_is_durable() {
    each(|place| {
        let (store, sift) = place.open_with(by_number()).unwrap();
        sift();
        store.commit(vec![put(b"a", &[1])], &[0]).unwrap();
        drop((store, sift));
        let (store, sift) = place.open_with(by_number()).unwrap();
        sift();
        assert_eq!(read(&*store, &[b"a"]), [Some(vec![1])], "the checkpoint in force is the stored one");
        store.commit(vec![], &[1]).unwrap();
        drop((store, sift));
        let (store, sift) = place.open_with(by_number()).unwrap();
        sift();
        assert_eq!(read(&*store, &[b"a"]), [None]);
    });
}

#[test]
fn the_simulated_store_fails_as_told() {
    for (fault, survives) in
        [(CommitFault::FailBefore, b"0"), (CommitFault::FailAfter, b"1"), (CommitFault::Full, b"0")]
    {
        let folder = Folder::default();
        let store = folder.open().unwrap();
        store.commit(vec![put(b"row", b"0")], b"0").unwrap();
        folder.fail_commit(fault);
        let error = store.commit(vec![put(b"row", b"1")], b"1").unwrap_err();
        assert_eq!(error == StoreError::Full, fault == CommitFault::Full);
        for again in [store.read(&[]).err(), store.commit(vec![], b"2").err()] {
            let again = again.expect("it goes on after a failure");
            assert_eq!(again == StoreError::Full, fault == CommitFault::Full, "{again}");
        }
        drop(store);
        let store = folder.open().unwrap();
        assert_eq!(store.checkpoint(), Ok(Some(survives.to_vec())));
        assert_eq!(read(&store, &[b"row"]), [Some(survives.to_vec())]);
        folder.fail_reads(Some(StoreError::Failed("told".to_owned())));
        assert_eq!(store.checkpoint(), Err(StoreError::Failed("told".to_owned())));
        folder.fail_reads(None);
        let copy = folder.copy();
        store.commit(vec![], b"9").unwrap();
        assert_eq!(copy.open().unwrap().checkpoint(), Ok(Some(survives.to_vec())));
    }
}
