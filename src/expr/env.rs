//! What an evaluation reads and what it answers.

use std::fmt;

/// One value of the environment, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing is known: whatever needs the value becomes an error.
    Missing,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Str(&'a str),
    /// Milliseconds since the epoch.
    Time(i64),
    /// A length of time in milliseconds.
    Span(i64),
}

/// Gives the values behind the slots a [`Schema`](super::Schema) handed out. Answers may not change while
/// one evaluation runs.
pub trait Env {
    /// The value of a slot, of the type the schema promised.
    fn value(&self, slot: u32) -> Value<'_>;

    /// The entry of a map: [`Value::Str`] or [`Value::Missing`].
    fn entry(&self, slot: u32, key: &str) -> Value<'_>;

    /// Whether a list holds `value`; `None` if the list itself is missing.
    fn contains(&self, list: u32, value: &Value<'_>) -> Option<bool>;

    /// Whether a list declared optional is there, for `has()`.
    fn has_list(&self, list: u32) -> bool;
}

/// Why an evaluation gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvalError {
    /// A field is missing.
    Missing {
        /// Its slot.
        slot: u32,
    },
    /// A map has no such entry.
    MissingEntry {
        /// The slot of the map.
        slot: u32,
    },
    /// A list is missing.
    MissingList {
        /// Its number.
        list: u32,
    },
    /// A result does not fit 64 bits.
    Overflow,
    /// A division, or the remainder of one, by zero.
    DivisionByZero,
    /// The environment gave a value of another type than the schema promised.
    BrokenPromise,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EvalError::Missing { slot } => write!(f, "field {slot} is missing"),
            EvalError::MissingEntry { slot } => write!(f, "map {slot} has no such entry"),
            EvalError::MissingList { list } => write!(f, "list {list} is missing"),
            EvalError::Overflow => f.write_str("the result does not fit 64 bits"),
            EvalError::DivisionByZero => f.write_str("division by zero"),
            EvalError::BrokenPromise => f.write_str("a value has another type than declared"),
        }
    }
}

impl std::error::Error for EvalError {}

/// The outcome of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told.
    Error(EvalError),
}

/// The result of an expression of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Text.
    Str(String),
    /// Milliseconds since the epoch.
    Time(i64),
    /// A length of time in milliseconds.
    Span(i64),
}
