//! Damage of every kind to the files of a closed log: what opening and reading make of it.

use super::disk::TestDisk;
use super::{open_on, options};
use crate::base::position::{Offset, Topic, TopicPartition};
use crate::log::conformance::{answer, append, clock, of};
use crate::log::embedded::disk::Disk;
use crate::log::embedded::format::{META, segment_name};
use crate::log::embedded::open::{Opened, open};
use crate::log::embedded::verify::{Report, scan_on, verify_on};
use crate::log::embedded::{EmbeddedLog, Options};
use crate::log::{Contents, LogError, PollLimit};
use std::sync::Arc;

const LAST: TopicPartition = TopicPartition::new(Topic::Requests, crate::base::position::Partition(1));

fn small() -> Options {
    Options { segment_bytes: 500, tail_bytes: 0, ..options(2) }
}

/// What was written, in order.
type Written = Vec<(TopicPartition, Vec<u8>)>;

/// A log of several segments; its last frame is of [`LAST`]. Every record is a group of its own.
fn log() -> (TestDisk, Written) {
    let disk = TestDisk::default();
    let (log, opened) = open_on(&disk, &small(), clock()).unwrap();
    assert!(opened.created);
    let places = [of(Topic::Requests, 0), LAST, of(Topic::Events, 1), LAST];
    let mut written = Vec::new();
    for n in 0..20_u8 {
        let at = places[usize::from(n) % places.len()];
        let content = vec![n; usize::from(n) * 3 % 40];
        answer(&append(&log, at, &[&content])).unwrap();
        written.push((at, content));
    }
    drop(log);
    assert!(segments(&disk).len() >= 3, "{:?}", disk.names());
    (disk, written)
}

fn segments(disk: &TestDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".segment")).collect()
}

fn newest(disk: &TestDisk) -> String {
    segments(disk).pop().unwrap()
}

/// Opens the log and reads all of it. What is read must be what was written, without a gap.
fn check_open(disk: &TestDisk, written: &Written) -> Result<(Opened, usize), LogError> {
    let (log, opened) = open_on(disk, &small(), clock())?;
    let count = check_content(&log, written)?;
    Ok((opened, count))
}

fn check_content(log: &EmbeddedLog, written: &Written) -> Result<usize, LogError> {
    let mut count = 0;
    let mut damage = None;
    for at in log.shared.layout.all() {
        let bounds = log.bounds(at).unwrap();
        let mut reader = log.reader(at, bounds.start).unwrap();
        let expected: Vec<&Vec<u8>> =
            written.iter().filter(|(known, _)| *known == at).map(|(_, content)| content).collect();
        loop {
            match reader.poll(PollLimit { records: 2, bytes: usize::MAX }) {
                Ok(records) if records.is_empty() => {
                    assert_eq!(reader.position(), bounds.end, "{at} ends early");
                    break;
                }
                Ok(records) => {
                    for stored in records {
                        let known = expected[usize::try_from(stored.offset.0).unwrap()];
                        assert_eq!(&stored.content[..], known, "{at} {}", stored.offset);
                        count += 1;
                    }
                }
                Err(error) => {
                    damage = Some(error);
                    break;
                }
            }
        }
    }
    damage.map_or(Ok(count), Err)
}

fn named(error: &LogError) -> (&str, u64) {
    let LogError::Damaged { file, at, .. } = error else { panic!("not damage: {error:?}") };
    (file, *at)
}

fn report(disk: &TestDisk) -> Report {
    verify_on(disk).unwrap()
}

/// Where the last frame of the newest segment begins.
fn last_frame(disk: &TestDisk, written: &Written) -> usize {
    disk.bytes(&newest(disk)).len() - 33 - written.last().unwrap().1.len()
}

#[test]
fn a_whole_log_is_read_and_verified() {
    let (disk, written) = log();
    let (opened, count) = check_open(&disk, &written).unwrap();
    assert_eq!((opened.created, opened.cut_bytes, count), (false, 0, written.len()));
    let report = report(&disk);
    assert_eq!((report.damage.len(), report.torn_bytes, report.segments), (0, 0, opened.segments));
    assert_eq!(report.counts.iter().map(|counts| counts.records).sum::<u64>(), written.len() as u64);
    let cat = scan_on(Arc::new(disk.clone()), LAST, Some(Offset(3)), Some(Offset(6))).unwrap();
    assert_eq!(cat.map(|stored| stored.unwrap().offset.0).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(scan_on(Arc::new(disk), LAST, None, None).unwrap().count(), 10);
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_frame_is_cut() {
    let (disk, written) = log();
    let (name, bytes) = (newest(&disk), disk.bytes(&newest(&disk)));
    let begin = last_frame(&disk, &written);
    for end in begin..bytes.len() {
        let torn = disk.copy();
        torn.put(&name, bytes[..end].to_vec());
        assert_eq!(report(&torn).torn_bytes, (end - begin) as u64);
        assert_eq!(report(&torn).damage, []);
        let (opened, count) = check_open(&torn, &written).unwrap();
        assert_eq!((opened.cut_bytes, count), ((end - begin) as u64, written.len() - 1));
        assert_eq!(torn.bytes(&name).len(), begin);
        let (log, opened) = open_on(&torn, &small(), clock()).unwrap();
        assert_eq!(opened.cut_bytes, 0);
        assert_eq!(answer(&append(&log, LAST, &[&written.last().unwrap().1])).unwrap().last, Offset(9));
        assert_eq!(check_content(&log, &written), Ok(written.len()));
    }
}

#[test]
fn a_tail_that_a_floor_needs_is_not_cut() {
    let (disk, written) = log();
    let (name, bytes) = (newest(&disk), disk.bytes(&newest(&disk)));
    let begin = last_frame(&disk, &written);
    let with = |disk: &TestDisk, floors: &[(TopicPartition, Offset)]| {
        open(Arc::new(disk.clone()), &small(), clock(), floors).map(|(_, opened)| opened.cut_bytes)
    };
    let other = (of(Topic::Requests, 0), Offset(4));
    for end in begin..bytes.len() {
        let torn = disk.copy();
        torn.put(&name, bytes[..end].to_vec());
        let error = with(&torn, &[other, (LAST, Offset(9))]).unwrap_err();
        assert_eq!(named(&error), (&name[..], begin as u64), "cut at {end}");
        assert_eq!(torn.bytes(&name).len(), end, "a log that was not opened was changed");
        assert_eq!(with(&torn, &[other, (LAST, Offset(8))]), Ok((end - begin) as u64));
    }
    assert_eq!(with(&disk, &[(LAST, Offset(9))]), Ok(0));
    assert!(with(&disk, &[(LAST, Offset(10))]).is_err());
    assert!(with(&disk, &[(of(Topic::Decisions, 0), Offset(0))]).is_err());
    assert!(with(&disk, &[(of(Topic::Decisions, 9), Offset(0))]).is_err());
}

#[test]
fn nothing_is_cut_where_floors_may_be_missing() {
    let (disk, written) = log();
    let (name, bytes) = (newest(&disk), disk.bytes(&newest(&disk)));
    let begin = last_frame(&disk, &written);
    let careful = Options { may_cut: false, ..small() };
    for end in begin + 1..bytes.len() {
        let torn = disk.copy();
        torn.put(&name, bytes[..end].to_vec());
        let error = open(Arc::new(torn.clone()), &careful, clock(), &[]).unwrap_err();
        assert_eq!(named(&error), (&name[..], begin as u64), "cut at {end}");
        assert_eq!(torn.bytes(&name).len(), end, "a log that was not opened was changed");
    }
    assert!(open(Arc::new(disk), &careful, clock(), &[]).is_ok(), "there is nothing to cut");
}

#[test]
fn every_flipped_byte_is_found_and_never_read() {
    let (disk, written) = log();
    let (last, begin) = (newest(&disk), last_frame(&disk, &written));
    for name in segments(&disk).into_iter().chain([META.to_owned()]) {
        let bytes = disk.bytes(&name);
        for at in 0..bytes.len() {
            for bit in [0x01, 0x80] {
                let flipped = disk.copy();
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                flipped.put(&name, changed);
                let place = format!("{name} at {at}");
                let verified = report(&flipped);
                match check_open(&flipped, &written) {
                    Ok((opened, count)) => {
                        assert!(name == last && at >= begin, "{place} is not found");
                        assert_eq!(
                            (opened.cut_bytes, count),
                            ((bytes.len() - begin) as u64, written.len() - 1)
                        );
                        assert_eq!(verified.torn_bytes, opened.cut_bytes, "{place}");
                    }
                    Err(error) => {
                        let (file, byte) = named(&error);
                        assert_eq!(file, name, "{place}: {error}");
                        assert!(byte <= at as u64, "{place}: {error}");
                        assert!(
                            verified.damage.iter().any(|found| found.file == name),
                            "{place}: {verified:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn verify_goes_on_behind_damage() {
    let (disk, written) = log();
    let name = &segments(&disk)[1];
    let mut bytes = disk.bytes(name);
    let begin = bytes.len() / 2;
    bytes[begin] ^= 4;
    disk.put(name, bytes);
    let report = report(&disk);
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert_eq!(report.counts.iter().map(|counts| counts.records).sum::<u64>(), written.len() as u64 - 1);
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, written) = log();
    for name in segments(&disk) {
        let gap = disk.copy();
        gap.remove(&name).unwrap();
        assert_eq!(named(&check_open(&gap, &written).unwrap_err()), (&name[..], 0));
        assert!(report(&gap).damage.iter().any(|damage| damage.file == name), "{:?}", report(&gap));
    }
    let gap = disk.copy();
    gap.remove(META).unwrap();
    assert_eq!(named(&check_open(&gap, &written).unwrap_err()).0, META);
    for name in segments(&disk) {
        gap.put(META, disk.bytes(META));
        gap.remove(&name).unwrap();
    }
    assert_eq!(named(&check_open(&gap, &written).unwrap_err()), (&segment_name(1)[..], 0));
}

#[test]
fn swapped_and_strange_segments_are_named() {
    let (disk, written) = log();
    let names = segments(&disk);
    for (n, one) in names.iter().enumerate() {
        for other in &names[n + 1..] {
            let swapped = disk.copy();
            swapped.put(one, disk.bytes(other));
            swapped.put(other, disk.bytes(one));
            assert_eq!(named(&check_open(&swapped, &written).unwrap_err()), (&one[..], 0));
        }
    }
    let copied = disk.copy();
    copied.put(&segment_name(names.len() as u64 + 1), disk.bytes(&names[0]));
    assert!(check_open(&copied, &written).is_err());
    let gap = disk.copy();
    gap.put(&segment_name(names.len() as u64 + 2), disk.bytes(&names[0]));
    assert_eq!(named(&check_open(&gap, &written).unwrap_err()).0, segment_name(names.len() as u64 + 1));
}

#[test]
fn a_segment_cut_in_the_middle_of_the_log_is_named() {
    let (disk, written) = log();
    let names = segments(&disk);
    for name in &names[..names.len() - 1] {
        let bytes = disk.bytes(name);
        for end in 0..bytes.len() {
            let cut = disk.copy();
            cut.put(name, bytes[..end].to_vec());
            assert_eq!(named(&check_open(&cut, &written).unwrap_err()).0, name);
        }
    }
    // The newest one, cut between two of its frames, misses nothing that can be known without a floor.
    let name = newest(&disk);
    for end in 0..disk.bytes(&name).len() {
        let cut = disk.copy();
        cut.put(&name, disk.bytes(&name)[..end].to_vec());
        match check_open(&cut, &written) {
            Ok(_) => assert!(open(Arc::new(cut), &small(), clock(), &[(LAST, Offset(9))]).is_err()),
            Err(error) => assert_eq!(named(&error).0, name),
        }
    }
}

#[test]
fn bytes_taken_out_of_the_middle_are_missed() {
    let (disk, written) = log();
    for name in segments(&disk) {
        let bytes = disk.bytes(&name);
        for from in (0..bytes.len()).step_by(7) {
            for count in [1, 33, 40, 60] {
                let end = from + count;
                if end >= bytes.len() {
                    continue;
                }
                let shorter = disk.copy();
                shorter.put(&name, [&bytes[..from], &bytes[end..]].concat());
                if let Ok((opened, _)) = check_open(&shorter, &written) {
                    assert!(opened.cut_bytes > 0 && name == newest(&disk), "{name}: {from}..{end}");
                }
            }
        }
    }
}

/// Three groups of three records of 700 bytes: many sectors.
fn groups() -> (TestDisk, Written, Vec<usize>) {
    let disk = TestDisk::default();
    let (log, _) = open_on(&disk, &options(2), clock()).unwrap();
    let mut written = Vec::new();
    let mut begins = Vec::new();
    for n in 0..3_u8 {
        begins.push(disk.bytes(&newest(&disk)).len());
        let records: Vec<Vec<u8>> = (0..3).map(|m| vec![n * 3 + m + 1; 700]).collect();
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        answer(&append(&log, LAST, &slices)).unwrap();
        written.extend(records.into_iter().map(|content| (LAST, content)));
    }
    drop(log);
    (disk, written, begins)
}

#[test]
fn a_frame_that_holds_keeps_what_is_before_it_from_being_cut() {
    let (disk, written, begins) = groups();
    let name = newest(&disk);
    // Any byte before the last frame, also in the newest group: a flipped bit is no torn write.
    let bytes = disk.bytes(&name);
    for at in (begins[0]..bytes.len() - 733).step_by(13) {
        let flipped = disk.copy();
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        flipped.put(&name, changed);
        assert_eq!(named(&check_open(&flipped, &written).unwrap_err()).0, name, "at {at}");
        assert_eq!(flipped.bytes(&name).len(), bytes.len());
    }
}

#[test]
fn a_sector_lost_in_the_newest_group_is_a_torn_tail_and_elsewhere_damage() {
    let (disk, written, begins) = groups();
    let name = newest(&disk);
    let bytes = disk.bytes(&name);
    for sector in begins[0] / 512..bytes.len() / 512 {
        let lost = disk.copy();
        let mut changed = bytes.clone();
        // What was durable before the group in the same sector stays.
        let group = begins.iter().rev().find(|begin| **begin / 512 <= sector).copied().unwrap();
        let from = (sector * 512).max(group);
        changed[from..sector * 512 + 512].fill(0);
        lost.put(&name, changed);
        match check_open(&lost, &written) {
            Ok((opened, count)) => {
                assert!(from >= begins[2], "sector {sector} was durable");
                assert!(count >= 6 && opened.cut_bytes > 0);
            }
            Err(error) => {
                assert!(from < begins[2], "sector {sector} was lost with the newest group: {error}");
                assert_eq!(named(&error).0, name);
            }
        }
    }
}
