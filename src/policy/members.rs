//! Strict reading of objects: an unknown member, one given twice and one of another type are faults, all of
//! them told at once. Null is the same as absent.

use crate::base::decimal::Decimal;
use crate::expr::nearest;
use crate::policy::diagnostic::{Faults, Place};
use crate::policy::yaml::{Data, Meaning, Node};
use std::ops::RangeInclusive;

/// The members of one object.
#[derive(Debug)]
pub(super) struct Members<'n> {
    at: Place,
    found: Vec<(&'n str, &'n Node)>,
}

impl<'n> Members<'n> {
    /// The members of `node`, all of whose names are `known`.
    pub(super) fn of(node: &'n Node, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let members = Self::any(node, faults)?;
        for (name, value) in &members.found {
            if !known.contains(name) && !faults.is_full() {
                let near = nearest(name, known.iter().copied());
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let name = name.escape_debug();
                faults.add(value.at, "unknown_field", format!("`{name}` is no member here{hint}"));
            }
        }
        Some(members)
    }

    /// The members of `node`, whatever their names.
    pub(super) fn any(node: &'n Node, faults: &mut Faults) -> Option<Self> {
        let Data::Mapping(pairs) = &node.data else {
            faults.add(node.at, "type", format!("an object is due, not {}", node.noun()));
            return None;
        };
        let mut seen = crate::base::collections::Set::default();
        let mut found = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Data::Scalar(name) = &key.data else {
                faults.add(key.at, "type", "the name of a member is a string");
                continue;
            };
            if !seen.insert(name.text.as_str()) {
                let name = name.text.escape_debug();
                faults.add(key.at, "duplicate", format!("`{name}` is given twice"));
                continue;
            }
            if !is_null(value) {
                found.push((name.text.as_str(), value));
            }
        }
        Some(Self { at: node.at, found })
    }

    pub(super) fn all(&self) -> &[(&'n str, &'n Node)] {
        &self.found
    }

    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.found.iter().find(|(found, _)| *found == name).map(|(_, node)| *node)
    }

    /// A member that must be there.
    pub(super) fn required(&self, name: &str, faults: &mut Faults) -> Option<&'n Node> {
        let node = self.get(name);
        if node.is_none() {
            faults.add(self.at, "required", format!("`{name}` is missing"));
        }
        node
    }

    pub(super) fn text(&self, name: &str, faults: &mut Faults) -> Option<&'n str> {
        text(self.get(name)?, faults)
    }

    pub(super) fn int(&self, name: &str, range: RangeInclusive<i64>, faults: &mut Faults) -> Option<i64> {
        int(self.get(name)?, range, faults)
    }

    pub(super) fn flag(&self, name: &str, default: bool, faults: &mut Faults) -> bool {
        let Some(node) = self.get(name) else { return default };
        match meaning(node) {
            Some(Meaning::Bool(value)) => value,
            Some(Meaning::Null | Meaning::Number(_) | Meaning::Text(_)) | None => {
                faults.add(node.at, "type", format!("true or false is due, not {}", node.noun()));
                default
            }
        }
    }

    /// The items of a list; none if it is absent.
    pub(super) fn list(&self, name: &str, faults: &mut Faults) -> &'n [Node] {
        self.get(name).map_or(&[], |node| list(node, faults))
    }
}

pub(super) fn list<'n>(node: &'n Node, faults: &mut Faults) -> &'n [Node] {
    if let Data::Sequence(items) = &node.data {
        return items;
    }
    faults.add(node.at, "type", format!("a list is due, not {}", node.noun()));
    &[]
}

pub(super) fn text<'n>(node: &'n Node, faults: &mut Faults) -> Option<&'n str> {
    match meaning(node) {
        Some(Meaning::Text(text)) => Some(text),
        Some(Meaning::Null | Meaning::Bool(_) | Meaning::Number(_)) => {
            faults.add(node.at, "type", format!("a string is due, not {}: quote it", node.noun()));
            None
        }
        None => {
            faults.add(node.at, "type", format!("a string is due, not {}", node.noun()));
            None
        }
    }
}

pub(super) fn int(node: &Node, range: RangeInclusive<i64>, faults: &mut Faults) -> Option<i64> {
    let Some(number) = number(node) else {
        faults.add(node.at, "type", format!("an integer is due, not {}", node.noun()));
        return None;
    };
    match number.scaled(0) {
        Ok(value) if range.contains(&value) => Some(value),
        Ok(_) | Err(_) => {
            let (least, most) = (range.start(), range.end());
            faults.add(node.at, "out_of_range", format!("an integer from {least} to {most} is due"));
            None
        }
    }
}

pub(super) fn number(node: &Node) -> Option<Decimal<'_>> {
    match meaning(node)? {
        Meaning::Number(number) => Some(number),
        Meaning::Null | Meaning::Bool(_) | Meaning::Text(_) => None,
    }
}

pub(super) fn meaning(node: &Node) -> Option<Meaning<'_>> {
    match &node.data {
        Data::Scalar(scalar) => Some(scalar.meaning()),
        Data::Sequence(_) | Data::Mapping(_) => None,
    }
}

pub(super) fn is_null(node: &Node) -> bool {
    meaning(node).is_some_and(|meaning| meaning == Meaning::Null)
}

/// Whether `text` is 1 to 64 of `[a-z0-9]` and `extra`.
pub(super) fn is_code(text: &str, extra: char) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == extra)
}
