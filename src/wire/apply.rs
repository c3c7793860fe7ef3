//! The document that changes settings, named lists and packs of one organization in one step: the body of
//! `clausum.internal.apply.v1`, as an operator writes it.
//!
//! Only its form is judged here; whether its parts fit what is in force is for whoever applies it. Both
//! put their faults into one list, so that all of them are told at once.

use crate::base::limits;
use crate::domain::decision::Flow;
use crate::domain::fault::FieldCode;
use crate::wire::json::{self, Bad, Faults, Text, Value, members};
use std::collections::{BTreeMap, BTreeSet};

members! {
    struct Body { organization, scoring, lists, packs, submerchants, members, }
}

/// What a document asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The organization it is for, if it names one.
    pub organization: Option<String>,
    /// Changes of the scoring settings of pay-ins, as `PATCH /api/v1/settings/scoring` takes them: JSON.
    pub scoring: Option<String>,
    /// Values by the list's name; none brings the shipped ones back.
    pub lists: BTreeMap<String, Option<Vec<String>>>,
    /// The pack of pay-ins; a pack of none leaves only the shipped one in force.
    pub pack: Option<Option<String>>,
}

/// What a part of a document is not for yet.
const LATER: Bad = Bad::new(FieldCode::UnknownField, "cannot be applied by this version");

/// Reads a document, as far as it can be read. None if it is no JSON object; everything else that is wrong
/// is among the faults, and what is told then is of no use but for finding more of them.
pub fn read(body: &[u8], faults: &mut Faults) -> Option<Document> {
    json::read(body, faults, |body: &Body<'_>, faults| {
        body.submerchants.refuse(LATER, faults);
        body.members.refuse(LATER, faults);
        let mut document = Document {
            organization: body.organization.string(Text::USUAL, faults),
            lists: lists(&body.lists, faults),
            ..Document::default()
        };
        of_flows(&body.scoring, faults, |value, faults| {
            let is_object = value.raw().is_some_and(|raw| raw.starts_with('{'));
            if is_object {
                document.scoring = value.raw().map(str::to_owned);
            } else {
                value.fault(Bad::new(FieldCode::Type, "must be an object"), faults);
            }
        });
        of_flows(&body.packs, faults, |value, faults| document.pack = pack(&value, faults));
        document
    })
}

/// Hands the entry of pay-ins to `take`.
fn of_flows(value: &Value<'_>, faults: &mut Faults, mut take: impl FnMut(Value<'_>, &mut Faults)) {
    each(value, faults, |entry, faults| match Flow::from_text(entry.name()) {
        Some(Flow::Payin) => take(entry, faults),
        Some(Flow::Payout) => entry.fault(LATER, faults),
        None => entry.fault(Bad::new(FieldCode::UnknownField, "is no flow"), faults),
    });
}

/// Hands each entry of an object to `take`; a name given twice is a fault.
fn each(value: &Value<'_>, faults: &mut Faults, mut take: impl FnMut(Value<'_>, &mut Faults)) {
    let Some(entries) = value.entries(faults) else { return };
    faults.within(value.name(), |faults| {
        let mut seen = BTreeSet::new();
        for (name, raw) in &entries {
            let entry = Value::entry(name, raw);
            if seen.insert(name.as_ref()) {
                take(entry, faults);
            } else {
                entry.fault(Bad::new(FieldCode::Duplicate, "is given twice"), faults);
            }
        }
    });
}

fn lists(value: &Value<'_>, faults: &mut Faults) -> BTreeMap<String, Option<Vec<String>>> {
    let mut lists = BTreeMap::new();
    each(value, faults, |entry, faults| {
        let values = if entry.is_null() {
            None
        } else {
            entry.items(limits::LIST_ENTRIES, faults, |item, faults| {
                item.required().string(Text::USUAL, faults)
            })
        };
        lists.insert(entry.name().to_owned(), values);
    });
    lists
}

/// A pack is a text, YAML or JSON, or the JSON itself.
fn pack(value: &Value<'_>, faults: &mut Faults) -> Option<Option<String>> {
    let Some(raw) = value.raw() else { return Some(None) };
    let text = match raw.as_bytes().first() {
        Some(b'{') => Some(raw.to_owned()),
        Some(b'"') => serde_json::from_str::<String>(raw).ok(),
        _ => None,
    };
    match text {
        Some(text) if text.len() > limits::PACK_BYTES => {
            let message = format!("must have at most {} bytes", limits::PACK_BYTES);
            value.fault(Bad { code: FieldCode::Length, message: message.into() }, faults);
        }
        Some(text) => return Some(Some(text)),
        None => value.fault(Bad::new(FieldCode::Type, "must be a pack: a text or an object"), faults),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Result<Document, &[&str]>) {
        let mut faults = Faults::strict();
        let document = read(body.as_bytes(), &mut faults);
        let told: Vec<_> = faults.into_vec().iter().map(|f| format!("{} {}", f.field, f.message)).collect();
        match expected {
            Ok(expected) => assert_eq!((document, told), (Some(expected), vec![]), "{body}"),
            Err(expected) => assert_eq!(told, expected, "{body}"),
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        check("{}", Ok(Document::default()));
        check(r#"{"scoring":{},"lists":{},"packs":{}}"#, Ok(Document::default()));
        let document = Document {
            organization: Some("o".to_owned()),
            scoring: Some(r#"{"thresholds":{"review":10}}"#.to_owned()),
            lists: [("a".to_owned(), Some(vec!["x".to_owned()])), ("b".to_owned(), None)].into(),
            pack: Some(Some("pack: acme\n\tx".to_owned())),
        };
        let body = r#"{"organization":"o","scoring":{"payin":{"thresholds":{"review":10}}},"lists":{"a":[" x "],"b":null},"packs":{"payin":"pack: acme\n\tx"}}"#;
        check(body, Ok(document));
        let pack =
            |text: Option<&str>| Document { pack: Some(text.map(str::to_owned)), ..Document::default() };
        check(r#"{"packs":{"payin":null}}"#, Ok(pack(None)));
        check(r#"{"packs":{"payin":{"pack":"acme"}}}"#, Ok(pack(Some(r#"{"pack":"acme"}"#))));
    }

    #[test]
    fn every_fault_of_form_has_its_pointer() {
        let body = r#"{"settings":{},"members":[],"scoring":{"payin":3,"payout":{},"both":{}},"lists":{"a":[1,""],"b":"x","a":[]},"packs":{"payin":7}}"#;
        check(
            body,
            Err(&[
                "/settings is not known here",
                "/members cannot be applied by this version",
                "/lists/a/0 must be a string",
                "/lists/a/1 must not be empty",
                "/lists/b must be an array",
                "/lists/a is given twice",
                "/scoring/payin must be an object",
                "/scoring/payout cannot be applied by this version",
                "/scoring/both is no flow",
                "/packs/payin must be a pack: a text or an object",
            ]),
        );
        check("[1]", Err(&[" must be an object"]));
        check("{", Err(&[" is not JSON: ends too early"]));
    }
}
