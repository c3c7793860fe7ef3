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
        self.check_length(text)?;
        self.check_characters(text)
    }

    pub(super) fn check_length(self, text: &str) -> Result<(), Bad> {
        // A character has at least one byte, so most texts need no counting.
        if text.len() > self.max_chars && text.chars().count() > self.max_chars {
            let message = format!("must have at most {} characters", self.max_chars);
            return Err(Bad { code: FieldCode::Length, message: message.into() });
        }
        Ok(())
    }

    fn check_characters(self, text: &str) -> Result<(), Bad> {
        let control = |char: char| char.is_control() && !(self.lines && matches!(char, '\n' | '\r'));
        if !is_plain(text) && text.chars().any(control) {
            return Err(Bad::format(if self.lines {
                "must have no control characters other than line breaks"
            } else {
                "must have no control characters"
            }));
        }
        Ok(())
    }
}

/// Whether `text` is printable ASCII without a backslash, as most are: then it is what its JSON says and
/// has nothing to fault. Judged without a branch per byte.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, 0x20..0x7f) & (byte != b'\\'))
}

/// The trimmed text of a JSON string, if `rule` allows it. `raw` is known to be JSON; what its grammar
/// allows and Unicode has no character for is the half of a surrogate pair.
pub(super) fn read(raw: &str, rule: Text) -> Result<Cow<'_, str>, Bad> {
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(Bad::new(FieldCode::Type, "must be a string"));
    };
    if is_plain(inner) {
        let text = inner.trim_ascii();
        rule.check_length(text)?;
        return Ok(Cow::Borrowed(text));
    }
    let text = if inner.contains('\\') {
        let text: String =
            serde_json::from_str(raw).map_err(|_| Bad::format("must not escape half of a surrogate pair"))?;
        let trimmed = text.trim();
        Cow::Owned(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
    } else {
        Cow::Borrowed(inner.trim())
    };
    rule.check(&text)?;
    Ok(text)
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
