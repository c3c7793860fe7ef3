//! `metadata`: members of the caller's own, of which rules read the scalar ones as text.

use crate::base::limits;
use crate::domain::fault::FieldCode;
use crate::domain::payin::MetadataValue;
use crate::wire::json::{Bad, Faults, Object, Text, Value, object, spell_numbers};

const KEY: Text = Text::upto(limits::METADATA_KEY_CHARS);
const SCALAR: Text = Text::upto(limits::METADATA_VALUE_CHARS).lines();

/// The members in the order of their names. Of a name given twice the last counts; a value that is null
/// or empty is absent.
pub fn read(value: &Value<'_>, faults: &mut Faults) -> Vec<(String, MetadataValue)> {
    let Some(mut entries) = value.entries(faults) else { return Vec::new() };
    // The sort is stable, so of equal names the last given now comes first.
    entries.reverse();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|later, first| later.0 == first.0);
    entries.retain(|(_, raw)| *raw != "null");
    if entries.len() > limits::METADATA_MEMBERS {
        let message = format!("must have at most {} members", limits::METADATA_MEMBERS);
        value.fault(Bad { code: FieldCode::Max, message: message.into() }, faults);
        return Vec::new();
    }
    let mut metadata = Vec::with_capacity(entries.len());
    for (key, raw) in entries {
        let read = faults.within(value.name(), |faults| {
            let entry = Value::entry(&key, raw);
            if let Err(bad) = KEY.check(&key) {
                let message = format!("its name {}", bad.message);
                entry.fault(Bad { message: message.into(), ..bad }, faults);
                return None;
            }
            read_value(entry, raw, faults)
        });
        metadata.extend(read.map(|read| (key.into_owned(), read)));
    }
    // Written again it is never longer than it was given.
    if value.raw().is_some_and(|raw| raw.len() > limits::METADATA_BYTES) {
        let written = object(|object| put_members(object, &metadata));
        if written.len() > limits::METADATA_BYTES {
            let message = format!("must have at most {} bytes as JSON", limits::METADATA_BYTES);
            value.fault(Bad { code: FieldCode::Length, message: message.into() }, faults);
        }
    }
    metadata
}

fn read_value(value: Value<'_>, raw: &str, faults: &mut Faults) -> Option<MetadataValue> {
    match raw.as_bytes().first() {
        Some(b'"') => value.string(SCALAR, faults).map(MetadataValue::Text),
        Some(b'{' | b'[') => Some(MetadataValue::Nested(compact(raw))),
        _ => match SCALAR.check(raw) {
            Ok(()) => Some(MetadataValue::Literal(raw.to_owned())),
            Err(bad) => {
                value.fault(bad, faults);
                None
            }
        },
    }
}

/// JSON without the space between its parts.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |char: &char| {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        in_string || !matches!(char, ' ' | '\t' | '\n' | '\r')
    };
    json.chars().filter(keep).collect()
}

/// Puts `metadata` as it is read again, if there is any.
pub fn write(object: &mut Object<'_>, metadata: &[(String, MetadataValue)]) {
    if !metadata.is_empty() {
        object.object("metadata", |object| put_members(object, metadata));
    }
}

/// Puts `metadata` so that equal numbers are equal texts, nested ones too. It is for comparison only: rules
/// read a number as it was written.
pub fn write_comparable(object: &mut Object<'_>, metadata: &[(String, MetadataValue)]) {
    let one_spelling = |(key, value): &(String, MetadataValue)| {
        let value = match value {
            MetadataValue::Text(text) => MetadataValue::Text(text.clone()),
            MetadataValue::Literal(json) => MetadataValue::Literal(spell_numbers(json)),
            MetadataValue::Nested(json) => MetadataValue::Nested(spell_numbers(json)),
        };
        (key.clone(), value)
    };
    write(object, &metadata.iter().map(one_spelling).collect::<Vec<_>>());
}

fn put_members(object: &mut Object<'_>, metadata: &[(String, MetadataValue)]) {
    for (key, value) in metadata {
        match value {
            MetadataValue::Text(text) => object.text(key, text),
            MetadataValue::Literal(json) | MetadataValue::Nested(json) => object.json(key, json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json;

    json::members! {
        struct Body { metadata, }
    }

    /// The metadata written again, or the faults as `pointer code` apart by `; `.
    fn outcome(metadata: &str) -> String {
        let body = format!("{{\"metadata\":{metadata}}}");
        let mut faults = Faults::lenient();
        let read =
            json::read(body.as_bytes(), &mut faults, |body: &Body<'_>, faults| read(&body.metadata, faults));
        let told: Vec<_> =
            faults.into_vec().iter().map(|fault| format!("{} {}", fault.field, fault.code)).collect();
        if !told.is_empty() {
            return told.join("; ");
        }
        String::from_utf8(object(|object| write(object, &read.unwrap()))).unwrap()
    }

    #[track_caller]
    fn check(metadata: &str, expected: &str) {
        assert_eq!(outcome(metadata), expected, "{metadata}");
    }

    #[test]
    fn members_are_kept_in_order_and_the_last_of_a_name_counts() {
        check(r#"{"b":1,"a":" x ","B":true}"#, r#"{"metadata":{"B":true,"a":"x","b":1}}"#);
        check(r#"{"a":1,"b":2,"a":3,"\u0061":4}"#, r#"{"metadata":{"a":4,"b":2}}"#);
        check(r#"{"a":1,"a":null,"b":"","c":" \n "}"#, "{}");
        check(r#"{"":1.50,"~/":-0e1}"#, r#"{"metadata":{"":1.50,"~/":-0e1}}"#);
        check("null", "{}");
        check("[]", "/metadata type");
    }

    #[test]
    fn nested_values_keep_their_text_but_for_space() {
        check(
            "{\"n\":[ 1.0 , \"a b\\\" ] \\\\\" ,\n{ \"x\" :\tnull, \"x\":\"\\ud800\" } ]}",
            r#"{"metadata":{"n":[1.0,"a b\" ] \\",{"x":null,"x":"\ud800"}]}}"#,
        );
    }

    #[test]
    fn texts_may_have_lines_and_nothing_else_of_the_kind() {
        check(r#"{"a":"x\r\ny"}"#, r#"{"metadata":{"a":"x\r\ny"}}"#);
        check(
            r#"{"a":"x\ty","b":"\ud800","c\n":1}"#,
            "/metadata/a format; /metadata/b format; /metadata/c\n format",
        );
    }

    #[test]
    fn limits() {
        let text = |count: usize| format!("\"{}\"", "é".repeat(count));
        let of = |key: &str, value: &str| format!("{{{key}:{value}}}");
        assert!(outcome(&of(&text(64), "1")).starts_with("{\"metadata\""));
        // As much of the name is told as a name may have.
        check(&of(&text(65), "1"), &format!("/metadata/{}… length", "é".repeat(64)));
        check(&of(&text(30_000), "1"), &format!("/metadata/{}… length", "é".repeat(64)));
        check(&of("\"a/~\\n\"", "1"), "/metadata/a~1~0\n format");
        assert!(outcome(&of("\"a\"", &text(1_024))).starts_with("{\"metadata\""));
        check(&of("\"a\"", &text(1_025)), "/metadata/a length");
        check(&of("\"a\"", &"1".repeat(1_025)), "/metadata/a length");
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|at| format!("\"k{at}\":1")).collect();
            format!("{{\"k0\":0,\"none\":null,{}}}", members.join(","))
        };
        assert!(outcome(&many(50)).starts_with("{\"metadata\""));
        check(&many(51), "/metadata max");
    }

    #[test]
    fn all_in_all_it_is_measured_as_it_is_written() {
        // {"n":["…"]} has ten bytes around the text.
        let nested = |count: usize| format!("{{\"n\":[{}\"{}\"]}}", " ".repeat(5_000), "x".repeat(count));
        assert_eq!(outcome(&nested(8_182)).len(), 8_192 + r#"{"metadata":}"#.len());
        check(&nested(8_183), "/metadata length");
    }
}
