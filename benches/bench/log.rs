//! The embedded log with its fsync: appends of 600 bytes, so many in flight.

use crate::{Scale, report};
use bytes::Bytes;
use clausum::base::clock::SystemClock;
use clausum::base::position::{Offset, Partition, Topic, TopicPartition};
use clausum::log::embedded::{EmbeddedLog, Options};
use clausum::log::{Contents, Log, PollLimit};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

const IN_FLIGHT: usize = 64;

pub(crate) fn run(scale: Scale) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("log"), 1);
    let (log, _) = EmbeddedLog::open(&options, Arc::new(SystemClock), &[]).unwrap();
    let to = TopicPartition::new(Topic::Requests, Partition(0));
    let record = Bytes::from(vec![b'x'; 600]);
    let (done, landed) = channel();
    let count = scale.events / 2;
    let began = Instant::now();
    for number in 0..count {
        if number >= IN_FLIGHT {
            landed.recv().unwrap();
        }
        let done = done.clone();
        let tell = Box::new(move |result: Result<_, _>| done.send(result.unwrap()).unwrap());
        log.append(to, vec![record.clone()], tell).unwrap();
    }
    for _ in 0..IN_FLIGHT.min(count) {
        landed.recv().unwrap();
    }
    report("log: append of 600 bytes, fsync, 64 in flight", count, began.elapsed(), &count.to_le_bytes());
    let began = Instant::now();
    let mut reader = log.reader(to, Offset(0)).unwrap();
    let mut read = 0;
    loop {
        let records = reader.poll(PollLimit { records: 1_024, bytes: 8 << 20 }).unwrap();
        if records.is_empty() {
            break;
        }
        read += records.len();
    }
    report("log: read back", read, began.elapsed(), &read.to_le_bytes());
    log.close();
}
