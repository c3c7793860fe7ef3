//! String literals: both quotes, triple quotes, raw strings and the escapes of CEL.

use super::fault::FaultCode;
use super::lexer::{Lexer, Mark};
use super::token::Tok;

impl<'s> Lexer<'s, '_> {
    /// A string whose prefix is taken already; `mark` is where the prefix began.
    pub(super) fn string(&mut self, mark: Mark, raw: bool, bytes: bool) -> Tok<'s> {
        let quote = self.bump().unwrap_or('"');
        let closing: String = std::iter::repeat_n(quote, 3).collect();
        let triple = closing.get(1..).is_some_and(|two| self.rest().starts_with(two));
        if triple {
            self.skip(2);
        }
        let closing = if triple { closing.as_str() } else { closing.get(..1).unwrap_or_default() };
        let Some(text) = self.string_body(closing, raw, mark) else { return Tok::Broken };
        if bytes {
            return self.broken(FaultCode::Unsupported, mark, "bytes are not supported");
        }
        Tok::Text(text.into_boxed_str())
    }

    /// Up to and with the closing quotes; `None` once anything in it was reported.
    fn string_body(&mut self, closing: &str, raw: bool, mark: Mark) -> Option<String> {
        let mut text = String::new();
        let mut sound = true;
        loop {
            if self.rest().starts_with(closing) {
                self.skip(closing.len());
                return sound.then_some(text);
            }
            match self.peek(0) {
                Some('\n' | '\r') if closing.len() == 1 => break,
                None => break,
                Some('\\') if !raw => match self.escape() {
                    Some(decoded) => text.push(decoded),
                    None => sound = false,
                },
                Some(plain) => {
                    self.bump();
                    text.push(plain);
                }
            }
        }
        self.fault(FaultCode::BadToken, mark, format!("the string is not closed: `{closing}` is missing"));
        None
    }

    fn escape(&mut self) -> Option<char> {
        let mark = self.mark();
        self.bump();
        let Some(kind) = self.peek(0).filter(|c| *c != '\n' && *c != '\r') else {
            self.fault(FaultCode::BadToken, mark, "nothing follows the backslash");
            return None;
        };
        self.bump();
        match kind {
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            '\\' | '?' | '"' | '\'' | '`' => Some(kind),
            'x' | 'X' => self.code_point(mark, 0, 2, 16),
            'u' => self.code_point(mark, 0, 4, 16),
            'U' => self.code_point(mark, 0, 8, 16),
            '0'..='3' => self.code_point(mark, kind.to_digit(8).unwrap_or(0), 2, 8),
            _ => {
                let message = format!("`\\{}` is not an escape", kind.escape_default());
                self.fault(FaultCode::BadToken, mark, message);
                None
            }
        }
    }

    /// Exactly `count` more digits, as the grammar wants.
    fn code_point(&mut self, mark: Mark, first: u32, count: usize, radix: u32) -> Option<char> {
        let mut value = first;
        for _ in 0..count {
            let Some(digit) = self.peek(0).and_then(|c| c.to_digit(radix)) else {
                let base = if radix == 16 { "hexadecimal" } else { "octal" };
                self.fault(FaultCode::BadToken, mark, format!("the escape needs {count} {base} digits"));
                return None;
            };
            self.bump();
            value = value.checked_mul(radix)?.checked_add(digit)?;
        }
        let decoded = char::from_u32(value);
        if decoded.is_none() {
            self.fault(FaultCode::BadToken, mark, "the escape is not a Unicode character");
        }
        decoded
    }
}
