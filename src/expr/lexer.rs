//! Source text to tokens, as the CEL specification writes them.
//!
//! A piece that is no token of the subset is reported and replaced by the likeliest one, so that the parser
//! can go on. The last token is always [`Tok::End`].

use super::fault::{FaultCode, Sink, Span};
use super::token::{SIGNS, Sign, Tok, Token};

/// Magnitude of the smallest 64-bit integer; every larger literal is out of range whatever its sign.
const MAX_MAGNITUDE: u64 = 1 << 63;

/// Splits `source` into tokens, reporting what is none.
pub(super) fn lex<'s>(source: &'s str, faults: &mut Sink) -> Vec<Token<'s>> {
    let mut lexer = Lexer { source, at: 0, line: 1, column: 1, faults };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let mark = lexer.mark();
        let Some(kind) = lexer.token(mark) else { continue };
        let span = lexer.span(mark);
        let last = kind == Tok::End;
        tokens.push(Token { kind, span });
        if last {
            return tokens;
        }
    }
}

/// The place where something begins.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    start: usize,
    line: u32,
    column: u32,
}

pub(super) struct Lexer<'s, 'f> {
    source: &'s str,
    at: usize,
    line: u32,
    column: u32,
    faults: &'f mut Sink,
}

impl<'s> Lexer<'s, '_> {
    /// One token, or `None` for a stray character, which is reported and skipped.
    fn token(&mut self, mark: Mark) -> Option<Tok<'s>> {
        let Some(first) = self.peek(0) else { return Some(Tok::End) };
        let second = self.peek(1);
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            return Some(self.number(mark));
        }
        if first == '"' || first == '\'' {
            return Some(self.string(mark, false, false));
        }
        if first == '_' || first.is_ascii_alphabetic() {
            return Some(self.word(mark));
        }
        if let Some((text, sign)) = SIGNS.iter().find(|(text, _)| self.rest().starts_with(text)) {
            self.skip(text.len());
            return Some(Tok::Sign(*sign));
        }
        self.stray(mark, first)
    }

    /// A character that begins no token. The halves of `==`, `&&` and `||` are the usual slips, so they
    /// count as the whole.
    fn stray(&mut self, mark: Mark, first: char) -> Option<Tok<'s>> {
        self.bump();
        let meant = match first {
            '=' => Some((Sign::Equal, "`=` is not an operator: write `==` to compare")),
            '&' => Some((Sign::And, "`&` is not an operator: write `&&`")),
            '|' => Some((Sign::Or, "`|` is not an operator: write `||`")),
            _ => None,
        };
        if let Some((sign, message)) = meant {
            self.fault(FaultCode::BadToken, mark, message);
            return Some(Tok::Sign(sign));
        }
        if first == '`' {
            while self.bump().is_some_and(|c| c != '`' && c != '\n') {}
            self.fault(FaultCode::Unsupported, mark, "names in backquotes are not supported");
            return Some(Tok::Broken);
        }
        self.fault(FaultCode::BadToken, mark, format!("`{}` has no meaning here", first.escape_default()));
        None
    }

    /// A name, a word with a meaning of its own, or the prefix of a string.
    fn word(&mut self, mark: Mark) -> Tok<'s> {
        while self.peek(0).is_some_and(|c| c == '_' || c.is_ascii_alphanumeric()) {
            self.bump();
        }
        let word = self.source.get(mark.start..self.at).unwrap_or_default();
        if matches!(self.peek(0), Some('"' | '\'')) {
            match word {
                "r" | "R" => return self.string(mark, true, false),
                "b" | "B" => return self.string(mark, false, true),
                "br" | "bR" | "Br" | "BR" | "rb" | "rB" | "Rb" | "RB" => {
                    return self.string(mark, true, true);
                }
                _ => {}
            }
        }
        match word {
            "true" => Tok::Bool(true),
            "false" => Tok::Bool(false),
            "null" => Tok::Null,
            "in" => Tok::Sign(Sign::In),
            _ => Tok::Name(word),
        }
    }

    fn number(&mut self, mark: Mark) -> Tok<'s> {
        let hex = self.rest().starts_with("0x") || self.rest().starts_with("0X");
        let mut double = false;
        if hex {
            self.skip(2);
            self.skip_while(|c| c.is_ascii_hexdigit());
        } else {
            self.skip_while(|c| c.is_ascii_digit());
            double = self.fraction();
        }
        let digits_end = self.at;
        let unsigned = !double && matches!(self.peek(0), Some('u' | 'U'));
        if unsigned {
            self.bump();
        }
        let tail = self.at;
        self.skip_while(|c| c == '_' || c.is_ascii_alphanumeric());
        if self.at > tail {
            return self.broken(FaultCode::BadToken, mark, "a number may not run into a name");
        }
        if double {
            return self.broken(
                FaultCode::Unsupported,
                mark,
                "numbers with a fraction or an exponent are not supported: write a whole number",
            );
        }
        if unsigned {
            return self.broken(
                FaultCode::Unsupported,
                mark,
                "unsigned integers are not supported: drop the `u`",
            );
        }
        let (radix, from) = if hex { (16, mark.start + 2) } else { (10, mark.start) };
        let digits = self.source.get(from..digits_end).unwrap_or_default();
        if digits.is_empty() {
            return self.broken(FaultCode::BadToken, mark, "`0x` needs hexadecimal digits");
        }
        match u64::from_str_radix(digits, radix) {
            Ok(magnitude) if magnitude <= MAX_MAGNITUDE => Tok::Int(magnitude),
            Ok(_) | Err(_) => self.broken(FaultCode::IntegerRange, mark, "the integer does not fit 64 bits"),
        }
    }

    /// Takes `.digits` and an exponent, if they are there.
    fn fraction(&mut self) -> bool {
        let before = self.at;
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if self.peek(0) == Some('.') && digit(self.peek(1)) {
            self.bump();
            self.skip_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            let signed = matches!(self.peek(1), Some('+' | '-'));
            if digit(self.peek(if signed { 2 } else { 1 })) {
                self.skip(if signed { 2 } else { 1 });
                self.skip_while(|c| c.is_ascii_digit());
            }
        }
        self.at > before
    }

    fn skip_blank(&mut self) {
        loop {
            self.skip_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.skip_while(|c| c != '\n');
        }
    }

    pub(super) fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.bump();
        }
    }

    /// Takes `count` characters.
    pub(super) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.bump();
        }
    }

    pub(super) fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.rest().chars().nth(ahead)
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += next.len_utf8();
        if next == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(next)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { start: self.at, line: self.line, column: self.column }
    }

    fn span(&self, mark: Mark) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { start: offset(mark.start), end: offset(self.at), line: mark.line, column: mark.column }
    }

    pub(super) fn fault(&mut self, code: FaultCode, mark: Mark, message: impl Into<String>) {
        let span = self.span(mark);
        self.faults.add(code, span, message);
    }

    pub(super) fn broken(&mut self, code: FaultCode, mark: Mark, message: &str) -> Tok<'s> {
        self.fault(code, mark, message);
        Tok::Broken
    }
}
