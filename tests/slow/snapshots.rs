//! Snapshots of the real binary: a state that is lost or damaged comes back from the archive, in a folder and
//! in a bucket.

use crate::server::{Answer, Server, wait_for};
use clausum::archive::object::{ObjectArchive, Variables};
use clausum::archive::{Archive, conformance};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

fn call(server: &Server, numbers: std::ops::Range<usize>, answered: &mut Answered) {
    let mut client = server.connect().unwrap();
    for number in numbers {
        let key = format!("k{number}");
        let answer = client.assess(Some(&key), body(number).as_bytes()).unwrap();
        assert_eq!(answer.status, 200);
        answered.insert(key, answer.body);
    }
}

/// Every answer is stored: the state is what it was.
fn repeat(server: &Server, answered: &Answered) {
    let mut client = server.connect().unwrap();
    for (key, stored) in answered {
        let number: usize = key[1..].parse().unwrap();
        let Answer { status, replayed, body } = client.assess(Some(key), body(number).as_bytes()).unwrap();
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

/// A server of objects on loopback; ended when dropped.
struct Bucket {
    child: Child,
    port: u16,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Bucket {
    /// None, said aloud, where it cannot be had.
    fn start() -> Option<Self> {
        if std::env::var_os("CLAUSUM_SLOW").is_none() {
            eprintln!("skipped: a bucket is only part of the long form (CLAUSUM_SLOW=1)");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = Path::new("deploy/s3.sh");
        let mut child = Command::new("sh");
        let child = child.arg(script).arg(port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut bucket = Self { child: child.spawn().unwrap(), port };
        let end = Instant::now() + Duration::from_secs(300);
        while bucket.create("clausum").is_none() {
            if let Some(status) = bucket.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(77), "deploy/s3.sh failed");
                eprintln!("skipped: there is no Python, or moto cannot be installed");
                return None;
            }
            assert!(Instant::now() < end, "moto does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(bucket)
    }

    /// Makes a bucket in it; none while it does not answer.
    fn create(&self, name: &str) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head =
            format!("PUT /{name} HTTP/1.1\r\nhost: s3\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Some(())
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    fn archive(&self, address: &str) -> ObjectArchive {
        let variables = self.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
        ObjectArchive::open(address, &Variables::of(variables)).unwrap()
    }
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
    assert!(!folder.path().join("archive").exists());
}
