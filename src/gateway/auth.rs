//! API keys: the contract's section 2.1. Nothing here says whether a key exists but is off, or was never
//! made: both are 401.

use crate::base::hash::hmac_sha256;
use crate::base::keycode;
use crate::domain::access::{KeyType, Permission};
use crate::domain::fault::{Details, ErrorCode, Refusal};
use crate::gateway::Gate;
use crate::gateway::directory::Identity;
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, Uri};

/// What a route asks of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Whether browsers may call it, with a checkout key.
    pub(super) checkout: bool,
    pub(super) permission: Permission,
}

/// Who calls, if they may.
pub(super) fn identify(gate: &Gate, uri: &Uri, headers: &HeaderMap, need: Need) -> Result<Identity, Refusal> {
    let key = presented(uri, headers, gate.options.query_api_key).ok_or_else(unauthorized)?;
    let kind = KeyType::ALL.into_iter().find(|kind| keycode::is_well_formed(kind.prefix(), key));
    // Keys of event senders open their own surface only.
    kind.filter(|kind| *kind != KeyType::Ingest).ok_or_else(unauthorized)?;
    if !gate.parts.directory.is_loaded() {
        let message = "the gateway has no view of the keys yet";
        return Err(Refusal::new(ErrorCode::RateLimitStoreUnavailable, message));
    }
    let digest = hmac_sha256(&gate.options.installation_key, &[key.as_bytes()]);
    let identity = gate.parts.directory.find(&digest).ok_or_else(unauthorized)?;
    if !identity.key.is_active(gate.parts.clock.now()) {
        return Err(unauthorized());
    }
    judge(&identity, headers, need)?;
    Ok(identity)
}

/// Whether a key that works is right for a route.
fn judge(identity: &Identity, headers: &HeaderMap, need: Need) -> Result<(), Refusal> {
    match identity.key.kind {
        KeyType::Ingest => return Err(unauthorized()),
        KeyType::Checkout if !need.checkout => {
            return Err(Refusal::new(ErrorCode::SecretKeyRequired, "a server key is due here"));
        }
        KeyType::Checkout => {
            if !identity.member.organization.allow_publishable_assess {
                let message = "the organization does not allow checkout keys";
                return Err(Refusal::new(ErrorCode::PublicKeyNotAllowed, message));
            }
            if !allows_origin(identity, headers) {
                let message = "the origin is not among those of the key";
                return Err(Refusal::new(ErrorCode::PublicKeyNotAllowed, message));
            }
        }
        KeyType::Server => {}
    }
    if !identity.key.permissions.holds(need.permission) {
        let details = Details::Text("permission", need.permission.text().to_owned());
        return Err(Refusal { details, ..Refusal::new(ErrorCode::Forbidden, "the key lacks a permission") });
    }
    Ok(())
}

/// Whether the key's origins hold that of the request. A request without one is from no browser, so it is
/// of none of them.
fn allows_origin(identity: &Identity, headers: &HeaderMap) -> bool {
    let allowed = &identity.key.allowed_origins;
    let origin = headers.get(ORIGIN).map(|origin| origin.as_bytes());
    allowed.is_empty()
        || origin.is_some_and(|origin| allowed.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(origin)))
}

/// The key presented. A header wins, also one that holds no key.
pub(super) fn presented<'a>(uri: &'a Uri, headers: &'a HeaderMap, in_query: bool) -> Option<&'a str> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| key.trim());
    }
    let query = uri.query().filter(|_| in_query)?;
    query.split('&').find_map(|pair| pair.strip_prefix("api_key="))
}

fn unauthorized() -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, "a valid API key is due")
}
