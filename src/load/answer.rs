//! What is read of a decision's body: the contract's section 5.3, as far as people are shown it.

use crate::domain::decision::Decision;
use serde::Deserialize;

/// A decision as somebody outside sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What to do.
    pub decision: Decision,
    /// 0 to 100.
    pub risk_score: i64,
    /// Signals that fired, the heaviest first.
    pub signals: Vec<String>,
    /// What blocked it, if something did.
    pub blocked_by: Option<String>,
    /// Members the server warned about: pointer and code.
    pub warnings: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Body {
    decision: String,
    risk_score: i64,
    signals: Vec<String>,
    blocked_by: Option<String>,
    #[serde(default)]
    field_warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Warning {
    field: String,
    code: String,
}

impl Decided {
    /// Reads a body; none if it is no decision.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: Body = serde_json::from_slice(body).ok()?;
        Some(Self {
            decision: Decision::from_text(&body.decision)?,
            risk_score: body.risk_score,
            signals: body.signals,
            blocked_by: body.blocked_by,
            warnings: body.field_warnings.into_iter().map(|warning| (warning.field, warning.code)).collect(),
        })
    }
}

/// What an error's body says, on one line: its code, its message, and the fields at fault.
#[must_use]
pub fn refusal(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        error: Refusal,
    }
    #[derive(Deserialize)]
    struct Refusal {
        code: String,
        message: String,
        #[serde(default)]
        details: Details,
    }
    #[derive(Deserialize, Default)]
    struct Details {
        #[serde(default)]
        fields: Vec<Field>,
    }
    #[derive(Deserialize)]
    struct Field {
        field: String,
        message: String,
    }
    let Answer { error } = serde_json::from_slice(body).ok()?;
    if error.details.fields.is_empty() {
        return Some(format!("{}: {}", error.code, error.message));
    }
    let fields = error.details.fields.iter().map(|field| format!("{} {}", field.field, field.message));
    Some(format!("{}: {}", error.code, fields.collect::<Vec<_>>().join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_and_an_error_are_told_apart() {
        let body = br#"{"decision":"review","risk_score":30,"signals":["high_velocity"],"blocked_by":null,
            "field_warnings":[{"field":"/phone","code":"malformed","message":"x"}],"attempt":1}"#;
        let decided = Decided::read(body).unwrap();
        assert_eq!((decided.decision, decided.risk_score), (Decision::Review, 30));
        assert_eq!(decided.warnings, [("/phone".to_owned(), "malformed".to_owned())]);
        let error = br#"{"error":{"code":"VALIDATION_ERROR","message":"1 field is not valid","details":{"fields":[{"field":"/amount","code":"required","message":"is required"}]}}}"#;
        assert_eq!(Decided::read(error), None);
        assert_eq!(refusal(error).as_deref(), Some("VALIDATION_ERROR: /amount is required"));
        assert_eq!(refusal(body), None);
    }
}
