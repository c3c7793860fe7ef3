//! Retention: which whole segments may go, and taking them away. What is worth keeping is the caller's
//! to say. `log.meta` says first which segment is the oldest, so that a segment that is not there was
//! either trimmed or lost, never perhaps.

use super::EmbeddedLog;
use super::format::{Layout, Meta};
use super::open::write_meta;
use super::segment::Facts;
use super::walk::failed;
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::LogError;
use std::sync::PoisonError;

/// What may go: records that fulfil every condition that is given. Without any, nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trim {
    /// Records below these offsets. A partition that is not named keeps its records.
    pub below: Option<Vec<(TopicPartition, Offset)>>,
    /// Records with an older timestamp.
    pub older_than: Option<Ms>,
}

/// What was trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Segments that are gone.
    pub segments: usize,
    /// Bytes they held.
    pub bytes: u64,
}

impl EmbeddedLog {
    /// Takes away the oldest segments of which every record may go. The segment that is written to stays.
    ///
    /// # Errors
    /// The file system failed; what was taken away is not read any more, but its space may be in use until
    /// the log is opened again.
    pub fn trim(&self, trim: &Trim) -> Result<Trimmed, LogError> {
        let mut meta = self.meta.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = self.shared.segments();
        let facts: Vec<Facts> = segments
            .iter()
            .zip(segments.iter().skip(1))
            .map(|(segment, next)| Facts {
                starts: segment.starts.clone(),
                ends: next.starts.clone(),
                newest: next.header.newest,
            })
            .collect();
        let count = which(&facts, trim, self.shared.layout);
        let Some(first) = segments.get(count).filter(|_| count > 0) else { return Ok(Trimmed::default()) };

        let disk = &*self.shared.disk;
        let next = Meta { first: first.number(), ..*meta };
        write_meta(disk, &next).map_err(|error| failed(&disk.folder(), &error))?;
        *meta = next;
        let gone = self.shared.drop_segments(count);
        for segment in &gone {
            disk.remove(&segment.name).map_err(|error| failed(&segment.name, &error))?;
        }
        disk.sync_folder().map_err(|error| failed(&disk.folder(), &error))?;
        Ok(Trimmed { segments: count, bytes: gone.iter().map(|segment| segment.durable()).sum() })
    }
}

/// How many of the oldest segments may go.
fn which(segments: &[Facts], trim: &Trim, layout: Layout) -> usize {
    if trim.below.is_none() && trim.older_than.is_none() {
        return 0;
    }
    let mut floors = vec![Offset(0); layout.slots()];
    for (of, floor) in trim.below.iter().flatten() {
        if let Some(known) = layout.slot(*of).and_then(|slot| floors.get_mut(slot)) {
            *known = *floor;
        }
    }
    let may_go = |segment: &&Facts| {
        let below = segment.starts.iter().zip(&segment.ends).zip(&floors);
        let below = || below.into_iter().all(|((start, end), floor)| start == end || end <= floor);
        (trim.below.is_none() || below()) && trim.older_than.is_none_or(|time| segment.newest < time)
    };
    segments.iter().take_while(may_go).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::position::{Partition, Topic};

    const LAYOUT: Layout = Layout { topics: 2, partitions: 1 };

    fn check(below: Option<[u64; 2]>, older_than: Option<i64>, expected: usize) {
        let offsets = |two: [u64; 2]| two.map(Offset).to_vec();
        let segments = [
            Facts { starts: offsets([0, 0]), ends: offsets([5, 0]), newest: Ms(100) },
            Facts { starts: offsets([5, 0]), ends: offsets([9, 3]), newest: Ms(200) },
            Facts { starts: offsets([9, 3]), ends: offsets([9, 8]), newest: Ms(300) },
        ];
        let of = [Topic::Requests, Topic::Decisions].map(|topic| TopicPartition::new(topic, Partition(0)));
        let below = below.map(|floors| of.into_iter().zip(offsets(floors)).collect());
        assert_eq!(which(&segments, &Trim { below, older_than: older_than.map(Ms) }, LAYOUT), expected);
    }

    #[test]
    fn whole_segments_from_the_front() {
        check(None, None, 0);
        check(Some([4, 9]), None, 0);
        check(Some([5, 0]), None, 1);
        check(Some([9, 2]), None, 1);
        check(Some([9, 3]), None, 2);
        check(Some([9, 8]), None, 3);
    }

    #[test]
    fn a_segment_is_as_old_as_its_newest_record() {
        check(None, Some(100), 0);
        check(None, Some(101), 1);
        check(None, Some(1_000), 3);
    }

    #[test]
    fn both_conditions_must_hold() {
        check(Some([9, 8]), Some(101), 1);
        check(Some([5, 0]), Some(1_000), 1);
    }
}
