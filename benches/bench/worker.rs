//! The worker over the embedded log and RocksDB: deciding with checkpoints, opening again after a crash,
//! and deciding with little memory.

use crate::step::{genesis, payments, put_organization};
use crate::{Scale, report};
use clausum::base::clock::SystemClock;
use clausum::base::position::{Offset, Partition, Topic, TopicPartition};
use clausum::base::signal::Signal;
use clausum::log::embedded::{EmbeddedLog, Options as LogOptions};
use clausum::log::{Contents, Log};
use clausum::shard::effects::{DirectoryChange, Note, Reply};
use clausum::shard::engine::Engines;
use clausum::store::rocks::{Options as StoreOptions, Resources, RocksStores};
use clausum::wire::signature::Trust;
use clausum::worker::owner::{Owner, OwnerTurn};
use clausum::worker::{Directory, Notes, Options, Parts, Replies};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Nobody;

impl Replies for Nobody {
    fn reply(&self, _: Reply) {}
}

impl Directory for Nobody {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

impl Notes for Nobody {
    fn note(&self, _: &Note) {}
    fn turn(&self, _: usize, _: Duration) {}
    fn checkpoint(&self, _: usize, _: usize, _: Duration) {}
    fn snapshot(&self, _: u64, _: Duration) {}
    fn restored(&self) {}
    fn snapshot_failed(&self) {}
    fn poisoned(&self) {}
}

fn parts(log: &Arc<EmbeddedLog>, data: &Path) -> Parts {
    let stores = RocksStores::new(data.join("state"), Resources::default(), StoreOptions::default());
    Parts {
        log: Arc::clone(log) as Arc<dyn Log>,
        stores: Arc::new(stores.unwrap()),
        archive: None,
        engines: Engines::shipped().unwrap(),
        trust: Trust::Everyone,
        clock: Arc::new(SystemClock),
        replies: Arc::new(Nobody),
        directory: Arc::new(Nobody),
        notes: Arc::new(Nobody),
        signal: Arc::new(Signal::default()),
    }
}

/// Turns an owner until it has applied everything up to `end`.
fn apply(owner: &mut Owner, signal: &Signal, end: u64) {
    while owner.status().applied() < end {
        let turn = owner.turn();
        while let Some(job) = owner.take_job() {
            owner.finished(job.run());
        }
        if let OwnerTurn::Idle(wait) = turn {
            signal.wait(wait.min(Duration::from_millis(5)));
        }
    }
}

fn end(log: &EmbeddedLog) -> u64 {
    log.bounds(TopicPartition::new(Topic::Requests, Partition(0))).unwrap().end.0
}

fn append(log: &EmbeddedLog, records: Vec<bytes::Bytes>) {
    let to = TopicPartition::new(Topic::Requests, Partition(0));
    for bulk in records.chunks(512) {
        let (done, landed) = std::sync::mpsc::channel();
        let tell = Box::new(move |result: Result<_, _>| done.send(result.is_ok()).unwrap());
        log.append(to, bulk.to_vec(), tell).unwrap();
        assert!(landed.recv().unwrap());
    }
}

pub(crate) fn run(scale: Scale) {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions::new(folder.path().join("log"), 1);
    let (log, _) = EmbeddedLog::open(&options, Arc::new(SystemClock), &[]).unwrap();
    let log = Arc::new(log);
    append(&log, vec![genesis(1), put_organization()]);
    let parts = parts(&log, folder.path());
    let all = payments(scale.events, 9);
    let (first, second) = all.split_at(all.len() / 2);
    let owner = |options: Options| Owner::new(parts.clone(), options, Partition(0), Arc::default());

    append(&log, first.to_vec());
    let mut hot = owner(Options { checkpoint_ms: 1_000, ..Options::default() });
    let began = Instant::now();
    apply(&mut hot, &parts.signal, end(&log));
    report(
        "worker: poll to checkpoint, embedded log, RocksDB",
        first.len(),
        began.elapsed(),
        &Offset(end(&log)).0.to_le_bytes(),
    );
    // What is not in a checkpoint is lost with the owner, as in a crash.
    drop(hot);

    let began = Instant::now();
    let mut again = owner(Options::default());
    apply(&mut again, &parts.signal, end(&log) + 1);
    report("worker: opened again after a crash", 1, began.elapsed(), b"");
    again.close();
    while !matches!(again.turn(), OwnerTurn::Ended(_)) {
        while let Some(job) = again.take_job() {
            again.finished(job.run());
        }
    }
    drop(again);

    append(&log, second.to_vec());
    let mut cold = owner(Options { checkpoint_ms: 1_000, resident_rows: 2_000, ..Options::default() });
    let began = Instant::now();
    apply(&mut cold, &parts.signal, end(&log));
    report("worker: the same, 2,000 rows in memory", second.len(), began.elapsed(), &end(&log).to_le_bytes());
}
