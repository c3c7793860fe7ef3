//! The document's text by line, to tell whether a scalar stands there as it reads.

use crate::policy::diagnostic::Place;

#[derive(Debug)]
pub(super) struct Source<'d> {
    lines: Vec<&'d str>,
    /// A place and its byte in its line. Scalars come in order, so going on from the last one keeps a
    /// document of one long line from being walked once for each of them.
    reached: (Place, usize),
}

impl<'d> Source<'d> {
    pub(super) fn new(document: &'d str) -> Self {
        Self { lines: document.lines().collect(), reached: (Place::START, 0) }
    }

    fn line(&self, line: u32) -> Option<&'d str> {
        self.lines.get(usize::try_from(line).ok()?.checked_sub(1)?).copied()
    }

    /// Whether `text`, one line of it, stands at `at`.
    pub(super) fn holds(&mut self, text: &str, at: Place) -> bool {
        let (last, byte) = self.reached;
        let goes_on = last.line == at.line && last.column <= at.column;
        let (column, byte) = if goes_on { (last.column, byte) } else { (1, 0) };
        let Some(rest) = self.line(at.line).and_then(|line| line.get(byte..)) else { return false };
        let skip = usize::try_from(at.column - column).unwrap_or(usize::MAX);
        let Some((further, _)) = rest.char_indices().nth(skip) else { return text.is_empty() };
        self.reached = (at, byte + further);
        rest.get(further..).is_some_and(|rest| rest.starts_with(text))
    }

    /// The first line and the indentation of a literal block whose text is `text` and which begins in the
    /// line of `at` or the one behind it.
    pub(super) fn literal(&self, text: &str, at: Place) -> Option<(u32, u32)> {
        let first = text.lines().next()?;
        for line in [at.line, at.line + 1] {
            let Some(indent) = self.line(line).and_then(|written| written.strip_suffix(first)) else {
                continue;
            };
            if !indent.is_empty() && indent.bytes().all(|b| b == b' ') {
                return Some((line, u32::try_from(indent.len()).ok()?));
            }
        }
        None
    }
}
