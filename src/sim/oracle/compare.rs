//! An output's headers and body, member by member.

use super::model::{DECISIONS, Decided, Identities, Model, Owed, What};
use super::record::Plain;
use super::signals::OwnPack;
use crate::base::hash::sha256;
use crate::base::time::Ms;
use crate::sim::invariant::{Breach, Invariant, ensure};
use serde_json::{Value, json};

fn differs(text: String) -> Breach {
    Breach::of(Invariant::OutputContent, text)
}

fn same(found: Option<&Value>, due: &Value, name: &str) -> Result<(), Breach> {
    ensure(found.unwrap_or(&Value::Null) == due, Invariant::OutputContent, || {
        format!("{name} is {} instead of {due}", found.unwrap_or(&Value::Null))
    })
}

fn same_text(found: Option<&str>, due: Option<&str>, name: &str) -> Result<(), Breach> {
    ensure(found == due, Invariant::OutputContent, || format!("{name} is {found:?} instead of {due:?}"))
}

impl Owed {
    /// Status and whether it is a repeat, of an answer.
    pub(super) fn status(&self) -> (u16, bool) {
        match &self.what {
            What::Decision { replayed, .. } => (200, *replayed),
            What::Rejection(status, _) => (*status, false),
            What::Dead { .. } | What::Event(_) => (0, false),
        }
    }
}

impl Model {
    /// Compares an output with what is owed at `place`.
    pub(super) fn compare(&mut self, place: usize, plain: &Plain) -> Result<(), Breach> {
        let Some(owed) = self.owed.get(place) else { return Err(differs("nothing is owed".to_owned())) };
        let position = format!("{}:{}", self.partition, owed.output.offset);
        same_text(plain.header("clausum-position").as_deref(), Some(&position), "clausum-position")?;
        match owed.what.clone() {
            What::Decision { decided, .. } => {
                self.check_answer(owed, "clausum.decision.v1", plain)?;
                self.check_decision(decided, plain)
            }
            What::Rejection(_, code) => {
                self.check_answer(owed, "clausum.rejection.v1", plain)?;
                let body = plain.json().unwrap_or_default();
                same(body.pointer("/error/code"), &json!(code), "error.code")
            }
            What::Dead { code, key, value } => {
                same_text(plain.header("clausum-error-code").as_deref(), Some(code), "error code")?;
                let source = plain.header("clausum-source-offset");
                let offset = owed.output.offset.to_string();
                same_text(source.as_deref(), Some(&offset), "clausum-source-offset")?;
                let kept = plain.key == key && plain.value == value;
                ensure(kept, Invariant::OutputContent, || "key or value is another".to_owned())
            }
            What::Event(body) => {
                let found = plain.value.as_deref().map(String::from_utf8_lossy);
                same_text(found.as_deref(), Some(&body), "the event")
            }
        }
    }

    fn check_answer(&self, owed: &Owed, kind: &str, plain: &Plain) -> Result<(), Breach> {
        let header = |name: &str| plain.header(name);
        let is = |name: &str, due: Option<&str>| same_text(header(name).as_deref(), due, name);
        let (status, replayed) = owed.status();
        is("ce_type", Some(kind))?;
        is("ce_id", Some(&format!("{}-{}", self.partition, owed.output.offset)))?;
        is("ce_time", Some(&Ms(owed.timestamp).to_string()))?;
        is("clausum-status", Some(&status.to_string()))?;
        is("clausum-replayed", replayed.then_some("true"))?;
        let letter = owed.letter.as_ref();
        is("ce_correlationid", letter.map(|letter| letter.id.as_str()))?;
        let trace = letter.and_then(|letter| letter.traceparent.clone());
        let found =
            plain.headers.iter().find(|header| header.0 == "traceparent").map(|header| header.1.clone());
        ensure(trace == found, Invariant::OutputContent, || "another traceparent".to_owned())
    }

    fn check_decision(&mut self, place: usize, plain: &Plain) -> Result<(), Breach> {
        let found = plain.value.clone().unwrap_or_default();
        let Some(decided) = self.decided.get_mut(place) else {
            return Err(differs("no such decision".to_owned()));
        };
        if let Some(body) = &decided.body {
            return ensure(*body == found, Invariant::OutputContent, || {
                let (first, again) = (String::from_utf8_lossy(body), String::from_utf8_lossy(&found));
                format!("the repeat of a stored answer is another:\n{first}\n{again}")
            });
        }
        let body = plain.json().ok_or_else(|| differs("the body is not JSON".to_owned()))?;
        decided.check_verdict(&body)?;
        decided.check_record(&body)?;
        if let Some(organization) = self.organizations.get_mut(&decided.organization) {
            organization.identities.check(decided, &body)?;
        }
        decided.body = Some(found);
        Ok(())
    }
}

impl Decided {
    fn check_verdict(&self, body: &Value) -> Result<(), Breach> {
        let is = |name: &str, due: Value| same(body.get(name), &due, name);
        let codes: Vec<_> = self.fired.iter().map(|signal| signal.code).collect();
        is("signals", json!(codes))?;
        let details = self.fired.iter().map(
            |signal| json!({"code": signal.code, "weight": signal.weight, "description": signal.description}),
        );
        is("signal_details", details.collect())?;
        let rules = self.matched.iter().map(|(id, name, score, action)| {
            json!({"rule_id": id, "name": name, "score": score, "action": action})
        });
        is("rules_applied", rules.collect())?;
        is("decision", json!(DECISIONS.get(self.decision)))?;
        is("risk_score", json!(self.score))?;
        is("blocked_by", json!(self.blocked_by))?;
        is("attempt", json!(self.attempt))?;
        is("latency_ms", json!(self.latency_ms))?;
        is("flow", json!("payin"))?;
        is("order_id", json!(self.asked.order_id))?;
        is("payment_id", json!(self.asked.payment_id))?;
        is("idempotency_key", json!(self.explicit_key))?;
        if let Some(given) = &self.asked.session_id {
            is("session_id", json!(given))?;
        }
        Ok(())
    }

    fn check_record(&self, body: &Value) -> Result<(), Breach> {
        let record = body.get("record").cloned().unwrap_or_default();
        let is = |name: &str, due: Value| same(record.pointer(name), &due, name);
        let asked = &self.asked;
        is("/organization_id", json!(self.organization))?;
        is("/decided_at", json!(Ms(self.decided_at).to_string()))?;
        is("/event_time", json!(Ms(self.event_time).to_string()))?;
        is("/amount", json!(asked.amount))?;
        is("/currency", json!(asked.currency))?;
        is("/customer_id", json!(asked.customer_id))?;
        is("/transaction_type", json!(asked.transaction_type))?;
        is("/card_bin", json!(asked.bin))?;
        is("/card_last4", json!(asked.last4))?;
        is("/card_country", json!(asked.card_country))?;
        is("/billing_country", json!(asked.billing))?;
        is("/email_domain", json!(asked.address().map(|address| address.1)))?;
        is("/versions/engine", json!(self.engine))?;
        is("/versions/settings", json!(self.settings))?;
        let pack = self.pack.document().map(|text| format!("sha256:{}", sha256(text.as_bytes())));
        ensure(pack.is_none() == (self.pack == OwnPack::None), Invariant::Harness, || "a pack".to_owned())?;
        is("/versions/pack", json!(pack))
    }
}

impl Identities {
    /// Ids and tokens repeat where they should and nowhere else.
    fn check(&mut self, decided: &Decided, body: &Value) -> Result<(), Breach> {
        let breach = |text: String| Err(Breach::of(Invariant::Identity, text));
        let text = |at: &str| body.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (session, transaction) = (text("/session_id"), text("/transaction_id"));
        let generated = decided.asked.session_id.is_none();
        if generated && !session.starts_with(&format!("ps_{:013}_", decided.decided_at)) {
            return breach(format!("the session {session} is not of its time"));
        }
        if generated && self.generated.insert(session.clone(), decided.offset).is_some() {
            return breach(format!("the session {session} was generated twice"));
        }
        let known = self.transactions.entry(decided.session.clone()).or_insert_with(|| transaction.clone());
        if *known != transaction || !transaction.starts_with("txn_") {
            return breach(format!("the transaction of {session} is {transaction}, it was {known}"));
        }
        let owners = self.transactions.values().filter(|known| **known == transaction).count();
        if owners != 1 {
            return breach(format!("{transaction} belongs to {owners} sessions"));
        }
        for kind in ["payer", "email", "phone", "ip", "device", "card", "customer"] {
            let token = text(&format!("/record/tokens/{kind}"));
            let value =
                decided.entities.iter().find(|entity| entity.0 == kind).map(|entity| entity.1.clone());
            if token.is_empty() != value.is_none() {
                return breach(format!("the token of {kind} {value:?} is {token:?}"));
            }
            let Some(value) = value else { continue };
            let by_value = (kind.to_owned(), value.clone());
            let by_token = (kind.to_owned(), token.clone());
            let first = self.tokens.entry(by_value).or_insert_with(|| token.clone());
            let of = self.values.entry(by_token).or_insert_with(|| value.clone());
            if *first != token || *of != value {
                return breach(format!("{kind} {value} has the token {token}, also of {of}, and {first}"));
            }
        }
        Ok(())
    }
}
