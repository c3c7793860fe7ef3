//! The log as it stands at one moment, for a copy: what a crash at that moment would leave. It is one
//! sequence, so any beginning of it is a whole log.

use super::EmbeddedLog;
use super::disk::{Access, DiskFile};
use super::format::META;
use super::segment::Segment;
use super::walk::failed;
use crate::base::position::TopicPartition;
use crate::log::{Bounds, LogError};
use std::io::{self, Read};
use std::sync::{Arc, PoisonError};

/// Rounds in which the newest segment may be followed by another while it is looked at.
const LOOKS: usize = 1_000;

/// A log at one moment. Its files can be read whatever the log does meanwhile: appends go behind what is
/// read, and trimming takes names away, not what is open.
#[derive(Debug)]
pub struct Still {
    files: Vec<StillFile>,
    bounds: Vec<(TopicPartition, Bounds)>,
}

/// A file of a log at one moment.
#[derive(Debug)]
pub struct StillFile {
    name: String,
    bytes: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Held(Vec<u8>),
    File(Box<dyn DiskFile>),
}

impl Still {
    /// Its files: `log.meta`, then the segments in their order.
    #[must_use]
    pub fn files(&self) -> &[StillFile] {
        &self.files
    }

    /// What each topic-partition holds at least.
    #[must_use]
    pub fn bounds(&self) -> &[(TopicPartition, Bounds)] {
        &self.bounds
    }
}

impl StillFile {
    /// Its name in the log's folder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its length.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads it from its beginning.
    #[must_use]
    pub const fn reader(&self) -> StillReader<'_> {
        StillReader { file: self, at: 0 }
    }
}

/// Reads a file of a log at one moment.
#[derive(Debug)]
pub struct StillReader<'a> {
    file: &'a StillFile,
    at: u64,
}

impl Read for StillReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.bytes - self.at).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let into = into.get_mut(..wanted).unwrap_or_default();
        let read = match &self.file.content {
            Content::Held(bytes) => {
                let rest = usize::try_from(self.at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                (&mut &*rest).read(into)?
            }
            Content::File(file) => file.read_at(into, self.at)?,
        };
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

impl EmbeddedLog {
    /// The log as it stands now.
    ///
    /// # Errors
    /// The file system failed.
    pub fn still(&self) -> Result<Still, LogError> {
        // Nothing is trimmed while this is held, so every file is still under its name.
        let meta = self.meta.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = self.shared.layout.all().enumerate();
        let bounds = slots.map(|(slot, of)| (of, self.shared.bounds(slot))).collect();
        let content = meta.write();
        let bytes = content.len() as u64;
        let mut files = vec![StillFile { name: META.to_owned(), bytes, content: Content::Held(content) }];
        for (segment, bytes) in self.standing()? {
            let file = self.shared.disk.open(&segment.name, Access::Read);
            let file = file.map_err(|error| failed(&segment.name, &error))?;
            files.push(StillFile { name: segment.name.clone(), bytes, content: Content::File(file) });
        }
        Ok(Still { files, bounds })
    }

    /// The segments and how much of each is durable, at one moment.
    fn standing(&self) -> Result<Vec<(Arc<Segment>, u64)>, LogError> {
        for _ in 0..LOOKS {
            let segments = self.shared.segments();
            // The newest is looked at first: once it holds anything, the seal of the one before is durable.
            let newest = segments.last().and_then(|newest| newest.unsealed());
            let Some(newest) = newest else { continue };
            let (last, before) = (segments.len() - 1, segments.iter().enumerate());
            let length =
                |place: usize, segment: &Segment| if place == last { newest } else { segment.durable() };
            return Ok(before.map(|(place, one)| (Arc::clone(one), length(place, one))).collect());
        }
        Err(LogError::Closed("segments follow one another faster than they can be looked at".to_owned()))
    }
}
