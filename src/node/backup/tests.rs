//! What is restored is what was backed up, or it is refused by name.

use super::restore::restore;
use super::take::{Source, take};
use super::*;
use crate::archive::Object;
use crate::base::clock::SystemClock;
use crate::base::hash::sha256;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::log::embedded::{EmbeddedLog, Options, Trim};
use crate::log::{Bounds, Contents, PollLimit};
use crate::node::genesis;
use crate::node::installation::{self, InstallationKey};
use crate::wire::backup::{BOOTSTRAP, KEY, NAME};
use crate::wire::manifest::{FileEntry, Manifest, manifest_name, object_name};
use crate::wire::record::Builder;
use tempfile::TempDir;

const REQUESTS: TopicPartition = TopicPartition::new(Topic::Requests, Partition(0));
const DECISIONS: TopicPartition = TopicPartition::new(Topic::Decisions, Partition(1));
const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };

/// An installation that is not served.
struct Installation {
    _folder: TempDir,
    data: Data,
    key: InstallationKey,
    log: EmbeddedLog,
    archive: ObjectArchive,
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn archive(folder: &Path) -> ObjectArchive {
    ObjectArchive::in_folder(folder).unwrap()
}

impl Installation {
    fn new(records: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::new(folder.path().join("data"));
        data.create().unwrap();
        let key = installation::open(&data, &SystemClock).unwrap();
        fs::write(data.bootstrap(), b"{}").unwrap();
        let options = Options { segment_bytes: 2_000, ..Options::new(data.log(), 2) };
        let (log, _) = EmbeddedLog::open(&options, clock(), &[]).unwrap();
        let archive = archive(&data.path().join("archive"));
        let installation = Self { _folder: folder, data, key, log, archive };
        for number in 0..records {
            installation.append(REQUESTS, number);
        }
        installation.append(DECISIONS, 0);
        installation
    }

    fn append(&self, to: TopicPartition, number: u64) {
        let record = Builder::new(b"k", Some(format!("record {number}").as_bytes())).unwrap().finish();
        genesis::append(&self.log, to, vec![record]).unwrap();
    }

    /// Puts a snapshot there that stands at `position`.
    fn snapshot(&self, number: u64, position: u64) -> Manifest {
        let content = format!("state at {position}");
        let entry = FileEntry {
            name: "000001.sst".to_owned(),
            bytes: content.len() as u64,
            digest: sha256(content.as_bytes()),
            epoch: Offset(1),
        };
        let manifest = Manifest {
            genesis: sha256(b"genesis"),
            partition: Partition(0),
            number,
            epoch: Offset(1),
            position: Offset(position),
            outputs: [None; 3],
            engine: 1,
            taken_at: Ms(1),
            checkpoint: vec![1],
            files: vec![entry.clone()],
        };
        self.archive.put(&object_name(Partition(0), Offset(1), &entry.digest), content.into()).unwrap();
        self.archive.put(&manifest_name(Partition(0), number), manifest.write().into()).unwrap();
        manifest
    }

    fn take(&self, to: &dyn Archive) -> Result<crate::wire::backup::Backup, Failure> {
        let clock = SystemClock;
        let source = Source {
            data: &self.data,
            key: &self.key,
            log: &self.log,
            archive: &self.archive,
            clock: &clock,
        };
        take(&source, to, &mut |_| ())
    }
}

fn restored(from: &dyn Archive, data: &Data) -> Result<Restored, Failure> {
    let folder = data.path().join("archive");
    let open = || Ok(Box::new(archive(&folder)) as Box<dyn Archive>);
    restore(from, data, &open, &clock(), &mut |_| ())
}

fn records(log: &EmbeddedLog, of: TopicPartition) -> Vec<crate::log::Stored> {
    let start = log.bounds(of).unwrap().start;
    log.reader(of, start).unwrap().poll(ALL).unwrap()
}

fn names(archive: &dyn Archive, prefix: &str) -> Vec<String> {
    archive.list(prefix).unwrap().into_iter().map(|Object { name, .. }| name).collect()
}

#[test]
fn what_comes_back_is_what_was_there_and_goes_on_far_behind() {
    let one = Installation::new(60);
    let manifest = one.snapshot(7, 40);
    let to = TempDir::new().unwrap();
    let to = archive(to.path());
    let mut told = Vec::new();
    let clock_now = SystemClock;
    let source =
        Source { data: &one.data, key: &one.key, log: &one.log, archive: &one.archive, clock: &clock_now };
    let taken = take(&source, &to, &mut |copied| told.push(copied.clone())).unwrap();
    assert_eq!(taken.installation, one.key.id());
    assert!(taken.files.len() > 6, "several segments: {:?}", taken.files);
    assert_eq!(told.last().unwrap().bytes, taken.bytes());
    // What is appended later is not in the backup.
    one.append(REQUESTS, 60);

    let elsewhere = TempDir::new().unwrap();
    let data = Data::new(elsewhere.path().join("new folder"));
    let back = restored(&to, &data).unwrap();
    assert_eq!(back.backup, taken);
    assert_eq!(fs::read(data.installation_key()).unwrap(), fs::read(one.data.installation_key()).unwrap());
    assert_eq!(installation::open(&data, &SystemClock).unwrap(), one.key);
    assert_eq!(fs::read(data.bootstrap()).unwrap(), b"{}");
    let (log, _) = EmbeddedLog::open(&Options::new(data.log(), 2), clock(), &[]).unwrap();
    assert_eq!(records(&log, REQUESTS), records(&one.log, REQUESTS)[..60]);
    assert_eq!(records(&log, DECISIONS), records(&one.log, DECISIONS));
    for (of, end) in [(REQUESTS, 60), (DECISIONS, 1), (TopicPartition::new(Topic::Events, Partition(1)), 0)] {
        assert_eq!(log.bounds(of).unwrap().end, Offset(end + 1_000_000), "{of}");
        assert!(back.next.contains(&(of, Offset(end + 1_000_000))));
    }
    let archived = archive(&data.path().join("archive"));
    assert_eq!(archived.get(&manifest_name(Partition(0), 7), 1 << 20).unwrap(), manifest.write());
    assert_eq!(names(&archived, "snapshots"), names(&one.archive, "snapshots"));
    assert!(!data.restoring().exists());
}

#[test]
fn a_log_that_goes_on_is_backed_up_as_it_stood() {
    let one = Arc::new(Installation::new(20));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let (one, stop) = (Arc::clone(&one), Arc::clone(&stop));
        std::thread::Builder::new()
            .spawn(move || {
                for number in 20.. {
                    one.append(REQUESTS, number);
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                }
            })
            .unwrap()
    };
    for _ in 0..5 {
        let folder = TempDir::new().unwrap();
        let to = archive(folder.path());
        let taken = one.take(&to).unwrap();
        let elsewhere = TempDir::new().unwrap();
        let data = Data::new(elsewhere.path().to_owned());
        restored(&to, &data).unwrap();
        let (log, _) = EmbeddedLog::open(&Options::new(data.log(), 2), clock(), &[]).unwrap();
        let held = records(&log, REQUESTS);
        let least = taken.ends.iter().find(|(of, _)| *of == REQUESTS).unwrap().1;
        assert!(held.len() as u64 >= least.0 && least.0 >= 20);
        assert_eq!(held[..], records(&one.log, REQUESTS)[..held.len()]);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
}

#[test]
fn a_damaged_backup_is_refused_by_the_file_and_nothing_starts_on_what_is_left() {
    let one = Installation::new(60);
    one.snapshot(1, 40);
    let folder = TempDir::new().unwrap();
    let taken = one.take(&archive(folder.path())).unwrap();
    for file in taken.files.iter().map(|file| &*file.name).chain([NAME]) {
        let path = folder.path().join(file);
        let good = fs::read(&path).unwrap();
        let (mut flipped, cut) = (good.clone(), good[..good.len() - 1].to_vec());
        flipped[good.len() / 2] ^= 1;
        for bad in [Some(flipped), Some(cut), None] {
            match &bad {
                Some(bad) => fs::write(&path, bad).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let elsewhere = TempDir::new().unwrap();
            let data = Data::new(elsewhere.path().to_owned());
            let told = restored(&archive(folder.path()), &data).unwrap_err().to_string();
            assert!(told.contains(file), "{file}: {told}");
            assert!(file == NAME || data.restoring().exists(), "{file}");
        }
        fs::write(&path, good).unwrap();
    }
    let elsewhere = TempDir::new().unwrap();
    restored(&archive(folder.path()), &Data::new(elsewhere.path().to_owned())).unwrap();
}

#[test]
fn snapshots_of_a_later_state_are_not_restored_before() {
    let one = Installation::new(60);
    one.snapshot(1, 40);
    let folder = TempDir::new().unwrap();
    one.take(&archive(folder.path())).unwrap();
    one.snapshot(2, 50);
    let elsewhere = TempDir::new().unwrap();
    let data = Data::new(elsewhere.path().to_owned());
    let shared = || Ok(Box::new(archive(&one.data.archive())) as Box<dyn Archive>);
    let told = restore(&archive(folder.path()), &data, &shared, &clock(), &mut |_| ()).unwrap_err();
    assert!(matches!(&told, Failure::Input(told) if told.contains("00002.json")), "{told}");
}

#[test]
fn nothing_is_overwritten() {
    let one = Installation::new(3);
    let folder = TempDir::new().unwrap();
    let to = archive(folder.path());
    one.take(&to).unwrap();
    assert!(matches!(one.take(&to), Err(Failure::Input(told)) if told.contains("already")));
    assert!(matches!(restored(&to, &one.data), Err(Failure::Input(told)) if told.contains("is not empty")));
    let none = TempDir::new().unwrap();
    let told = restored(&archive(none.path()), &Data::new(none.path().join("x"))).unwrap_err();
    assert!(matches!(told, Failure::Input(told) if told.contains("no backup")));
}

#[test]
fn a_place_with_anything_in_it_is_left_as_it_is() {
    let (one, other) = (Installation::new(3), Installation::new(4));
    let before = fs::read(other.data.installation_key()).unwrap();
    let told = one.take(&archive(other.data.path())).unwrap_err().to_string();
    assert!(told.contains("not empty"), "{told}");
    assert_eq!(fs::read(other.data.installation_key()).unwrap(), before);
    assert_eq!(records(&other.log, REQUESTS).len(), 4);
}

#[test]
fn a_folder_of_a_backup_is_for_its_owner_and_apart_from_the_data() {
    let one = Installation::new(1);
    let inside = one.data.path().join("backups");
    fs::create_dir(&inside).unwrap();
    let told = guard(&inside, &one.data).unwrap_err().to_string();
    assert!(told.contains("inside of the data folder"), "{told}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let place = TempDir::new().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    guard(place.path(), &one.data).unwrap();
    assert_eq!(mode(place.path()), 0o700);
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(place.path().join("another's"), b"").unwrap();
    guard(place.path(), &one.data).unwrap();
    assert_eq!(mode(place.path()), 0o755, "what is not empty is not ours");
}

#[test]
fn what_is_damaged_in_the_log_is_told_with_the_copy() {
    let one = Installation::new(60);
    assert_eq!(damaged(&one.log), [""; 0]);
    let segment = one.data.log().join("00000000000000000001.segment");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let to = TempDir::new().unwrap();
    one.take(&archive(to.path())).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let back = restored(&archive(to.path()), &Data::new(elsewhere.path().join("x"))).unwrap();
    let [told] = &back.damaged[..] else { panic!("{:?}", back.damaged) };
    assert!(told.contains("00001.segment"), "{told}");
    assert_eq!(damaged(&one.log), back.damaged);
}

#[test]
fn the_gap_is_wider_the_longer_ago_the_backup() {
    assert_eq!([-5, 0, 9_999].map(restore::gap), [1_000_000; 3]);
    assert_eq!(restore::gap(10_000), 2_000_000);
    let week = 7 * 24 * 60 * 60;
    assert!(restore::gap(week * 1_000) > 100_000 * u64::try_from(week).unwrap());
    assert!(restore::gap(100 * 365 * 86_400_000) < 1 << 53, "every client can read the offsets");
}

#[test]
fn the_newest_good_snapshot_goes_along() {
    let one = Installation::new(60);
    one.snapshot(1, 30);
    let newest = one.snapshot(2, 50);
    let object = newest.files[0].object(Partition(0));
    one.archive.put(&object, "state at 51".into()).unwrap();
    let [first, second, third] = [(); 3].map(|()| TempDir::new().unwrap());
    let taken = one.take(&archive(first.path())).unwrap();
    let manifests: Vec<_> = taken.files.iter().filter(|file| file.name.ends_with(".json")).collect();
    assert!(manifests.iter().any(|file| file.name.ends_with("00001.json")), "{manifests:?}");
    assert!(!manifests.iter().any(|file| file.name.ends_with("00002.json")), "{manifests:?}");
    // Where the log no longer goes back to it, the installation could not be restored.
    let topics =
        Topic::ALL.into_iter().flat_map(|topic| [0, 1].map(|of| TopicPartition::new(topic, Partition(of))));
    let needed = topics.map(|of| (of, Offset(if of == REQUESTS { 45 } else { u64::MAX }))).collect();
    let (older_than, max_bytes) = (Ms(i64::MAX), u64::MAX);
    one.log.trim(&Trim { needed, unread: Vec::new(), older_than, max_bytes }).unwrap();
    let Bounds { start, .. } = one.log.bounds(REQUESTS).unwrap();
    assert!(start > Offset(31) && start <= Offset(45), "{start}");
    let told = one.take(&archive(second.path())).unwrap_err().to_string();
    assert!(told.contains("partition 0") && told.contains(&start.to_string()), "{told}");
    one.snapshot(3, 50);
    let told = one.take(&archive(second.path())).unwrap_err().to_string();
    assert!(told.contains("cut off"), "what the failed one left is no place for another: {told}");
    one.take(&archive(third.path())).unwrap();
}

#[test]
fn a_key_that_was_given_comes_along_and_files_are_named_as_they_should() {
    let one = Installation::new(1);
    fs::remove_file(one.data.installation_key()).unwrap();
    fs::remove_file(one.data.bootstrap()).unwrap();
    let folder = TempDir::new().unwrap();
    let taken = one.take(&archive(folder.path())).unwrap();
    let names: Vec<_> = taken.files.iter().map(|file| &*file.name).collect();
    assert!(names.contains(&KEY) && !names.contains(&BOOTSTRAP), "{names:?}");
    let elsewhere = TempDir::new().unwrap();
    let data = Data::new(elsewhere.path().to_owned());
    restored(&archive(folder.path()), &data).unwrap();
    assert_eq!(installation::open(&data, &SystemClock).unwrap(), one.key);
}

#[test]
fn a_place_is_a_folder_or_an_address() {
    assert_eq!(address("s3://bucket/x").unwrap(), "s3://bucket/x");
    assert_eq!(address("/a b/ä").unwrap(), "file:///a%20b/%C3%A4");
    assert!(address("x").unwrap().starts_with("file:///"));
}
