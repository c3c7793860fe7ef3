//! What every request passes, whatever its route: an id, a time limit, a net under panics, and the headers
//! and counters of every answer.

use crate::domain::fault::{Details, ErrorCode, Refusal};
use crate::gateway::answer::{self, Broken, Refused};
use crate::gateway::leftover::{self, Lent};
use crate::gateway::options::{HEADER_BYTES, HEADER_FIELDS};
use crate::gateway::{Gate, body, exposition, host, router};
use crate::telemetry::label::{Reason, Route};
use crate::wire::error;
use axum::Router;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use hyper::body::Incoming;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::timeout;
use tower::Service;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES: usize = 64;

/// How a request came, for its handler.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) peer: IpAddr,
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(super) struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the caller is gone or too slow")
    }
}

impl std::error::Error for Closed {}

/// The way in.
#[derive(Debug)]
pub(super) struct Edge {
    gate: Arc<Gate>,
    router: Router,
}

impl Edge {
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        let router = router::router(Arc::clone(&gate));
        Self { gate, router }
    }

    /// The answer to a request, or none if there is nobody to answer.
    pub(super) async fn serve(&self, peer: IpAddr, request: Request<Incoming>) -> Result<Response, Closed> {
        let (mut request, left) = leftover::lend(request);
        let route = router::label(request.uri().path());
        let id = self.request_id(request.headers());
        // Assess has its own limit, from the last byte of its body.
        let unlimited = route == Route::Assess && request.method() == Method::POST;
        request.extensions_mut().insert(Arrival { peer });
        let mut response = match self.refused(peer, route, &request) {
            Some(refusal) => {
                drop(request);
                refusal
            }
            None => self.routed(request, unlimited, &id).await,
        };
        if response.extensions_mut().remove::<Broken>().is_some() {
            return Err(Closed);
        }
        if let Some(Refused(code)) = response.extensions_mut().remove() {
            self.gate.parts.telemetry.rejected(Reason::from_text(code));
        }
        self.gate.parts.telemetry.request(route, response.status().as_u16());
        // Behind what is too large nothing is worth waiting for.
        let ends =
            response.status() == StatusCode::PAYLOAD_TOO_LARGE || response.headers().contains_key(CONNECTION);
        let goes_on = match left {
            Some(left) => !ends && left.read_away(self.gate.options.bounds.leftover).await,
            None => true,
        };
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, id);
        if !goes_on {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// The answer to a request that no route sees: HTTP of its version forbids it, or its address had its
    /// share of what asks for no key.
    fn refused(&self, peer: IpAddr, route: Route, request: &Request<Lent>) -> Option<Response> {
        if let Err(refusal) = host::check(request) {
            return Some(answer::last(&refusal));
        }
        if let Err(refusal) = body::check_coding(request.headers()) {
            let mut response = answer::last(&refusal);
            *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
            return Some(response);
        }
        if request.version() >= Version::HTTP_2 && list_bytes(request) > HEADER_BYTES {
            let mut response = answer::refuse(&refusal_of_head(431));
            *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Some(response);
        }
        // Machines nearby probe and scrape as often as they are told to.
        let limited = match route {
            Route::Health => true,
            Route::Livez | Route::Readyz | Route::Metrics => !exposition::is_near(peer),
            Route::Assess | Route::Other => false,
        };
        if !limited {
            return None;
        }
        let wait = self.gate.addresses.take(peer, self.gate.parts.clock.now()).err()?;
        let message = "the address calls public routes too often";
        let mut response = answer::refuse(&Refusal::new(ErrorCode::RateLimited, message));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        Some(response)
    }

    /// The answer of a route.
    async fn routed(&self, request: Request<Lent>, unlimited: bool, id: &HeaderValue) -> Response {
        let answer = Caught(Box::pin(self.router.clone().call(request)));
        let answered = if unlimited {
            Some(answer.await)
        } else {
            timeout(self.gate.options.bounds.other, answer).await.ok()
        };
        match answered {
            Some(Some(Ok(response))) => response,
            Some(None) => {
                tracing::error!(request_id = ?id, "a handler panicked");
                answer::internal(id)
            }
            None => answer::refuse(&Refusal::new(ErrorCode::Timeout, "no answer in time")),
        }
    }

    /// The caller's id of the request if it is one, else a new one.
    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let given = headers.get(&REQUEST_ID).filter(|id| is_request_id(id.as_bytes()));
        given.cloned().unwrap_or_else(|| {
            HeaderValue::try_from(self.new_id()).unwrap_or(HeaderValue::from_static("none"))
        })
    }

    fn new_id(&self) -> String {
        // Without randomness the id is only unique: it is no secret.
        let callers = &self.gate.parts.callers;
        let unique = |_| format!("{}-{}", callers.instance(), callers.number());
        self.gate.random.id().unwrap_or_else(unique)
    }

    /// The server library's refusal of a request head, whose status and other lines stay, as an answer like
    /// all others. It names no caller's id: what could not be read has none.
    pub(super) fn reword(&self, head: &[u8]) -> Bytes {
        let head = String::from_utf8_lossy(head);
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(400);
        let refusal = refusal_of_head(status);
        let (_, body) = error::render(&refusal);
        self.gate.parts.telemetry.rejected(Reason::from_text(refusal.code.text()));
        self.gate.parts.telemetry.request(Route::Other, status);
        let lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with("content-length:"));
        let mut answer: String = lines.flat_map(|line| [line, "\r\n"]).collect();
        answer.push_str(&format!(
            "content-type: application/json\r\ncontent-length: {}\r\nx-request-id: {}\r\ncache-control: no-store\r\n\r\n",
            body.len(),
            self.new_id(),
        ));
        Bytes::from([answer.into_bytes(), body].concat())
    }
}

/// No code of the contract is of heads; a malformed header is a validation error.
fn refusal_of_head(status: u16) -> Refusal {
    if status != 431 {
        return Refusal::new(ErrorCode::ValidationError, "the request line or a header is malformed");
    }
    let message = format!("a header block has at most {HEADER_BYTES} bytes and {HEADER_FIELDS} fields");
    let details = Details::Number("limit_bytes", u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX));
    Refusal { details, ..Refusal::new(ErrorCode::ValidationError, message) }
}

/// The size of a header list as HTTP/2 counts it: RFC 9113, section 6.5.2.
fn list_bytes<B>(request: &Request<B>) -> usize {
    const FIELD: usize = 32;
    let uri = request.uri();
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD);
    fields.fold(authority.saturating_add(path), usize::saturating_add)
}

fn is_request_id(id: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=REQUEST_ID_BYTES).contains(&id.len()) && id.iter().all(fits)
}

/// A future whose panic is an outcome: none.
struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // What a handler shares is behind locks that shrug off poison, so nothing half done is seen.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Err(_) => Poll::Ready(None),
        }
    }
}
