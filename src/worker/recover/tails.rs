//! What the log holds of a shard's outputs.

use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::{Log, LogError, PollLimit, read_before};
use crate::wire::chain::{ChainReader, Link, Taken};
use crate::wire::record::Content;
use crate::worker::outbox::Landed;

/// Records read at once.
const SLICE: PollLimit = PollLimit { records: 4_096, bytes: 8 << 20 };

/// Reads every output topic to the end it has now under the reader's rule, from the last output known to be there:
/// what the log holds of this shard's outputs.
pub(in crate::worker) fn read_tails(
    log: &dyn Log,
    partition: Partition,
    known: [Option<Landed>; 3],
) -> Result<[Option<Landed>; 3], LogError> {
    let mut landed = [None; 3];
    for ((slot, topic), known) in landed.iter_mut().zip(Topic::OUTPUTS).zip(known) {
        *slot = read_tail(log, TopicPartition::new(topic, partition), known)?;
    }
    Ok(landed)
}

pub(super) fn read_tail(
    log: &dyn Log,
    of: TopicPartition,
    known: Option<Landed>,
) -> Result<Option<Landed>, LogError> {
    let bounds = log.bounds(of)?;
    let from = known.map_or(Offset(0), |known| known.at);
    let mut reader = log.reader(of, from.clamp(bounds.start, bounds.end))?;
    let mut chain = ChainReader::after(known.map(|known| known.output));
    let mut landed = known;
    loop {
        let records = read_before(&mut *reader, bounds.end, SLICE)?;
        if records.is_empty() {
            return Ok(landed);
        }
        for record in records {
            let link = Content::read(&record.content).ok().and_then(|content| Link::read(&content));
            let Some(link) = link else { continue };
            if chain.take(record.offset, &link) == Taken::Next {
                landed = Some(Landed { output: link.output, at: record.offset });
            }
        }
    }
}
