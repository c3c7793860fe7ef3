//! How the product's own records are told from a stranger's, on a log that strangers write to: by a MAC under a
//! key of the installation.
//!
//! Stored form: two headers behind all others, `clausum-issued`, milliseconds since the epoch, and
//! `clausum-signature`, 64 hexadecimal digits: HMAC-SHA256 of these, each but the first with its length before it
//! (u32, little-endian):
//! `clausum record 1 | topic | partition | key | value, if there is one | name and value of each header before it`.
//! So no part of a record can be changed, taken away or put into another record, topic or partition.

use crate::base::hash::{Digest256, Hash128, hmac_sha256};
use crate::base::limits;
use crate::base::position::TopicPartition;
use crate::base::time::Ms;
use crate::wire::header;
use crate::wire::record::{Builder, Content, TooLarge};
use bytes::Bytes;
use std::fmt;

const FORM: &[u8] = b"clausum record 1";

/// What signs records and proves their signatures.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// The key of these bytes, which serve nothing else.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// Whose records of the product's own types, and whose headers of its own, are taken at their word. It is of the
/// log, not of the one who reads it: whoever reads a log of strangers must trust signatures alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Everyone's: nobody but the product writes to the log.
    Everyone,
    /// Theirs who have the key.
    Signed(SigningKey),
}

/// What a signature says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is the product's, in a log where all are.
    Own,
    /// It is the product's. No other record has the same mark, but a copy of this one.
    Signed(Hash128),
    /// The product wrote it, and it came into the log too long after, or before; nobody believes it any more, and
    /// it is no stranger's request either.
    Late,
    /// It is a stranger's, and why.
    Foreign(&'static str),
}

impl Trust {
    /// The record with its signature, where this log needs one.
    ///
    /// # Errors
    /// There is no room for a signature.
    pub fn sign(&self, of: TopicPartition, issued: Ms, record: Bytes) -> Result<Bytes, TooLarge> {
        let Trust::Signed(key) = self else { return Ok(record) };
        let content = Content::read(&record).map_err(|_| TooLarge)?;
        let mut signed = Builder::of(&content)?;
        signed.header(header::ISSUED, issued.0.to_string().as_bytes())?;
        let unsigned = signed.clone().finish();
        let content = Content::read(&unsigned).map_err(|_| TooLarge)?;
        let mac = key.mac(of, &content, content.headers());
        signed.header(header::SIGNATURE, mac.to_string().as_bytes())?;
        Ok(signed.finish())
    }

    /// Whose a record is that the log stamped with `at`.
    #[must_use]
    pub fn origin(&self, of: TopicPartition, at: Ms, content: &Content<'_>) -> Origin {
        let Trust::Signed(key) = self else { return Origin::Own };
        let count = content.headers().count();
        let mut last = content.headers().skip(count.saturating_sub(2));
        let (Some((header::ISSUED, issued)), Some((header::SIGNATURE, signature))) =
            (last.next(), last.next())
        else {
            return Origin::Foreign("the record is not signed");
        };
        let mac = key.mac(of, content, content.headers().take(count - 1));
        if !is_same(mac.to_string().as_bytes(), signature) {
            return Origin::Foreign("the signature is not of this record and the installation's key");
        }
        let issued = std::str::from_utf8(issued).ok().and_then(|text| text.parse().ok()).map(Ms);
        let within = |issued: Ms| at.since(issued).unsigned_abs() <= limits::SIGNED_WITHIN_MS.unsigned_abs();
        if !issued.is_some_and(within) {
            return Origin::Late;
        }
        Origin::Signed(Hash128::first_of(&mac))
    }
}

impl SigningKey {
    fn mac<'a>(
        &self,
        of: TopicPartition,
        content: &Content<'_>,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Digest256 {
        let mut signed = Vec::with_capacity(1_024 + content.value.map_or(0, <[u8]>::len));
        let mut add = |part: &[u8]| {
            // Parts of a record are far below four gigabytes.
            signed.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            signed.extend_from_slice(part);
        };
        add(of.topic.name().as_bytes());
        add(of.partition.to_string().as_bytes());
        add(content.key);
        // No value is told from an empty one.
        add(&[u8::from(content.value.is_some())]);
        add(content.value.unwrap_or_default());
        for (name, value) in headers {
            add(name.as_bytes());
            add(value);
        }
        hmac_sha256(&self.0, &[FORM, &signed])
    }
}

/// Compares in a time that tells nothing of where they differ.
fn is_same(own: &[u8], given: &[u8]) -> bool {
    let differing = own.iter().zip(given).fold(0, |bits, (own, given)| bits | (own ^ given));
    own.len() == given.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::OrgId;
    use crate::base::position::{Partition, Topic};
    use crate::wire::envelope::{RecordType, product_record};

    const AT: Ms = Ms(1_780_000_000_000);
    const OF: TopicPartition = TopicPartition::new(Topic::Requests, Partition(3));

    fn trust(byte: u8) -> Trust {
        Trust::Signed(SigningKey::new([byte; 32]))
    }

    fn record() -> Bytes {
        product_record(OrgId::INSTALLATION, RecordType::Tick, b"{}", "tick-1").unwrap()
    }

    fn origin(trust: &Trust, of: TopicPartition, at: Ms, record: &Bytes) -> Origin {
        trust.origin(of, at, &Content::read(record).unwrap())
    }

    #[test]
    fn a_record_is_signed_as_ever() {
        let signed = trust(7).sign(OF, AT, record()).unwrap();
        let content = Content::read(&signed).unwrap();
        assert_eq!(content.text_header(header::ISSUED), Some("1780000000000"));
        let expected = "436c3a576c2f89e51a6d73e3bbe7783fa42e4884f3ca2f1558b40238c2101e73";
        assert_eq!(content.text_header(header::SIGNATURE), Some(expected));
        assert!(matches!(origin(&trust(7), OF, AT, &signed), Origin::Signed(_)));
    }

    #[test]
    fn where_nobody_else_writes_nothing_is_signed() {
        assert_eq!(Trust::Everyone.sign(OF, AT, record()).unwrap(), record());
        assert_eq!(origin(&Trust::Everyone, OF, AT, &record()), Origin::Own);
    }

    #[test]
    fn nothing_of_a_record_can_be_changed() {
        let signed = trust(7).sign(OF, AT, record()).unwrap();
        let foreign = |record: &Bytes| matches!(origin(&trust(7), OF, AT, record), Origin::Foreign(_));
        assert!(foreign(&record()));
        let content = Content::read(&signed).unwrap();
        let headers: Vec<_> = content.headers().collect();
        let build = |key: &[u8], value: Option<&[u8]>, headers: &[(&str, &[u8])]| {
            let mut record = Builder::new(key, value).unwrap();
            headers.iter().for_each(|(name, value)| record.header(name, value).unwrap());
            record.finish()
        };
        assert_eq!(build(content.key, content.value, &headers), signed);
        assert!(foreign(&build(b"another", content.value, &headers)));
        assert!(foreign(&build(content.key, Some(b"{ }"), &headers)));
        assert!(foreign(&build(content.key, None, &headers)));
        for at in 0..headers.len() {
            let mut other = headers.clone();
            other.remove(at);
            assert!(foreign(&build(content.key, content.value, &other)), "without {}", headers[at].0);
            for changed in [(headers[at].0, &b"1"[..]), ("clausum-awaited", headers[at].1)] {
                let mut other = headers.clone();
                other[at] = changed;
                assert!(foreign(&build(content.key, content.value, &other)), "{changed:?}");
            }
            let mut other = headers.clone();
            other.insert(at, ("clausum-precheck", b"true"));
            assert!(foreign(&build(content.key, content.value, &other)), "more before {}", headers[at].0);
        }
        let mut more = headers.clone();
        more.push(("clausum-precheck", b"true"));
        assert!(foreign(&build(content.key, content.value, &more)), "more behind the signature");
        // A byte moved from a value into the name behind it.
        let mut moved = headers.clone();
        moved[0] = (moved[0].0, b"1.");
        let name = format!("0{}", moved[1].0);
        moved[1] = (&name, moved[1].1);
        assert!(foreign(&build(content.key, content.value, &moved)));
    }

    #[test]
    fn a_signature_is_of_one_place_key_and_time() {
        let signed = trust(7).sign(OF, AT, record()).unwrap();
        let is_own = |trust: &Trust, of, at| matches!(origin(trust, of, at, &signed), Origin::Signed(_));
        assert!(!is_own(&trust(8), OF, AT));
        assert!(!is_own(&trust(7), TopicPartition::new(Topic::Requests, Partition(4)), AT));
        assert!(!is_own(&trust(7), TopicPartition::new(Topic::Decisions, Partition(3)), AT));
        assert_eq!(origin(&trust(7), OF, AT.plus(600_001), &signed), Origin::Late);
        for (off, own) in [(600_000, true), (600_001, false), (-600_000, true), (-600_001, false)] {
            assert_eq!(is_own(&trust(7), OF, AT.plus(off)), own, "{off} ms off");
        }
        let again = trust(7).sign(OF, AT.plus(1), record()).unwrap();
        assert_ne!(
            origin(&trust(7), OF, AT, &signed),
            origin(&trust(7), OF, AT, &again),
            "each has its mark"
        );
    }
}
