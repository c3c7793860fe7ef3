//! Everything that ever became durable, also where the log has been trimmed since.

use super::invariant::{Breach, Invariant};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::memory::{MemoryLog, Producer};
use crate::log::{Contents, PollLimit, Reader, Stored};
use std::collections::BTreeMap;

const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };
/// Who looks on; appends nothing.
const OBSERVER: Producer = Producer(0);

/// The durable records of every topic-partition.
#[derive(Debug)]
pub(super) struct History {
    tracks: BTreeMap<TopicPartition, Track>,
}

#[derive(Debug)]
struct Track {
    reader: Box<dyn Reader>,
    records: Vec<Stored>,
}

impl History {
    pub(super) fn new(log: &MemoryLog, partitions: u16) -> Result<Self, Breach> {
        let handle = log.handle(OBSERVER);
        let mut tracks = BTreeMap::new();
        for topic in Topic::ALL {
            for partition in (0..partitions).map(Partition) {
                let of = TopicPartition::new(topic, partition);
                let reader = handle.reader(of, Offset(0));
                let reader = reader.map_err(|error| Breach::of(Invariant::Harness, error.to_string()))?;
                tracks.insert(of, Track { reader, records: Vec::new() });
            }
        }
        Ok(Self { tracks })
    }

    /// Takes in what became durable since the last time; tells it, requests first.
    pub(super) fn observe(&mut self) -> Result<Vec<(TopicPartition, Stored)>, Breach> {
        let mut seen = Vec::new();
        for (of, track) in &mut self.tracks {
            let new = track.reader.poll(ALL);
            let new = new.map_err(|error| Breach::of(Invariant::Harness, error.to_string()))?;
            track.records.extend(new.iter().cloned());
            seen.extend(new.into_iter().map(|record| (*of, record)));
        }
        Ok(seen)
    }

    pub(super) fn records(&self, of: TopicPartition) -> &[Stored] {
        self.tracks.get(&of).map_or(&[], |track| &track.records)
    }
}
