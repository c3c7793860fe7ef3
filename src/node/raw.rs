//! What the operator wrote, and where: a TOML file, the environment, flags. Nothing is judged here but the
//! syntax of the file; a later place wins over an earlier one.

use crate::node::config::Fault;
use std::fmt;
use std::path::Path;
use toml::de::{DeArray, DeTable, DeValue};

/// What names of environment variables begin with.
const PREFIX: &str = "CLAUSUM__";

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    File { name: String, line: usize, column: usize },
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Place::Variable(name) => f.write_str(name),
            Place::Flag(name) => f.write_str(name),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// Of a variable or a flag, where all is text.
    Word(String),
    Text(String),
    Integer(String),
    Bool(bool),
    /// A list of texts.
    List(Vec<String>),
    /// Anything else, by its noun.
    Other(&'static str),
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) given: Given,
    pub(super) at: Place,
}

/// A flag of the command line that sets a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As it is written, with its dashes.
    pub name: &'static str,
    /// The key it sets.
    pub key: &'static str,
    /// The value.
    pub value: String,
}

/// Everything written, from what is overruled to what overrules.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<Fault>,
}

impl Written {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the file at `path` says.
    pub fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.toml(&name, &text),
            Err(error) => self.faults.push(Fault::new(name, "", format!("cannot be read: {error}"))),
        }
    }

    /// What the text of a file says.
    pub(super) fn toml(&mut self, name: &str, text: &str) {
        let place = |offset: usize| {
            let before = text.get(..offset).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            Place::File {
                name: name.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            }
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = place(error.span().map_or(0, |span| span.start));
            self.faults.push(Fault::new(at.to_string(), "", error.message().to_owned()));
        }
        if errors.is_empty() {
            self.table("", table.get_ref(), &place);
        }
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let given = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.table(&key, inner, place);
                    continue;
                }
                DeValue::String(text) => Given::Text(text.to_string()),
                DeValue::Integer(number) if number.radix() == 10 => {
                    Given::Integer(number.as_str().to_owned())
                }
                DeValue::Integer(_) => Given::Other("a number that is not decimal"),
                DeValue::Boolean(value) => Given::Bool(*value),
                DeValue::Float(_) => Given::Other("a number with a fraction"),
                DeValue::Datetime(_) => Given::Other("a time"),
                DeValue::Array(items) => list(items),
            };
            self.entries.push(Entry { key, given, at: place(name.span().start) });
        }
    }

    /// What the variables of an environment say; those of other programs are not looked at.
    pub fn variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        let mut own: Vec<_> = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        own.sort_unstable();
        for (name, value) in own {
            let key = name.strip_prefix(PREFIX).unwrap_or_default().to_lowercase().replace("__", ".");
            self.entries.push(Entry { key, given: Given::Word(value), at: Place::Variable(name) });
        }
    }

    /// What flags say.
    pub fn flags(&mut self, flags: impl IntoIterator<Item = Flag>) {
        for Flag { name, key, value } in flags {
            self.entries.push(Entry {
                key: key.to_owned(),
                given: Given::Word(value),
                at: Place::Flag(name),
            });
        }
    }
}

/// A list, if all it holds are texts.
fn list(items: &DeArray<'_>) -> Given {
    let texts = items.iter().map(|item| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    });
    texts.collect::<Option<_>>().map_or(Given::Other("a list"), Given::List)
}
