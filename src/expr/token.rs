//! What the lexer hands to the parser.

use super::fault::Span;

/// One token with its place.
#[derive(Clone, Debug)]
pub(super) struct Token<'s> {
    pub(super) kind: Tok<'s>,
    pub(super) span: Span,
}

/// The kind of a token, with its decoded content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tok<'s> {
    /// Magnitude of an integer, at most 2^63; the sign is the parser's, which alone knows whether a minus
    /// stands before it.
    Int(u64),
    Text(Box<str>),
    Bool(bool),
    Null,
    Name(&'s str),
    Sign(Sign),
    /// A literal that was refused already; the parser takes it for an operand and says nothing.
    Broken,
    End,
}

impl Tok<'_> {
    /// How a message names the token.
    pub(super) fn describe(&self) -> String {
        match self {
            Tok::Int(magnitude) => format!("`{magnitude}`"),
            Tok::Text(_) => "a string".into(),
            Tok::Bool(value) => format!("`{value}`"),
            Tok::Null => "`null`".into(),
            Tok::Name(name) => format!("`{name}`"),
            Tok::Sign(sign) => format!("`{}`", sign.text()),
            Tok::Broken => "a literal".into(),
            Tok::End => "the end".into(),
        }
    }
}

/// Punctuation, operators, and the operator that is a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Or,
    And,
    Equal,
    NotEqual,
    LessEqual,
    GreaterEqual,
    Less,
    Greater,
    In,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Not,
    Question,
    Colon,
    Dot,
    Comma,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
}

/// Every sign but the word `in`; a longer one stands before its own beginning.
pub(super) const SIGNS: [(&str, Sign); 24] = [
    ("||", Sign::Or),
    ("&&", Sign::And),
    ("==", Sign::Equal),
    ("!=", Sign::NotEqual),
    ("<=", Sign::LessEqual),
    (">=", Sign::GreaterEqual),
    ("<", Sign::Less),
    (">", Sign::Greater),
    ("+", Sign::Plus),
    ("-", Sign::Minus),
    ("*", Sign::Star),
    ("/", Sign::Slash),
    ("%", Sign::Percent),
    ("!", Sign::Not),
    ("?", Sign::Question),
    (":", Sign::Colon),
    (".", Sign::Dot),
    (",", Sign::Comma),
    ("(", Sign::OpenParen),
    (")", Sign::CloseParen),
    ("[", Sign::OpenBracket),
    ("]", Sign::CloseBracket),
    ("{", Sign::OpenBrace),
    ("}", Sign::CloseBrace),
];

impl Sign {
    pub(super) fn text(self) -> &'static str {
        SIGNS.iter().find(|(_, sign)| *sign == self).map_or("in", |(text, _)| text)
    }
}
