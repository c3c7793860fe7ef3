//! Reads a log that nobody writes: `clausum log verify` and `clausum log cat`. Changes nothing and takes
//! no lock, so it may also look at a log that is open; then what is being written may look torn.

use super::disk::{Access, Disk, Folder};
use super::format::{Head, Kind, Layout, META, segment_name, segment_number};
use super::reader::missing;
use super::recover::{self, Follow, SegmentFile};
use super::view::View;
use super::walk::{Walk, damage, failed};
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::{Bounds, Contents, LogError, PollLimit, Reader, Stored};
use std::path::Path;
use std::sync::Arc;

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Partitions of every topic.
    pub partitions: u16,
    /// Segment files read.
    pub segments: usize,
    /// Bytes of them.
    pub bytes: u64,
    /// Per topic-partition what it holds.
    pub counts: Vec<Counts>,
    /// Bytes at the end of the newest segment that opening would cut.
    pub torn_bytes: u64,
    /// Everything that is damaged.
    pub damage: Vec<Damage>,
}

/// What a topic-partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Which.
    pub of: TopicPartition,
    /// Records that were read and hold.
    pub records: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// From the oldest to behind the newest of them; without any, where the next one goes.
    pub bounds: Bounds,
    /// The earliest and the latest timestamp of them.
    pub times: Option<(Ms, Ms)>,
    /// Segment files that hold any of them.
    pub segments: usize,
}

/// A place that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The byte in it.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
}

/// Reads every byte of the log in `folder`.
///
/// # Errors
/// The file system failed, or there is no log. Damage is no error here but part of the report.
pub fn verify(folder: &Path) -> Result<Report, LogError> {
    verify_on(&Folder(folder.to_owned()))
}

pub(super) fn verify_on(disk: &dyn Disk) -> Result<Report, LogError> {
    let names = disk.list().map_err(|error| failed(&disk.folder(), &error))?;
    let mut report = Report::default();
    let meta = match recover::read_meta(disk, &names) {
        Ok(Some(meta)) => meta,
        Ok(None) => return Err(damage(META.to_owned(), 0, "the file is missing")),
        Err(error) => {
            report.note(error)?;
            return Ok(report);
        }
    };
    report.partitions = meta.partitions;
    let layout = Layout::new(meta.partitions);
    let nothing = Bounds { start: Offset(0), end: Offset(0) };
    let none = |of| Counts { of, records: 0, bytes: 0, bounds: nothing, times: None, segments: 0 };
    report.counts = layout.all().map(none).collect();

    let mut numbers = recover::numbers(&names);
    numbers.retain(|number| *number >= meta.first);
    let last = numbers.last().copied().unwrap_or(meta.first);
    let mut files = Vec::new();
    for number in meta.first..=last {
        match recover::read_header(disk, &meta, number) {
            Ok(file) => files.push(file),
            Err(error) => report.note(error)?,
        }
    }
    if let [.., before, unused] = files.as_slice()
        && before.header.number + 1 == unused.header.number
        && unused.length == unused.header.size()
        && recover::check_seal(disk, before, Some(&unused.header)).is_err()
    {
        files.pop();
    }
    for (place, file) in files.iter().enumerate() {
        let next = files.get(place + 1);
        // If what came behind could not be read, that is noted already.
        let newest = next.is_none();
        if let Some(next) = next.filter(|next| next.header.number == file.header.number + 1)
            && let Err(error) = recover::check_seal(disk, file, Some(&next.header))
        {
            report.note(error)?;
        }
        report.read_segment(disk, file, layout, newest)?;
    }
    if let Ok(Some(now)) = recover::read_meta(disk, &names) {
        report.forget_before(now.first);
    }
    Ok(report)
}

impl Report {
    /// Notes damage; what is none goes back to the caller.
    fn note(&mut self, error: LogError) -> Result<(), LogError> {
        let LogError::Damaged { file, at, what } = error else { return Err(error) };
        let known = Damage { file, at, what };
        if !self.damage.contains(&known) {
            self.damage.push(known);
        }
        Ok(())
    }

    /// What a running server trimmed while it was read is gone, not damaged.
    fn forget_before(&mut self, first: u64) {
        self.damage.retain(|damage| segment_number(&damage.file).is_none_or(|number| number >= first));
    }

    /// Reads a segment, going on behind what is damaged as soon as a frame holds again.
    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        file: &SegmentFile,
        layout: Layout,
        newest: bool,
    ) -> Result<(), LogError> {
        self.segments += 1;
        self.bytes += file.length;
        let open = disk.open(&file.name, Access::Read).map_err(|error| missing(&file.name, &error))?;
        let (begin, salt) = (file.header.size(), file.header.salt());
        let mut walk = Walk::new(open, file.name.clone(), salt, begin, file.length);
        let mut follow = Follow::new(&file.header, layout);
        let before: Vec<u64> = self.counts.iter().map(|counts| counts.records).collect();
        let mut damaged = false;
        loop {
            let at = walk.at();
            let frame = match walk.peek() {
                Ok(None) => break,
                Ok(Some(head)) => walk.content(&head).map(|content| (head, follow.take(at, &head, content))),
                Err(error) => Err(error),
            };
            match frame {
                Ok((head, taken)) => {
                    match taken {
                        Ok(Some(slot)) => self.count(slot, &head),
                        Ok(None) => {}
                        // What is gone with the damage is part of it.
                        Err(_) if damaged => self.count_found(layout, &mut follow, &head),
                        Err(wrong) => {
                            self.note(walk.damage(wrong))?;
                            damaged = true;
                            self.count_found(layout, &mut follow, &head);
                        }
                    }
                    walk.step(&head);
                }
                Err(error) => {
                    if newest && recover::may_be_cut(walk.rest()?, at, file) {
                        self.torn_bytes = file.length - at;
                        break;
                    }
                    self.note(error)?;
                    damaged = true;
                    let Some(next) = recover::next_valid(&mut walk, at, file)? else { break };
                    walk.jump(next);
                }
            }
        }
        for ((counts, before), next) in self.counts.iter_mut().zip(before).zip(&follow.next) {
            counts.segments += usize::from(counts.records > before);
            if counts.records == 0 {
                counts.bounds = Bounds { start: *next, end: *next };
            }
        }
        if newest && follow.sealed {
            let next = segment_name(file.header.number + 1);
            self.note(damage(next, 0, "the segment is missing"))?;
        }
        Ok(())
    }

    fn count(&mut self, slot: usize, head: &Head) {
        let Some(counts) = self.counts.get_mut(slot) else { return };
        if counts.records == 0 {
            counts.bounds.start = head.offset;
        }
        counts.bounds.end = head.offset.next();
        counts.records += 1;
        counts.bytes += head.content as u64;
        let at = head.timestamp;
        let (oldest, newest) = counts.times.unwrap_or((at, at));
        counts.times = Some((oldest.min(at), newest.max(at)));
    }

    /// Counts a record that does not follow the one before it, and goes on from there.
    fn count_found(&mut self, layout: Layout, follow: &mut Follow, head: &Head) {
        let Some(slot) = layout.slot(head.of).filter(|_| head.kind == Kind::Record) else { return };
        follow.go_on(slot, head.offset.next());
        self.count(slot, head);
    }
}

/// The records of a topic-partition, in order, from `from` to before `to`; without either, all there are.
///
/// # Errors
/// The file system failed, or the log is damaged where it is opened.
pub fn scan(
    folder: &Path,
    of: TopicPartition,
    from: Option<Offset>,
    to: Option<Offset>,
) -> Result<Records, LogError> {
    scan_on(Arc::new(Folder(folder.to_owned())), of, from, to)
}

pub(super) fn scan_on(
    disk: Arc<dyn Disk>,
    of: TopicPartition,
    from: Option<Offset>,
    to: Option<Offset>,
) -> Result<Records, LogError> {
    let view = View::on(disk)?;
    let bounds = view.bounds(of)?;
    let reader = view.reader(of, from.unwrap_or(bounds.start))?;
    Ok(Records { reader, to: to.unwrap_or(bounds.end), read: Vec::new().into_iter(), ended: false })
}

/// Records of one topic-partition; ends behind the first error.
#[derive(Debug)]
pub struct Records {
    reader: Box<dyn Reader>,
    to: Offset,
    read: std::vec::IntoIter<Stored>,
    ended: bool,
}

impl Iterator for Records {
    type Item = Result<Stored, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = match self.read.next() {
            Some(stored) => Some(Ok(stored)),
            None => match self.reader.poll(PollLimit { records: 1_024, bytes: 1 << 20 }) {
                Ok(records) => {
                    self.read = records.into_iter();
                    self.read.next().map(Ok)
                }
                Err(error) => Some(Err(error)),
            },
        };
        let next = next.filter(|next| next.as_ref().map_or(true, |stored| stored.offset < self.to));
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_trimmed_meanwhile_is_not_damaged() {
        let damaged = |file: String| Damage { file, at: 0, what: "the segment is missing".to_owned() };
        let all = [damaged(segment_name(1)), damaged(segment_name(2)), damaged(META.to_owned())];
        let mut report = Report { damage: all.to_vec(), ..Report::default() };
        report.forget_before(2);
        assert_eq!(report.damage, all[1..]);
    }
}
