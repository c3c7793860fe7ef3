//! What only a folder can suffer.

use super::*;
use crate::archive::conformance;

fn open(folder: &std::path::Path) -> ObjectArchive {
    ObjectArchive::open(&format!("file://{}", folder.display()), &Variables::default()).unwrap()
}

#[test]
fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(&open(folder.path())).unwrap();
}

#[test]
fn what_another_put_is_there_after_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let one = open(&folder.path().join("made when it is opened"));
    one.put("a/b", Bytes::from_static(b"x")).unwrap();
    drop(one);
    let other = open(&folder.path().join("made when it is opened"));
    assert_eq!(other.get("a/b", 9), Ok(Bytes::from_static(b"x")));
}

#[test]
fn what_a_crash_left_unfinished_is_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(folder.path());
    archive.put("a/b", Bytes::from_static(b"x")).unwrap();
    // The library writes beside the object and then renames.
    std::fs::write(folder.path().join("a/c#1"), b"half").unwrap();
    let names: Vec<String> = archive.list("a").unwrap().into_iter().map(|object| object.name).collect();
    assert_eq!(names, ["a/b"]);
    assert_eq!(archive.get("a/c", 9), Err(ArchiveError::Missing("a/c".to_owned())));
    drop(archive);
    let archive = ObjectArchive::in_folder(folder.path()).unwrap();
    assert!(!folder.path().join("a/c#1").exists(), "nor is it kept for ever");
    assert_eq!(archive.get("a/b", 9), Ok(Bytes::from_static(b"x")));
}

#[test]
fn it_may_be_dropped_inside_of_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let archive = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { drop(archive) });
}
