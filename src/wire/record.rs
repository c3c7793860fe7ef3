//! The content of a record: key, headers and value, as the contract's section 18 names them, in one
//! run of bytes that is borrowed when it is read. Where it lies and when it came is the log's to say.
//!
//! Stored form, version 1, integers little-endian:
//! `version u8 | key length u16 | headers u16 | value length u32 (all ones: no value) | key | value |`
//! and per header `name length u8 | value length u32 | name | value`.

use crate::base::limits;
use bytes::Bytes;
use std::fmt;

const VERSION: u8 = 1;
const NO_VALUE: u32 = u32::MAX;
const FIXED: usize = 9;

/// Builds the content of a record.
#[derive(Debug, Clone)]
pub struct Builder {
    bytes: Vec<u8>,
    headers: u16,
}

impl Builder {
    /// A record with `key` and `value`; no value is a tombstone.
    ///
    /// # Errors
    /// Key or value is beyond [`limits::RECORD_BYTES`].
    pub fn new(key: &[u8], value: Option<&[u8]>) -> Result<Self, TooLarge> {
        let length = value.map_or(0, <[u8]>::len);
        if key.len() + length > limits::RECORD_BYTES {
            return Err(TooLarge);
        }
        let key_length = u16::try_from(key.len()).map_err(|_| TooLarge)?;
        let value_length = match value {
            Some(value) => u32::try_from(value.len()).map_err(|_| TooLarge)?,
            None => NO_VALUE,
        };
        let mut bytes = Vec::with_capacity(FIXED + key.len() + length + 512);
        bytes.push(VERSION);
        bytes.extend_from_slice(&key_length.to_le_bytes());
        bytes.extend_from_slice(&0_u16.to_le_bytes());
        bytes.extend_from_slice(&value_length.to_le_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value.unwrap_or_default());
        Ok(Self { bytes, headers: 0 })
    }

    /// A record like another, to which headers may be added.
    ///
    /// # Errors
    /// As of [`Builder::new`] and [`Builder::header`]; there are none of a content that was built.
    pub fn of(content: &Content<'_>) -> Result<Self, TooLarge> {
        let mut record = Self::new(content.key, content.value)?;
        for (name, value) in content.headers() {
            record.header(name, value)?;
        }
        Ok(record)
    }

    /// Adds a header behind those there are.
    ///
    /// # Errors
    /// The name is beyond 255 bytes, or the record beyond its limits.
    pub fn header(&mut self, name: &str, value: &[u8]) -> Result<(), TooLarge> {
        let name_length = u8::try_from(name.len()).map_err(|_| TooLarge)?;
        let value_length = u32::try_from(value.len()).map_err(|_| TooLarge)?;
        let headers = usize::from(self.headers) + 1;
        if headers > limits::RECORD_HEADERS || self.bytes.len() + value.len() > limits::RECORD_BYTES {
            return Err(TooLarge);
        }
        self.headers += 1;
        self.bytes.push(name_length);
        self.bytes.extend_from_slice(&value_length.to_le_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    /// The finished content.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        if let Some(count) = self.bytes.get_mut(3..5) {
            count.copy_from_slice(&self.headers.to_le_bytes());
        }
        Bytes::from(self.bytes)
    }
}

/// A record's content, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl<'a> Content<'a> {
    /// Reads a stored content.
    ///
    /// # Errors
    /// The bytes are of no known version, or their lengths do not add up.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadContent> {
        let mut rest = Cursor { bytes, at: 0 };
        let version = rest.u8()?;
        if version != VERSION {
            return Err(BadContent::Version(version));
        }
        let key_length = usize::from(rest.u16()?);
        let count = rest.u16()?;
        let value_length = rest.u32()?;
        let key = rest.take(key_length)?;
        let value = if value_length == NO_VALUE { None } else { Some(rest.take(to_usize(value_length))?) };
        let headers = bytes.get(rest.at..).unwrap_or_default();
        let mut check = Cursor { bytes: headers, at: 0 };
        for _ in 0..count {
            check.header()?;
        }
        if check.at != headers.len() {
            return Err(BadContent::Length { at: rest.at + check.at });
        }
        Ok(Self { key, value, headers })
    }

    /// The headers in their order. A name that is no UTF-8 comes as an empty one.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut cursor = Cursor { bytes: self.headers, at: 0 };
        std::iter::from_fn(move || cursor.header().ok())
    }

    /// The first header with a name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().find(|header| header.0 == name).map(|header| header.1)
    }

    /// The first header with a name, if it is text.
    #[must_use]
    pub fn text_header(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.header(name)?).ok()
    }
}

/// A record would be beyond its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record is larger than {} bytes or has too many headers", limits::RECORD_BYTES)
    }
}

impl std::error::Error for TooLarge {}

/// Stored bytes that are no record content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadContent {
    /// A version this program does not know.
    Version(u8),
    /// A length that does not fit, at this byte.
    Length {
        /// Byte offset in the content.
        at: usize,
    },
}

impl fmt::Display for BadContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadContent::Version(version) => write!(f, "record content of unknown version {version}"),
            BadContent::Length { at } => write!(f, "record content with a wrong length at byte {at}"),
        }
    }
}

impl std::error::Error for BadContent {}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BadContent> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(BadContent::Length { at: self.at })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadContent> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| BadContent::Length { at })
    }

    fn u8(&mut self) -> Result<u8, BadContent> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, BadContent> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, BadContent> {
        self.array().map(u32::from_le_bytes)
    }

    fn header(&mut self) -> Result<(&'a str, &'a [u8]), BadContent> {
        let name_length = usize::from(self.u8()?);
        let value_length = to_usize(self.u32()?);
        let name = std::str::from_utf8(self.take(name_length)?).unwrap_or("");
        Ok((name, self.take(value_length)?))
    }
}

fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Bytes {
        let mut record = Builder::new(b"key", Some(b"{}")).unwrap();
        record.header("ce_id", b"1").unwrap();
        record.header("ce_id", b"").unwrap();
        record.finish()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let content = Content::read(&bytes).unwrap();
        assert_eq!((content.key, content.value), (&b"key"[..], Some(&b"{}"[..])));
        assert_eq!(content.headers().collect::<Vec<_>>(), [("ce_id", &b"1"[..]), ("ce_id", &b""[..])]);
        let tombstone = Builder::new(b"", None).unwrap().finish();
        assert_eq!(Content::read(&tombstone).unwrap().value, None);
    }

    #[test]
    fn version_1_is_read_for_ever() {
        let stored =
            b"\x01\x03\x00\x02\x00\x02\x00\x00\x00key{}\x05\x01\x00\x00\x00ce_id1\x05\x00\x00\x00\x00ce_id";
        assert_eq!(sample(), &stored[..]);
    }

    #[test]
    fn every_cut_and_every_longer_one_is_refused() {
        let bytes = sample();
        for end in 0..bytes.len() {
            assert!(Content::read(&bytes[..end]).is_err(), "cut at {end}");
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(Content::read(&longer), Err(BadContent::Length { at: bytes.len() }));
        longer[0] = 2;
        assert_eq!(Content::read(&longer), Err(BadContent::Version(2)));
    }

    #[test]
    fn limits_hold() {
        assert_eq!(Builder::new(b"", Some(&vec![0; limits::RECORD_BYTES + 1])).unwrap_err(), TooLarge);
        let mut record = Builder::new(b"", None).unwrap();
        for _ in 0..limits::RECORD_HEADERS {
            record.header("h", b"").unwrap();
        }
        assert_eq!(record.header("h", b""), Err(TooLarge));
    }
}
