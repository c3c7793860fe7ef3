//! From text to members. serde_json judges the syntax and hands out each value as its text; a value is
//! looked into only when a table knows its name, and one level at a time.

use crate::base::limits;
use crate::domain::fault::FieldCode;
use crate::wire::json::faults::{Bad, Faults};
use crate::wire::json::place;
use crate::wire::json::value::Value;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A table of known members, declared with `members!`.
pub trait Members<'a> {
    /// The table before anything was read.
    fn absent() -> Self;
    /// The member with a name, if it is known.
    fn member(&mut self, name: &str) -> Option<&mut Value<'a>>;
}

/// Declares a table of known members: a struct of [`Value`]s, each named by its field unless a name is
/// given.
macro_rules! members {
    ($(#[$meta:meta])* struct $table:ident { $($field:ident $(= $name:literal)?,)* }) => {
        $(#[$meta])*
        struct $table<'a> { $($field: $crate::wire::json::Value<'a>,)* }

        impl<'a> $crate::wire::json::Members<'a> for $table<'a> {
            fn absent() -> Self {
                Self { $($field: $crate::wire::json::Value::absent(
                    $crate::wire::json::members!(@name $field $($name)?)
                ),)* }
            }

            fn member(&mut self, name: &str) -> Option<&mut $crate::wire::json::Value<'a>> {
                match name {
                    $($crate::wire::json::members!(@name $field $($name)?) => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}
pub(crate) use members;

/// Reads a body that must be one JSON object, and what `then` makes of its members. A body that is not
/// JSON is one fault with its place and nothing else.
pub fn read<'a, M: Members<'a>, T>(
    body: &'a [u8],
    faults: &mut Faults,
    then: impl FnOnce(&M, &mut Faults) -> T,
) -> Option<T> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let at = place::at_offset(body, error.valid_up_to());
            faults.unreadable(FieldCode::Json, "is not JSON: not UTF-8", at);
            return None;
        }
    };
    if let Some(offset) = too_deep(body) {
        let message = "is nested deeper than 32 levels";
        faults.unreadable(FieldCode::TooDeep, message, place::at_offset(body, offset));
        return None;
    }
    let unread = |faults: &mut Faults, error: &serde_json::Error| {
        let message = if error.is_eof() { "is not JSON: ends too early" } else { "is not JSON" };
        faults.unreadable(FieldCode::Json, message, place::of_error(body, error));
    };
    let is_object = text.trim_ascii_start().starts_with('{');
    if !is_object {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => faults.at("", Bad::new(FieldCode::Type, "must be an object")),
            Err(error) => unread(faults, &error),
        }
        return None;
    }
    let mut members = M::absent();
    match fill(text, &mut members, faults) {
        Ok(()) => Some(then(&members, faults)),
        Err(error) => {
            unread(faults, &error);
            None
        }
    }
}

const _: () = assert!(limits::JSON_DEPTH == 32, "the message above says so");

/// The byte of the first bracket beyond the depth allowed. Strings are skipped as JSON has them; in a
/// text that is no JSON the answer is only a bound on what a reader could descend to.
fn too_deep(text: &[u8]) -> Option<usize> {
    // Most bodies have fewer brackets than levels are allowed. Counted in bytes, which the machine adds
    // many at a time; 255 of them cannot wrap, and a check for it would cost more than the count.
    let opens = |byte: &u8| u8::from(byte | 0x20 == b'{');
    let openings = |chunk: &[u8]| chunk.iter().map(opens).fold(0, u8::wrapping_add);
    if text.chunks(255).map(|chunk| usize::from(openings(chunk))).sum::<usize>() <= limits::JSON_DEPTH {
        return None;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::JSON_DEPTH {
                    return Some(offset);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Fills a table from the text of an object inside a body that is JSON; false if a fault forbids it.
pub(super) fn members_of<'a>(raw: &'a str, members: &mut impl Members<'a>, faults: &mut Faults) -> bool {
    // The grammar has been judged; only a name with half of a surrogate pair can still fail.
    fill(raw, members, faults).map_err(|_| faults.here(BAD_NAME)).is_ok()
}

/// The entries of an object inside a body that is JSON.
pub(super) fn entries_of<'a>(raw: &'a str) -> Result<Vec<(Cow<'a, str>, &'a str)>, Bad> {
    let mut entries = Vec::new();
    let each = Each(|name, raw: &'a RawValue| entries.push((name, raw.get())));
    let mut reader = serde_json::Deserializer::from_str(raw);
    each.deserialize(&mut reader).map_err(|_| BAD_NAME)?;
    Ok(entries)
}

const BAD_NAME: Bad = Bad::format("must have no member name that escapes half of a surrogate pair");

/// The items of an array inside a body that is JSON.
pub(super) fn items_of(raw: &str) -> Vec<&str> {
    let items: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
    items.into_iter().map(RawValue::get).collect()
}

fn fill<'a>(
    text: &'a str,
    members: &mut impl Members<'a>,
    faults: &mut Faults,
) -> Result<(), serde_json::Error> {
    let each = Each(|name: Cow<'a, str>, raw: &'a RawValue| match members.member(&name) {
        Some(value) if value.is_seen() => {
            faults.at(&name, Bad::new(FieldCode::Duplicate, "is given twice"));
        }
        Some(value) => value.see(raw.get()),
        None if faults.is_strict() => {
            faults.at(&name, Bad::new(FieldCode::UnknownField, "is not known here"));
        }
        None => {}
    });
    let mut reader = serde_json::Deserializer::from_str(text);
    each.deserialize(&mut reader)?;
    reader.end()
}

/// Hands each member of an object to a function, in order, names given twice included.
struct Each<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> DeserializeSeed<'de> for Each<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            (self.0)(name, map.next_value()?);
        }
        Ok(())
    }
}

/// A member's name, borrowed unless it is escaped. (`Cow` itself always copies.)
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        reader.deserialize_str(NameVisitor)
    }
}
