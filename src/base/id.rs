//! Identifiers in their stored and their printed form.

use crate::base::time::Ms;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// An organization; the nil one is the installation itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrgId(Uuid);

impl OrgId {
    /// The installation organization, to which belongs what belongs to no other.
    pub const INSTALLATION: OrgId = OrgId(Uuid::nil());

    /// From stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// A version 4 identifier from 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid_from_random(bytes))
    }

    /// The stored bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// A version 4 UUID from 16 random bytes.
#[must_use]
pub fn uuid_from_random(bytes: [u8; 16]) -> Uuid {
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Only the lower-case hyphenated text is an organization's id: it is the record key, and a key has
/// one spelling or its partition differs.
impl FromStr for OrgId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let id = Uuid::try_parse(text).map_err(|_| BadId)?;
        let mut buffer = Uuid::encode_buffer();
        if id.hyphenated().encode_lower(&mut buffer) == text { Ok(Self(id)) } else { Err(BadId) }
    }
}

/// A text that is no identifier of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an identifier")
    }
}

impl std::error::Error for BadId {}

/// `prefix` and 26 characters of lower-case Crockford base32: 48 bits of time, 80 bits of `tail`, so
/// that identifiers sort by time.
#[must_use]
pub fn sortable(prefix: &str, at: Ms, tail: [u8; 10]) -> String {
    let time = u128::from(at.0.max(0).unsigned_abs()) & ((1 << 48) - 1);
    let random = tail.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = time << 80 | random;
    let mut text = String::with_capacity(prefix.len() + 26);
    text.push_str(prefix);
    for place in (0..26).rev() {
        text.push(digit(CROCKFORD, bits >> (5 * place) & 31));
    }
    text
}

/// The time of an id that [`sortable`] made with `prefix`.
#[must_use]
pub fn sorted_time(prefix: &str, id: &str) -> Option<Ms> {
    let digits = id.strip_prefix(prefix).filter(|digits| digits.len() == 26)?;
    let bits = digits.bytes().try_fold(0_u128, |bits, digit| {
        let value = CROCKFORD.iter().position(|known| *known == digit)?;
        Some(bits << 5 | u128::try_from(value).ok()?)
    })?;
    i64::try_from(bits >> 80 & ((1 << 48) - 1)).ok().map(Ms)
}

/// `ps_`, 13 digits of epoch milliseconds, `_` and 9 of `[0-9a-z]` taken from `tail`.
#[must_use]
pub fn session(at: Ms, tail: u64) -> String {
    let mut text = format!("ps_{:013}_", at.0.clamp(0, 9_999_999_999_999));
    let mut rest = u128::from(tail);
    for _ in 0..9 {
        text.push(digit(BASE36, rest % 36));
        rest /= 36;
    }
    text
}

fn digit(alphabet: &[u8], value: u128) -> char {
    usize::try_from(value).ok().and_then(|i| alphabet.get(i)).map_or('0', |b| char::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_has_one_spelling() {
        let text = "5b1f9f0e-6a3c-4f0e-9a51-1d2c3b4a5f60";
        assert_eq!(text.parse::<OrgId>().unwrap().to_string(), text);
        for bad in [&text.to_uppercase(), "5b1f9f0e6a3c4f0e9a511d2c3b4a5f60", "", &format!("{{{text}}}")] {
            assert_eq!(bad.parse::<OrgId>(), Err(BadId), "{bad}");
        }
    }

    #[test]
    fn sortable_ids_sort_by_time() {
        let early = sortable("txn_", Ms(1_716_998_400_000), [255; 10]);
        let late = sortable("txn_", Ms(1_716_998_400_001), [0; 10]);
        assert_eq!(early.len(), 30);
        assert!(early < late, "{early} {late}");
        assert_eq!(sortable("", Ms(0), [0; 10]), "0".repeat(26));
        assert_eq!(sorted_time("txn_", &early), Some(Ms(1_716_998_400_000)));
        for other in ["", "txn_", &early[4..], &early.to_uppercase(), &early[..29]] {
            assert_eq!(sorted_time("txn_", other), None, "{other}");
        }
    }

    #[test]
    fn session_ids_have_their_form() {
        let id = session(Ms(1_716_998_400_000), u64::MAX);
        assert!(id.starts_with("ps_1716998400000_") && id.len() == 26, "{id}");
    }
}
