//! Strings: decoding, trimming, and the rules every text of the contract obeys.

use crate::base::limits;
use crate::domain::fault::FieldCode;
use crate::wire::json::faults::Bad;
use std::borrow::Cow;

/// How long a text may be, and whether it may have lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    max_chars: usize,
    lines: bool,
}

impl Text {
    /// One line of at most [`limits::STRING_CHARS`] characters.
    pub const USUAL: Text = Text::upto(limits::STRING_CHARS);

    /// One line of at most `max_chars` characters.
    #[must_use]
    pub const fn upto(max_chars: usize) -> Self {
        Self { max_chars, lines: false }
    }

    /// The same with line breaks allowed.
    #[must_use]
    pub const fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Whether `text` is short enough and free of control characters.
    ///
    /// # Errors
    /// [`FieldCode::Length`] or [`FieldCode::Format`].
    pub fn check(self, text: &str) -> Result<(), Bad> {
        // A character has at least one byte, so most texts need no counting.
        if text.len() > self.max_chars && text.chars().count() > self.max_chars {
            let message = format!("must have at most {} characters", self.max_chars);
            return Err(Bad { code: FieldCode::Length, message: message.into() });
        }
        if has_control(text, self.lines) {
            return Err(Bad::format(if self.lines {
                "must have no control characters other than line breaks"
            } else {
                "must have no control characters"
            }));
        }
        Ok(())
    }
}

fn has_control(text: &str, lines: bool) -> bool {
    let control = |char: char| char.is_control() && !(lines && matches!(char, '\n' | '\r'));
    if text.is_ascii() {
        // Without a branch per byte: most texts are clean to their end.
        let suspects = text.bytes().fold(false, |found, byte| found | (byte < 0x20) | (byte == 0x7f));
        return suspects && text.chars().any(control);
    }
    text.chars().any(control)
}

/// The trimmed text of a JSON string. `raw` is known to be JSON; what is left to fault is the half of
/// a surrogate pair, which the grammar allows and Unicode has no character for.
pub(super) fn decode(raw: &str) -> Result<Cow<'_, str>, Bad> {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(Bad::new(FieldCode::Type, "must be a string"));
    };
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner.trim()));
    }
    let text: String =
        serde_json::from_str(raw).map_err(|_| Bad::format("must not escape half of a surrogate pair"))?;
    let trimmed = text.trim();
    Ok(Cow::Owned(if trimmed.len() == text.len() { text } else { trimmed.to_owned() }))
}

/// Lower-case, as Unicode has it where the text is not ASCII.
pub(super) fn lowered(text: Cow<'_, str>) -> String {
    if text.is_ascii() {
        let mut text = text.into_owned();
        text.make_ascii_lowercase();
        return text;
    }
    text.to_lowercase()
}
