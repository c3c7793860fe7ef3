//! kill -9 under load and start again: nothing acknowledged is lost, every reader under the reader's rule
//! sees every decision once, and repeats get the stored body.

use crate::server::{Answer, Server};
use clausum::base::position::{Partition, Topic, TopicPartition};
use clausum::log::embedded::scan;
use clausum::wire::chain::{ChainReader, Link, Taken};
use clausum::wire::header;
use clausum::wire::record::Content;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const CALLERS: usize = 4;

/// Requests by idempotency key: the body answered, once it is.
type Answered = Mutex<BTreeMap<String, Vec<u8>>>;

fn body(number: usize) -> String {
    format!(
        r#"{{"amount":{},"currency":"MXN","email":"p{}@example.com","device":{{"ip":"10.0.0.{}"}}}}"#,
        100 + number,
        number % 40,
        number % 7
    )
}

/// Calls until told to stop or the server dies.
fn call(server: &Server, next: &AtomicUsize, stop: &AtomicBool, answered: &Answered) {
    let Ok(mut client) = server.connect() else { return };
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let key = format!("k{number}");
        match client.assess(Some(&key), body(number).as_bytes()) {
            Ok(Answer { status: 200, body, .. }) => {
                answered.lock().unwrap().insert(key, body);
            }
            Ok(Answer { status, .. }) => assert!(status == 503 || status == 504, "status {status}"),
            Err(_) => return,
        }
    }
}

fn repeat_some(server: &Server, answered: &Answered) {
    let mut client = server.connect().unwrap();
    let sample: Vec<(String, Vec<u8>)> = answered
        .lock()
        .unwrap()
        .iter()
        .rev()
        .step_by(7)
        .take(50)
        .map(|(k, b)| (k.clone(), b.clone()))
        .collect();
    for (key, stored) in sample {
        let number: usize = key[1..].parse().unwrap();
        let answer = client.assess(Some(&key), body(number).as_bytes()).unwrap();
        assert_eq!((answer.status, answer.replayed), (200, true), "{key}");
        assert_eq!(answer.body, stored, "{key}");
    }
}

/// Everything taken from a partition's decisions under the reader's rule; what comes twice must be the
/// same but for the epoch.
fn read_chain(data: &Path, partition: Partition, taken: &mut BTreeMap<String, Vec<u8>>) -> usize {
    let of = TopicPartition::new(Topic::Decisions, partition);
    let mut chain = ChainReader::after(None);
    let mut seen: BTreeMap<String, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    let mut duplicates = 0;
    for record in scan(&data.join("log"), of, None, None).unwrap() {
        let record = record.unwrap();
        let content = Content::read(&record.content).unwrap();
        let mut all: Vec<(String, Vec<u8>)> = content
            .headers()
            .filter(|(name, _)| *name != header::EPOCH)
            .map(|(name, value)| (name.to_owned(), value.to_vec()))
            .collect();
        all.push((String::new(), content.value.unwrap().to_vec()));
        let id = content.text_header(header::CE_ID).unwrap().to_owned();
        if let Some(before) = seen.get(&id) {
            assert_eq!(*before, all, "a duplicate of {id} differs");
            duplicates += 1;
        }
        let next = chain.take(record.offset, &Link::read(&content).unwrap()) == Taken::Next;
        if next
            && content.text_header(header::STATUS) == Some("200")
            && content.header(header::REPLAYED).is_none()
        {
            let body: serde_json::Value = serde_json::from_slice(content.value.unwrap()).unwrap();
            let key = body["idempotency_key"].as_str().unwrap().to_owned();
            assert!(
                taken.insert(key.clone(), content.value.unwrap().to_vec()).is_none(),
                "{key} decided twice"
            );
        }
        seen.insert(id, all);
    }
    duplicates
}

#[test]
fn kill_under_load_and_start_again() {
    let rounds = if std::env::var_os("CLAUSUM_SLOW").is_some() { 20 } else { 4 };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (next, answered) = (AtomicUsize::new(0), Answered::default());
    for round in 0..rounds {
        let mut server = Server::start(data);
        repeat_some(&server, &answered);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| call(&server, &next, &stop, &answered));
            }
            std::thread::sleep(Duration::from_millis(400 + 137 * (round % 5)));
            stop.store(round % 4 == 3, Ordering::Relaxed);
            if round % 4 != 3 {
                // Killed while they call.
                let id = server.id().to_string();
                assert!(std::process::Command::new("kill").args(["-9", &id]).status().unwrap().success());
            }
        });
        server.kill();
    }
    let server = Server::start(data);
    repeat_some(&server, &answered);
    assert_eq!(server.stop(), Some(0));
    let mut taken = BTreeMap::new();
    let duplicates: usize = (0..4).map(|partition| read_chain(data, Partition(partition), &mut taken)).sum();
    let answered = answered.into_inner().unwrap();
    for (key, body) in &answered {
        let decided = taken.get(key).unwrap_or_else(|| panic!("{key} was acknowledged and is lost"));
        let shared = &body[..body.len() - 1];
        assert!(decided.starts_with(shared), "{key} was answered otherwise than decided");
    }
    assert!(answered.len() > 100 * usize::try_from(rounds).unwrap(), "only {} answers", answered.len());
    eprintln!(
        "{rounds} kills: {} answered, {} decided, {duplicates} duplicates",
        answered.len(),
        taken.len()
    );
}
