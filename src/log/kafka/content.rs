//! A record's content in the form of `wire::record`, and as Kafka carries it: key, headers and value, so that
//! any client writes and reads plain records.
//!
//! What comes from Kafka may be what no content of ours can be. It is never left out and never a panic; it
//! becomes, always in the same way, a content that ends as the dead letter the contract names:
//!
//! * a null key is an empty one, and a key beyond 65,535 bytes is cut there: neither names an organization;
//! * a value that makes a record too large is cut, to what is still beyond the limit of every body: `too_large`;
//! * more headers than a content holds are cut, and a header says so, which makes it `bad_envelope`;
//! * the null value of a header is an empty one;
//! * a name beyond 255 bytes is cut, and one that is no UTF-8 becomes an empty name with an empty value, because
//!   the client library gives neither: no header that means anything is called so.

use crate::base::limits;
use crate::wire::header::{HEADERS_CUT, RENAMED_PREFIX, RESERVED_PREFIX};
use crate::wire::record::{Builder, Content, TooLarge};
use bytes::Bytes;
use rdkafka::message::{BorrowedHeaders, Header, Headers, Message, OwnedHeaders};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Bytes of a key that a content holds.
const KEY_BYTES: usize = u16::MAX as usize;
/// Bytes of a header's name that a content holds.
const NAME_BYTES: usize = u8::MAX as usize;
/// What is left of a value that is cut: there is room for a key and for headers beside it.
const CUT_VALUE_BYTES: usize = limits::RECORD_BYTES - (256 << 10);

const _: () = assert!(CUT_VALUE_BYTES > limits::APPLY_BYTES);
const _: () = assert!(CUT_VALUE_BYTES + KEY_BYTES + 512 < limits::RECORD_BYTES);

/// The headers of a record, where it has any.
pub(super) fn headers_of(content: &Content<'_>) -> Option<OwnedHeaders> {
    let add = |headers: Option<OwnedHeaders>, (key, value): (&str, &[u8])| {
        Some(headers.unwrap_or_default().insert(Header { key, value: Some(value) }))
    };
    content.headers().fold(None, add)
}

/// The content of a record that came from Kafka.
pub(super) fn content_of<M: Message<Headers = BorrowedHeaders>>(message: &M) -> Bytes {
    let headers = message.headers();
    let header = |index| headers.and_then(|headers| header(headers, index));
    built(message.key().unwrap_or_default(), message.payload(), headers.map_or(0, Headers::count), header)
}

thread_local! {
    /// Whether this thread asks the library for a header.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Has the process say nothing of the panics that [`header`] catches, and everything else as before: or whoever
/// may write records could fill the disk with the lines of one.
pub(super) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !ASKING.get() {
                usual(panic);
            }
        }));
    });
}

/// A header by its place. The library panics at a name that is no UTF-8, and has no other way to it.
fn header(headers: &BorrowedHeaders, index: usize) -> Option<(&str, &[u8])> {
    ASKING.set(true);
    let read = catch_unwind(AssertUnwindSafe(|| headers.try_get(index)));
    ASKING.set(false);
    match read {
        Ok(header) => header.map(|header| (header.key, header.value.unwrap_or_default())),
        Err(_) => Some(("", &[])),
    }
}

fn built<'a>(
    key: &[u8],
    value: Option<&[u8]>,
    count: usize,
    header: impl Fn(usize) -> Option<(&'a str, &'a [u8])>,
) -> Bytes {
    let key = key.get(..KEY_BYTES).unwrap_or(key);
    let whole = || -> Result<Bytes, TooLarge> {
        let mut record = Builder::new(key, value)?;
        for (name, value) in (0..count).filter_map(&header) {
            add(&mut record, name, value)?;
        }
        Ok(record.finish())
    };
    whole().unwrap_or_else(|TooLarge| cut(key, value, count, header))
}

/// What is kept of a record that is beyond the limits.
fn cut<'a>(
    key: &[u8],
    value: Option<&[u8]>,
    count: usize,
    header: impl Fn(usize) -> Option<(&'a str, &'a [u8])>,
) -> Bytes {
    let is_large = key.len() + value.map_or(0, <[u8]>::len) > CUT_VALUE_BYTES;
    let value = value.map(|value| value.get(..CUT_VALUE_BYTES).filter(|_| is_large).unwrap_or(value));
    let Ok(begun) = Builder::new(key, value) else { return Bytes::new() };
    let mut kept = begun.clone();
    let all = (0..count).filter_map(&header).try_for_each(|(name, value)| add(&mut kept, name, value));
    if all.is_ok() {
        return kept.finish();
    }
    // The limits of a dead letter: more would be kept by nobody.
    let mut marked = begun;
    marked.header(HEADERS_CUT, count.to_string().as_bytes()).unwrap_or(());
    let mut bytes = 0;
    for (name, value) in (0..count).filter_map(&header).take(limits::DEAD_LETTER_HEADERS) {
        bytes += name.len() + value.len();
        if bytes > limits::DEAD_LETTER_HEADER_BYTES || add(&mut marked, name, value).is_err() {
            break;
        }
    }
    marked.finish()
}

/// Adds a header as it came; the name of the mark is nobody's but the log's.
fn add(record: &mut Builder, name: &str, value: &[u8]) -> Result<(), TooLarge> {
    if name == HEADERS_CUT {
        let rest = name.strip_prefix(RESERVED_PREFIX).unwrap_or_default();
        return record.header(&format!("{RENAMED_PREFIX}{rest}"), value);
    }
    let mut end = name.len().min(NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    record.header(name.get(..end).unwrap_or_default(), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::envelope::{DeadCode, Envelope};
    use crate::wire::header;

    const GOOD: [(&str, &[u8]); 4] = [
        (header::CE_SPECVERSION, b"1.0"),
        (header::CE_ID, b"1"),
        (header::CE_SOURCE, b"/switch"),
        (header::CE_TYPE, b"clausum.assess.v1"),
    ];

    fn of(key: &[u8], value: Option<&[u8]>, headers: &[(&str, &[u8])]) -> Bytes {
        built(key, value, headers.len(), |index| headers.get(index).copied())
    }

    #[test]
    fn what_a_content_can_hold_is_kept_as_it_came() {
        let bytes = of(b"key", Some(b"{}"), &GOOD);
        let mut expected = Builder::new(b"key", Some(b"{}")).unwrap();
        GOOD.iter().for_each(|(name, value)| expected.header(name, value).unwrap());
        assert_eq!(bytes, expected.finish());
        assert_eq!(Content::read(&of(b"", None, &[])).unwrap().value, None);
        assert_eq!(Content::read(&of(b"", Some(b""), &[])).unwrap().value, Some(&b""[..]));
    }

    #[test]
    fn too_large_a_value_is_beyond_every_body_still() {
        let value = vec![b'1'; limits::RECORD_BYTES + 1];
        let bytes = of(b"key", Some(&value), &GOOD);
        assert!(bytes.len() <= limits::RECORD_BYTES);
        let content = Content::read(&bytes).unwrap();
        assert_eq!((content.key, content.value.unwrap().len()), (&b"key"[..], CUT_VALUE_BYTES));
        assert!(Envelope::read(&content, false).is_ok(), "the value is wrong, not the envelope");
        // The largest that fits is kept whole.
        let value = &value[..limits::RECORD_BYTES - 3];
        assert_eq!(Content::read(&of(b"key", Some(value), &[])).unwrap().value, Some(value));
    }

    #[test]
    fn too_many_headers_are_a_bad_envelope() {
        for (extra, is_good) in [(limits::RECORD_HEADERS - 4, true), (limits::RECORD_HEADERS - 3, false)] {
            let mut headers = GOOD.to_vec();
            headers.extend(vec![("x", &b"y"[..]); extra]);
            let bytes = of(b"key", Some(b"{}"), &headers);
            let read = Envelope::read(&Content::read(&bytes).unwrap(), false);
            assert_eq!(
                read.as_ref().map_err(|bad| bad.code).err(),
                (!is_good).then_some(DeadCode::BadEnvelope)
            );
        }
        let long = vec![b'x'; limits::RECORD_BYTES];
        let bytes = of(b"key", Some(b"{}"), &[GOOD[0], ("x", &long), GOOD[1]]);
        let content = Content::read(&bytes).unwrap();
        assert_eq!(content.headers().collect::<Vec<_>>(), [(HEADERS_CUT, &b"3"[..]), GOOD[0]]);
        assert_eq!(Envelope::read(&content, false).unwrap_err().code, DeadCode::BadEnvelope);
    }

    #[test]
    fn the_mark_is_nobody_elses() {
        let mut headers = GOOD.to_vec();
        headers.push((HEADERS_CUT, b"9"));
        let bytes = of(b"key", Some(b"{}"), &headers);
        assert!(Envelope::read(&Content::read(&bytes).unwrap(), false).is_ok());
        assert_eq!(Content::read(&bytes).unwrap().header("x-clausum-headers-cut"), Some(&b"9"[..]));
    }

    #[test]
    fn everything_too_large_at_once_is_a_content_still() {
        let key = vec![b'k'; 100_000];
        let value = vec![b'v'; limits::RECORD_BYTES * 2];
        let name = "\u{e9}".repeat(200);
        let headers = vec![(&*name, &key[..]); 1_000];
        let bytes = of(&key, Some(&value), &headers);
        assert!(bytes.len() <= limits::RECORD_BYTES + 512);
        let content = Content::read(&bytes).unwrap();
        assert_eq!((content.key.len(), content.header(HEADERS_CUT)), (KEY_BYTES, Some(&b"1000"[..])));
        // 255 is in the middle of a letter.
        let named = of(b"", None, &[(&name, b"")]);
        assert_eq!(Content::read(&named).unwrap().headers().next().unwrap().0, "\u{e9}".repeat(127));
    }
}
