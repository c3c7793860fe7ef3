//! The socket as a file, and what is said through it by somebody who does not keep to its shapes. What
//! commands do is tested with the real server.

use super::client::{AskError, ask};
use super::socket::Socket;
use super::{Answers, Desk, Parts};
use crate::base::clock::{Clock, ManualClock, SystemClock};
use crate::base::position::{Offset, Partition, Position};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use crate::log::AppendError;
use crate::log::memory::{MemoryLog, Producer};
use crate::node::backup::Copied;
use crate::node::data::Data;
use crate::node::installation;
use crate::node::roster::Roster;
use crate::node::serve::Failure;
use crate::shard::effects::{DirectoryChange, Reply};
use crate::wire::admin::{self, Answer, BackupShown, BackupTo, Command, Nothing, OfOrganization};
use crate::wire::signature::Trust;
use crate::worker::status::Status;
use crate::worker::{Directory, Replies};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// Far beyond what an answer takes, and before a connection without a word is closed for its silence.
const SOON: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Others(Mutex<Vec<String>>);

impl Replies for Others {
    fn reply(&self, reply: Reply) {
        self.0.lock().unwrap().push(reply.id);
    }
}

#[derive(Debug)]
struct Nobody;

impl Directory for Nobody {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

/// A backup of two files, or none where there is one already.
fn copied(to: &str, tell: &mut dyn FnMut(&Copied)) -> Result<BackupShown, Failure> {
    if to.ends_with("taken") {
        return Err(Failure::Input("there is a backup already".to_owned()));
    }
    tell(&Copied { name: "a".to_owned(), files: 1, bytes: 5 });
    tell(&Copied { name: "b".to_owned(), files: 2, bytes: 9 });
    Ok(BackupShown { to: to.to_owned(), taken_at: "now".to_owned(), files: 2, bytes: 9, damaged: Vec::new() })
}

/// A desk over a log nobody reads.
fn desk(data: &Data) -> Arc<Desk> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let log = MemoryLog::auto_flush(1, Arc::new(ManualClock::new(Ms(0), 0))).handle(Producer(1));
    let answers = Answers::new(&*clock, Arc::new(Others::default())).unwrap();
    let roster = Roster::new(Arc::new(Nobody), 1);
    Arc::new(Desk::new(Parts {
        log: Arc::new(log),
        trust: Trust::Everyone,
        key: installation::open(data, &*clock).unwrap(),
        clock,
        roster: Arc::new(roster),
        answers: Arc::new(answers),
        statuses: vec![(Partition(0), Arc::<Status>::default())],
        signal: Arc::new(Signal::default()),
        base_url: "http://h".to_owned(),
        backup: Arc::new(copied),
        unready: Arc::new(|| vec!["the log takes nothing".to_owned()]),
    }))
}

struct Site {
    _folder: tempfile::TempDir,
    data: Data,
    desk: Arc<Desk>,
    close: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::new(folder.path().to_owned());
        let (desk, socket) = (desk(&data), Socket::bind(&data).unwrap());
        let (close, closed) = watch::channel(false);
        let served = tokio::spawn(socket.serve(Arc::clone(&desk), closed));
        Self { _folder: folder, data, desk, close, served }
    }

    async fn ask(&self, command: Command) -> Result<Answer, AskError> {
        let data = self.data.clone();
        spawn_blocking(move || ask(&data, command, &mut |_| ())).await.unwrap()
    }

    /// What is answered to bytes as they are; nothing if the connection is closed.
    async fn raw(&self, bytes: Vec<u8>) -> String {
        let path = self.data.admin_socket();
        let said = spawn_blocking(move || {
            let mut stream = UnixStream::connect(path).unwrap();
            // A server that has read enough may close before it has read everything.
            drop(stream.write_all(&bytes));
            drop(stream.shutdown(std::net::Shutdown::Write));
            let mut line = String::new();
            drop(BufReader::new(stream).read_line(&mut line));
            line
        });
        said.await.unwrap()
    }
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_goes_with_the_server() {
    let site = Site::start();
    let path = site.data.admin_socket();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!site.data.path().join("admin.new").exists());
    // A client that is connected and says nothing holds nobody up.
    let _silent = UnixStream::connect(&path).unwrap();
    assert!(matches!(site.ask(Command::Status(Nothing {})).await, Ok(Answer::Status(_))));
    site.close.send_replace(true);
    site.served.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_is_replaced_only_if_nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::new(folder.path().to_owned());
    let path = data.admin_socket();
    let bind = || Socket::bind(&data).map(drop);
    let refused = |words: &str| match bind().unwrap_err() {
        Failure::Input(why) => assert!(why.contains(words), "{why}"),
        Failure::Failed(why) => panic!("{why}"),
    };
    let other = UnixListener::bind(&path).unwrap();
    refused("another process answers there");
    drop(other);
    assert!(path.exists());
    assert_eq!(bind(), Ok(()), "whoever it was is gone");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    refused("is no socket; move it away");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    // What a crash left behind is no obstacle.
    std::fs::create_dir(folder.path().join("admin.new")).unwrap();
    drop(UnixListener::bind(folder.path().join("admin.new/s")).unwrap());
    assert_eq!(bind(), Ok(()));
}

#[tokio::test]
async fn a_folder_too_deep_for_a_socket_is_told_by_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let room = 107 - folder.path().as_os_str().len() - "//admin.new/s".len();
    for (name, over) in [(room, None), (room + 1, Some("1 bytes too long")), (room + 30, Some("30 bytes"))] {
        let data = Data::new(folder.path().join("x".repeat(name)));
        data.create().unwrap();
        match (Socket::bind(&data), over) {
            (Ok(_), None) => {}
            (Err(Failure::Input(why)), Some(words)) => assert!(why.contains(words), "{why}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_its_reason() {
    let site = Site::start();
    for (bytes, words) in [
        (&b"\n"[..], "EOF while parsing"),
        (b"{}\n", "missing field `version`"),
        (b"\xff\n", "expected value"),
        (b"{\"version\":7}\n", "version 2 of this protocol, not 7"),
        (b"{\"version\":2,\"command\":{\"list_keys\":{}}}\n", "missing field `organization_id`"),
    ] {
        let line = site.raw(bytes.to_vec()).await;
        assert!(line.starts_with("{\"refused\":") && line.contains(words), "{line}");
    }
    let cut_off = admin::write_request(Command::Status(Nothing {}));
    assert_eq!(site.raw(cut_off).await, "", "half of a request may mean anything");
    let long = site.raw(vec![b' '; admin::REQUEST_BYTES + 10]).await;
    assert!(long.contains("a request has at most"), "{long}");
}

#[tokio::test]
async fn many_at_once_wait_for_their_turn() {
    let site = Site::start();
    let path = site.data.admin_socket();
    let silent: Vec<_> = (0..7).map(|_| UnixStream::connect(&path).unwrap()).collect();
    for _ in 0..20 {
        assert!(site.ask(Command::Status(Nothing {})).await.is_ok());
    }
    drop(silent);
}

#[tokio::test]
async fn those_that_say_nothing_give_way_the_oldest_first_and_those_that_are_served_do_not() {
    let site = Site::start();
    let path = site.data.admin_socket();
    let mut silent: Vec<_> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let asked = site.ask(Command::Status(Nothing {}));
    assert!(timeout(SOON, asked).await.expect("somebody should have given way").is_ok());
    let mut oldest = silent.remove(0);
    let gone = spawn_blocking(move || oldest.read(&mut [0]).unwrap());
    assert_eq!(timeout(SOON, gone).await.expect("it gave way").unwrap(), 0);
    // Of one that was served before, the connection is as good as any other.
    let mut newest = silent.pop().unwrap();
    let line = spawn_blocking(move || {
        newest
            .write_all(&[admin::write_request(Command::Status(Nothing {})), b"\n".to_vec()].concat())
            .unwrap();
        let mut line = String::new();
        BufReader::new(newest).read_line(&mut line).unwrap();
        line
    });
    assert!(line.await.unwrap().starts_with("{\"done\":"));
}

#[tokio::test]
async fn a_status_says_what_readyz_says() {
    let site = Site::start();
    site.desk.open();
    let Ok(Answer::Status(shown)) = site.ask(Command::Status(Nothing {})).await else { panic!("no status") };
    assert_eq!((shown.ready, &*shown.reasons), (false, &["the log takes nothing".to_owned()][..]));
}

#[tokio::test]
async fn nothing_is_written_before_the_server_is_ready_or_where_nobody_decides() {
    let site = Site::start();
    let on = || Command::Maintenance(admin::MaintenanceChange { on: Some(true) });
    let failed = async || match site.ask(on()).await.unwrap_err() {
        AskError::Failed(why) => why,
        AskError::Refused(faults) => panic!("{faults:?}"),
    };
    assert!(failed().await.contains("still starting"));
    site.desk.open();
    assert_eq!(failed().await, "nothing was written: partition 0 is opening");
    let of = Command::ListKeys(OfOrganization { organization_id: "o".to_owned() });
    let AskError::Refused(faults) = site.ask(of).await.unwrap_err() else { panic!("it is wrong") };
    assert_eq!((faults[0].field.as_str(), faults[0].code.as_str()), ("organization_id", "reference"));
}

#[tokio::test]
async fn a_document_for_nobody_has_its_faults_of_form_told_as_well() {
    let site = Site::start();
    site.desk.open();
    let told = async |organization_id: Option<&str>, document: &str| {
        let (organization_id, document) = (organization_id.map(str::to_owned), document.to_owned());
        let asked = Command::Apply(admin::Apply { organization_id, document });
        let AskError::Refused(faults) = site.ask(asked).await.unwrap_err() else { panic!("it is wrong") };
        faults.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    assert_eq!(told(None, r#"{"bogus":1,"lists":3}"#).await, ["/organization", "/bogus", "/lists"]);
    assert_eq!(told(None, r#"{"organization":3}"#).await, ["/organization"]);
    assert_eq!(told(None, r#"{"organization":"o","bogus":1}"#).await, ["/organization", "/bogus"]);
    assert_eq!(told(Some("o"), r#"{"bogus":1}"#).await, ["organization_id", "/bogus"]);
}

#[tokio::test]
async fn a_server_that_is_silent_or_strange_is_told_apart_from_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::new(folder.path().to_owned());
    let listener = UnixListener::bind(data.admin_socket()).unwrap();
    let said = ["", "{\"done\":", "{\"done\":{\"flight\":{}}}\n", "{\"failed\":{\"message\":\"no\"}}\n"];
    let server = std::thread::Builder::new().spawn(move || {
        for line in said {
            let (mut stream, _) = listener.accept().unwrap();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut String::new()).unwrap();
            stream.write_all(b"{\"progress\":{\"what\":\"x\",\"done\":1,\"of\":2}}\n").unwrap();
            stream.write_all(line.as_bytes()).unwrap();
        }
    });
    for expected in ["ended before it answered", "ended before it answered", "of another version", "no"] {
        let mut progress = Vec::new();
        let answer = ask(&data, Command::Status(Nothing {}), &mut |how| progress.push(how.done));
        let AskError::Failed(why) = answer.unwrap_err() else { panic!("not refused") };
        assert!(why.contains(expected), "{why}");
        assert_eq!(progress, [1]);
    }
    server.unwrap().join().unwrap();
}

#[test]
fn answers_find_their_way() {
    let others = Arc::new(Others::default());
    let answers = Answers::new(&SystemClock, Arc::clone(&others) as Arc<dyn Replies>).unwrap();
    let answers = Arc::new(answers);
    let reply = |id: &str| Reply {
        id: id.to_owned(),
        status: 200,
        body: bytes::Bytes::new(),
        replayed: false,
        position: Position { partition: Partition(0), offset: Offset(0) },
    };
    let (mut one, mut two, gone) = (answers.expect(), answers.expect(), answers.expect().id.clone());
    answers.reply(reply("somebody-else-1"));
    answers.reply(reply(&gone));
    answers.reply(reply(&two.id));
    answers.tell(&one.id, Err(AppendError::Full));
    assert_eq!(two.receiver.try_recv().unwrap().unwrap().id, two.id);
    assert_eq!(one.receiver.try_recv().unwrap(), Err(AppendError::Full));
    assert_eq!(*others.0.lock().unwrap(), ["somebody-else-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_told_when_it_is_whole_or_why_there_is_none() {
    let site = Site::start();
    let ask_for = |to: &str| {
        let (data, to) = (site.data.clone(), to.to_owned());
        spawn_blocking(move || ask(&data, Command::Backup(BackupTo { to }), &mut |_| ()))
    };
    let Ok(Answer::Backup(shown)) = ask_for("file:///new").await.unwrap() else { panic!("no backup") };
    assert_eq!((shown.files, shown.bytes, &*shown.to), (2, 9, "file:///new"));
    let Err(AskError::Refused(faults)) = ask_for("file:///taken").await.unwrap() else { panic!("a backup") };
    assert_eq!((&*faults[0].field, &*faults[0].message), ("to", "there is a backup already"));
}
