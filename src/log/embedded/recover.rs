//! Opening a log: which files belong to it, whether each is whole, and what a crash left at its end.
//!
//! A torn tail is what a group of appends leaves that was being written when the machine stopped; none
//! of it was acknowledged. It is cut only where that is certain enough: nothing valid follows it (but
//! for frames of the same group behind a sector that never reached the disk), and no checkpoint or
//! output lies in it. Everything else that is not as it should be is damage, and changes no file.

use super::disk::{Access, Disk, DiskFile, read_exact};
use super::format::{
    CONTENT_BYTES, FRAME_HEAD, Head, Header, Kind, Layout, META, Meta, Wrong, read_ends, segment_name,
    segment_number, verified,
};
use super::reader::missing;
use super::segment::Index;
use super::walk::{Walk, damage, failed};
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::LogError;

/// The smallest piece that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A segment file and its verified header.
#[derive(Debug, Clone)]
pub(super) struct SegmentFile {
    pub(super) name: String,
    pub(super) header: Header,
    pub(super) length: u64,
}

/// Reads `log.meta`; none if there is none.
pub(super) fn read_meta(disk: &dyn Disk, names: &[String]) -> Result<Option<Meta>, LogError> {
    if !names.iter().any(|name| name == META) {
        return Ok(None);
    }
    let io = |error| failed(META, &error);
    let file = disk.open(META, Access::Read).map_err(io)?;
    let length = file.length().map_err(io)?;
    let mut bytes = vec![0; usize::try_from(length.min(4096)).unwrap_or(0)];
    read_exact(&*file, &mut bytes, 0).map_err(io)?;
    Meta::read(&bytes).map(Some).map_err(|wrong| damage(META.to_owned(), 0, wrong))
}

/// The numbers of the segment files, in order.
pub(super) fn numbers(names: &[String]) -> Vec<u64> {
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    numbers
}

/// Reads and checks the header of a segment.
pub(super) fn read_header(disk: &dyn Disk, meta: &Meta, number: u64) -> Result<SegmentFile, LogError> {
    let name = segment_name(number);
    let file = disk.open(&name, Access::Read).map_err(|error| missing(&name, &error))?;
    let length = file.length().map_err(|error| failed(&name, &error))?;
    let wrong = |wrong: Wrong| damage(name.clone(), 0, wrong);
    let read = |bytes: usize| {
        if length < bytes as u64 {
            return Err(wrong("the header is cut short"));
        }
        let mut head = vec![0; bytes];
        read_exact(&*file, &mut head, 0).map_err(|error| failed(&name, &error)).map(|()| head)
    };
    let size = Header::size_of(&read(14)?).map_err(wrong)?;
    let header = Header::read(&read(size)?).map_err(wrong)?;
    if header.nonce != meta.nonce {
        return Err(wrong("the segment is another log's"));
    }
    if header.number != number {
        return Err(wrong("the file is not the segment its name says"));
    }
    if header.layout.partitions != meta.partitions {
        return Err(wrong("the segment is of another number of partitions"));
    }
    Ok(SegmentFile { name, header, length })
}

/// Checks that `segment` ends with its seal and that `next` goes on where it ended.
pub(super) fn check_seal(
    disk: &dyn Disk,
    segment: &SegmentFile,
    next: Option<&Header>,
) -> Result<(), LogError> {
    let size = segment.header.layout.seal_bytes() as u64;
    let (name, at) = (&segment.name, segment.length.saturating_sub(size));
    let wrong = |wrong: Wrong| damage(name.clone(), at, wrong);
    if at < segment.header.size() {
        return Err(wrong("the segment does not end with its seal"));
    }
    let file = disk.open(name, Access::Read).map_err(|error| missing(name, &error))?;
    let mut walk = Walk::new(file, name.clone(), segment.header.salt(), at, segment.length);
    let sealed = walk.peek().ok().flatten().filter(|head| head.kind == Kind::Seal);
    let head = sealed.ok_or_else(|| wrong("the segment does not end with its seal"))?;
    let mut ends = read_ends(walk.content(&head)?);
    let Some(next) = next else { return Ok(()) };
    ends.resize(next.starts.len(), Offset(0));
    let fits = head.offset.0 == next.number && head.timestamp == next.newest && ends == next.starts;
    if fits { Ok(()) } else { Err(wrong("the next segment does not go on where this one ended")) }
}

/// Follows the frames of one segment and checks that none is missing.
#[derive(Debug)]
pub(super) struct Follow {
    pub(super) next: Vec<Offset>,
    pub(super) newest: Ms,
    pub(super) index: Index,
    /// Where the newest group begins.
    pub(super) group: u64,
    pub(super) sealed: bool,
    layout: Layout,
}

impl Follow {
    pub(super) fn new(header: &Header, layout: Layout) -> Self {
        let mut next = header.starts.clone();
        next.resize(layout.slots(), Offset(0));
        let (index, group) = (Index::new(layout.slots()), header.size());
        Self { next, newest: header.newest, index, group, sealed: false, layout }
    }

    /// Takes a verified frame at `at`; tells its slot if it is a record.
    pub(super) fn take(&mut self, at: u64, head: &Head, content: &[u8]) -> Result<Option<usize>, Wrong> {
        if self.sealed {
            return Err("a frame stands behind the seal");
        }
        self.newest = self.newest.max(head.timestamp);
        self.group =
            at.checked_sub(u64::from(head.back)).ok_or("the frame's group begins before the file")?;
        if head.kind == Kind::Seal {
            self.sealed = true;
            let ends = read_ends(content);
            let same = self.next.iter().zip(&ends).all(|(next, end)| next == end);
            return if same { Ok(None) } else { Err("records are missing before the seal") };
        }
        let slot = self.layout.slot(head.of).ok_or("the frame is of no partition of this log")?;
        let next = self.next.get_mut(slot).ok_or("the frame is of no partition of this log")?;
        if head.kind == Kind::Skip {
            if head.offset < *next {
                return Err("the skip goes back");
            }
            *next = head.offset;
            return Ok(None);
        }
        if head.offset != *next {
            return Err("records are missing before this one");
        }
        *next = head.offset.next();
        self.index.note(slot, head.offset, at);
        Ok(Some(slot))
    }
}

impl Follow {
    /// Goes on with a slot at `next`, whatever was missing before.
    pub(super) fn go_on(&mut self, slot: usize, next: Offset) {
        if let Some(known) = self.next.get_mut(slot) {
            *known = next;
        }
    }
}

/// What is left of the newest segment.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) follow: Follow,
    /// Bytes that hold.
    pub(super) length: u64,
    /// Bytes behind them, to be cut.
    pub(super) torn: u64,
}

/// Follows the newest segment to its end and decides what of it holds. Changes nothing.
pub(super) fn read_tail(
    disk: &dyn Disk,
    segment: &SegmentFile,
    layout: Layout,
    floors: &[(TopicPartition, Offset)],
    may_cut: bool,
) -> Result<Tail, LogError> {
    let file = disk.open(&segment.name, Access::Read).map_err(|error| missing(&segment.name, &error))?;
    let (at, salt) = (segment.header.size(), segment.header.salt());
    let mut walk = Walk::new(file, segment.name.clone(), salt, at, segment.length);
    let mut follow = Follow::new(&segment.header, layout);
    let torn = loop {
        let at = walk.at();
        let head = match walk.peek() {
            Ok(Some(head)) => head,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let content = match walk.content(&head) {
            Ok(content) => content,
            Err(error) => break Some(error),
        };
        follow.take(at, &head, content).map_err(|wrong| walk.damage(wrong))?;
        walk.step(&head);
    };
    let length = walk.at();
    if let Some(error) = torn
        && (!matches!(error, LogError::Damaged { .. })
            || !may_cut
            || !may_be_cut(walk.rest()?, length, segment))
    {
        return Err(error);
    }
    for (of, floor) in floors {
        let end = layout.slot(*of).and_then(|slot| follow.next.get(slot)).copied();
        if end.is_none_or(|end| end <= *floor) {
            let end = end.unwrap_or_default();
            let what = format!("{of} ends at {end}, but {floor} was durable in it");
            return Err(LogError::Damaged { file: segment.name.clone(), at: length, what });
        }
    }
    Ok(Tail { follow, length, torn: segment.length - length })
}

/// Whether `rest`, which begins at byte `at` with a frame that does not hold, is a torn tail.
pub(super) fn may_be_cut(rest: &[u8], at: u64, segment: &SegmentFile) -> bool {
    let mut followers = Followers { rest, at: 1, segment }.peekable();
    let Some((first, _)) = followers.peek() else { return true };
    // Sectors of one group reach the disk in any order. One that did not is all zeros, and whatever
    // stands behind it was written with the frame that does not hold; a later group would prove that
    // this one was durable.
    let lost = has_lost_sector(rest.get(..*first).unwrap_or_default(), at);
    lost && followers
        .all(|(follower, back)| (follower as u64).checked_sub(u64::from(back)).is_none_or(|group| group == 0))
}

/// Whether `bytes`, which begin at byte `at` of their file, have zeros from a sector's begin, or their own,
/// up to a sector's end.
fn has_lost_sector(bytes: &[u8], at: u64) -> bool {
    let into = usize::try_from(at % SECTOR as u64).unwrap_or(0);
    let zeros = |piece: &[u8]| piece.iter().all(|byte| *byte == 0);
    let (first, rest) = bytes.split_at_checked(SECTOR - into).unwrap_or_default();
    let first_lost = !first.is_empty() && zeros(first);
    first_lost || rest.chunks_exact(SECTOR).any(zeros)
}

/// The valid frames in bytes that may begin anywhere: where in the bytes, and their way back.
struct Followers<'a> {
    rest: &'a [u8],
    at: usize,
    segment: &'a SegmentFile,
}

impl Iterator for Followers<'_> {
    type Item = (usize, u32);

    fn next(&mut self) -> Option<(usize, u32)> {
        let salt = self.segment.header.salt();
        let slots = self.segment.header.layout;
        while let Some(bytes) = self.rest.get(self.at..).filter(|bytes| bytes.len() >= FRAME_HEAD) {
            let at = self.at;
            self.at += 1;
            let Ok(head) = Head::peek(bytes) else { continue };
            if head.content > CONTENT_BYTES || slots.slot(head.of).is_none() {
                continue;
            }
            if bytes.get(..head.total()).is_some_and(|frame| verified(frame, &salt).is_ok()) {
                self.at = at + head.total();
                return Some((at, head.back));
            }
        }
        None
    }
}

/// Where the next valid frame begins behind byte `at` of a segment.
pub(super) fn next_valid(walk: &mut Walk, at: u64, segment: &SegmentFile) -> Result<Option<u64>, LogError> {
    walk.jump(at);
    let found = Followers { rest: walk.rest()?, at: 1, segment }.next();
    Ok(found.map(|(behind, _)| at + behind as u64))
}

/// Writes the newest group once more and makes it durable. After a failed sync a file system may hold
/// pages that it believes written; what readers are to see must not rest on them.
pub(super) fn settle(file: &dyn DiskFile, group: u64, length: u64) -> std::io::Result<()> {
    let mut bytes = vec![0; usize::try_from(length.saturating_sub(group)).unwrap_or(0)];
    read_exact(file, &mut bytes, group)?;
    file.write_at(&bytes, group)?;
    file.sync()
}
