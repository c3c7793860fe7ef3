//! Whether a log holds what a checkpoint stands on, told with what each of them has. By the same judgement by
//! which recovery would refuse the checkpoint.

use super::{Unfit, look};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::{Bounds, Contents, LogError};
use crate::worker::checkpoint::Meta;
use std::fmt;

/// What a checkpoint stands on, and the log has otherwise or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Where in the log.
    pub of: TopicPartition,
    /// The offset there.
    pub at: Offset,
    /// What the checkpoint knows there.
    pub known: String,
    /// What the log has there.
    pub found: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, at, known, found } = self;
        write!(f, "stands on offset {at} of {of}: it knows {known} there, and the log has {found}")
    }
}

/// Everything that the checkpoint of a partition's state stands on and the log does not hold.
///
/// # Errors
/// The log cannot be read there, or has no such partition.
pub fn misses(log: &dyn Contents, partition: Partition, meta: &Meta) -> Result<Vec<Miss>, LogError> {
    let requests = TopicPartition::new(Topic::Requests, partition);
    let bounds = look::bounds(log, partition)?;
    let candidate = look::candidate(log, partition, meta.clone())?;
    let checksum = |sum: u32| format!("a record with the checksum {sum:08x}");
    let known =
        || meta.core.applied.map_or_else(|| "no record".to_owned(), |applied| checksum(applied.checksum));
    let miss = |at, known, found| Miss { of: requests, at, known, found };
    let mut misses = Vec::new();
    misses.extend(candidate.fit(bounds).err().map(|unfit| match unfit {
        Unfit::ForeignLog => {
            let genesis =
                |digest: Option<_>| digest.map_or_else(String::new, |digest| format!("genesis {digest}"));
            let at = meta.core.genesis.map(|mark| mark.offset).unwrap_or_default();
            miss(at, genesis(candidate.digest()), genesis(candidate.genesis))
        }
        Unfit::OtherRecord(at) => {
            miss(at, known(), candidate.applied.map_or_else(|| "no record".to_owned(), checksum))
        }
        Unfit::Behind(at) | Unfit::Trimmed(at) => miss(at, known(), beyond(bounds, at)),
    }));
    for (topic, landed) in Topic::OUTPUTS.into_iter().zip(meta.outputs) {
        let of = TopicPartition::new(topic, partition);
        let (Some(landed), bounds) = (landed, log.bounds(of)?) else { continue };
        // An output that was trimmed was there; recovery reads on from where its topic begins.
        if landed.at >= bounds.end {
            let known = format!("the output {}", landed.output);
            misses.push(Miss { of, at: landed.at, known, found: beyond(bounds, landed.at) });
        }
    }
    Ok(misses)
}

/// Why nothing is at an offset.
fn beyond(bounds: Bounds, at: Offset) -> String {
    if at >= bounds.end {
        format!("nothing from {} on", bounds.end)
    } else {
        format!("nothing before {}", bounds.start)
    }
}
