//! Where and why a source was refused.
//!
//! Every stage reports into one [`Sink`], so that an author sees all mistakes of an expression at once.
//! Nothing downstream ever runs on a source with a fault.

use std::fmt;

/// Faults reported for one source; beyond it the rest is dropped, as it rarely helps and could be megabytes.
pub const MAX_FAULTS: usize = 32;

/// A stretch of source text. Offsets are in bytes, half-open; line and column are 1-based, the column in
/// characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Byte offset of the first character.
    pub start: u32,
    /// Byte offset behind the last character.
    pub end: u32,
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
}

impl Span {
    /// The first byte of a source, for faults that concern the whole.
    pub(super) const START: Span = Span { start: 0, end: 0, line: 1, column: 1 };

    /// From the start of `self` to the end of `last`.
    pub(super) fn to(self, last: Span) -> Span {
        Span { end: self.end.max(last.end), ..self }
    }
}

/// The kind of a [`Fault`], stable for programs; the message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultCode {
    /// The source is longer than the limit.
    TooLong,
    /// Nested deeper than the limit.
    TooDeep,
    /// More nodes than the limit.
    TooManyNodes,
    /// The static cost bound exceeds the limit.
    TooCostly,
    /// A character, number or string that is no token.
    BadToken,
    /// Tokens in an order the grammar does not know.
    Syntax,
    /// An integer outside 64 bits.
    IntegerRange,
    /// Part of CEL, but not of this subset.
    Unsupported,
    /// A name the schema does not know.
    UnknownName,
    /// A function that does not exist here.
    UnknownFunction,
    /// An operand of the wrong type or number.
    WrongType,
    /// `has()` on something that is always present.
    AlwaysPresent,
    /// The schema knows the name and refuses it.
    Refused,
}

impl FaultCode {
    /// The code as it appears in machine-readable reports.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultCode::TooLong => "too_long",
            FaultCode::TooDeep => "too_deep",
            FaultCode::TooManyNodes => "too_many_nodes",
            FaultCode::TooCostly => "too_costly",
            FaultCode::BadToken => "bad_token",
            FaultCode::Syntax => "syntax",
            FaultCode::IntegerRange => "integer_range",
            FaultCode::Unsupported => "unsupported",
            FaultCode::UnknownName => "unknown_name",
            FaultCode::UnknownFunction => "unknown_function",
            FaultCode::WrongType => "wrong_type",
            FaultCode::AlwaysPresent => "always_present",
            FaultCode::Refused => "refused",
        }
    }
}

/// One reason why a source was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of mistake it is.
    pub code: FaultCode,
    /// Where it is.
    pub span: Span,
    /// One sentence for the author, without the position.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.span.line, self.span.column, self.message)
    }
}

impl std::error::Error for Fault {}

/// Collects faults up to [`MAX_FAULTS`].
#[derive(Debug, Default)]
pub(super) struct Sink {
    faults: Vec<Fault>,
}

impl Sink {
    pub(super) fn add(&mut self, code: FaultCode, span: Span, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { code, span, message: message.into() });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The faults in source order: stages find them in another one.
    pub(super) fn into_sorted(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
        self.faults
    }
}
