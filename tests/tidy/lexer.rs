//! Splits Rust source into tokens and comments, so that no rule is fooled by a string or a remark.
//!
//! It knows exactly what the rules need and is not a parser: a number keeps its suffix, `::` is one mark,
//! every other punctuation character is a mark of its own.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword; of a raw identifier without its `r#`.
    Word,
    /// A numeric literal with its suffix.
    Number,
    /// A string, byte string or character literal.
    Quoted,
    /// `'a` and the like.
    Lifetime,
    /// Punctuation.
    Mark,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Mark) && self.text == text
    }

    pub(crate) fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Tokens and comments of one file, in their order.
pub(crate) fn lex(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let mut cursor = Cursor { rest: text, line: 1 };
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    while let Some(first) = cursor.rest.chars().next() {
        let line = cursor.line;
        if first.is_whitespace() {
            cursor.cut(first.len_utf8());
        } else if let Some(length) = comment_length(cursor.rest) {
            comments.push(Comment { text: cursor.cut(length).to_owned(), line });
        } else {
            let after_dot = tokens.last().is_some_and(|token: &Token| token.is("."));
            let (kind, length) = token_length(cursor.rest, first, after_dot);
            let cut = cursor.cut(length);
            let text = if kind == Kind::Word { cut.strip_prefix("r#").unwrap_or(cut) } else { cut };
            tokens.push(Token { kind, text: text.to_owned(), line });
        }
    }
    (tokens, comments)
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    fn cut(&mut self, length: usize) -> &'a str {
        let (head, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.line += head.matches('\n').count();
        self.rest = rest;
        head
    }
}

fn comment_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(left) = rest.get(at..).filter(|left| !left.is_empty()) {
        if left.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if left.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += left.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(rest.len())
}

fn token_length(rest: &str, first: char, after_dot: bool) -> (Kind, usize) {
    if let Some(length) = quoted_length(rest) {
        return (Kind::Quoted, length);
    }
    if first == '\'' {
        return apostrophe_length(rest);
    }
    if first.is_ascii_digit() {
        return (Kind::Number, number_length(rest, after_dot));
    }
    if is_word_char(first) {
        let raw = rest.strip_prefix("r#").filter(|name| name.starts_with(is_word_char));
        let length = raw.map_or_else(|| run(rest, is_word_char), |name| 2 + run(name, is_word_char));
        return (Kind::Word, length);
    }
    if rest.starts_with("::") {
        return (Kind::Mark, 2);
    }
    (Kind::Mark, first.len_utf8())
}

/// Strings of every prefix, raw ones with any number of `#`, and byte characters.
fn quoted_length(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|left| {
            let quote = if prefix.ends_with('r') { left.trim_start_matches('#') } else { left };
            quote.starts_with('"')
        })
    });
    let Some(prefix) = prefix else {
        return rest.strip_prefix("b'").map(|left| 2 + escaped_length(left, '\''));
    };
    let left = rest.get(prefix.len()..)?;
    if !prefix.ends_with('r') {
        return Some(prefix.len() + 1 + escaped_length(left.get(1..)?, '"'));
    }
    let hashes = run(left, |letter| letter == '#');
    let opening = prefix.len() + hashes + 1;
    let closing = format!("\"{}", "#".repeat(hashes));
    let body = rest.get(opening..)?;
    Some(body.find(&closing).map_or(rest.len(), |at| opening + at + closing.len()))
}

/// Length up to and with the closing quote, which a backslash before it does not close.
fn escaped_length(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in body.char_indices() {
        if !escaped && letter == quote {
            return at + letter.len_utf8();
        }
        escaped = !escaped && letter == '\\';
    }
    body.len()
}

fn apostrophe_length(rest: &str) -> (Kind, usize) {
    let mut letters = rest.chars().skip(1);
    let (first, second) = (letters.next(), letters.next());
    if first == Some('\\') || second == Some('\'') {
        return (Kind::Quoted, 1 + escaped_length(rest.get(1..).unwrap_or_default(), '\''));
    }
    (Kind::Lifetime, 1 + run(rest.get(1..).unwrap_or_default(), is_word_char))
}

/// `1.5`, `1e-9`, `0xff_u8`; of `1..2`, `1.max(2)` and the field in `pair.0.1` only the digits.
fn number_length(rest: &str, after_dot: bool) -> usize {
    let mut length = run(rest, is_word_char);
    let fraction = rest.get(length..).and_then(|left| left.strip_prefix('.'));
    let fraction = fraction.filter(|left| !after_dot && !left.starts_with(|c| c == '.' || is_start(c)));
    if let Some(left) = fraction {
        length += 1 + run(left, is_word_char);
    }
    let text = rest.get(..length).unwrap_or_default();
    let exponent = !text.starts_with("0x") && text.ends_with(['e', 'E']);
    if let Some(left) = rest.get(length..).filter(|left| exponent && left.starts_with(['+', '-'])) {
        length += 1 + run(left.get(1..).unwrap_or_default(), is_word_char);
    }
    length
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !belongs(letter)).unwrap_or(text.len())
}

fn is_word_char(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

#[test]
fn strings_and_comments_yield_no_words() {
    let text = r##"a "b \" c" r#"d " e"# 'f' '\'' b'g' b"h" /* i /* j */ k */ // l
        m"##;
    let (tokens, comments) = lex(text);
    let words: Vec<_> = tokens.iter().filter(|token| token.is_word()).map(|t| (&*t.text, t.line)).collect();
    assert_eq!(words, [("a", 1), ("m", 2)]);
    assert_eq!(comments.len(), 2);
}

#[test]
fn lifetimes_raw_names_and_numbers_are_told_apart() {
    let (tokens, _) = lex("&'a r#type 1.5 1..2 3.max(4) x.0.1 1e-9 'b: 0xE-1");
    let texts: Vec<_> = tokens.iter().map(|token| &*token.text).collect();
    let expected = "& 'a type 1.5 1 . . 2 3 . max ( 4 ) x . 0 . 1 1e-9 'b : 0xE - 1";
    assert_eq!(texts.join(" "), expected);
}
