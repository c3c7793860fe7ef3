//! Reads sealed segments of an open log through, so that damage to what nobody reads for weeks is found while
//! a backup from before it is still kept. Changes nothing, and stops nobody: what was decided is not wrong.

use super::EmbeddedLog;
use super::disk::{Access, DiskFile, read_exact};
use super::format::{Header, Wrong};
use super::reader::missing;
use super::recover::Follow;
use super::segment::Segment;
use super::state::Shared;
use super::walk::{Walk, damage, failed};
use crate::log::LogError;
use std::sync::Arc;

/// Reads all sealed segments once, the oldest first, in steps.
#[derive(Debug)]
pub struct Scrub {
    shared: Arc<Shared>,
    /// The segment that is read, or comes next.
    number: u64,
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    walk: Walk,
    follow: Follow,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scrubbed {
    /// So many bytes hold; there is more.
    Bytes(u64),
    /// So many bytes hold, and with them the whole segment of this number.
    Whole(u64, u64),
    /// The segment of this number is damaged, or its file cannot be read. The next step reads the next one.
    Damaged(u64, LogError),
    /// There is no other sealed segment.
    End,
}

impl EmbeddedLog {
    /// Begins to read all sealed segments.
    #[must_use]
    pub fn scrub(&self) -> Scrub {
        Scrub { shared: Arc::clone(&self.shared), number: 0, reading: None }
    }

    /// The number of the oldest segment.
    #[must_use]
    pub fn oldest_segment(&self) -> u64 {
        self.shared.segments().first().map_or(0, |segment| segment.number())
    }
}

impl Scrub {
    /// Reads on: at least `bytes`, or to the end of the segment.
    pub fn step(&mut self, bytes: u64) -> Scrubbed {
        let Some(first) = self.shared.segments().first().map(|segment| segment.number()) else {
            return Scrubbed::End;
        };
        if self.reading.is_none() {
            self.number = self.number.max(first);
        }
        let Some(segment) = self.shared.segment(self.number).filter(|segment| segment.is_sealed()) else {
            return self.trimmed();
        };
        let read = match self.reading.take() {
            Some(reading) => Ok(reading),
            None => Reading::begin(&self.shared, &segment),
        };
        let read = read.and_then(|mut reading| {
            let begin = reading.walk.at();
            let ended = reading.read_on(bytes)?;
            Ok((reading.walk.at() - begin, (!ended).then_some(reading)))
        });
        match read {
            Ok((read, Some(reading))) => {
                self.reading = Some(reading);
                Scrubbed::Bytes(read)
            }
            Ok((read, None)) => {
                self.number += 1;
                Scrubbed::Whole(segment.number(), read)
            }
            // Trimmed since it was looked for.
            Err(_) if self.shared.segment(self.number).is_none() => self.trimmed(),
            Err(error) => {
                self.number += 1;
                Scrubbed::Damaged(segment.number(), error)
            }
        }
    }

    /// Where there is no such segment: it is trimmed, or not sealed yet.
    fn trimmed(&mut self) -> Scrubbed {
        self.reading = None;
        let first = self.shared.segments().first().map_or(0, |segment| segment.number());
        if self.number < first {
            self.number = first;
            return Scrubbed::Bytes(0);
        }
        Scrubbed::End
    }
}

impl Reading {
    fn begin(shared: &Shared, segment: &Segment) -> Result<Self, LogError> {
        let name = &segment.name;
        let file = shared.disk.open(name, Access::Read).map_err(|error| missing(name, &error))?;
        check_header(&*file, segment)?;
        let (begin, salt) = (segment.header.size(), segment.header.salt());
        let walk = Walk::new(file, name.clone(), salt, begin, segment.durable());
        Ok(Self { walk, follow: Follow::new(&segment.header, shared.layout) })
    }

    /// Tells whether the segment's end was reached.
    fn read_on(&mut self, bytes: u64) -> Result<bool, LogError> {
        let begin = self.walk.at();
        while self.walk.at() - begin < bytes {
            let at = self.walk.at();
            let Some(head) = self.walk.peek()? else {
                let sealed = self.follow.sealed;
                return if sealed {
                    Ok(true)
                } else {
                    Err(self.wrong("the segment does not end with its seal"))
                };
            };
            let taken = self.follow.take(at, &head, self.walk.content(&head)?);
            taken.map_err(|wrong| self.wrong(wrong))?;
            self.walk.step(&head);
        }
        Ok(false)
    }

    fn wrong(&self, wrong: Wrong) -> LogError {
        self.walk.damage(wrong)
    }
}

/// Whether the header on the disk is still the one that was read when the log was opened.
fn check_header(file: &dyn DiskFile, segment: &Segment) -> Result<(), LogError> {
    let name = &segment.name;
    let length = file.length().map_err(|error| failed(name, &error))?;
    let wrong = |wrong: Wrong| damage(name.clone(), 0, wrong);
    if length < segment.header.size() {
        return Err(wrong("the header is cut short"));
    }
    let mut bytes = vec![0; usize::try_from(segment.header.size()).unwrap_or(0)];
    read_exact(file, &mut bytes, 0).map_err(|error| failed(name, &error))?;
    Header::read(&bytes).map_err(wrong)?;
    Ok(())
}
