//! Deciding a payment: idempotency, session, entities, windows, verdict, and what is kept of it.

use crate::base::hash::Hash128;
use crate::base::id::OrgId;
use crate::base::limits;
use crate::base::position::Offset;
use crate::domain::access::Organization;
use crate::domain::decision::Flow;
use crate::domain::entity::Entity;
use crate::domain::fault::{Details, ErrorCode, FieldCode, FieldFault, Refusal};
use crate::domain::payin::PayinRequest;
use crate::policy::Inputs;
use crate::policy::Policy;
use crate::policy::{BlockedBy, Item, Verdict};
use crate::shard::answer::{Answer, DECISION, Emitter};
use crate::shard::decode::Assess;
use crate::shard::effects::Note;
use crate::shard::features::Heads;
use crate::shard::prepared::Prepared;
use crate::shard::render::Bodies;
use crate::shard::step::{Fail, Scene};
use crate::state::control_rows::ListsRow;
use crate::state::decision_row::{Basis, Blocked, DecisionRow, Echo, Facts, VerdictPart};
use crate::state::event::{EventRow, ValueKind};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::state::session::{IdempotencyRow, SessionRow, TransactionId};
use crate::state::velocity::posting::{Outcome, Posting};
use crate::wire::assess;
use crate::wire::envelope::Envelope;
use std::sync::Arc;

/// Spaces of the organization's keyed hashes, beside those of `naming` and `prepared`.
const SPACE_REQUEST: u8 = 201;
const SPACE_TRANSACTION: u8 = 204;
const SPACE_VALUE: u8 = 205;

/// Decides a payment.
pub(super) fn assess(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    org_id: OrgId,
    payment: &Assess,
    envelope: &Envelope<'_>,
) -> Result<(), Fail> {
    let request = &payment.request;
    let org = scene.organization(org_id)?;
    check_key(envelope)?;
    let prepared = Prepared::of(scene, &org, payment, envelope);
    let comparable = org.entity_key.hash(SPACE_REQUEST, &payment.comparable);
    if let Some(entry) = scene.working.get::<IdempotencyRow>(&prepared.idempotency)?.cloned() {
        return repeat(scene, emitter, org_id, &entry, comparable);
    }
    // Behind the look-up: a repeat is one however late it comes.
    let fault = assess::check_occurred_at(request, scene.timestamp);
    if let Some(fault) = fault {
        return Err(Fail::Refused(Refusal::invalid(vec![fault]), None));
    }
    let row = decide(scene, emitter, &org, payment, envelope, &prepared)?;
    let entry = IdempotencyRow {
        request: comparable,
        session: prepared.session,
        attempt: row.attempt,
        decided_at: scene.clock,
    };
    scene.working.put(prepared.idempotency, Row::Idempotency(entry));
    let key = Key::Decision(org_id, Flow::Payin, prepared.session, row.attempt);
    let policy = scene.policy_of(key, &row)?;
    note(emitter, &row, &policy);
    answer(emitter, &row, &policy, false)?;
    scene.working.put(key, Row::Decision(Box::new(row)));
    Ok(())
}

/// The gateway checks its own header; a switch's is checked here.
fn check_key(envelope: &Envelope<'_>) -> Result<(), Fail> {
    let Some(key) = envelope.idempotency_key else { return Ok(()) };
    let printable = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !key.is_empty() && key.len() <= limits::IDEMPOTENCY_KEY_CHARS && printable {
        return Ok(());
    }
    let message = "must have 1 to 255 printable ASCII characters";
    let fault = FieldFault::new("#Idempotency-Key", FieldCode::Format, message);
    Err(Fail::Refused(Refusal::invalid(vec![fault]), None))
}

/// Answers a request that was decided before, or refuses one that is another.
fn repeat(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    org: OrgId,
    entry: &IdempotencyRow,
    comparable: Hash128,
) -> Result<(), Fail> {
    let key = Key::Decision(org, Flow::Payin, entry.session, entry.attempt);
    let row = scene.working.get::<Box<DecisionRow>>(&key)?.ok_or(Fail::broken(key))?.clone();
    if entry.request != comparable {
        let refusal = Refusal {
            code: ErrorCode::IdempotencyConflict,
            message: "the idempotency key was used for another request".into(),
            details: Details::Text("session_id", row.session_id),
        };
        return Err(Fail::Refused(refusal, None));
    }
    let policy = scene.policy_of(key, &row)?;
    emitter.note(Note::Repeated);
    answer(emitter, &row, &policy, true)
}

fn answer(emitter: &mut Emitter<'_>, row: &DecisionRow, policy: &Policy, replayed: bool) -> Result<(), Fail> {
    let bodies = Bodies::of(row, policy);
    let answer = Answer { kind: DECISION, status: 200, replayed, body: bodies.topic() };
    emitter.answer(&answer, || bodies.http()).map_err(Fail::from)
}

fn note(emitter: &mut Emitter<'_>, row: &DecisionRow, policy: &Policy) {
    let verdict = &row.verdict;
    let errors = verdict.signal_errors.len() + verdict.rule_errors.len();
    emitter.note(Note::Decided {
        flow: row.flow,
        decision: verdict.decision,
        errors: u32::try_from(errors).unwrap_or(u32::MAX),
    });
    for (signal, _) in &verdict.fired {
        emitter.note(Note::Signal(Arc::from(policy.code(*signal).unwrap_or(""))));
    }
}

fn decide(
    scene: &mut Scene<'_>,
    emitter: &Emitter<'_>,
    org: &Organization,
    payment: &Assess,
    envelope: &Envelope<'_>,
    prepared: &Prepared,
) -> Result<DecisionRow, Fail> {
    let (request, at, entities) = (&payment.request, prepared.event.at, &prepared.entities);
    let session_key = Key::Session(org.id, Flow::Payin, prepared.session);
    let session = scene.working.get::<SessionRow>(&session_key)?.cloned();
    let policy = scene.policy_in_force(org.id, Flow::Payin)?;
    let settings = scene.settings(org.id, Flow::Payin)?;
    let horizon = |kind| scene.working.retention().horizon(scene.clock, policy.kept_ms(kind));
    let mut heads = Heads::take(prepared.event, entities, horizon, scene.working)?;
    let computed = heads.values(policy.computed(), scene.working)?;
    let inputs = Inputs {
        request,
        event_time: at,
        now: scene.clock,
        computed: &computed,
        hits: &[],
        organization: org.kind,
        precheck: envelope.precheck,
        simulation: false,
        settings: &settings,
    };
    let verdict = policy.decide(&inputs);
    let (transaction, attempt) = match session {
        Some(session) => (session.transaction, session.attempts + 1),
        None => (new_transaction(scene, org), 1),
    };
    let event_row = EventRow {
        at,
        flow: Flow::Payin,
        amount: request.amount,
        currency: request.currency,
        decision: verdict.decision,
        failed: false,
        session: prepared.session,
        attempt,
        entities: entities.clone(),
        values: values(org, request),
    };
    count(scene, heads, emitter.offset(), org.id, event_row)?;
    let session_row = SessionRow { transaction, attempts: attempt, decided_at: scene.clock };
    scene.working.put(session_key, Row::Session(session_row));
    Ok(DecisionRow {
        organization: org.id,
        position: emitter.offset(),
        decided_at: scene.clock,
        event_time: at,
        latency_ms: latency(scene, envelope),
        flow: Flow::Payin,
        session_id: prepared.session_id.clone(),
        attempt,
        transaction,
        verdict: verdict_part(&verdict),
        basis: basis(scene, org, &policy, settings.version, computed)?,
        echo: echo(request, envelope),
        facts: facts(request, envelope, entities.clone()),
    })
}

/// Counts the event for its entities and keeps what it was counted with.
fn count(scene: &mut Scene<'_>, heads: Heads, event: Offset, org: OrgId, row: EventRow) -> Result<(), Fail> {
    let outcome = Outcome { decision: row.decision, failed: row.failed };
    let posting = Posting { at: row.at, amount: row.amount, currency: row.currency, outcome, event };
    heads.insert(posting, scene.working)?;
    scene.working.put(Key::Event(org, event), Row::Event(row));
    Ok(())
}

fn new_transaction(scene: &Scene<'_>, org: &Organization) -> TransactionId {
    let position = scene.position().to_string();
    let hash = org.entity_key.hash_parts(&[&[SPACE_TRANSACTION], position.as_bytes()]);
    TransactionId { at: scene.clock, tail: hash.0.first_chunk().copied().unwrap_or_default() }
}

/// Values that distincts count and that are no entities.
fn values(org: &Organization, request: &PayinRequest) -> Vec<(ValueKind, Hash128)> {
    let method = &request.payment_method;
    let bin = method.card_bin.as_deref().map(|bin| (ValueKind::Bin, bin));
    let country = method.card_country.as_ref().map(|country| (ValueKind::Country, country.code()));
    let hash = |(kind, text): (ValueKind, &str)| {
        (kind, org.entity_key.hash_parts(&[&[SPACE_VALUE, kind as u8], text.as_bytes()]))
    };
    bin.into_iter().chain(country).map(hash).collect()
}

/// From receipt at the gateway to the log; 0 for records that no gateway had.
fn latency(scene: &Scene<'_>, envelope: &Envelope<'_>) -> u64 {
    envelope.received.map_or(0, |received| scene.timestamp.since(received).max(0).unsigned_abs())
}

fn verdict_part(verdict: &Verdict) -> VerdictPart {
    let mut signal_errors = Vec::new();
    let mut rule_errors = Vec::new();
    for (item, _) in &verdict.errors {
        match item {
            Item::Signal(signal) => signal_errors.push(*signal),
            Item::Rule(rule) => rule_errors.push(*rule),
        }
    }
    VerdictPart {
        decision: verdict.decision,
        risk_score: verdict.risk_score,
        sum: verdict.sum,
        blocked_by: verdict.blocked_by.and_then(|reason| match reason {
            BlockedBy::Amount => Some(Blocked::Amount),
            BlockedBy::Rule(rule) => Some(Blocked::Rule(rule)),
            // No list is consulted yet, so none can block.
            BlockedBy::List(_) => None,
        }),
        fired: verdict.fired.iter().map(|fired| (fired.signal, fired.weight)).collect(),
        matched: verdict.matched.iter().map(|matched| matched.rule).collect(),
        signal_errors,
        rule_errors,
    }
}

fn basis(
    scene: &Scene<'_>,
    org: &Organization,
    policy: &Policy,
    settings: u64,
    computed: Vec<Option<i64>>,
) -> Result<Basis, Fail> {
    let lists = scene.working.get::<ListsRow>(&Key::Lists(org.id))?;
    Ok(Basis {
        engine: scene.engine.version,
        locale: org.locale,
        shipped_pack: policy.shipped_sha256,
        pack: policy.own_sha256,
        lists: lists.map(|row| row.digest),
        settings,
        computed,
    })
}

fn echo(request: &PayinRequest, envelope: &Envelope<'_>) -> Echo {
    let explicit = envelope.idempotency_key.or(request.idempotency_key.as_deref());
    Echo {
        order_id: request.order_id.clone(),
        payment_id: request.payment_id.clone(),
        idempotency_key: explicit.map(str::to_owned),
    }
}

fn facts(request: &PayinRequest, envelope: &Envelope<'_>, entities: Vec<Entity>) -> Facts {
    let method = &request.payment_method;
    let email_domain = request.email.as_ref().and_then(|email| email.parts()).map(|parts| parts.1.to_owned());
    Facts {
        precheck: envelope.precheck,
        amount: request.amount,
        currency: request.currency,
        customer_id: request.customer_id.clone(),
        transaction_type: request.transaction_type.clone(),
        payment_type: method.kind.clone(),
        card_bin: method.card_bin.clone(),
        card_last4: method.card_last4.clone(),
        card_country: method.card_country,
        card_brand: method.card_brand.clone(),
        billing_country: request.billing.country,
        ip_country: request.device.ip_country,
        email_domain,
        entities,
    }
}
