//! What every archive must do. It runs over each implementation in the tests, and over a bucket: one that
//! ignores what is asked of it here (a put that must not replace, above all) cannot be an archive.

use crate::archive::{Archive, ArchiveError, Object, Put};
use bytes::Bytes;
use std::io::{self, Read};

/// Longer than a part, and no multiple of one.
const LARGE: usize = (17 << 20) + 4_321;

type Check = Result<(), String>;

/// Holds an archive to the seam; what it puts below `conformance` it removes again.
///
/// # Errors
/// The first thing that does not hold.
pub fn check(archive: &dyn Archive) -> Check {
    clear(archive)?;
    small_objects(archive)?;
    one_creates(archive)?;
    many_create_at_once(archive)?;
    large_objects(archive)?;
    what_fails_half_way_is_not_there(archive)?;
    listings(archive)?;
    names(archive)?;
    clear(archive)?;
    ensure(archive.list("conformance"), &Ok(vec![]), "everything is removed")
}

fn ensure<T: PartialEq + std::fmt::Debug>(found: T, due: &T, what: &str) -> Check {
    if found == *due { Ok(()) } else { Err(format!("{what}: {found:?}, not {due:?}")) }
}

fn told(error: ArchiveError) -> String {
    error.to_string()
}

fn clear(archive: &dyn Archive) -> Check {
    for object in archive.list("conformance").map_err(told)? {
        archive.delete(&object.name).map_err(told)?;
    }
    Ok(())
}

fn small_objects(archive: &dyn Archive) -> Check {
    let name = "conformance/small";
    let missing = || ArchiveError::Missing(name.to_owned());
    ensure(archive.get(name, 9), &Err(missing()), "what is not there")?;
    ensure(archive.get_stream(name, &mut io::sink()), &Err(missing()), "what is not there, streamed")?;
    ensure(archive.delete(name), &Ok(()), "what is not there is removed already")?;
    for content in [&b"one"[..], b"another", b""] {
        archive.put(name, Bytes::from_static(content)).map_err(told)?;
        ensure(archive.get(name, 7), &Ok(Bytes::from_static(content)), "an object is as it was put last")?;
    }
    archive.put(name, Bytes::from_static(b"too long")).map_err(told)?;
    ensure(archive.is_empty(), &Ok(false), "there is an object")?;
    let too_large = ArchiveError::TooLarge { name: name.to_owned(), limit: 7 };
    ensure(archive.get(name, 7), &Err(too_large), "more than is asked for")?;
    archive.delete(name).map_err(told)?;
    ensure(archive.get(name, 9), &Err(missing()), "what was removed")
}

fn one_creates(archive: &dyn Archive) -> Check {
    let name = "conformance/once";
    let put = |content| archive.put_if_absent(name, Bytes::from_static(content));
    ensure(put(b"first"), &Ok(Put::Created), "the first creates")?;
    ensure(put(b"second"), &Ok(Put::Exists), "the second does not")?;
    ensure(put(b"first"), &Ok(Put::Exists), "not even the same")?;
    ensure(archive.get(name, 9), &Ok(Bytes::from_static(b"first")), "the first one's stays")?;
    archive.delete(name).map_err(told)?;
    ensure(put(b"third"), &Ok(Put::Created), "what was removed is absent")
}

fn many_create_at_once(archive: &dyn Archive) -> Check {
    for round in 0..4 {
        let name = format!("conformance/race-{round}");
        let start = std::sync::Barrier::new(6);
        let results: Vec<_> = std::thread::scope(|scope| {
            let each = (0..6_u8).map(|number| {
                let (name, start) = (&name, &start);
                scope.spawn(move || {
                    start.wait();
                    (number, archive.put_if_absent(name, Bytes::from(vec![number; 3])))
                })
            });
            let threads: Vec<_> = each.collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let created: Vec<u8> =
            results.iter().filter(|(_, put)| *put == Ok(Put::Created)).map(|(number, _)| *number).collect();
        let [winner] = created[..] else { return Err(format!("of six at once one creates: {results:?}")) };
        let content = archive.get(&name, 9);
        ensure(content, &Ok(Bytes::from(vec![winner; 3])), "the object is the one's who created it")?;
    }
    Ok(())
}

/// Bytes that no two parts share.
fn large() -> Vec<u8> {
    let words = (0..LARGE.div_ceil(8) as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    let mut bytes: Vec<u8> = words.flatten().collect();
    bytes.truncate(LARGE);
    bytes
}

fn large_objects(archive: &dyn Archive) -> Check {
    let (name, content) = ("conformance/large", large());
    for length in [0, 1, 8 << 20, LARGE] {
        let part = content.get(..length).unwrap_or_default();
        let put = archive.put_stream(name, &mut &part[..]);
        ensure(put, &Ok(length as u64), "bytes put")?;
        let mut back = Vec::new();
        ensure(archive.get_stream(name, &mut back), &Ok(length as u64), "bytes given back")?;
        if back != part {
            return Err(format!("an object of {length} bytes comes back otherwise"));
        }
    }
    Ok(())
}

/// A source that fails behind its bytes.
struct Failing<'a>(&'a [u8]);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the source failed")),
            read => Ok(read),
        }
    }
}

fn what_fails_half_way_is_not_there(archive: &dyn Archive) -> Check {
    let (content, failed) = (large(), || ArchiveError::Stream("the source failed".to_owned()));
    let before = Bytes::from_static(b"before");
    for length in [5, LARGE] {
        let part = content.get(..length).unwrap_or_default();
        let name = format!("conformance/unfinished-{length}");
        let put = |name: &str| archive.put_stream(name, &mut Failing(part));
        ensure(put(&name), &Err(failed()), "the source's failure is told")?;
        ensure(archive.get(&name, 9), &Err(ArchiveError::Missing(name.clone())), "half an object")?;
        archive.put(&name, before.clone()).map_err(told)?;
        ensure(put(&name), &Err(failed()), "the source's failure is told")?;
        ensure(archive.get(&name, 9), &Ok(before.clone()), "the object before stays")?;
    }
    Ok(())
}

fn listings(archive: &dyn Archive) -> Check {
    let names = ["a", "b/1", "b/2", "b/c/3", "bc"].map(|name| format!("conformance/list/{name}"));
    for (length, name) in names.iter().enumerate() {
        archive.put(name, Bytes::from(vec![7; length])).map_err(told)?;
    }
    let listed = |prefix: &str| -> Result<Vec<Object>, String> { archive.list(prefix).map_err(told) };
    let short = |objects: &[Object]| -> Vec<(String, u64)> {
        objects.iter().map(|object| (object.name.clone(), object.bytes)).collect()
    };
    let due: Vec<(String, u64)> = names.iter().cloned().zip(0..).collect();
    let all = listed("conformance/list")?;
    ensure(short(&all), &due, "a listing has everything below, in order")?;
    let within = due.get(1..4).unwrap_or_default().to_vec();
    ensure(short(&listed("conformance/list/b")?), &within, "a prefix is whole segments")?;
    ensure(short(&listed("conformance/list/none")?), &vec![], "nothing below")?;
    // Clocks of archives may be off; they are of this century.
    let modern = all.iter().all(|object| object.modified.0 > 1_600_000_000_000);
    ensure(modern, &true, "a listing says when an object was put")
}

fn names(archive: &dyn Archive) -> Check {
    for bad in ["", "/", "a/", "/a", "a//b", "../a", "a/./b", "a b", "ä", "a#1", &"x".repeat(600)] {
        let put = archive.put(bad, Bytes::new());
        if !matches!(put, Err(ArchiveError::BadName(_))) {
            return Err(format!("{bad:?} is a name: {put:?}"));
        }
    }
    Ok(())
}
