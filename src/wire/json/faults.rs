//! Faults of one body, collected with their pointers.

use crate::base::limits;
use crate::domain::fault::{FieldCode, FieldFault, TextPlace};
use std::borrow::Cow;

/// Characters kept of a member's name in a pointer; every name the contract knows is shorter, and a
/// caller's own may be as long as the body.
const NAME_CHARS: usize = 64;

/// What is wrong with a value whose place the reader knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// What kind of fault.
    pub code: FieldCode,
    /// What would be right; never the value itself, which may be personal.
    pub message: Cow<'static, str>,
}

impl Bad {
    /// A fault saying what is due.
    #[must_use]
    pub const fn new(code: FieldCode, message: &'static str) -> Self {
        Self { code, message: Cow::Borrowed(message) }
    }

    /// [`FieldCode::Format`].
    #[must_use]
    pub const fn format(message: &'static str) -> Self {
        Self::new(FieldCode::Format, message)
    }
}

/// The faults found so far, the first [`limits::FAULTS`] of them whole, and the place being read.
#[derive(Debug)]
pub struct Faults {
    kept: Vec<FieldFault>,
    total: usize,
    /// Pointer of the object or array being read.
    path: String,
    strict: bool,
}

impl Faults {
    /// For requests: members nobody knows are ignored.
    #[must_use]
    pub const fn lenient() -> Self {
        Self { kept: Vec::new(), total: 0, path: String::new(), strict: false }
    }

    /// For configuration: a member nobody knows is a fault.
    #[must_use]
    pub const fn strict() -> Self {
        Self { kept: Vec::new(), total: 0, path: String::new(), strict: true }
    }

    /// Whether unknown members are faults.
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.strict
    }

    /// Whether nothing was wrong.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many there were, kept or not.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// The faults kept, in the order they were found.
    #[must_use]
    pub fn into_vec(self) -> Vec<FieldFault> {
        self.kept
    }

    /// Adds a fault of the member `name` of the object being read; the empty name at the top is the body.
    pub fn at(&mut self, name: &str, bad: Bad) {
        self.total += 1;
        if self.kept.len() >= limits::FAULTS {
            return;
        }
        let mut field = self.path.clone();
        if !(name.is_empty() && field.is_empty()) {
            pointer_segment(&mut field, name);
        }
        self.kept.push(FieldFault::new(field, bad.code, bad.message));
    }

    /// Adds a fault of the object or array being read itself.
    pub fn here(&mut self, bad: Bad) {
        self.total += 1;
        if self.kept.len() < limits::FAULTS {
            self.kept.push(FieldFault::new(self.path.clone(), bad.code, bad.message));
        }
    }

    /// Reads what lies inside the member `name`.
    pub fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        if !(name.is_empty() && outer == 0) {
            pointer_segment(&mut self.path, name);
        }
        let result = read(self);
        self.path.truncate(outer);
        result
    }

    /// Puts the one fault of a text that is no JSON in place of all others: what was found before it
    /// says nothing about a body that cannot be read.
    pub(super) fn unreadable(&mut self, code: FieldCode, message: &'static str, place: TextPlace) {
        self.kept.clear();
        self.total = 1;
        let fault = FieldFault::new("", code, message);
        self.kept.push(FieldFault { place: Some(place), ..fault });
    }
}

/// Appends `/` and `name` as RFC 6901 writes it. A name longer than any known one is cut.
pub fn pointer_segment(pointer: &mut String, name: &str) {
    pointer.push('/');
    if name.len() <= NAME_CHARS && !name.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        pointer.push_str(name);
        return;
    }
    for (at, char) in name.chars().enumerate() {
        match char {
            _ if at == NAME_CHARS => {
                pointer.push('…');
                return;
            }
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
