//! Paths of names to what the schema says they are; shared by expressions and templates.

use super::fault::FaultCode;
use super::schema::{Resolved, Schema, Type};

/// What a path was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Value { slot: u32, ty: Type, optional: bool },
    Entry { slot: u32, key: Box<str> },
    List { id: u32, of: Type, optional: bool },
    Map { slot: u32 },
    Object,
}

/// Why a path is refused.
pub(super) type Refusal = (FaultCode, String);

/// Resolves a path, the longest prefix first. Behind a map one more name is a key of it.
pub(super) fn resolve(names: &[Box<str>], schema: &mut dyn Schema) -> Result<Found, Refusal> {
    let path: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let suggestion = match schema.resolve(&path) {
        Resolved::Value { slot, ty, optional } => return Ok(Found::Value { slot, ty, optional }),
        Resolved::List { id, of, optional } => return Ok(Found::List { id, of, optional }),
        Resolved::Map { slot } => return Ok(Found::Map { slot }),
        Resolved::Object => return Ok(Found::Object),
        Resolved::Refused { message } => return Err((FaultCode::Refused, message)),
        Resolved::Unknown { suggestion } => suggestion,
    };
    for length in (1..path.len()).rev() {
        let Some((prefix, rest)) = path.split_at_checked(length) else { continue };
        match schema.resolve(prefix) {
            Resolved::Map { slot } => {
                if let [key] = rest {
                    return Ok(Found::Entry { slot, key: (*key).into() });
                }
                return Err(no_member(prefix, "an entry of a map", rest));
            }
            Resolved::Value { ty, .. } => return Err(no_member(prefix, ty.noun(), rest)),
            Resolved::List { .. } => return Err(no_member(prefix, "a list", rest)),
            Resolved::Refused { message } => return Err((FaultCode::Refused, message)),
            Resolved::Object => break,
            Resolved::Unknown { .. } => {}
        }
    }
    let hint = suggestion.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Err((FaultCode::UnknownName, format!("`{}` is not known{hint}", path.join("."))))
}

fn no_member(prefix: &[&str], what: &str, rest: &[&str]) -> Refusal {
    let name = rest.first().copied().unwrap_or_default();
    (FaultCode::UnknownName, format!("`{}` is {what} and has no member `{name}`", prefix.join(".")))
}
