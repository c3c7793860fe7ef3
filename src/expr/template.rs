//! Descriptions with values in them: `{velocity.email.count_1h|velocity.device.count_1h} in an hour`.
//!
//! Not an expression: a placeholder names one value, or several integers of which the greatest present one
//! is printed. `{{` and `}}` stand for braces. Rendering never fails; what is missing prints as nothing.

use std::collections::BTreeSet;

use super::env::{Env, Value};
use super::fault::{Fault, FaultCode, Sink, Span};
use super::limits::{MAX_RENDERED_BYTES, MAX_SOURCE_BYTES};
use super::resolve::{Found, resolve};
use super::schema::{Schema, Type};

/// A parsed template whose names are resolved.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Slot(u32),
    Entry { slot: u32, key: Box<str> },
    Greatest(Box<[u32]>),
}

impl Template {
    /// Parses `source` and resolves its names against `schema`.
    ///
    /// # Errors
    /// Every fault found, in source order.
    pub fn parse(source: &str, schema: &mut dyn Schema) -> Result<Self, Vec<Fault>> {
        let mut faults = Sink::default();
        if source.len() > MAX_SOURCE_BYTES {
            let message = format!("the template has {} bytes, the limit is {MAX_SOURCE_BYTES}", source.len());
            faults.add(FaultCode::TooLong, Span::START, message);
            return Err(faults.into_sorted());
        }
        let mut scanner = Scanner { source, at: 0, line: 1, column: 1, faults: &mut faults };
        let parts = scanner.parts(schema);
        if faults.is_empty() { Ok(Template { parts: parts.into() }) } else { Err(faults.into_sorted()) }
    }

    /// The slots it reads, maps included: ascending, each once.
    pub fn slots(&self) -> Vec<u32> {
        let mut slots = BTreeSet::new();
        for part in &self.parts {
            match part {
                Part::Text(_) => {}
                Part::Slot(slot) | Part::Entry { slot, .. } => {
                    slots.insert(*slot);
                }
                Part::Greatest(alternatives) => slots.extend(alternatives),
            }
        }
        slots.into_iter().collect()
    }

    /// The text with its values, cut to [`MAX_RENDERED_BYTES`] at a character boundary.
    pub fn render<E: Env + ?Sized>(&self, env: &E) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Slot(slot) => print(&mut out, env.value(*slot)),
                Part::Entry { slot, key } => print(&mut out, env.entry(*slot, key)),
                Part::Greatest(slots) => {
                    let present = slots.iter().filter_map(|slot| match env.value(*slot) {
                        Value::Int(value) => Some(value),
                        Value::Missing | Value::Bool(_) | Value::Str(_) | Value::Time(_) | Value::Span(_) => {
                            None
                        }
                    });
                    print(&mut out, present.max().map_or(Value::Missing, Value::Int));
                }
            }
            if out.len() >= MAX_RENDERED_BYTES {
                break;
            }
        }
        out.truncate(out.floor_char_boundary(MAX_RENDERED_BYTES));
        out
    }
}

fn print(out: &mut String, value: Value<'_>) {
    match value {
        Value::Missing => {}
        Value::Str(text) => {
            out.push_str(text.get(..text.floor_char_boundary(MAX_RENDERED_BYTES)).unwrap_or_default());
        }
        Value::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        Value::Int(value) | Value::Time(value) | Value::Span(value) => out.push_str(&value.to_string()),
    }
}

struct Scanner<'s, 'f> {
    source: &'s str,
    at: usize,
    line: u32,
    column: u32,
    faults: &'f mut Sink,
}

impl<'s> Scanner<'s, '_> {
    fn parts(&mut self, schema: &mut dyn Schema) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.find(['{', '}']).unwrap_or(rest.len());
            text.push_str(self.advance(plain));
            let rest = self.rest();
            if rest.is_empty() {
                break;
            }
            if rest.starts_with("{{") || rest.starts_with("}}") {
                text.push_str(self.advance(2).get(..1).unwrap_or_default());
            } else if rest.starts_with('}') {
                let span = self.span(1);
                self.faults.add(FaultCode::Syntax, span, "a single `}`: write `}}` for a brace");
                self.advance(1);
            } else {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text).into()));
                }
                parts.extend(self.placeholder(schema));
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        parts
    }

    /// From the opening to the closing brace.
    fn placeholder(&mut self, schema: &mut dyn Schema) -> Option<Part> {
        let whole = self.rest().find('}').map_or(self.rest().len(), |end| end + 1);
        let span = self.span(whole);
        self.advance(1);
        let mut found = Vec::new();
        loop {
            found.push(self.name(schema));
            match self.rest().chars().next() {
                Some('|') => self.advance(1),
                Some(_) => break,
                None => {
                    self.faults.add(FaultCode::Syntax, span, "the placeholder is not closed: `}` is missing");
                    return None;
                }
            };
        }
        self.advance(1);
        let found: Vec<(Found, Span)> = found.into_iter().collect::<Option<_>>()?;
        self.part(&found)
    }

    /// The path up to the next `|` or `}`, blanks around it taken too.
    fn name(&mut self, schema: &mut dyn Schema) -> Option<(Found, Span)> {
        let len = self.rest().find(['|', '}']).unwrap_or(self.rest().len());
        let written = self.rest().get(..len).unwrap_or_default();
        let name = written.trim();
        let blank = written.len() - written.trim_start().len();
        self.advance(blank);
        let span = self.span(name.len());
        self.advance(len - blank);
        let names: Vec<Box<str>> = name.split('.').map(Box::from).collect();
        if !names.iter().all(|name| is_name(name)) {
            self.faults.add(FaultCode::Syntax, span, format!("`{}` is not a name", name.escape_debug()));
            return None;
        }
        match resolve(&names, schema) {
            Ok(found) => Some((found, span)),
            Err((code, message)) => {
                self.faults.add(code, span, message);
                None
            }
        }
    }

    fn part(&mut self, found: &[(Found, Span)]) -> Option<Part> {
        if let [(one, span)] = found {
            return match one {
                Found::Value { slot, ty: Type::Bool | Type::Int | Type::String, .. } => {
                    Some(Part::Slot(*slot))
                }
                Found::Entry { slot, key } => Some(Part::Entry { slot: *slot, key: key.clone() }),
                Found::Value { .. } | Found::List { .. } | Found::Map { .. } | Found::Object => {
                    let message = "only bools, integers and strings can be printed";
                    self.faults.add(FaultCode::WrongType, *span, message);
                    None
                }
            };
        }
        let mut slots = Vec::new();
        for (alternative, span) in found {
            match alternative {
                Found::Value { slot, ty: Type::Int, .. } => slots.push(*slot),
                Found::Value { .. }
                | Found::Entry { .. }
                | Found::List { .. }
                | Found::Map { .. }
                | Found::Object => {
                    let message = "alternatives must all be integers";
                    self.faults.add(FaultCode::WrongType, *span, message);
                }
            }
        }
        (slots.len() == found.len()).then(|| Part::Greatest(slots.into()))
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Takes the next `len` bytes, which end at a character boundary.
    fn advance(&mut self, len: usize) -> &'s str {
        let taken = self.rest().get(..len).unwrap_or_default();
        for character in taken.chars() {
            self.column += 1;
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            }
        }
        self.at += taken.len();
        taken
    }

    /// The next `len` bytes.
    fn span(&self, len: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: offset(self.at), end: offset(self.at + len), line: self.line, column: self.column }
    }
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    starts && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}
