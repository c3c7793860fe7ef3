//! Hashes: SHA-256 where the contract names it, keyed BLAKE3 for entities, CRC-32 for frames.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// A 128-bit keyed hash of an entity or of a value that is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash128(pub [u8; 16]);

impl Hash128 {
    /// The first half of a digest.
    #[must_use]
    pub fn first_of(digest: &Digest256) -> Self {
        let mut half = [0; 16];
        half.iter_mut().zip(digest.0).for_each(|(to, from)| *to = from);
        Self(half)
    }
}

impl fmt::Display for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for Hash128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest256(pub [u8; 32]);

impl fmt::Display for Digest256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl fmt::Debug for Digest256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.0)
    }
}

impl Digest256 {
    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// Written at once: answers hold many hashes.
fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let mut text = [0; 64];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    f.write_str(text.get(..bytes.len() * 2).and_then(|hex| std::str::from_utf8(hex).ok()).unwrap_or(""))
}

/// SHA-256 of `data`.
#[must_use]
pub fn sha256(data: &[u8]) -> Digest256 {
    Digest256(Sha256::digest(data).into())
}

/// SHA-256 of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub struct Digester {
    hasher: Sha256,
    bytes: u64,
}

impl Digester {
    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
    }

    /// Bytes so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest256 {
        Digest256(self.hasher.finalize().into())
    }
}

/// HMAC-SHA256 of `parts`, one after the other, under `key`.
#[must_use]
pub fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> Digest256 {
    // HMAC pads a key shorter than its block with zeros.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    Digest256(mac.finalize().into_bytes().into())
}

/// CRC-32 (IEEE), the checksum of frames and of key texts.
#[must_use]
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Values up to this length are hashed at once; a hasher for pieces is large to set up.
const SHORT: usize = 256;

/// An organization's secret for hashing entities. Made at the gateway, it travels in the record that
/// creates the organization.
#[derive(Clone, PartialEq, Eq)]
pub struct EntityKey([u8; 32]);

impl EntityKey {
    /// From stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The stored bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The keyed hash of `value` in the space named by `space`: equal values of different kinds differ.
    #[must_use]
    pub fn hash(&self, space: u8, value: &[u8]) -> Hash128 {
        self.hash_parts(&[&[space], value])
    }

    /// The keyed hash of `parts`, one after the other; the caller sees to their separation.
    #[must_use]
    pub fn hash_parts(&self, parts: &[&[u8]]) -> Hash128 {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut joined = [0; SHORT];
        let hash = match joined.get_mut(..length) {
            Some(mut rest) => {
                for part in parts {
                    let (here, behind) = rest.split_at_mut(part.len());
                    here.copy_from_slice(part);
                    rest = behind;
                }
                blake3::keyed_hash(&self.0, joined.get(..length).unwrap_or_default())
            }
            None => {
                let mut hasher = blake3::Hasher::new_keyed(&self.0);
                for part in parts {
                    hasher.update(part);
                }
                hasher.finalize()
            }
        };
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        Hash128(short)
    }
}

impl fmt::Debug for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntityKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b"").to_string(), empty);
        assert_eq!(Digest256::from_hex(empty), Some(sha256(b"")));
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
        // RFC 4231, test case 1, its 20-byte key padded with zeros as HMAC does.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hmac_sha256(&key, &[b"Hi ", b"There"]).to_string(), expected);
    }

    #[test]
    fn entity_hashes_depend_on_key_space_and_value() {
        let key = EntityKey::from_bytes([7; 32]);
        let hash = key.hash(1, b"a");
        assert_eq!(hash, key.hash(1, b"a"));
        assert_ne!(hash, key.hash(2, b"a"));
        assert_ne!(hash, key.hash(1, b"b"));
        assert_ne!(hash, EntityKey::from_bytes([8; 32]).hash(1, b"a"));
    }

    #[test]
    fn how_a_value_is_cut_into_parts_does_not_show() {
        let key = EntityKey::from_bytes([7; 32]);
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 5_000] {
            let value: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let whole = blake3::keyed_hash(&[7; 32], &value);
            let (first, second) = value.split_at(length / 3);
            assert_eq!(key.hash_parts(&[first, second]).0, whole.as_bytes()[..16], "{length} bytes");
        }
    }
}
