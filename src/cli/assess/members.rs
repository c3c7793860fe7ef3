//! The members of a JSON object as columns: dotted names, and values as they are spelled, so that no number
//! passes through binary floating point.

use crate::base::limits;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// The columns of a row.
///
/// # Errors
/// It is no JSON object, nested too deep, or gives a column twice.
pub(super) fn columns(row: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let mut columns = BTreeMap::new();
    let members: Members<'_> = serde_json::from_slice(row).map_err(|error| not_json(&error))?;
    flatten("", members, &mut columns, 1)?;
    Ok(columns)
}

fn not_json(error: &serde_json::Error) -> String {
    format!("is not JSON: {error}")
}

/// Members in their order, of one name perhaps several.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

fn flatten(
    path: &str,
    members: Members<'_>,
    columns: &mut BTreeMap<String, String>,
    depth: usize,
) -> Result<(), String> {
    if depth > limits::JSON_DEPTH {
        return Err(format!("is nested deeper than {}", limits::JSON_DEPTH));
    }
    for (name, value) in members.0 {
        let path = if path.is_empty() { name } else { format!("{path}.{name}") };
        let text = match value.get().as_bytes().first() {
            Some(b'{') => {
                let inner = serde_json::from_str(value.get()).map_err(|error| not_json(&error))?;
                flatten(&path, inner, columns, depth + 1)?;
                continue;
            }
            Some(b'n') => continue,
            Some(b'"') => serde_json::from_str(value.get()).map_err(|error| not_json(&error))?,
            _ => value.get().to_owned(),
        };
        if columns.contains_key(&path) {
            return Err(format!("gives `{path}` twice"));
        }
        columns.insert(path, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(row: &str, expected: Result<&[(&str, &str)], &str>) {
        let expected = expected.map(|columns| {
            columns.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        });
        assert_eq!(columns(row.as_bytes()), expected.map_err(str::to_owned), "{row}");
    }

    #[test]
    fn values_are_as_they_are_spelled() {
        check(
            r#"{"a":90071992547409.9100000001,"b":{"c":"x\u00e9","d":null,"e":[1, 2]},"f":true}"#,
            Ok(&[("a", "90071992547409.9100000001"), ("b.c", "xé"), ("b.e", "[1, 2]"), ("f", "true")]),
        );
    }

    #[test]
    fn a_column_is_given_once() {
        check(r#"{"a":1,"a":2}"#, Err("gives `a` twice"));
        check(r#"{"a.b":1,"a":{"b":2}}"#, Err("gives `a.b` twice"));
        let deep = "{\"a\":".repeat(33) + "1" + &"}".repeat(33);
        check(&deep, Err("is nested deeper than 32"));
        assert!(columns(b"[]").is_err() && columns(b"{").is_err());
    }
}
