//! Rows of the store as JSON, every field by its name. Where a row gets a field, this does not compile
//! until it is named here.

use crate::base::currency::Currency;
use crate::base::hash::Hash128;
use crate::base::money::AmountMap;
use crate::base::position::Offset;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, Organization, Permission};
use crate::domain::entity::Entity;
use crate::domain::settings::{Parameter, ScoringSettings};
use crate::state::control_rows::{ActivePack, ListsRow};
use crate::state::decision_row::{Basis, Blocked, DecisionRow, Echo, Facts, VerdictPart};
use crate::state::event::{EventRow, ValueKind};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::state::session::{IdempotencyRow, SessionRow};
use crate::state::velocity::head::Head;
use crate::state::velocity::posting::{Posting, Run};
use crate::state::velocity::summary::Summary;
use serde_json::{Map, Value, json};

/// A key.
pub(super) fn key(key: &Key) -> Value {
    let mut value = json!({"kind": key.kind().text(), "organization": key.organization().to_string()});
    let more = match key {
        Key::Organization(_) | Key::Lists(_) | Key::Installation => json!({}),
        Key::ApiKey(_, digest) => json!({"digest": digest.to_string()}),
        Key::Signature(mark) => json!({"mark": mark.to_string()}),
        Key::Settings(_, flow) | Key::ActivePack(_, flow) => json!({"flow": flow.text()}),
        Key::Pack(_, digest) => json!({"sha256": digest.to_string()}),
        Key::Idempotency(_, scope, hash) => json!({"scope": scope.text(), "hash": hash.to_string()}),
        Key::Session(_, flow, hash) => json!({"flow": flow.text(), "hash": hash.to_string()}),
        Key::Decision(_, flow, hash, attempt) => {
            json!({"flow": flow.text(), "session_hash": hash.to_string(), "attempt": attempt})
        }
        Key::Event(_, offset) => json!({"offset": offset.0}),
        Key::Head(_, flow, of) => json!({"flow": flow.text(), "entity": entity(of)}),
        Key::Page(_, flow, of, page) => json!({"flow": flow.text(), "entity": entity(of), "page": page}),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// A row.
pub(super) fn row(row: &Row) -> Value {
    match row {
        Row::Organization(row) => organization(row),
        Row::ApiKey(row) => api_key(row),
        Row::Settings(row) => settings(row),
        Row::ActivePack(ActivePack { version, pack, at }) => {
            json!({"version": version, "pack": pack.map(|pack| pack.to_string()), "at": at.to_string()})
        }
        Row::Pack(document) => json!({"document": document}),
        Row::Lists(ListsRow { digest, lists }) => json!({"digest": digest.to_string(), "lists": lists}),
        Row::Installation(row) => json!({"maintenance_since": row.maintenance.map(|at| at.to_string())}),
        Row::Signature(row) => json!({"applied_at": row.applied_at.to_string()}),
        Row::Idempotency(IdempotencyRow { request, session, attempt, decided_at }) => {
            json!({"request_hash": request.to_string(), "session_hash": session.to_string(), "attempt": attempt,
                "decided_at": decided_at.to_string()})
        }
        Row::Session(SessionRow { transaction, attempts, decided_at }) => {
            json!({"transaction_id": transaction.text(), "attempts": attempts, "decided_at": decided_at.to_string()})
        }
        Row::Decision(row) => decision(row),
        Row::Event(row) => event(row),
        Row::Head(row) => head(row),
        Row::Page(row) => run(row),
    }
}

fn organization(row: &Organization) -> Value {
    // The entity key is the secret of all hashes: it is told nowhere.
    let Organization { id, profile_id, name, kind, locale, entity_key: _, allow_publishable_assess } = row;
    json!({"id": id.to_string(), "profile_id": profile_id.to_string(), "name": name, "kind": kind.text(),
        "locale": locale.text(), "entity_key": "kept secret", "allow_publishable_assess": allow_publishable_assess})
}

fn api_key(row: &ApiKey) -> Value {
    const ALL: [Permission; 7] = [
        Permission::Assess,
        Permission::FraudReport,
        Permission::TransactionsRead,
        Permission::TransactionsWrite,
        Permission::SubmerchantsRead,
        Permission::SubmerchantsWrite,
        Permission::EventsIngest,
    ];
    let ApiKey {
        id,
        digest,
        kind,
        display,
        name,
        permissions,
        state,
        expires_at,
        per_minute,
        per_day,
        allowed_origins,
    } = row;
    let permissions: Vec<_> =
        ALL.into_iter().filter(|permission| permissions.holds(*permission)).map(Permission::text).collect();
    json!({"id": id, "digest": digest.to_string(), "kind": kind.text(), "display": display, "name": name,
        "permissions": permissions, "state": state.text(), "expires_at": time(*expires_at), "per_minute": per_minute,
        "per_day": per_day, "allowed_origins": allowed_origins})
}

fn settings(row: &ScoringSettings) -> Value {
    let ScoringSettings {
        version,
        thresholds,
        weights,
        disabled_signals,
        list_weights,
        amount_min,
        amount_max,
        parameters,
    } = row;
    let parameters: Map<_, _> = parameters
        .iter()
        .map(|(name, parameter)| {
            let value = match parameter {
                Parameter::Int(value) => (*value).into(),
                Parameter::Amounts(map) => amounts(map),
            };
            (name.clone(), value)
        })
        .collect();
    json!({"version": version,
        "thresholds": {"review": thresholds.review, "challenge": thresholds.challenge, "decline": thresholds.decline},
        "weights": weights, "disabled_signals": disabled_signals,
        "list_weights": {"flag": list_weights.flag, "review": list_weights.review},
        "amount_min": amounts(amount_min), "amount_max": amounts(amount_max), "parameters": parameters})
}

fn decision(row: &DecisionRow) -> Value {
    let DecisionRow {
        organization,
        position,
        decided_at,
        event_time,
        latency_ms,
        flow,
        session_id,
        attempt,
        transaction,
        verdict,
        basis,
        echo: Echo { order_id, payment_id, idempotency_key },
        facts,
    } = row;
    json!({"organization": organization.to_string(), "offset": position.0, "decided_at": decided_at.to_string(),
        "event_time": event_time.to_string(), "latency_ms": latency_ms, "flow": flow.text(),
        "session_id": session_id, "attempt": attempt, "transaction_id": transaction.text(),
        "verdict": self::verdict(verdict), "basis": self::basis(basis),
        "echo": {"order_id": order_id, "payment_id": payment_id, "idempotency_key": idempotency_key},
        "facts": self::facts(facts)})
}

/// Signals and rules are indexes into the packs that the basis names.
fn verdict(part: &VerdictPart) -> Value {
    let VerdictPart { decision, risk_score, sum, blocked_by, fired, matched, signal_errors, rule_errors } =
        part;
    let blocked_by = blocked_by.map(|blocked| match blocked {
        Blocked::Amount => json!("amount"),
        Blocked::Rule(rule) => json!({"rule": rule}),
    });
    let fired: Vec<_> =
        fired.iter().map(|(signal, weight)| json!({"signal": signal, "weight": weight})).collect();
    json!({"decision": decision.text(), "risk_score": risk_score, "sum": sum, "blocked_by": blocked_by,
        "fired": fired, "matched_rules": matched, "signal_errors": signal_errors, "rule_errors": rule_errors})
}

fn basis(basis: &Basis) -> Value {
    let Basis { engine, locale, shipped_pack, pack, lists, settings, computed } = basis;
    json!({"engine": engine, "locale": locale.text(), "shipped_pack": shipped_pack.to_string(),
        "pack": pack.map(|pack| pack.to_string()), "lists": lists.map(|lists| lists.to_string()),
        "settings": settings, "computed": computed})
}

fn facts(facts: &Facts) -> Value {
    let Facts {
        precheck,
        amount,
        currency,
        customer_id,
        transaction_type,
        payment_type,
        card_bin,
        card_last4,
        card_country,
        card_brand,
        billing_country,
        ip_country,
        email_domain,
        entities,
    } = facts;
    let country =
        |country: &Option<crate::base::country::Country>| country.as_ref().map(|one| one.code().to_owned());
    json!({"precheck": precheck, "amount": amount, "currency": currency.code(), "customer_id": customer_id,
        "transaction_type": transaction_type, "payment_type": payment_type, "card_bin": card_bin,
        "card_last4": card_last4, "card_country": country(card_country), "card_brand": card_brand,
        "billing_country": country(billing_country), "ip_country": country(ip_country),
        "email_domain": email_domain, "entities": self::entities(entities)})
}

fn event(row: &EventRow) -> Value {
    let EventRow { at, flow, amount, currency, decision, failed, session, attempt, entities, values } = row;
    let values: Vec<_> = values
        .iter()
        .map(|(kind, hash)| {
            let kind = match kind {
                ValueKind::Bin => "bin",
                ValueKind::Country => "country",
            };
            json!({"kind": kind, "hash": hash.to_string()})
        })
        .collect();
    json!({"at": at.to_string(), "flow": flow.text(), "amount": amount, "currency": currency.code(),
        "decision": decision.text(), "failed": failed, "session_hash": session.to_string(), "attempt": attempt,
        "entities": self::entities(entities), "values": values})
}

fn head(head: &Head) -> Value {
    let pages: Vec<_> = head
        .pages()
        .iter()
        .map(|entry| json!({"number": entry.number, "summary": summary(&entry.summary)}))
        .collect();
    json!({"first": time(head.first()), "last": time(head.last()), "events": head.events(),
        "next_page": head.next_page(), "pages": pages, "tail": run(head.tail())})
}

fn summary(summary: &Summary) -> Value {
    let Summary { first, last, count, approved, declined, failed, money } = summary;
    let money: Vec<_> = money
        .iter()
        .map(|money| {
            json!({"currency": money.currency.code(), "count": money.count, "sum": money.sum, "min": money.min,
                "max": money.max})
        })
        .collect();
    json!({"first": first.to_string(), "last": last.to_string(), "count": count, "approved": approved,
        "declined": declined, "failed": failed, "money": money})
}

fn run(run: &Run) -> Value {
    let Run { postings, values } = run;
    let values: Vec<_> = values
        .iter()
        .map(|value| json!({"posting": value.posting, "what": value.what, "hash": format!("{:016x}", value.hash)}))
        .collect();
    json!({"postings": postings.iter().map(posting).collect::<Vec<_>>(), "values": values})
}

fn posting(posting: &Posting) -> Value {
    let Posting { at, amount, currency, outcome, event: Offset(event) } = posting;
    let currency: &Currency = currency;
    json!({"at": at.to_string(), "amount": amount, "currency": currency.code(),
        "decision": outcome.decision.text(), "failed": outcome.failed, "event": event})
}

fn entities(entities: &[Entity]) -> Vec<Value> {
    entities.iter().map(entity).collect()
}

fn entity(entity: &Entity) -> Value {
    let hash: Hash128 = entity.hash;
    json!({"entity": entity.kind.text(), "hash": hash.to_string()})
}

fn amounts(amounts: &AmountMap) -> Value {
    amounts
        .entries()
        .map(|(currency, amount)| (currency.to_owned(), amount.into()))
        .collect::<Map<_, _>>()
        .into()
}

fn time(at: Option<Ms>) -> Option<String> {
    at.map(|at| at.to_string())
}
