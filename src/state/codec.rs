//! Primitives of stored values: LEB128 numbers, zigzag for signed ones, length before text. Every value
//! begins with its version; what does not add up is an error, and nothing may follow the end.

use crate::base::hash::{Digest256, Hash128};
use crate::base::time::Ms;
use std::fmt;

/// Stored bytes that are no value of their kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// What was being read.
    pub what: &'static str,
    /// Byte offset in the value.
    pub at: usize,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored value is damaged: {} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for BadRow {}

/// Writes a value.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// A value of a version.
    #[must_use]
    pub fn versioned(version: u8) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.push(version);
        Self { bytes }
    }

    /// The finished value.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// True or false, one byte.
    pub fn flag(&mut self, flag: bool) {
        self.bytes.push(u8::from(flag));
    }

    /// An unsigned number, 7 bits a byte, low first.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            // The mask leaves seven bits.
            self.bytes.push((value & 0x7f).to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    /// A signed number, zigzag.
    pub fn signed(&mut self, value: i64) {
        self.number((value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
    }

    /// A count.
    pub fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// A time.
    pub fn time(&mut self, at: Ms) {
        self.signed(at.0);
    }

    /// Bytes of a length both sides know.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes, their length before them.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// A text, its length before it.
    pub fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    /// Something or nothing.
    pub fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Reads a value.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Reads a value and its version.
    ///
    /// # Errors
    /// There is no byte.
    pub fn versioned(bytes: &'a [u8]) -> Result<(u8, Self), BadRow> {
        let mut decoder = Self { bytes, at: 0 };
        let version = decoder.byte()?;
        Ok((version, decoder))
    }

    /// An error about `what`, here.
    #[must_use]
    pub const fn bad(&self, what: &'static str) -> BadRow {
        BadRow { what, at: self.at }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Bytes are left over.
    pub fn end(self) -> Result<(), BadRow> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.bad("bytes behind the end")) }
    }

    /// One byte.
    ///
    /// # Errors
    /// The value ends here.
    pub fn byte(&mut self) -> Result<u8, BadRow> {
        let byte = self.bytes.get(self.at).copied().ok_or(self.bad("a byte"))?;
        self.at += 1;
        Ok(byte)
    }

    /// True or false.
    ///
    /// # Errors
    /// Neither.
    pub fn flag(&mut self) -> Result<bool, BadRow> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.bad("a flag")),
        }
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// It does not end or does not fit.
    pub fn number(&mut self) -> Result<u64, BadRow> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.bad("a number"))
    }

    /// An unsigned number of a smaller type.
    ///
    /// # Errors
    /// It does not end or does not fit.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, BadRow> {
        let value = self.number()?;
        T::try_from(value).map_err(|_| self.bad("a smaller number"))
    }

    /// A signed number.
    ///
    /// # Errors
    /// It does not end or does not fit.
    pub fn signed(&mut self) -> Result<i64, BadRow> {
        let bits = self.number()?;
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    /// A count of things that take at least `least` bytes each, so that a damaged one asks for no more
    /// memory than the value is long.
    ///
    /// # Errors
    /// More than can follow.
    pub fn count(&mut self, least: usize) -> Result<usize, BadRow> {
        let count: usize = self.small()?;
        let left = self.bytes.len() - self.at;
        if count.saturating_mul(least.max(1)) > left { Err(self.bad("a count")) } else { Ok(count) }
    }

    /// A time.
    ///
    /// # Errors
    /// As [`Decoder::signed`].
    pub fn time(&mut self) -> Result<Ms, BadRow> {
        self.signed().map(Ms)
    }

    /// Bytes of a known length.
    ///
    /// # Errors
    /// The value ends before.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], BadRow> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or(self.bad("bytes"))?;
        self.at += length;
        Ok(taken)
    }

    /// An array.
    ///
    /// # Errors
    /// The value ends before.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BadRow> {
        let bytes = self.raw(N)?;
        bytes.try_into().map_err(|_| self.bad("an array"))
    }

    /// A 128-bit hash.
    ///
    /// # Errors
    /// The value ends before.
    pub fn hash(&mut self) -> Result<Hash128, BadRow> {
        self.array().map(Hash128)
    }

    /// A SHA-256.
    ///
    /// # Errors
    /// The value ends before.
    pub fn digest(&mut self) -> Result<Digest256, BadRow> {
        self.array().map(Digest256)
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// The value ends before.
    pub fn blob(&mut self) -> Result<&'a [u8], BadRow> {
        let length = self.count(1)?;
        self.raw(length)
    }

    /// A text with its length.
    ///
    /// # Errors
    /// The value ends before, or it is no UTF-8.
    pub fn text(&mut self) -> Result<String, BadRow> {
        let bytes = self.blob()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.bad("a text"))
    }

    /// Something or nothing.
    ///
    /// # Errors
    /// As `read`.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BadRow>,
    ) -> Result<Option<T>, BadRow> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Encoder::versioned(1);
            out.number(value);
            out.signed(value.cast_signed());
            let bytes = out.finish();
            let (version, mut decoder) = Decoder::versioned(&bytes).unwrap();
            assert_eq!(
                (version, decoder.number(), decoder.signed()),
                (1, Ok(value), Ok(value.cast_signed()))
            );
            decoder.end().unwrap();
        }
    }

    #[test]
    fn damage_is_an_error() {
        let over = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(Decoder::versioned(&over).unwrap().1.number().is_err(), "beyond 64 bits");
        assert!(Decoder::versioned(&[1, 0x80]).unwrap().1.number().is_err(), "cut");
        assert!(Decoder::versioned(&[1, 200, 1, 1]).unwrap().1.blob().is_err(), "longer than the value");
        assert!(Decoder::versioned(&[1, 2]).unwrap().1.flag().is_err());
        assert!(Decoder::versioned(&[1, 2]).unwrap().1.end().is_err());
        assert!(Decoder::versioned(&[1, 1, 0xff]).unwrap().1.text().is_err(), "no UTF-8");
    }
}
