//! Error answers: the contract's section 3.

use crate::domain::fault::{Details, FieldFault, Refusal, TextPlace};
use crate::wire::admin::Fault;
use crate::wire::json::{Object, object};
use serde::Deserialize;

/// An error answer as one who asked reads it.
#[derive(Debug, Deserialize)]
pub struct ErrorBody {
    error: Told,
}

#[derive(Debug, Deserialize)]
struct Told {
    code: String,
    message: String,
    #[serde(default)]
    details: ToldDetails,
}

#[derive(Debug, Default, Deserialize)]
struct ToldDetails {
    #[serde(default)]
    fields: Vec<Fault>,
}

impl ErrorBody {
    /// For a person.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.error.message
    }

    /// Everything that is wrong, one fault at least.
    #[must_use]
    pub fn faults(self) -> Vec<Fault> {
        let Told { code, message, details } = self.error;
        if details.fields.is_empty() {
            return vec![Fault { field: String::new(), code, message }];
        }
        details.fields
    }
}

/// The status and the body of a refusal.
#[must_use]
pub fn render(refusal: &Refusal) -> (u16, Vec<u8>) {
    let body = object(|body| {
        body.object("error", |error| {
            error.text("code", refusal.code.text());
            error.text("message", &refusal.message);
            error.object("details", |details| put_details(details, &refusal.details));
        });
    });
    (refusal.code.status(), body)
}

fn put_details(object: &mut Object<'_>, details: &Details) {
    match details {
        Details::None => {}
        Details::Fields(faults) => put_fields(object, faults),
        Details::Text(name, text) => object.text(name, text),
        Details::Number(name, number) => {
            object.count(name, usize::try_from(*number).unwrap_or(usize::MAX));
        }
    }
}

fn put_fields(object: &mut Object<'_>, faults: &[FieldFault]) {
    object.array("fields", |fields| {
        for fault in faults {
            fields.object(|field| {
                field.text("field", &fault.field);
                field.text("code", fault.code.text());
                field.text("message", &fault.message);
            });
        }
    });
    // Only a body that cannot be read has a place, and that is its one fault.
    if let Some(place) = faults.iter().find_map(|fault| fault.place) {
        let TextPlace { line, column, offset } = place;
        object.object("position", |position| {
            position.count("line", line);
            position.count("column", column);
            position.count("offset", offset);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::{ErrorCode, FieldCode};
    use expect_test::{Expect, expect};

    fn check(refusal: &Refusal, status: u16, expected: &Expect) {
        let (code, body) = render(refusal);
        assert_eq!(code, status);
        expected.assert_eq(std::str::from_utf8(&body).unwrap());
    }

    #[test]
    fn details_are_an_object_always() {
        let refusal = Refusal::new(ErrorCode::NotFound, "no such \"route\"");
        check(
            &refusal,
            404,
            &expect![[r#"{"error":{"code":"NOT_FOUND","message":"no such \"route\"","details":{}}}"#]],
        );
        let details = Details::Number("limit_bytes", 65_536);
        check(
            &Refusal { details, ..Refusal::new(ErrorCode::PayloadTooLarge, "too large") },
            413,
            &expect![[
                r#"{"error":{"code":"PAYLOAD_TOO_LARGE","message":"too large","details":{"limit_bytes":65536}}}"#
            ]],
        );
        let details = Details::Text("session_id", "ps_1".to_owned());
        check(
            &Refusal { details, ..Refusal::new(ErrorCode::IdempotencyConflict, "other request") },
            409,
            &expect![[
                r#"{"error":{"code":"IDEMPOTENCY_CONFLICT","message":"other request","details":{"session_id":"ps_1"}}}"#
            ]],
        );
    }

    #[test]
    fn fields_are_told_with_what_is_due() {
        let faults = vec![
            FieldFault::new("/amount", FieldCode::NotInteger, "must be a whole number of minor units"),
            FieldFault::new("?limit", FieldCode::Max, "must be at most 200"),
        ];
        check(
            &Refusal::invalid(faults),
            400,
            &expect![[
                r#"{"error":{"code":"VALIDATION_ERROR","message":"2 fields are not valid","details":{"fields":[{"field":"/amount","code":"not_integer","message":"must be a whole number of minor units"},{"field":"?limit","code":"max","message":"must be at most 200"}]}}}"#
            ]],
        );
    }

    #[test]
    fn a_body_that_is_no_json_has_a_position() {
        let faults = crate::wire::assess::read(b"{\n  \"amount\": 1,,\n}").unwrap_err();
        check(
            &Refusal::invalid(faults),
            400,
            &expect![[
                r#"{"error":{"code":"VALIDATION_ERROR","message":"1 field is not valid","details":{"fields":[{"field":"","code":"json","message":"is not JSON"}],"position":{"line":2,"column":15,"offset":16}}}}"#
            ]],
        );
    }
}
