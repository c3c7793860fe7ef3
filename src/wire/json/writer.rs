//! The one spelling of JSON written here: members in the order they are put, no space, UTF-8 kept,
//! only those escapes without which it would not be JSON. Objects and arrays close themselves, so
//! whatever is written is JSON.

use std::io::Write;

/// The text of an object with the members `put` puts.
pub fn object(put: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
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
    pub fn text(&mut self, name: &str, text: &str) {
        write_text(self.name(name), text);
    }

    /// A string, if there is one.
    pub fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str, number: i64) {
        write_integer(self.name(name), number);
    }

    /// A whole number without sign, such as a count or a size.
    pub fn count(&mut self, name: &str, number: usize) {
        write_integer(self.name(name), i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &str, flag: bool) {
        self.name(name).extend_from_slice(if flag { b"true" } else { b"false" });
    }

    /// `null`.
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
    // Writing to a vector cannot fail.
    drop(write!(out, "{number}"));
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, escaped) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = escaped.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => drop(write!(out, "\\u{other:04x}")),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
