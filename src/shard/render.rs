//! Bodies of decisions, from their stored form and the packs it names: the contract's sections 5.3 and
//! 18.2. The same row gives the same bytes for ever.

use crate::base::limits;
use crate::domain::entity::EntityKind;
use crate::policy::BlockedBy;
use crate::policy::Policy;
use crate::state::decision_row::{Blocked, DecisionRow, Facts};
use crate::wire::json::{self, Object};

/// A decision's bodies. That over HTTP is the beginning of that on the decisions topic, which has one more
/// member, the last.
pub(super) struct Bodies {
    topic: Vec<u8>,
    shared: usize,
}

/// What a decision's body seldom goes beyond.
const USUAL_BYTES: usize = 2_560;

impl Bodies {
    pub(super) fn of(row: &DecisionRow, policy: &Policy) -> Self {
        let mut shared = 0;
        let topic = json::object_of(USUAL_BYTES, |body| {
            put_decision(body, row, policy);
            shared = body.written();
            body.object("record", |record| put_record(record, row));
        });
        Self { topic, shared }
    }

    /// The body on the decisions topic.
    pub(super) fn topic(&self) -> &[u8] {
        &self.topic
    }

    /// The body over HTTP.
    pub(super) fn http(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.shared + 1);
        body.extend_from_slice(self.topic.get(..self.shared).unwrap_or_default());
        body.push(b'}');
        body
    }
}

fn put_decision(body: &mut Object<'_>, row: &DecisionRow, policy: &Policy) {
    let verdict = &row.verdict;
    let shown = || verdict.fired.iter().take(limits::DETAILS);
    let code = |signal: u16| policy.code(signal).unwrap_or("");
    body.text("decision", verdict.decision.text());
    body.integer("risk_score", i64::from(verdict.risk_score));
    body.array("signals", |signals| shown().for_each(|(signal, _)| signals.text(code(*signal))));
    body.array("signal_details", |details| {
        for (signal, weight) in shown() {
            let facts = &row.facts;
            let basis = &row.basis;
            details.object(|detail| {
                detail.text("code", code(*signal));
                detail.integer("weight", i64::from(*weight));
                let description = policy.describe_from(
                    *signal,
                    &basis.computed,
                    facts.amount,
                    facts.currency,
                    basis.locale,
                );
                detail.text("description", &description);
            });
        }
    });
    if verdict.fired.len() > limits::DETAILS {
        body.count("signals_fired", verdict.fired.len());
    }
    put_rules(body, row, policy);
    body.text("session_id", &row.session_id);
    body.text("transaction_id", &row.transaction.text());
    body.integer("attempt", i64::from(row.attempt));
    match verdict.blocked_by {
        Some(Blocked::Amount) => body.text("blocked_by", &policy.blocked_by(BlockedBy::Amount)),
        Some(Blocked::Rule(rule)) => body.text("blocked_by", &policy.blocked_by(BlockedBy::Rule(rule))),
        None => body.null("blocked_by"),
    }
    body.integer("latency_ms", i64::try_from(row.latency_ms).unwrap_or(i64::MAX));
    body.text("flow", row.flow.text());
    body.optional("order_id", row.echo.order_id.as_deref());
    body.optional("payment_id", row.echo.payment_id.as_deref());
    body.optional("idempotency_key", row.echo.idempotency_key.as_deref());
}

fn put_rules(body: &mut Object<'_>, row: &DecisionRow, policy: &Policy) {
    let matched = &row.verdict.matched;
    body.array("rules_applied", |rules| {
        for rule in matched.iter().take(limits::DETAILS).filter_map(|rule| policy.rule(*rule)) {
            rules.object(|applied| {
                applied.text("rule_id", &rule.id);
                applied.text("name", &rule.name);
                match rule.score {
                    Some(score) => applied.integer("score", i64::from(score)),
                    None => applied.null("score"),
                }
                match rule.action {
                    Some(action) => applied.text("action", action.text()),
                    None => applied.null("action"),
                }
            });
        }
    });
    if matched.len() > limits::DETAILS {
        body.count("rules_matched", matched.len());
    }
}

fn put_record(record: &mut Object<'_>, row: &DecisionRow) {
    let facts = &row.facts;
    record.shown("organization_id", row.organization);
    record.shown("decided_at", row.decided_at);
    record.shown("event_time", row.event_time);
    record.flag("precheck", facts.precheck);
    record.flag("simulation", false);
    record.integer("amount", facts.amount);
    record.text("currency", facts.currency.code());
    let mut nullable = |name: &str, text: Option<&str>| match text {
        Some(text) => record.text(name, text),
        None => record.null(name),
    };
    nullable("customer_id", facts.customer_id.as_deref());
    nullable("transaction_type", Some(&facts.transaction_type));
    nullable("payment_type", facts.payment_type.as_deref());
    nullable("card_bin", facts.card_bin.as_deref());
    nullable("card_last4", facts.card_last4.as_deref());
    nullable("card_country", facts.card_country.as_ref().map(|country| country.code()));
    nullable("card_brand", facts.card_brand.as_deref());
    nullable("billing_country", facts.billing_country.as_ref().map(|country| country.code()));
    nullable("ip_country", facts.ip_country.as_ref().map(|country| country.code()));
    nullable("email_domain", facts.email_domain.as_deref());
    for absent in ["beneficiary_country", "origin_country", "channel", "rail"] {
        nullable(absent, None);
    }
    record.object("tokens", |tokens| put_tokens(tokens, facts));
    record.object("versions", |versions| {
        versions.integer("engine", i64::from(row.basis.engine));
        versions.shown("shipped_pack", format_args!("sha256:{}", row.basis.shipped_pack));
        match row.basis.pack {
            Some(pack) => versions.shown("pack", format_args!("sha256:{pack}")),
            None => versions.null("pack"),
        }
        versions.integer("settings", i64::try_from(row.basis.settings).unwrap_or(i64::MAX));
    });
    record.array("shadows", |_| {});
}

fn put_tokens(tokens: &mut Object<'_>, facts: &Facts) {
    let named = [
        EntityKind::Payer,
        EntityKind::Email,
        EntityKind::Phone,
        EntityKind::Ip,
        EntityKind::Device,
        EntityKind::Card,
        EntityKind::Customer,
        EntityKind::Beneficiary,
        EntityKind::OriginAccount,
    ];
    for kind in named {
        match facts.entities.iter().find(|entity| entity.kind == kind) {
            Some(entity) => tokens.shown(kind.text(), format_args!("tok_{}", entity.hash)),
            None => tokens.null(kind.text()),
        }
    }
}
