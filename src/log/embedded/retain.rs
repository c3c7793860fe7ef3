//! Retention: taking whole segments away, as `plan` says. What is worth keeping is the caller's to say.
//! `log.meta` says first which segment is the oldest, so that a segment that is not there was either
//! trimmed or lost, never perhaps.

use super::EmbeddedLog;
use super::disk::Access;
use super::format::Meta;
use super::open::write_meta;
use super::plan::{Facts, Held, Plan, plan};
use super::segment::Segment;
use super::walk::{Walk, failed};
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::{LogError, Unread};
use std::sync::PoisonError;

/// What the log is kept for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trim {
    /// The first offset that recovery needs of each partition of each topic, never given up; one that is
    /// not named is needed whole.
    pub needed: Vec<(TopicPartition, Offset)>,
    /// What readers have still to read.
    pub unread: Vec<Unread>,
    /// Records from this time on stay.
    pub older_than: Ms,
    /// Bytes of the log beyond which neither age nor a reader protects a record.
    pub max_bytes: u64,
}

/// What was trimmed, and how the log stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Segments that are gone.
    pub segments: usize,
    /// Bytes they held.
    pub bytes: u64,
    /// Bytes that are left.
    pub left_bytes: u64,
    /// Why no more went.
    pub held: Held,
    /// Readers that had not read all that went: their next read is out of range.
    pub overrun: Vec<Unread>,
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
        let facts = segments.iter().zip(segments.iter().skip(1)).map(|(segment, next)| Facts {
            starts: segment.starts.clone(),
            ends: next.starts.clone(),
            newest: next.header.newest,
            bytes: segment.durable(),
        });
        let facts: Vec<Facts> = facts.collect();
        let newest_bytes = segments.last().map_or(0, |segment| segment.durable());
        let Plan { segments: count, overrun, held } = plan(&facts, newest_bytes, trim, self.shared.layout);
        let sizes = || facts.iter().map(|segment| segment.bytes);
        let trimmed = Trimmed {
            segments: count,
            bytes: sizes().take(count).sum(),
            left_bytes: sizes().skip(count).sum::<u64>() + newest_bytes,
            held,
            overrun,
        };
        let Some(first) = segments.get(count).filter(|_| count > 0) else { return Ok(trimmed) };

        let disk = &*self.shared.disk;
        let next = Meta { first: first.number(), ..*meta };
        write_meta(disk, &next).map_err(|error| failed(&disk.folder(), &error))?;
        *meta = next;
        for segment in self.shared.drop_segments(count) {
            disk.remove(&segment.name).map_err(|error| failed(&segment.name, &error))?;
        }
        disk.sync_folder().map_err(|error| failed(&disk.folder(), &error))?;
        Ok(trimmed)
    }

    /// The timestamp of the oldest record there is; none in an empty log.
    ///
    /// # Errors
    /// The file system failed, or what is there is damaged.
    pub fn oldest(&self) -> Result<Option<Ms>, LogError> {
        for segment in self.shared.segments() {
            if let Some(head) = self.first_head(&segment)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The timestamp of a segment's first frame, unless that is its seal.
    fn first_head(&self, segment: &Segment) -> Result<Option<Ms>, LogError> {
        let file = self.shared.disk.open(&segment.name, Access::Read);
        let file = file.map_err(|error| failed(&segment.name, &error))?;
        let (salt, begin) = (segment.header.salt(), segment.header.size());
        let head = Walk::new(file, segment.name.clone(), salt, begin, segment.durable()).peek()?;
        Ok(head.filter(|head| head.kind != super::format::Kind::Seal).map(|head| head.timestamp))
    }
}
