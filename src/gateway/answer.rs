//! Answers: JSON bodies and refusals in the one shape of the contract's section 3.

use crate::domain::fault::{Details, ErrorCode, Refusal};
use crate::wire::error;
use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

/// The code of an error answer, for the counters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(pub(super) &'static str);

/// On an answer: the caller is gone or too slow, and the connection is to be closed without one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Broken;

/// A JSON answer.
pub(super) fn json(status: u16, body: impl Into<Body>) -> Response {
    content(status, HeaderValue::from_static("application/json"), body)
}

/// An answer of another type.
pub(super) fn content(status: u16, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// An error answer.
pub(super) fn refuse(refusal: &Refusal) -> Response {
    let (status, body) = error::render(refusal);
    let mut response = json(status, body);
    response.extensions_mut().insert(Refused(refusal.code.text()));
    if matches!(status, 429 | 503) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// An error answer behind which an HTTP/1 connection is closed.
pub(super) fn last(refusal: &Refusal) -> Response {
    let mut response = refuse(refusal);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 500, with nothing of what happened but the id to look for.
pub(super) fn internal(request_id: &HeaderValue) -> Response {
    let details = Details::Text("request_id", request_id.to_str().unwrap_or_default().to_owned());
    refuse(&Refusal { details, ..Refusal::new(ErrorCode::InternalError, "something failed here") })
}

/// An answer that is none: the connection is closed.
pub(super) fn broken() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Broken);
    response
}

/// Refuses with 406 a caller that would not take JSON. What is not understood is taken for agreement.
pub(super) fn unless_json_is_taken(headers: &HeaderMap) -> Result<(), Box<Response>> {
    let mut asked = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if asked.peek().is_none() || asked.flat_map(|value| value.split(',')).any(takes_json) {
        return Ok(());
    }
    let refusal = Refusal::new(ErrorCode::NotAcceptable, "only application/json is offered");
    Err(Box::new(refuse(&refusal)))
}

fn takes_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let fits =
        ["*/*", "application/*", "application/json"].iter().any(|offer| kind.eq_ignore_ascii_case(offer));
    // A weight of zero says no.
    let refused = |parameter: &str| {
        parameter
            .strip_prefix("q=")
            .is_some_and(|weight| weight.bytes().all(|byte| matches!(byte, b'0' | b'.')))
    };
    fits && !parts.any(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_accept_lets_through() {
        for (accept, taken) in [
            ("*/*", true),
            ("application/json", true),
            ("text/html, application/*;q=0.1", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(unless_json_is_taken(&headers).is_ok(), taken, "{accept}");
        }
        assert!(unless_json_is_taken(&HeaderMap::new()).is_ok());
    }
}
