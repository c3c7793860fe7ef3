//! API keys: the contract's section 2.1. Nothing here says whether a key exists but is off, or was never
//! made: both are 401.
//!
//! Who calls is found first, then the request counts against the key's limits, then it is judged whether
//! the key may: every answer to a limited key tells how it stands to them.

use crate::base::hash::hmac_sha256;
use crate::base::keycode;
use crate::domain::access::{KeyType, Permission};
use crate::domain::fault::{Details, ErrorCode, Refusal};
use crate::gateway::directory::Identity;
use crate::gateway::limit::Allowance;
use crate::gateway::{Gate, answer, cors, host};
use axum::response::Response;
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Uri};

/// What a route asks of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Whether browsers may call it, with a checkout key.
    pub(super) checkout: bool,
    pub(super) permission: Permission,
}

/// A caller who is known.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) identity: Identity,
    allowance: Option<Allowance>,
}

impl Admission {
    /// What every answer to this caller says: how it stands to its limits, and that the browser of an
    /// allowed origin may read it.
    pub(super) fn finish(&self, response: &mut Response, headers: &HeaderMap) {
        self.tell_limits(response);
        cors::allow(response, &self.identity, headers);
    }

    fn tell_limits(&self, response: &mut Response) {
        if let Some(allowance) = &self.allowance {
            allowance.tell(response.headers_mut());
        }
    }
}

/// Who calls, if they may; else the answer.
pub(super) fn admit(gate: &Gate, parts: &Parts, need: Need) -> Result<Admission, Box<Response>> {
    let refused = |refusal: &Refusal| Box::new(answer::refuse(refusal));
    let identity = identify(gate, &parts.uri, &parts.headers).map_err(|refusal| refused(&refusal))?;
    let allowance = identity.spent.take(&identity.key, gate.parts.clock.now());
    let admission = Admission { identity, allowance };
    let limited = allowance.and_then(|allowance| allowance.refusal());
    match (limited, judge(&admission.identity, &parts.headers, need)) {
        (None, Ok(())) => Ok(admission),
        (Some(refusal), Ok(())) => {
            let mut response = refused(&refusal);
            admission.finish(&mut response, &parts.headers);
            Err(response)
        }
        // A browser that may not call reads nothing.
        (limited, Err(refusal)) => {
            let mut response = refused(limited.as_ref().unwrap_or(&refusal));
            admission.tell_limits(&mut response);
            Err(response)
        }
    }
}

/// Whose key is presented, if it works here and now.
fn identify(gate: &Gate, uri: &Uri, headers: &HeaderMap) -> Result<Identity, Refusal> {
    let hosts = &gate.options.hosts;
    if !hosts.is_empty() && !host::name(uri, headers).is_some_and(|name| host::is_among(&name, hosts)) {
        return Err(unauthorized());
    }
    let key = presented(uri, headers, gate.options.query_api_key).ok_or_else(unauthorized)?;
    let kind = KeyType::ALL.into_iter().find(|kind| keycode::is_well_formed(kind.prefix(), key));
    // Keys of event senders open their own surface only.
    kind.filter(|kind| *kind != KeyType::Ingest).ok_or_else(unauthorized)?;
    let digest = hmac_sha256(&gate.options.installation_key, &[key.as_bytes()]);
    let directory = &gate.parts.directory;
    let identity = match directory.find(&digest) {
        Some(identity) => identity,
        None if directory.is_loaded() => return Err(unauthorized()),
        // It may be of a partition that is not open: what is known goes on, the rest is not refused.
        None => {
            let message = "the gateway has no view of all keys yet";
            return Err(Refusal::new(ErrorCode::RateLimitStoreUnavailable, message));
        }
    };
    if !identity.key.is_active(gate.parts.clock.now()) {
        return Err(unauthorized());
    }
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

/// The key presented. A header wins, also one that holds no key; of several none does, for a proxy in front may
/// have looked at another than we would.
pub(super) fn presented<'a>(uri: &'a Uri, headers: &'a HeaderMap, in_query: bool) -> Option<&'a str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    if let Some(value) = given.next() {
        if given.next().is_some() {
            return None;
        }
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| key.trim());
    }
    let query = uri.query().filter(|_| in_query)?;
    query.split('&').find_map(|pair| pair.strip_prefix("api_key="))
}

fn unauthorized() -> Refusal {
    Refusal::new(ErrorCode::Unauthorized, "a valid API key is due")
}
