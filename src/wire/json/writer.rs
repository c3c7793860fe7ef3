//! The one spelling of JSON written here: members in the order they are put, no space, UTF-8 kept,
//! only those escapes without which it would not be JSON. Objects and arrays close themselves, so
//! whatever is written is JSON.

use std::fmt::{self, Display, Write};

/// The text of an object with the members `put` puts.
pub fn object(put: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    object_of(512, put)
}

/// The same, of a text that has seldom more than so many bytes.
pub fn object_of(bytes: usize, put: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes);
    write_object(&mut out, put);
    out
}

/// The text of an array with the items `put` puts.
pub fn array(put: impl FnOnce(&mut Array<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_array(&mut out, put);
    out
}

/// An object being written. Names are the caller's to keep apart.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl Object<'_> {
    /// Inlined, as what puts members is: that a name is plain is then seen when the program is built.
    #[inline]
    fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Bytes written so far, from the beginning of the outermost value.
    #[must_use]
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// A string.
    #[inline]
    pub fn text(&mut self, name: &str, text: &str) {
        write_text(self.name(name), text);
    }

    /// A string, if there is one.
    #[inline]
    pub fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A string, as something is shown: without making it first.
    #[inline]
    pub fn shown(&mut self, name: &str, what: impl Display) {
        write_shown(self.name(name), what);
    }

    /// A whole number.
    #[inline]
    pub fn integer(&mut self, name: &str, number: i64) {
        write_integer(self.name(name), number);
    }

    /// A whole number without sign, such as a count or a size.
    pub fn count(&mut self, name: &str, number: usize) {
        write_integer(self.name(name), i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// `true` or `false`.
    #[inline]
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.name(name).extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// `null`.
    #[inline]
    pub fn null(&mut self, name: &str) {
        self.name(name).extend_from_slice(b"null");
    }

    /// A value that is JSON already; the caller answers for it.
    pub fn json(&mut self, name: &str, json: &str) {
        self.name(name).extend_from_slice(json.as_bytes());
    }

    /// An object.
    pub fn object(&mut self, name: &str, put: impl FnOnce(&mut Object<'_>)) {
        write_object(self.name(name), put);
    }

    /// An array.
    pub fn array(&mut self, name: &str, put: impl FnOnce(&mut Array<'_>)) {
        write_array(self.name(name), put);
    }
}

/// An array being written.
#[derive(Debug)]
pub struct Array<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl Array<'_> {
    fn item(&mut self) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        write_text(self.item(), text);
    }

    /// A whole number.
    pub fn integer(&mut self, number: i64) {
        write_integer(self.item(), number);
    }

    /// A value that is JSON already; the caller answers for it.
    pub fn json(&mut self, json: &str) {
        self.item().extend_from_slice(json.as_bytes());
    }

    /// An object.
    pub fn object(&mut self, put: impl FnOnce(&mut Object<'_>)) {
        write_object(self.item(), put);
    }
}

fn write_object(out: &mut Vec<u8>, put: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    put(&mut Object { out, empty: true });
    out.push(b'}');
}

fn write_array(out: &mut Vec<u8>, put: impl FnOnce(&mut Array<'_>)) {
    out.push(b'[');
    put(&mut Array { out, empty: true });
    out.push(b']');
}

fn write_integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[inline]
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

fn write_shown(out: &mut Vec<u8>, what: impl Display) {
    out.push(b'"');
    // Writing to a vector cannot fail, and what fails to show itself ends where it failed.
    write!(Escaped(out), "{what}").unwrap_or_default();
    out.push(b'"');
}

/// Takes text in pieces.
struct Escaped<'o>(&'o mut Vec<u8>);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_escaped(self.0, text);
        Ok(())
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// Whether one of eight bytes is special, all of them at once: a byte without its high bit is below `n` if
/// taking `n` from it borrows, and equals `n` if what differs from it is below 1.
const fn has_special(bytes: [u8; 8]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(bytes);
    let control = word.wrapping_sub(EACH * 0x20);
    let quote = (word ^ (EACH * b'"' as u64)).wrapping_sub(EACH);
    let backslash = (word ^ (EACH * b'\\' as u64)).wrapping_sub(EACH);
    (control | quote | backslash) & !word & (EACH * 0x80) != 0
}

/// Nearly every text is written as it is.
#[inline]
fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    if words.iter().any(|word| has_special(*word)) || rest.iter().any(|byte| is_special(*byte)) {
        text.bytes().for_each(|byte| write_byte(out, byte));
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..0x20 => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]),
        plain => out.push(plain),
    }
}
