//! The reading half of a run on the log.

use super::Shared;
use super::produce::Home;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::load::report::Outcome;
use crate::log::{Log, LogError, PollLimit, Reader, Stored};
use crate::wire::chain::{ChainReader, Link, Taken};
use crate::wire::header;
use crate::wire::record::Content;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// How far before the end reading begins, in offsets: the rule needs the last output before the first of ours.
const BEFORE: u64 = 1_000;
const LIMIT: PollLimit = PollLimit { records: 4_096, bytes: 4 << 20 };
/// How often it is looked whether the run has ended.
const BEAT: Duration = Duration::from_millis(100);

/// Reads decisions of the partitions that matter.
#[derive(Debug)]
pub(super) struct Answers {
    readers: Vec<Place>,
    news: Arc<Signal>,
}

/// Where a partition is read.
#[derive(Debug)]
struct Place {
    reader: Box<dyn Reader>,
    chain: ChainReader,
    /// Where the partition ended when the run began.
    begin: Offset,
}

impl Answers {
    /// Readers that stand at the end, or a little before it.
    pub(super) fn open(log: &dyn Log, homes: &[Home], news: &Arc<Signal>) -> Result<Self, LogError> {
        let partitions: BTreeSet<Partition> = homes.iter().map(|home| home.partition).collect();
        let mut readers = Vec::new();
        for partition in partitions {
            let of = TopicPartition::new(Topic::Decisions, partition);
            log.subscribe(of, news);
            let bounds = log.bounds(of)?;
            let from = Offset(bounds.end.0.saturating_sub(BEFORE)).max(bounds.start);
            let (reader, chain) = (log.reader(of, from)?, ChainReader::on_probation(bounds.end));
            readers.push(Place { reader, chain, begin: bounds.end });
        }
        Ok(Self { readers, news: Arc::clone(news) })
    }

    /// Reads in a thread of its own until the run ends.
    pub(super) fn start(mut self, shared: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
        let shared = Arc::clone(shared);
        std::thread::Builder::new().name("load-answers".to_owned()).spawn(move || {
            if let Err(error) = self.read(&shared) {
                shared.unread.get_or_init(|| error);
                shared.changed.raise();
            }
        })
    }

    fn read(&mut self, shared: &Shared) -> Result<(), LogError> {
        while !shared.ending.load(Ordering::Acquire) {
            let mut is_quiet = true;
            for place in &mut self.readers {
                let records = place.reader.poll(LIMIT)?;
                let now = shared.now();
                is_quiet &= records.is_empty();
                records.iter().for_each(|stored| place.take(stored, now, shared));
            }
            if is_quiet {
                self.news.wait(BEAT);
            }
        }
        Ok(())
    }
}

impl Place {
    /// Takes a record that was read at `now`, if the rule says so, and matches it.
    fn take(&mut self, stored: &Stored, now: Duration, shared: &Shared) {
        let Ok(content) = Content::read(&stored.content) else { return };
        let Some(link) = Link::read(&content) else { return };
        if self.chain.take(stored.offset, &link) == Taken::Skipped {
            if stored.offset >= self.begin {
                shared.progress.skipped();
            }
            return;
        }
        if content.text_header(header::CE_SOURCE) != Some(header::SOURCE) {
            return;
        }
        let number = content.text_header(header::CE_CORRELATIONID).and_then(|id| shared.ids.number(id));
        let Some(open) = number.and_then(|number| shared.table().take(number)) else { return };
        let status = content.text_header(header::STATUS).and_then(|status| status.parse().ok());
        shared.progress.answered(Outcome {
            status: status.unwrap_or_default(),
            body: content.value.unwrap_or_default(),
            latency: now.saturating_sub(open.due),
            service: open.acknowledged.map_or(Duration::ZERO, |at| now.saturating_sub(at)),
        });
        shared.one_less();
    }
}
