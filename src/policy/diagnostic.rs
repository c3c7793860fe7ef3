//! What is wrong with a document an author wrote, and where.

use std::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The document is refused.
    Error,
}

impl Severity {
    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Severity::Error => "error",
        }
    }
}

/// A place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl Place {
    /// The first character of a document.
    pub const START: Place = Place { line: 1, column: 1 };
}

/// One fault of a pipeline or a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// How bad it is.
    pub severity: Severity,
    /// What programs read.
    pub code: &'static str,
    /// For the author.
    pub message: String,
    /// The rule's id or the signal's code it belongs to.
    pub rule_id: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.line, self.column, self.code, self.message)?;
        self.rule_id.as_ref().map_or(Ok(()), |id| write!(f, " ({id})"))
    }
}

impl std::error::Error for Diagnostic {}

/// Faults told for one document; more of them help nobody.
pub const MAX_DIAGNOSTICS: usize = 200;

/// Collects the faults of one document, in any order.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Diagnostic>,
    /// The rule or signal being read.
    pub(super) subject: Option<String>,
}

impl Faults {
    pub(super) fn add(&mut self, at: Place, code: &'static str, message: impl Into<String>) {
        if !self.is_full() {
            self.found.push(Diagnostic {
                line: at.line,
                column: at.column,
                severity: Severity::Error,
                code,
                message: message.into(),
                rule_id: self.subject.clone(),
            });
        }
    }

    /// Whether further faults would be dropped, so that looking for them is in vain.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MAX_DIAGNOSTICS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Nothing, if nothing is wrong; else the faults in the order of the document.
    pub(super) fn none_or_sorted(self) -> Result<(), Vec<Diagnostic>> {
        if self.is_empty() { Ok(()) } else { Err(self.into_sorted()) }
    }

    /// The faults in the order of the document.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|fault| (fault.line, fault.column));
        self.found
    }
}
