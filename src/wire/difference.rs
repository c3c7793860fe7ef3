//! Where two records differ that should be the same: outputs of one request are the same byte for byte,
//! whoever wrote them and however often, but for the header that names the epoch.

use crate::base::hash::{Digest256, Digester};
use crate::wire::header;
use crate::wire::record::Content;
use serde_json::Value;
use std::fmt;

/// Characters shown of either side.
const SHOWN: usize = 200;
/// Bytes shown before the first one that differs.
const BEFORE: usize = 16;

/// The first place where two records differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `key`, `header NAME`, `value /JSON/POINTER`, `value at byte N` or `value`.
    pub place: String,
    /// What should be there; nothing where nothing should.
    pub expected: Option<String>,
    /// What is.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{} is {} and should be {}", self.place, side(&self.found), side(&self.expected))
    }
}

/// The first difference in key, headers and value, in this order; none where there is none.
#[must_use]
pub fn difference(expected: &Content<'_>, found: &Content<'_>) -> Option<Difference> {
    if expected.key != found.key {
        return Some(told("key".to_owned(), Some(expected.key), Some(found.key)));
    }
    let headers = in_headers(expected, found);
    if headers.is_some() || expected.value == found.value {
        return headers;
    }
    let (Some(wanted), Some(held)) = (expected.value, found.value) else {
        return Some(told("value".to_owned(), expected.value, found.value));
    };
    Some(in_json(wanted, held).unwrap_or_else(|| in_bytes(wanted, held)))
}

/// The digest of what must be the same.
#[must_use]
pub fn digest(content: &Content<'_>) -> Digest256 {
    let mut digester = Digester::default();
    let mut piece = |bytes: &[u8]| {
        digester.update(&(bytes.len() as u64).to_le_bytes());
        digester.update(bytes);
    };
    piece(content.key);
    for (name, value) in compared(content) {
        piece(name.as_bytes());
        piece(value);
    }
    // One piece more tells an empty value from none.
    content.value.into_iter().for_each(piece);
    digester.finish()
}

fn compared<'a>(content: &Content<'a>) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
    content.headers().filter(|(name, _)| *name != header::EPOCH)
}

fn in_headers(expected: &Content<'_>, found: &Content<'_>) -> Option<Difference> {
    let (mut wanted, mut held) = (compared(expected), compared(found));
    loop {
        let (wants, has) = (wanted.next(), held.next());
        if wants == has {
            wants?;
            continue;
        }
        // A header that the other side has not is named by itself, not by what stands in its place.
        let added = has.filter(|(name, _)| compared(expected).all(|(other, _)| other != *name));
        let (name, wants) = match (added, wants) {
            (Some((name, _)), _) => (name, None),
            (None, Some((name, value))) => (name, Some(value)),
            (None, None) => has.map(|(name, _)| (name, None))?,
        };
        let has = match has {
            Some((other, value)) if other == name => Some(value),
            Some(_) | None => compared(found).find(|(other, _)| *other == name).map(|(_, value)| value),
        };
        let place = if wants == has {
            format!("header {name}, by its place or number,")
        } else {
            format!("header {name}")
        };
        return Some(told(place, wants, has));
    }
}

/// The first member, by the order of the expected one; none if one of them is no JSON or they are equal as such.
fn in_json(expected: &[u8], found: &[u8]) -> Option<Difference> {
    let expected: Value = serde_json::from_slice(expected).ok()?;
    let found: Value = serde_json::from_slice(found).ok()?;
    let (pointer, expected, found) = member(String::new(), Some(&expected), Some(&found))?;
    let text = |value: Option<&Value>| value.map(|value| cut(&value.to_string()));
    Some(Difference {
        place: format!("value {pointer}").trim_end().to_owned(),
        expected: text(expected),
        found: text(found),
    })
}

type Member<'a> = (String, Option<&'a Value>, Option<&'a Value>);

fn member<'a>(at: String, expected: Option<&'a Value>, found: Option<&'a Value>) -> Option<Member<'a>> {
    let below = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match (expected, found) {
        (Some(Value::Object(wanted)), Some(Value::Object(held))) => {
            let own = wanted.iter().map(|(name, value)| (name, Some(value), held.get(name)));
            let added = held.iter().filter(|(name, _)| !wanted.contains_key(*name));
            own.chain(added.map(|(name, value)| (name, None, Some(value))))
                .find_map(|(name, wants, has)| member(below(name), wants, has))
        }
        (Some(Value::Array(wanted)), Some(Value::Array(held))) => (0..wanted.len().max(held.len()))
            .find_map(|index| member(below(&index.to_string()), wanted.get(index), held.get(index))),
        (expected, found) if expected == found => None,
        (expected, found) => Some((at, expected, found)),
    }
}

fn in_bytes(expected: &[u8], found: &[u8]) -> Difference {
    let at = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let from = at.saturating_sub(BEFORE);
    told(format!("value at byte {at}"), expected.get(from..), found.get(from..))
}

fn told(place: String, expected: Option<&[u8]>, found: Option<&[u8]>) -> Difference {
    let text =
        |bytes: Option<&[u8]>| bytes.map(|bytes| cut(&format!("{:?}", String::from_utf8_lossy(bytes))));
    Difference { place, expected: text(expected), found: text(found) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record::Builder;
    use bytes::Bytes;

    fn record(key: &str, headers: &[(&str, &str)], value: Option<&str>) -> Bytes {
        let mut record = Builder::new(key.as_bytes(), value.map(str::as_bytes)).unwrap();
        for (name, value) in headers {
            record.header(name, value.as_bytes()).unwrap();
        }
        record.finish()
    }

    /// What is told of two records; their digests differ exactly where something is told.
    fn check(expected: &Bytes, found: &Bytes) -> String {
        let (expected, found) = (Content::read(expected).unwrap(), Content::read(found).unwrap());
        let told = difference(&expected, &found);
        assert_eq!(digest(&expected) == digest(&found), told.is_none());
        assert_eq!(difference(&found, &expected).is_none(), told.is_none());
        told.map_or_else(|| "the same".to_owned(), |told| told.to_string())
    }

    #[test]
    fn the_epoch_alone_may_differ() {
        let one = record("k", &[("a", "1"), (header::EPOCH, "5")], Some("{}"));
        assert_eq!(check(&one, &record("k", &[("a", "1"), (header::EPOCH, "6")], Some("{}"))), "the same");
        assert_eq!(check(&one, &record("k", &[("a", "1")], Some("{}"))), "the same");
        let told = check(&one, &record("j", &[("a", "1")], Some("{}")));
        assert_eq!(told, r#"key is "j" and should be "k""#);
        let told = check(&one, &record("k", &[("a", "1")], None));
        assert_eq!(told, r#"value is nothing and should be "{}""#);
        let told = check(&record("k", &[], None), &record("k", &[], Some("")));
        assert_eq!(told, r#"value is "" and should be nothing"#);
    }

    #[test]
    fn a_header_is_named_whether_it_is_changed_missing_new_moved_or_doubled() {
        let one = record("k", &[("a", "1"), ("b", "2")], None);
        let told = |headers: &[(&str, &str)]| check(&one, &record("k", headers, None));
        assert_eq!(told(&[("a", "1"), ("b", "3")]), r#"header b is "3" and should be "2""#);
        assert_eq!(told(&[("a", "1")]), r#"header b is nothing and should be "2""#);
        assert_eq!(told(&[("b", "2")]), r#"header a is nothing and should be "1""#);
        assert_eq!(told(&[("a", "1"), ("n", "9"), ("b", "2")]), r#"header n is "9" and should be nothing"#);
        let place = r#"header a, by its place or number, is "1" and should be "1""#;
        assert_eq!(told(&[("b", "2"), ("a", "1")]), place);
        assert_eq!(told(&[("a", "1"), ("b", "2"), ("b", "2")]), r#"header b is "2" and should be nothing"#);
    }

    #[test]
    fn a_member_is_named_by_its_pointer_and_what_is_no_json_by_its_byte() {
        let told = |a: &str, b: &str| check(&record("k", &[], Some(a)), &record("k", &[], Some(b)));
        let one = r#"{"n":1,"list":[{"a/b":true},2]}"#;
        assert_eq!(
            told(one, r#"{"n":1,"list":[{"a/b":false},2]}"#),
            "value /list/0/a~1b is false and should be true"
        );
        assert_eq!(told(one, r#"{"n":1,"list":[{"a/b":true}]}"#), "value /list/1 is nothing and should be 2");
        let more = r#"{"n":1,"list":[{"a/b":true},2],"m":null}"#;
        assert_eq!(told(one, more), "value /m is null and should be nothing");
        assert_eq!(told("1", "2"), "value is 2 and should be 1");
        assert_eq!(told("[1, 2]", "[1,2]"), r#"value at byte 3 is "[1,2]" and should be "[1, 2]""#);
        assert_eq!(told("abc", "abd"), r#"value at byte 2 is "abd" and should be "abc""#);
        let long = "x".repeat(300);
        let told = told(&long, "y");
        assert!(told.ends_with("xxx…") && told.len() < 300, "{told}");
    }
}
