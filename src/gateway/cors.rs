//! What browsers are told. Only routes open to checkout keys say anything.

use crate::domain::access::KeyType;
use crate::gateway::directory::Identity;
use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, x-request-id, traceparent";
const RESPONSE_HEADERS: &str = "x-request-id, idempotent-replayed, retry-after, server-timing, \
     x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset";
const SECONDS: &str = "600";

/// The answer to a preflight. It comes without the key, so every origin may ask; the call itself is judged
/// by its key.
pub(super) fn preflight(headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let out = response.headers_mut();
    out.insert(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = headers.get(ORIGIN) {
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        out.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        out.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(SECONDS));
    }
    response
}

/// Lets the browser of an allowed origin read an answer to a checkout key.
pub(super) fn allow(response: &mut Response, identity: &Identity, headers: &HeaderMap) {
    let out = response.headers_mut();
    if let Some(origin) = headers.get(ORIGIN).filter(|_| identity.key.kind == KeyType::Checkout) {
        out.insert(VARY, HeaderValue::from_static("origin"));
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        out.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
    }
}
