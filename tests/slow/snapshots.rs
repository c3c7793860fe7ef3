//! Snapshots of the real binary: a state that is lost or damaged comes back from the archive, in a folder and
//! in a bucket.

use crate::bucket::Bucket;
use crate::server::{Answer, Client, Server, wait_for};
use clausum::archive::object::{ObjectArchive, Variables};
use clausum::archive::{Archive, conformance};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

const PARTITIONS: u16 = 4;
const OFTEN: (&str, &str) = ("CLAUSUM__SNAPSHOT__INTERVAL", "1s");

fn body(number: usize) -> String {
    let (amount, payer, device) = (100 + number, number % 40, number % 7);
    format!(
        r#"{{"amount":{amount},"currency":"MXN","email":"p{payer}@example.com","device":{{"ip":"10.0.0.{device}"}}}}"#
    )
}

/// Answers by their idempotency keys.
type Answered = BTreeMap<String, Vec<u8>>;

/// Asks until there is another answer than 503: a partition that meets damage has nothing else to say until it
/// has begun anew.
fn decided(client: &mut Client, key: &str, number: usize) -> Answer {
    wait_for(|| {
        let answer = client.assess(Some(key), body(number).as_bytes()).unwrap();
        (answer.status != 503).then_some(answer)
    })
}

fn call(server: &Server, numbers: std::ops::Range<usize>, answered: &mut Answered) {
    let mut client = server.connect().unwrap();
    for number in numbers {
        let key = format!("k{number}");
        let answer = decided(&mut client, &key, number);
        assert_eq!(answer.status, 200);
        answered.insert(key, answer.body);
    }
}

/// Every answer is stored: the state is what it was.
fn repeat(server: &Server, answered: &Answered) {
    let mut client = server.connect().unwrap();
    for (key, stored) in answered {
        let number: usize = key[1..].parse().unwrap();
        let Answer { status, replayed, body } = decided(&mut client, key, number);
        assert_eq!((status, replayed), (200, true), "{key}");
        assert_eq!(body, *stored, "{key}");
    }
}

/// Waits until each partition has so many snapshots behind what was decided until now.
fn wait_for_snapshots(archive: &dyn Archive, before: &[usize], more: usize) -> Vec<usize> {
    wait_for(|| {
        let counts = counts(archive);
        counts.iter().zip(before).all(|(count, before)| *count >= before + more).then_some(counts)
    })
}

/// The number of the newest snapshot of each partition.
fn counts(archive: &dyn Archive) -> Vec<usize> {
    let newest = |partition| {
        let manifests = archive.list(&format!("snapshots/{partition}/manifests")).unwrap();
        let name = manifests.last().map(|object| object.name.clone()).unwrap_or_default();
        let digits = name.rsplit('/').next().and_then(|name| name.strip_suffix(".json"));
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    (0..PARTITIONS).map(newest).collect()
}

fn told(data: &Path) -> String {
    std::fs::read_to_string(data.join("stderr.txt")).unwrap()
}

/// Kills a server once what was decided is in two snapshots of its partition.
fn kill_behind_snapshots(mut server: Server, archive: &dyn Archive, before: &[usize]) {
    let own = wait_for(|| {
        let now = counts(archive);
        now.iter().zip(before).position(|(now, before)| *now >= before + 2)
    });
    eprintln!("snapshots of partition {own}: {}", counts(archive)[own]);
    server.kill();
}

/// Files of RocksDB in a folder.
fn tables(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "sst")).collect()
}

#[test]
fn a_lost_or_damaged_state_comes_back_from_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut answered = Answered::new();
    let server = Server::start_with(data, &[OFTEN]);
    let archive =
        ObjectArchive::open(&format!("file://{}", data.join("archive").display()), &Variables::default())
            .unwrap();
    wait_for_snapshots(&archive, &[0; 4], 2);
    call(&server, 0..120, &mut answered);
    kill_behind_snapshots(server, &archive, &counts(&archive));

    std::fs::remove_dir_all(data.join("state")).unwrap();
    let server = Server::start_with(data, &[OFTEN]);
    let opening = told(data);
    assert_eq!(opening.matches("fetch snapshot").count(), usize::from(PARTITIONS), "{opening}");
    repeat(&server, &answered);
    call(&server, 120..160, &mut answered);
    kill_behind_snapshots(server, &archive, &counts(&archive));

    let home = (0..PARTITIONS).max_by_key(|partition| {
        let sizes = tables(&data.join(format!("state/{partition}"))).into_iter();
        sizes.map(|table| table.metadata().unwrap().len()).sum::<u64>()
    });
    let home = home.unwrap();
    for table in tables(&data.join(format!("state/{home}"))) {
        let mut content = std::fs::read(&table).unwrap();
        let middle = content.len() / 3;
        content[middle] ^= 0x10;
        std::fs::write(&table, content).unwrap();
    }
    let server = Server::start_with(data, &[OFTEN]);
    repeat(&server, &answered);
    call(&server, 160..170, &mut answered);
    let opening = told(data);
    let aside = data.join(format!("state/{home}.damaged"));
    wait_for(|| aside.exists().then_some(()));
    assert!(opening.contains("a damaged state was set aside"), "{opening}");
    repeat(&server, &answered);
    assert_eq!(server.stop(), Some(0));
    let left: Vec<String> = std::fs::read_dir(data.join("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("export") || name.contains("import") || name.contains("old"))
        .collect();
    assert_eq!(left, [""; 0], "nothing unfinished stays");
}

#[test]
fn a_bucket_is_an_archive() {
    let Some(bucket) = Bucket::start() else { return };
    for address in ["s3://clausum", "s3://clausum/some/prefix"] {
        conformance::check(&bucket.archive(address)).unwrap();
    }
    let none = bucket.archive("s3://no-such-bucket").list("a");
    assert!(matches!(none, Err(clausum::archive::ArchiveError::Refused(_))), "{none:?}");

    let address = "s3://clausum/installation";
    let variables = bucket.variables();
    let mut given: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    given.extend([OFTEN, ("CLAUSUM__ARCHIVE__URL", address)]);
    let folder = tempfile::tempdir().unwrap();
    let mut answered = Answered::new();
    let server = Server::start_with(folder.path(), &given);
    let archive = bucket.archive(address);
    wait_for_snapshots(&archive, &[0; 4], 1);
    call(&server, 0..60, &mut answered);
    kill_behind_snapshots(server, &archive, &counts(&archive));

    std::fs::remove_dir_all(folder.path().join("state")).unwrap();
    let server = Server::start_with(folder.path(), &given);
    assert!(told(folder.path()).contains("fetch snapshot"), "{}", told(folder.path()));
    repeat(&server, &answered);
    drop(server);

    drop(bucket);
    let began = Instant::now();
    let server = Server::start_with(folder.path(), &given);
    repeat(&server, &answered);
    eprintln!("opened in {:?} though the bucket is gone", began.elapsed());
    let kept = std::fs::read_dir(folder.path().join("archive")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing is kept in the data folder");
}
