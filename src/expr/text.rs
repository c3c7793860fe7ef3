//! A text with a change of case that is applied while it is read.
//!
//! `x.lowerAscii().contains("mobi")` is the commonest text condition there is; keeping the case beside the
//! borrowed text makes it as cheap as the search alone. Only ASCII letters change, so lengths and character
//! boundaries stay.

use std::borrow::Cow;
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Kept,
    Lower,
    Upper,
}

impl Case {
    fn of(self, byte: u8) -> u8 {
        match self {
            Case::Kept => byte,
            Case::Lower => byte.to_ascii_lowercase(),
            Case::Upper => byte.to_ascii_uppercase(),
        }
    }
}

/// Borrowed text, seen through a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    raw: &'a str,
    case: Case,
}

/// A question about two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

impl<'a> Text<'a> {
    pub(super) fn new(raw: &'a str) -> Self {
        Text { raw, case: Case::Kept }
    }

    pub(super) fn lower(self) -> Self {
        Text { case: Case::Lower, ..self }
    }

    pub(super) fn upper(self) -> Self {
        Text { case: Case::Upper, ..self }
    }

    /// The number of characters, as CEL counts.
    pub(super) fn size(self) -> i64 {
        i64::try_from(self.raw.chars().count()).unwrap_or(i64::MAX)
    }

    /// The text itself, copied only where the case changes a letter.
    pub(super) fn resolved(self) -> Cow<'a, str> {
        match self.case {
            Case::Lower if self.raw.bytes().any(|b| b.is_ascii_uppercase()) => {
                Cow::Owned(self.raw.to_ascii_lowercase())
            }
            Case::Upper if self.raw.bytes().any(|b| b.is_ascii_lowercase()) => {
                Cow::Owned(self.raw.to_ascii_uppercase())
            }
            Case::Kept | Case::Lower | Case::Upper => Cow::Borrowed(self.raw),
        }
    }

    pub(super) fn equals(self, other: Text<'_>) -> bool {
        self.raw.len() == other.raw.len() && self.compare(other) == Ordering::Equal
    }

    /// By code points, which is the order of the UTF-8 bytes.
    pub(super) fn compare(self, other: Text<'_>) -> Ordering {
        if self.case == Case::Kept && other.case == Case::Kept {
            return self.raw.cmp(other.raw);
        }
        self.bytes().cmp(other.bytes())
    }

    pub(super) fn holds(self, test: TextTest, part: Text<'_>) -> bool {
        let Some(surplus) = self.raw.len().checked_sub(part.raw.len()) else { return false };
        match test {
            TextTest::StartsWith => self.bytes().take(part.raw.len()).eq(part.bytes()),
            TextTest::EndsWith => self.bytes().skip(surplus).eq(part.bytes()),
            TextTest::Contains => self.contains(part),
        }
    }

    fn contains(self, part: Text<'_>) -> bool {
        if part.raw.is_empty() {
            return true;
        }
        if self.case == Case::Kept && part.case == Case::Kept {
            return self.raw.contains(part.raw);
        }
        let mut windows = self.raw.as_bytes().windows(part.raw.len());
        windows.any(|window| window.iter().map(|byte| self.case.of(*byte)).eq(part.bytes()))
    }

    fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        self.raw.bytes().map(move |byte| self.case.of(byte))
    }
}
