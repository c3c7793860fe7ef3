//! Bodies: what they may be, and reading them no further than they may go.

use crate::base::limits;
use crate::domain::fault::{Details, ErrorCode, FieldCode, FieldFault, Refusal};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http_body_util::BodyExt;
use std::error::Error;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// Why there is no body.
#[derive(Debug)]
pub(super) enum NoBody {
    /// It is too large.
    TooLarge,
    /// Its chunks are none.
    Malformed,
    /// The caller fell silent or went away: there is nobody to answer.
    Broken,
}

/// Refuses a body that does not call itself JSON. No content type is read as JSON.
pub(super) fn check_kind(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain =
        headers.get(CONTENT_ENCODING).is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    let json = headers.get(CONTENT_TYPE).is_none_or(|value| value.to_str().is_ok_and(is_json));
    if plain && json {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::UnsupportedMediaType, "the body must be application/json, not encoded"))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some((major, minor)) = kind.split_once('/') else { return false };
    kind == "application/json" || (!major.is_empty() && minor.len() > 5 && minor.ends_with("+json"))
}

/// Refuses a body in any transfer coding but the one that is understood: RFC 9112, section 6.1.
pub(super) fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get_all(TRANSFER_ENCODING);
    let codings = given.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => {
            let fault = FieldFault::new("#Transfer-Encoding", FieldCode::Enum, "must be chunked, or absent");
            Err(Refusal::invalid(vec![fault]))
        }
    }
}

/// Refuses a body that says beforehand that it is too large.
pub(super) fn check_length(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits::BODY_BYTES) { Err(too_large()) } else { Ok(()) }
}

/// The refusal of a body beyond the limit.
pub(super) fn too_large() -> Refusal {
    let limit = u64::try_from(limits::BODY_BYTES).unwrap_or(u64::MAX);
    let details = Details::Number("limit_bytes", limit);
    Refusal { details, ..Refusal::new(ErrorCode::PayloadTooLarge, "the body is too large") }
}

/// The refusal of a body whose framing cannot be read.
pub(super) fn malformed() -> Refusal {
    Refusal::new(ErrorCode::ValidationError, "the chunks of the body are malformed")
}

/// Reads a body; no silence in it may be longer than `idle`.
pub(super) async fn read(mut body: Body, idle: Duration) -> Result<Bytes, NoBody> {
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    loop {
        let frame = match timeout(idle, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) if is_malformed(&error) => return Err(NoBody::Malformed),
            Ok(Some(Err(_))) | Err(_) => return Err(NoBody::Broken),
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + pieces.len() + data.len() > limits::BODY_BYTES {
            return Err(NoBody::TooLarge);
        }
        // Nearly every body comes in one piece, which is then not copied.
        if whole.is_empty() && pieces.is_empty() {
            whole = data;
        } else {
            pieces.extend_from_slice(&std::mem::take(&mut whole));
            pieces.extend_from_slice(&data);
        }
    }
    Ok(if pieces.is_empty() { whole } else { pieces.freeze() })
}

/// Whether reading a body failed for what the caller wrote, not for want of it.
fn is_malformed(error: &axum::Error) -> bool {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_itself_json() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"] {
            assert!(is_json(yes), "{yes}");
        }
        for no in
            ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "+json", "a/+json"]
        {
            assert!(!is_json(no), "{no}");
        }
    }
}
