//! What an expression may read, as its owner declares it.
//!
//! The language knows no field by name: a [`Schema`] resolves names to interned slots while a source is
//! checked, and an [`Env`](super::Env) of the same owner gives their values while it runs.

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// True or false.
    Bool,
    /// A signed 64-bit integer.
    Int,
    /// UTF-8 text.
    String,
    /// Milliseconds since the epoch.
    Timestamp,
    /// Milliseconds.
    Duration,
}

impl Type {
    /// How a message names one value of the type.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Type::Bool => "a bool",
            Type::Int => "an integer",
            Type::String => "a string",
            Type::Timestamp => "a timestamp",
            Type::Duration => "a duration",
        }
    }
}

/// What a path of names stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// A value.
    Value {
        /// The number under which the environment knows it.
        slot: u32,
        /// Its type.
        ty: Type,
        /// Whether it may be missing.
        optional: bool,
    },
    /// A set held outside, for the right side of `in`.
    List {
        /// The number under which the environment knows it.
        id: u32,
        /// The type of its elements.
        of: Type,
        /// Whether it may be missing.
        optional: bool,
    },
    /// A map from strings to strings, any key of which may be missing.
    Map {
        /// The number under which the environment knows it.
        slot: u32,
    },
    /// Something that only has members. It is always present.
    Object,
    /// No such name.
    Unknown {
        /// The whole path of a name that was likely meant; see [`nearest`](super::nearest).
        suggestion: Option<String>,
    },
    /// A name that exists and may not be used like this.
    Refused {
        /// One sentence that says why.
        message: String,
    },
}

/// Resolves names and interns what they stand for.
pub trait Schema {
    /// What `path` stands for as a whole. The longest path is asked first; shorter ones are asked only
    /// where a longer one is unknown, to find a map or a better message.
    fn resolve(&mut self, path: &[&str]) -> Resolved;
}
