//! `POST /api/v1/assess`: who calls, what they send, the record, and the wait for its decision.
//!
//! Before the record is handed to the log everything is refused with its own error; afterwards the answer
//! is the shard's, or 504, because the decision may still be made.

use crate::base::position::{Topic, TopicPartition};
use crate::base::time::Ms;
use crate::domain::access::{KeyType, Permission};
use crate::domain::fault::{ErrorCode, FieldCode, FieldFault, Refusal};
use crate::domain::payin::PayinRequest;
use crate::gateway::answer::{self, json};
use crate::gateway::auth::{self, Need};
use crate::gateway::body::{self, NoBody};
use crate::gateway::directory::Identity;
use crate::gateway::edge::Arrival;
use crate::gateway::pending::Caller;
use crate::gateway::{Gate, cors};
use crate::log::AppendError;
use crate::shard::effects::Reply;
use crate::wire::envelope::{RecordType, is_trace};
use crate::wire::record::{Builder, TooLarge};
use crate::wire::{assess, field, header};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::{HeaderName, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NEED: Need = Need { checkout: true, permission: Permission::Assess };
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What `ce_source` of the gateway's records says.
const SOURCE: &str = "clausum/gateway";
const USER_AGENT_CHARS: usize = 1_024;

/// Why there is no decision.
enum Stop {
    Refused(Refusal),
    /// Where the next request would begin cannot be known.
    Malformed,
    /// There is nobody to answer.
    Broken,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

/// The route.
pub(super) async fn post(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let admission = match auth::admit(&gate, &parts, NEED) {
        Ok(admission) => admission,
        Err(response) => return *response,
    };
    let mut response = match answered(&gate, &admission.identity, &parts, body).await {
        Ok(response) => response,
        Err(Stop::Refused(refusal)) => answer::refuse(&refusal),
        Err(Stop::Malformed) => answer::last(&body::malformed()),
        Err(Stop::Broken) => return answer::broken(),
    };
    admission.finish(&mut response, &parts.headers);
    response
}

/// What a browser asks before.
pub(super) async fn preflight(request: Request) -> Response {
    cors::preflight(request.headers())
}

async fn answered(
    gate: &Arc<Gate>,
    identity: &Identity,
    parts: &Parts,
    body: Body,
) -> Result<Response, Stop> {
    gate.unless_in_maintenance()?;
    if let Err(response) = answer::unless_json_is_taken(&parts.headers) {
        return Ok(*response);
    }
    if !gate.parts.partitions.takes(identity.member.partition, gate.options.bounds.lag_ms) {
        return Err(unavailable("the organization's partition is behind or not deciding").into());
    }
    body::check_kind(&parts.headers)?;
    body::check_length(&parts.headers)?;
    let body = match body::read(body, gate.options.bounds.body_idle).await {
        Ok(body) => body,
        Err(NoBody::TooLarge) => return Err(body::too_large().into()),
        Err(NoBody::Malformed) => return Err(Stop::Malformed),
        Err(NoBody::Broken) => return Err(Stop::Broken),
    };
    let received = gate.parts.clock.elapsed();
    let response = decided(gate, identity, parts, &body, received).await;
    gate.parts.telemetry.assessed(gate.parts.clock.elapsed().saturating_sub(received));
    Ok(response?)
}

/// From a whole body to its answer.
async fn decided(
    gate: &Arc<Gate>,
    identity: &Identity,
    parts: &Parts,
    body: &[u8],
    received: Duration,
) -> Result<Response, Refusal> {
    let received_at = gate.parts.clock.now();
    let (request, idempotency_key) = read(body, &parts.headers, received_at)?;
    let peer = (identity.key.kind == KeyType::Checkout).then(|| Peer::of(&request, parts));
    let member = &identity.member;
    let caller = gate.parts.callers.register(&member.waiting).ok_or_else(|| unavailable("too many wait"))?;
    let id = caller.id();
    let envelope = Envelope { id: &id, received_at, idempotency_key, headers: &parts.headers, peer };
    let to = TopicPartition::new(Topic::Requests, member.partition);
    let content = record(gate, &member.record_key, &assess::canonical(&request), &envelope)
        .and_then(|record| gate.parts.trust.sign(to, gate.parts.clock.now(), record))
        .map_err(|TooLarge| body::too_large())?;
    let handed = gate.parts.clock.elapsed();
    let durable = hand_over(gate, &caller, to, content)?;
    let left = gate.options.bounds.assess.saturating_sub(handed.saturating_sub(received));
    match caller.outcome(left).await {
        Some(Ok(reply)) => {
            let durable = Duration::from_micros(durable.load(Ordering::Relaxed));
            let answered = gate.parts.clock.elapsed();
            Ok(render(reply, &Times { received, handed, durable, answered }))
        }
        // Told by the log: nothing was appended.
        Some(Err(AppendError::Busy | AppendError::Full | AppendError::TooLarge)) => {
            Err(unavailable("the log takes nothing now"))
        }
        Some(Err(AppendError::Closed(_))) | None => {
            let message = "no decision in time; it may still be made: retry with the same idempotency key";
            Err(Refusal::new(ErrorCode::AssessTimeout, message))
        }
    }
}

/// The request and the key of its header, or all their faults.
fn read<'a>(
    body: &[u8],
    headers: &'a HeaderMap,
    now: Ms,
) -> Result<(PayinRequest, Option<&'a str>), Refusal> {
    let key = idempotency_key(headers);
    match (assess::read_about(body, Some(now)), key) {
        (Ok(request), Ok(key)) => Ok((request, key)),
        (Ok(_), Err(fault)) => Err(Refusal::invalid(vec![fault])),
        (Err(faults), Ok(_)) => Err(Refusal::invalid(faults)),
        (Err(mut faults), Err(fault)) => {
            // A body that cannot be read has one fault, its place.
            if faults.iter().all(|fault| fault.place.is_none()) {
                faults.insert(0, fault);
            }
            Err(Refusal::invalid(faults))
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, FieldFault> {
    let fault = |code, message| FieldFault::new("#Idempotency-Key", code, message);
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(fault(FieldCode::Duplicate, "must be given once"));
    }
    match value.to_str() {
        Ok(key) if field::idempotency_key(key).is_ok() => Ok(Some(key)),
        _ => Err(fault(FieldCode::Format, "must be 1 to 255 printable ASCII characters")),
    }
}

/// What a browser's call leaves to its connection.
struct Peer {
    ip: Option<IpAddr>,
    agent: Option<String>,
}

impl Peer {
    fn of(request: &PayinRequest, parts: &Parts) -> Self {
        let ip = parts.extensions.get::<Arrival>().map(|arrival| arrival.peer.to_canonical());
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::trim);
        let agent = agent.filter(|agent| !agent.is_empty() && !agent.contains('\t'));
        let agent = agent.map(|agent| agent.chars().take(USER_AGENT_CHARS).collect());
        Self {
            ip: ip.filter(|_| request.device.ip.is_none()),
            agent: agent.filter(|_| request.device.user_agent.is_none()),
        }
    }
}

struct Envelope<'a> {
    id: &'a str,
    received_at: Ms,
    idempotency_key: Option<&'a str>,
    headers: &'a HeaderMap,
    peer: Option<Peer>,
}

/// The record of a request: the contract's section 18.1 and what the gateway adds.
fn record(gate: &Gate, key: &str, body: &[u8], envelope: &Envelope<'_>) -> Result<Bytes, TooLarge> {
    let mut record = Builder::new(key.as_bytes(), Some(body))?;
    record.header(header::CE_SPECVERSION, b"1.0")?;
    record.header(header::CE_ID, envelope.id.as_bytes())?;
    record.header(header::CE_SOURCE, SOURCE.as_bytes())?;
    record.header(header::CE_TYPE, RecordType::Assess.text().as_bytes())?;
    record.header(header::CONTENT_TYPE, b"application/json")?;
    if let Some(key) = envelope.idempotency_key {
        record.header(header::IDEMPOTENCY_KEY, key.as_bytes())?;
    }
    if let Some(trace) = envelope.headers.get(&TRACEPARENT).filter(|trace| is_trace(trace.as_bytes())) {
        record.header(header::TRACEPARENT, trace.as_bytes())?;
    }
    record.header(header::RECEIVED, envelope.received_at.0.to_string().as_bytes())?;
    if let Some(peer) = &envelope.peer {
        record.header(header::PRECHECK, b"true")?;
        if let Some(ip) = peer.ip {
            record.header(header::PEER_IP, ip.to_string().as_bytes())?;
        }
        if let Some(agent) = &peer.agent {
            record.header(header::PEER_AGENT, agent.as_bytes())?;
        }
    }
    record.header(header::REPLY_TO, gate.parts.callers.instance().as_bytes())?;
    Ok(record.finish())
}

/// Appends a record. The answer, filled in by the log's thread, is when it was durable, in microseconds.
fn hand_over(
    gate: &Arc<Gate>,
    caller: &Caller,
    to: TopicPartition,
    content: Bytes,
) -> Result<Arc<AtomicU64>, Refusal> {
    let durable = Arc::new(AtomicU64::new(0));
    let (gate_then, durable_then, number) = (Arc::clone(gate), Arc::clone(&durable), caller.number());
    let handed = gate.parts.clock.elapsed();
    let done = move |result: Result<_, AppendError>| {
        let now = gate_then.parts.clock.elapsed();
        gate_then.log_health.heard(result.as_ref().err(), now);
        match result {
            Ok(_) => {
                durable_then.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                gate_then.parts.telemetry.appended(now.saturating_sub(handed));
            }
            Err(error) => gate_then.parts.callers.fail(number, error),
        }
    };
    match gate.parts.log.append(to, vec![content], Box::new(done)) {
        Ok(()) => Ok(durable),
        Err(error) => {
            gate.log_health.heard(Some(&error), gate.parts.clock.elapsed());
            Err(unavailable("the log takes nothing now"))
        }
    }
}

fn unavailable(message: &'static str) -> Refusal {
    Refusal::new(ErrorCode::ServiceUnavailable, message)
}

/// Moments of one request, by the elapsed clock.
struct Times {
    received: Duration,
    handed: Duration,
    /// Zero if the answer overtook the log's word.
    durable: Duration,
    answered: Duration,
}

fn render(reply: Reply, times: &Times) -> Response {
    let mut response = json(reply.status, Body::from(reply.body));
    let headers = response.headers_mut();
    if reply.replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    let durable = if times.durable.is_zero() { times.answered } else { times.durable.min(times.answered) };
    let [log, shard, total] =
        [(times.handed, durable), (durable, times.answered), (times.received, times.answered)]
            .map(|(from, to)| to.saturating_sub(from).as_micros())
            .map(|micros| format!("{}.{:03}", micros / 1_000, micros % 1_000));
    let timing = format!("log;dur={log}, shard;dur={shard}, total;dur={total}");
    if let Ok(timing) = HeaderValue::try_from(timing) {
        headers.insert(SERVER_TIMING, timing);
    }
    response
}
