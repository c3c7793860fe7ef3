//! What every store must do as files: copies that stay, imports that are whole or not there.

use super::{delete, put, read};
use crate::base::position::Partition;
use crate::store::memory::Folders;
use crate::store::rocks::{Options, Resources, RocksStores};
use crate::store::{Export, Store, StoreError, Stores};
use std::io::Write;

const HERE: Partition = Partition(0);
const THERE: Partition = Partition(1);

fn each(check: impl Fn(&dyn Stores)) {
    check(&Folders::default());
    let root = tempfile::tempdir().unwrap();
    let options = Options { compact: false, ..Options::default() };
    check(&RocksStores::new(root.path().join("state"), Resources::default(), options).unwrap());
}

fn files(export: &dyn Export) -> Vec<(String, Vec<u8>)> {
    let each = export.files().iter().map(|file| {
        let mut content = Vec::new();
        export.open(&file.name).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, file.bytes, "{}", file.name);
        (file.name.clone(), content)
    });
    each.collect()
}

/// Brings files to a partition, except for one that `change` leaves out or changes.
fn bring(
    stores: &dyn Stores,
    to: Partition,
    files: &[(String, Vec<u8>)],
    change: impl Fn(&str, &[u8]) -> Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let mut import = stores.import(to).unwrap();
    for (name, content) in files {
        if let Some(content) = change(name, content) {
            let mut file = import.create(name).unwrap();
            content.chunks(1_000).for_each(|piece| file.write_all(piece).unwrap());
        }
    }
    import.finish()
}

fn as_it_is(_: &str, content: &[u8]) -> Option<Vec<u8>> {
    Some(content.to_vec())
}

fn check_rows(store: &dyn Store, checkpoint: &[u8], rows: &[(&[u8], Option<&[u8]>)]) {
    assert_eq!(store.checkpoint(), Ok(Some(checkpoint.to_vec())));
    for (key, value) in rows {
        assert_eq!(read(store, &[key]), [value.map(<[u8]>::to_vec)], "{key:?}");
    }
}

#[test]
fn a_copy_stays_as_it_is_while_the_store_goes_on() {
    each(|stores| {
        let store = stores.open(HERE).unwrap();
        assert!(matches!(store.export(), Err(StoreError::Failed(_))), "there is nothing to copy");
        store.commit(vec![put(b"a", b"1"), put(b"b", b"2")], b"one").unwrap();
        let copy = store.export().unwrap();
        let before = files(&*copy);
        store.commit(vec![delete(b"a"), put(b"b", b"3"), put(b"c", b"4")], b"two").unwrap();
        let second = store.export().unwrap();
        assert_eq!(files(&*copy), before);
        assert_eq!((copy.checkpoint(), second.checkpoint()), (&b"one"[..], &b"two"[..]));
        assert_eq!((copy.verify(), second.verify()), (Ok(()), Ok(())));
        assert!(copy.open("../lock").is_err() && copy.open("none").is_err());
        bring(stores, THERE, &before, as_it_is).unwrap();
        let there = stores.open(THERE).unwrap();
        check_rows(&*there, b"one", &[(b"a", Some(b"1")), (b"b", Some(b"2")), (b"c", None)]);
        there.commit(vec![put(b"d", b"5")], b"three").unwrap();
        check_rows(&*store, b"two", &[(b"a", None), (b"b", Some(b"3")), (b"d", None)]);
    });
}

#[test]
fn copies_share_what_did_not_change() {
    each(|stores| {
        let store = stores.open(HERE).unwrap();
        store.commit(vec![put(b"a", &[7; 2_000])], b"one").unwrap();
        let first = files(&*store.export().unwrap());
        store.commit(vec![put(b"b", b"1")], b"two").unwrap();
        let second = files(&*store.export().unwrap());
        let shared = first.iter().filter(|(_, one)| second.iter().any(|(_, other)| one == other));
        assert!(shared.map(|(_, content)| content.len()).sum::<usize>() >= 1_000);
    });
}

#[test]
fn an_import_takes_the_place_of_the_store_whole() {
    each(|stores| {
        let store = stores.open(HERE).unwrap();
        store.commit(vec![put(b"a", b"1")], b"one").unwrap();
        let brought = files(&*store.export().unwrap());
        let there = stores.open(THERE).unwrap();
        there.commit(vec![put(b"z", b"9")], b"other").unwrap();
        let locked = bring(stores, THERE, &brought, as_it_is);
        assert!(matches!(locked, Err(StoreError::Locked(_))), "it is open: {locked:?}");
        drop(there);
        drop(stores.import(THERE).unwrap().create("unfinished").unwrap());
        check_rows(&*stores.open(THERE).unwrap(), b"other", &[(b"z", Some(b"9")), (b"a", None)]);
        bring(stores, THERE, &brought, as_it_is).unwrap();
        check_rows(&*stores.open(THERE).unwrap(), b"one", &[(b"z", None), (b"a", Some(b"1"))]);
    });
}

#[test]
fn what_is_no_store_is_refused_and_the_one_before_stays() {
    each(|stores| {
        let store = stores.open(HERE).unwrap();
        store.commit(vec![put(b"a", &[7; 3_000])], b"one").unwrap();
        let brought = files(&*store.export().unwrap());
        stores.open(THERE).unwrap().commit(vec![], b"before").unwrap();
        let is_data = |name: &str| name.ends_with(".sst") || name.starts_with("rows");
        let lost = |name: &str, content: &[u8]| {
            (name != "CURRENT" && name != "checkpoint").then(|| content.to_vec())
        };
        assert!(bring(stores, THERE, &brought, lost).is_err());
        let cut = |name: &str, content: &[u8]| {
            Some(content[..if is_data(name) { content.len() - 5 } else { content.len() }].to_vec())
        };
        let damaged = bring(stores, THERE, &brought, cut);
        assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
        assert!(bring(stores, THERE, &[], as_it_is).is_err(), "nothing is no store");
        assert!(stores.import(THERE).unwrap().create("../escaped").is_err());
        check_rows(&*stores.open(THERE).unwrap(), b"before", &[]);
    });
}

#[test]
fn what_is_set_aside_is_out_of_the_way() {
    each(|stores| {
        assert_eq!(stores.set_aside(HERE), Ok(None), "there is nothing");
        for round in [b"one", b"two"] {
            let store = stores.open(HERE).unwrap();
            assert_eq!(store.checkpoint(), Ok(None));
            store.commit(vec![put(b"a", b"1")], round).unwrap();
            assert!(matches!(stores.set_aside(HERE), Err(StoreError::Locked(_))));
            drop(store);
            assert!(stores.set_aside(HERE).unwrap().is_some());
        }
        assert_eq!(stores.open(HERE).unwrap().checkpoint(), Ok(None));
    });
}
