//! `metadata`: members of the caller's own, of which rules read the scalar ones as text.

use crate::base::limits;
use crate::domain::fault::FieldCode;
use crate::domain::payin::MetadataValue;
use crate::wire::json::{Bad, Faults, Object, Text, Value, object};

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
        if let Err(bad) = KEY.check(&key) {
            let message = format!("each name {}", bad.message);
            value.fault(Bad { message: message.into(), ..bad }, faults);
            continue;
        }
        let read = faults.within(value.name(), |faults| read_value(Value::entry(&key, raw), raw, faults));
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

fn put_members(object: &mut Object<'_>, metadata: &[(String, MetadataValue)]) {
    for (key, value) in metadata {
        match value {
            MetadataValue::Text(text) => object.text(key, text),
            MetadataValue::Literal(json) | MetadataValue::Nested(json) => object.json(key, json),
        }
    }
}
