//! Where in a text something is wrong.

use crate::domain::fault::TextPlace;

/// The place of the byte at `offset`, which may be the end of the text.
pub(super) fn at_offset(text: &[u8], offset: usize) -> TextPlace {
    let offset = offset.min(text.len());
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    TextPlace { line: lines + 1, column: offset - line_start + 1, offset }
}

/// The place serde_json means. It counts the bytes it has consumed of a line, so the one at fault is the
/// last of them (or next to it), but for a text that ends too early.
pub(super) fn of_error(text: &[u8], error: &serde_json::Error) -> TextPlace {
    if error.is_eof() {
        return at_offset(text, text.len());
    }
    let line_start = match error.line().checked_sub(2) {
        None => 0,
        Some(newline) => {
            let mut newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            newlines.nth(newline).map_or(0, |(at, _)| at + 1)
        }
    };
    at_offset(text, (line_start + error.column()).saturating_sub(1))
}
