//! A YAML or JSON document that is no pack: the file of a person, read as strictly as packs are.

use crate::policy::diagnostic::{Diagnostic, Faults, Place};
use crate::policy::yaml::{self, Data, Meaning, Node};

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it begins.
    pub at: Place,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Null, or nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Document>),
    /// An object: names, where they stand, and values, in their order. A name given twice is a fault.
    Object(Vec<(String, Place, Document)>),
}

impl Content {
    /// What it is, for a message.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Content::Null => "null",
            Content::Bool(_) => "a bool",
            Content::Number(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Object(_) => "an object",
        }
    }
}

/// Reads a document: what can be read of it, for its reader to find more faults in, and every fault, in the
/// order of the document. Without a fault there is a document. Depth, size, anchors, aliases and tags are
/// limited as in packs.
#[must_use]
pub fn read(text: &str) -> (Option<Document>, Vec<Diagnostic>) {
    let mut faults = Faults::default();
    let document = yaml::read(text, &mut faults).map(|node| convert(node, &mut faults));
    (document, faults.into_sorted())
}

/// The reader has limited the depth.
fn convert(node: Node, faults: &mut Faults) -> Document {
    let content = match node.data {
        Data::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => Content::Null,
            Meaning::Bool(value) => Content::Bool(value),
            Meaning::Number(_) => Content::Number(scalar.text),
            Meaning::Text(_) => Content::Text(scalar.text),
        },
        Data::Sequence(items) => Content::List(items.into_iter().map(|item| convert(item, faults)).collect()),
        Data::Mapping(pairs) => {
            let mut members: Vec<(String, Place, Document)> = Vec::with_capacity(pairs.len());
            for (key, value) in pairs {
                let Data::Scalar(name) = key.data else {
                    faults.add(key.at, "type", "the name of a member is a string");
                    continue;
                };
                if members.iter().any(|(known, ..)| *known == name.text) {
                    faults.add(key.at, "duplicate", format!("`{}` is given twice", name.text.escape_debug()));
                }
                members.push((name.text, key.at, convert(value, faults)));
            }
            Content::Object(members)
        }
    };
    Document { at: node.at, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_knows_its_places() {
        let (document, faults) = read("amount: {column: price}\ncurrency: 1\n");
        let document = document.unwrap();
        assert_eq!(faults, []);
        let Content::Object(members) = document.content else { panic!("an object") };
        let [(amount, _, inner), (currency, at, number)] = members.as_slice() else { panic!("two members") };
        assert_eq!((amount.as_str(), inner.content.noun()), ("amount", "an object"));
        assert_eq!((currency.as_str(), *at), ("currency", Place { line: 2, column: 1 }));
        assert_eq!(number.content, Content::Number("1".to_owned()));
    }

    #[test]
    fn names_given_twice_are_told_all_at_once() {
        let (document, faults) = read("a: 1\na: 2\nb: {c: 1, c: 2}\n");
        let Some(Content::Object(members)) = document.map(|document| document.content) else {
            panic!("an object")
        };
        assert_eq!(members.len(), 3, "whoever reads on sees both");
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["2:1: duplicate: `a` is given twice", "3:11: duplicate: `c` is given twice"]);
    }
}
