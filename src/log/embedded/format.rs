//! The log's stored form, which outlives this program. It knows bytes and no files.
//!
//! Integers are little-endian; a *slot* is a topic-partition, numbered `topic code × partitions +
//! partition`. Every checksum is a CRC-32 (IEEE).
//!
//! * `log.meta`: `magic "CLSMMETA" | version u16 = 1 | partitions u16 | nonce 16 bytes | first segment
//!   u64 | checksum u32`. Segments below `first` were trimmed; all from it on must be there.
//! * `{number:020}.segment` begins with `magic "CLSMSEGM" | version u16 = 1 | topics u16 | partitions u16 |
//!   number u64 | nonce 16 bytes | newest timestamp before it i64 | per slot: its next offset u64 |
//!   checksum u32`. The slots' offsets are what keeps bounds when everything before is trimmed.
//! * Frames follow one behind the other: `length u32 (of what stands behind the checksum) | checksum u32 |
//!   version u8 = 1 | kind u8 | topic u8 | partition u16 | back u32 | offset u64 | timestamp i64 | content`.
//!   The checksum covers nonce, segment number, length and all behind it, so that a frame is valid in its
//!   own segment only and content from outside cannot pass for one. `back` is the distance to the first
//!   frame written and synced together with this one.
//! * Kinds: 0 a record; 1 the seal, the last frame of every segment but the newest (offset: number of the
//!   next segment, timestamp: newest so far, content: per slot its next offset); 2 a skip (offset: the
//!   slot's next one).
//!
//! Offsets of a slot are dense but for skips: a frame that is gone is seen by the one behind it, or by the
//! seal, or by the next segment's header.

use crate::base::hash::crc32;
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::time::Ms;

pub(super) const META: &str = "log.meta";
pub(super) const LOCK: &str = "log.lock";
const SUFFIX: &str = ".segment";
/// What a file is called until it is whole; a leftover of a crash is no part of the log.
pub(super) const UNFINISHED: &str = ".new";

const VERSION: u16 = 1;
const FRAME_VERSION: u8 = 1;
const META_MAGIC: &[u8; 8] = b"CLSMMETA";
const SEGMENT_MAGIC: &[u8; 8] = b"CLSMSEGM";
const META_BYTES: usize = 40;
const HEADER_FIXED: usize = 46;

/// Bytes of a frame before its content.
pub(super) const FRAME_HEAD: usize = 33;
/// Bytes of a frame that its length does not count.
const FRAME_PREFIX: usize = 8;
/// The largest content. `wire::record` counts keys, headers and value; this leaves room for its lengths.
pub(super) const CONTENT_BYTES: usize = limits::RECORD_BYTES + 1024;
/// The largest frame; a seal of all partitions of 32 topics is smaller.
pub(super) const FRAME_BYTES: usize = FRAME_HEAD + CONTENT_BYTES;

/// Tells one installation's log from another's.
pub(super) type Nonce = [u8; 16];

/// Why bytes are not what they should be.
pub(super) type Wrong = &'static str;

/// The name of a segment's file.
pub(super) fn segment_name(number: u64) -> String {
    format!("{number:020}{SUFFIX}")
}

/// The segment with a file name.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// How many topics and partitions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) topics: u16,
    pub(super) partitions: u16,
}

impl Layout {
    /// What this program writes.
    pub(super) fn new(partitions: u16) -> Self {
        Self { topics: u16::try_from(Topic::ALL.len()).unwrap_or(u16::MAX), partitions }
    }

    pub(super) fn slots(self) -> usize {
        usize::from(self.topics) * usize::from(self.partitions)
    }

    pub(super) fn slot(self, of: TopicPartition) -> Option<usize> {
        let inside = of.partition.0 < self.partitions && u16::from(of.topic.code()) < self.topics;
        inside.then(|| {
            usize::from(of.topic.code()) * usize::from(self.partitions) + usize::from(of.partition.0)
        })
    }

    /// The topic-partition of every slot, in order.
    pub(super) fn all(self) -> impl Iterator<Item = TopicPartition> {
        Topic::ALL.into_iter().flat_map(move |topic| {
            (0..self.partitions).map(move |partition| TopicPartition::new(topic, Partition(partition)))
        })
    }

    /// Bytes of a seal frame.
    pub(super) fn seal_bytes(self) -> usize {
        FRAME_HEAD + self.slots() * 8
    }
}

/// The content of `log.meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) partitions: u16,
    pub(super) nonce: Nonce,
    pub(super) first: u64,
}

impl Meta {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(META_BYTES);
        out.extend_from_slice(META_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.partitions.to_le_bytes());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.first.to_le_bytes());
        let checksum = crc32(&[&out]);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Wrong> {
        let mut fields = Fields::checked(bytes, META_MAGIC)?;
        let meta = Meta {
            partitions: fields.u16()?,
            nonce: fields.array()?,
            first: fields.array().map(u64::from_le_bytes)?,
        };
        fields.end()?;
        Ok(meta)
    }
}

/// The head of a segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) number: u64,
    pub(super) nonce: Nonce,
    /// The newest timestamp of all segments before.
    pub(super) newest: Ms,
    /// Each slot's next offset when the segment began.
    pub(super) starts: Vec<Offset>,
}

impl Header {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_FIXED + self.starts.len() * 8 + 4);
        out.extend_from_slice(SEGMENT_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.layout.topics.to_le_bytes());
        out.extend_from_slice(&self.layout.partitions.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.newest.0.to_le_bytes());
        out.extend(self.starts.iter().flat_map(|start| start.0.to_le_bytes()));
        let checksum = crc32(&[&out]);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Bytes of the header, as its first bytes tell, not verified.
    pub(super) fn size_of(bytes: &[u8]) -> Result<usize, Wrong> {
        let counts = bytes.get(10..14).and_then(|counts| counts.as_chunks::<2>().0.first_chunk::<2>());
        let Some([topics, partitions]) = counts else { return Err("the header is cut short") };
        let layout =
            Layout { topics: u16::from_le_bytes(*topics), partitions: u16::from_le_bytes(*partitions) };
        if layout.topics > 64 || layout.partitions > limits::PARTITIONS {
            return Err("the header counts too many topics or partitions");
        }
        Ok(HEADER_FIXED + layout.slots() * 8 + 4)
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, Wrong> {
        let mut fields = Fields::checked(bytes, SEGMENT_MAGIC)?;
        let layout = Layout { topics: fields.u16()?, partitions: fields.u16()? };
        let header = Header {
            layout,
            number: fields.array().map(u64::from_le_bytes)?,
            nonce: fields.array()?,
            newest: Ms(fields.array().map(i64::from_le_bytes)?),
            starts: (0..layout.slots()).map(|_| fields.offset()).collect::<Result<_, _>>()?,
        };
        fields.end()?;
        Ok(header)
    }

    /// Bytes of the header, which is where the first frame begins.
    pub(super) fn size(&self) -> u64 {
        (HEADER_FIXED + self.starts.len() * 8 + 4) as u64
    }

    pub(super) fn salt(&self) -> Salt {
        Salt::new(&self.nonce, self.number)
    }
}

/// What a segment's frames are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Salt([u8; 24]);

impl Salt {
    fn new(nonce: &Nonce, number: u64) -> Self {
        let mut salt = [0; 24];
        for (to, from) in salt.iter_mut().zip(nonce.iter().copied().chain(number.to_le_bytes())) {
            *to = from;
        }
        Self(salt)
    }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Record = 0,
    Seal = 1,
    Skip = 2,
}

/// A frame's fields before its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) of: TopicPartition,
    pub(super) back: u32,
    pub(super) offset: Offset,
    pub(super) timestamp: Ms,
    /// Bytes of content.
    pub(super) content: usize,
}

impl Head {
    /// Bytes of the whole frame.
    pub(super) fn total(&self) -> usize {
        FRAME_HEAD + self.content
    }

    /// Reads the fields; they are not verified, but for being possible at all.
    pub(super) fn peek(bytes: &[u8]) -> Result<Self, Wrong> {
        let mut fields = Fields { bytes: bytes.get(..FRAME_HEAD).ok_or("the frame is cut short")?, at: 0 };
        let length = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
        if !(FRAME_HEAD - FRAME_PREFIX..=FRAME_BYTES - FRAME_PREFIX).contains(&length) {
            return Err("the frame's length is impossible");
        }
        fields.u32()?;
        if fields.u8()? != FRAME_VERSION {
            return Err("the frame is of no known version");
        }
        let kind = match fields.u8()? {
            0 => Kind::Record,
            1 => Kind::Seal,
            2 => Kind::Skip,
            _ => return Err("the frame is of no known kind"),
        };
        let topic = Topic::from_code(fields.u8()?).ok_or("the frame is of no known topic")?;
        Ok(Head {
            kind,
            of: TopicPartition::new(topic, Partition(fields.u16()?)),
            back: fields.u32()?,
            offset: fields.offset()?,
            timestamp: Ms(fields.array().map(i64::from_le_bytes)?),
            content: length - (FRAME_HEAD - FRAME_PREFIX),
        })
    }

    /// Writes the frame behind `out`. `content.len()` counts, not [`Head::content`].
    pub(super) fn write(&self, salt: &Salt, content: &[u8], out: &mut Vec<u8>) {
        let mut head = [0; FRAME_HEAD];
        let length = u32::try_from(FRAME_HEAD - FRAME_PREFIX + content.len()).unwrap_or(u32::MAX);
        let fields = [self.kind as u8, self.of.topic.code()];
        let bytes = (length.to_le_bytes().into_iter().chain([0; 4]).chain([FRAME_VERSION]).chain(fields))
            .chain(self.of.partition.0.to_le_bytes())
            .chain(self.back.to_le_bytes())
            .chain(self.offset.0.to_le_bytes())
            .chain(self.timestamp.0.to_le_bytes());
        head.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        if let Some((prefix, fields)) = head.split_at_mut_checked(FRAME_PREFIX)
            && let Some((length, checksum)) = prefix.split_at_mut_checked(4)
        {
            checksum.copy_from_slice(&crc32(&[&salt.0, length, fields, content]).to_le_bytes());
        }
        out.extend_from_slice(&head);
        out.extend_from_slice(content);
    }
}

/// The content of a whole frame whose head was read, verified.
pub(super) fn verified<'a>(frame: &'a [u8], salt: &Salt) -> Result<&'a [u8], Wrong> {
    let short = "the frame is cut short";
    let (length, rest) = frame.split_first_chunk::<4>().ok_or(short)?;
    let (stored, covered) = rest.split_first_chunk::<4>().ok_or(short)?;
    if crc32(&[&salt.0, length, covered]) != u32::from_le_bytes(*stored) {
        return Err("the frame's checksum is wrong");
    }
    covered.get(FRAME_HEAD - FRAME_PREFIX..).ok_or(short)
}

/// The content of a seal.
pub(super) fn write_ends(ends: &[Offset]) -> Vec<u8> {
    ends.iter().flat_map(|end| end.0.to_le_bytes()).collect()
}

/// Reads the content of a seal.
pub(super) fn read_ends(content: &[u8]) -> Vec<Offset> {
    content.as_chunks::<8>().0.iter().map(|end| Offset(u64::from_le_bytes(*end))).collect()
}

struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Checks magic, version and checksum; a later version may have its checksum elsewhere.
    fn checked(bytes: &'a [u8], magic: &[u8; 8]) -> Result<Self, Wrong> {
        if !bytes.starts_with(magic) {
            return Err("the file does not begin as it should");
        }
        let (covered, stored) = bytes.split_last_chunk::<4>().ok_or("the header is cut short")?;
        let mut fields = Fields { bytes: covered, at: magic.len() };
        if fields.u16()? != VERSION {
            return Err("the file is of a version this program does not know");
        }
        if crc32(&[covered]) != u32::from_le_bytes(*stored) {
            return Err("the header's checksum is wrong");
        }
        Ok(fields)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        let rest = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        self.at += N;
        rest.copied().ok_or("the header is cut short")
    }

    fn u8(&mut self) -> Result<u8, Wrong> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, Wrong> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Wrong> {
        self.array().map(u32::from_le_bytes)
    }

    fn offset(&mut self) -> Result<Offset, Wrong> {
        self.array().map(|bytes| Offset(u64::from_le_bytes(bytes)))
    }

    fn end(&self) -> Result<(), Wrong> {
        if self.at == self.bytes.len() { Ok(()) } else { Err("the header's length is wrong") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            layout: Layout { topics: 1, partitions: 2 },
            number: 3,
            nonce: *b"0123456789abcdef",
            newest: Ms(-1),
            starts: vec![Offset(5), Offset(6)],
        }
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let meta = Meta { partitions: 4, nonce: *b"0123456789abcdef", first: 7 };
        let stored = b"CLSMMETA\x01\x00\x04\x000123456789abcdef\x07\0\0\0\0\0\0\0\x8f\x4e\x54\x1e";
        assert_eq!(meta.write().escape_ascii().to_string(), stored.escape_ascii().to_string());
        assert_eq!(Meta::read(stored), Ok(meta));

        let stored = b"CLSMSEGM\x01\x00\x01\x00\x02\x00\x03\0\0\0\0\0\0\x000123456789abcdef\
            \xff\xff\xff\xff\xff\xff\xff\xff\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\xcd\xa1\x3b\xa4";
        assert_eq!(header().write().escape_ascii().to_string(), stored.escape_ascii().to_string());
        assert_eq!(Header::read(stored), Ok(header()));
        assert_eq!(Header::size_of(stored), Ok(stored.len()));

        let head = Head {
            kind: Kind::Record,
            of: TopicPartition::new(Topic::Events, Partition(1)),
            back: 9,
            offset: Offset(5),
            timestamp: Ms(1),
            content: 3,
        };
        let mut frame = Vec::new();
        head.write(&header().salt(), b"abc", &mut frame);
        let stored = b"\x1c\x00\x00\x00\xf0\xdb\x1f\x65\x01\x00\x02\x01\x00\x09\0\0\0\x05\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0abc";
        assert_eq!(frame.escape_ascii().to_string(), stored.escape_ascii().to_string());
        assert_eq!(Head::peek(stored), Ok(head));
        assert_eq!(verified(stored, &header().salt()), Ok(&b"abc"[..]));
    }

    #[test]
    fn a_frame_is_valid_in_its_own_segment_only() {
        let mut frame = Vec::new();
        let of = TopicPartition::new(Topic::Requests, Partition(0));
        let head = Head { kind: Kind::Record, of, back: 0, offset: Offset(0), timestamp: Ms(0), content: 0 };
        head.write(&header().salt(), b"x", &mut frame);
        let other = Header { number: 4, ..header() };
        assert!(verified(&frame, &other.salt()).is_err());
        let other = Header { nonce: [0; 16], ..header() };
        assert!(verified(&frame, &other.salt()).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let (meta, header) = (Meta { partitions: 4, nonce: [1; 16], first: 7 }.write(), header().write());
        for bit in 0..meta.len() * 8 {
            let mut flipped = meta.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Meta::read(&flipped).is_err(), "bit {bit} of the meta file");
            assert!(Meta::read(&meta[..bit / 8]).is_err());
        }
        for bit in 0..header.len() * 8 {
            let mut flipped = header.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::read(&flipped).is_err(), "bit {bit} of the header");
            assert!(Header::read(&header[..bit / 8]).is_err());
        }
    }

    #[test]
    fn file_names() {
        assert_eq!(segment_number(&segment_name(12)), Some(12));
        for other in
            ["12.segment", "log.meta", "00000000000000000012.segment.new", "+0000000000000000012.segment"]
        {
            assert_eq!(segment_number(other), None, "{other}");
        }
    }
}
