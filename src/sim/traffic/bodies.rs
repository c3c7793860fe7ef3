//! Bodies of payments.

use crate::base::time::Ms;
use crate::sim::chance::Chance;
use serde_json::{Map, Value, json};

/// Who pays: few of each, so that they meet.
#[derive(Debug, Clone)]
pub(super) struct People {
    emails: Vec<String>,
    phones: Vec<String>,
    customers: Vec<String>,
    devices: Vec<String>,
    ips: Vec<String>,
    cards: Vec<Value>,
    sessions: Vec<String>,
    /// Of a thousand members so many are absent.
    absent: u64,
}

impl People {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let most = chance.size(1, 6);
        let some = |from: &[&str]| from.iter().take(most).map(|text| (*text).to_owned()).collect();
        let cards = [
            json!({"type": "card", "card_bin": "411111", "card_last4": "1111", "card_country": "MX"}),
            json!({"type": "card", "card_hash": "0123456789abcdef01", "card_country": "us"}),
            json!({"card_bin": "55555555", "card_last4": "4444", "card_country": "US"}),
            json!({"type": "card", "card_bin": "411111", "card_last4": "2222"}),
            json!({"type": "wallet", "card_hash": "fedcba98:76543210.aa"}),
            json!({"type": "cash"}),
        ];
        Self {
            emails: some(&[
                "Ana.Perez@gmail.com",
                "anaperez+shop@GMAIL.com",
                "bob@example.com",
                "bob+1@example.com",
                "carl@mailinator.com",
                "dora@shop.xyz",
            ]),
            phones: some(&["+52 55 1234 5678", "00525512345678", "+1 (415) 555-0100", "call me"]),
            customers: some(&["cus_3", "cus_1", "cus_2", "cus_4"]),
            devices: some(&["fp-a", "fp-b", "fp-c", "fp-d"]),
            ips: some(&["203.0.113.7", "::ffff:203.0.113.7", "198.51.100.4", "2001:db8::1", "2001:db8::2"]),
            cards: cards.into_iter().take(most).collect(),
            sessions: some(&["s-1", "s-2", "s-3", "s-4", "s-5"]),
            absent: *chance.pick(&[0, 150, 500]).unwrap_or(&150),
        }
    }
}

/// A payment at about `now`; of a thousand so many `late`.
pub(super) fn payment(people: &People, chance: &mut Chance, now: Ms, late: u64) -> Value {
    let mut body = Map::new();
    money(&mut body, chance);
    let mut put = |name: &str, from: &[String], chance: &mut Chance| {
        if !chance.in_1000(people.absent)
            && let Some(text) = chance.pick(from)
        {
            body.insert(name.to_owned(), json!(text));
        }
    };
    put("email", &people.emails, chance);
    put("phone", &people.phones, chance);
    put("customer_id", &people.customers, chance);
    if chance.in_1000(250) {
        put("session_id", &people.sessions, chance);
    }
    if chance.in_1000(100) {
        body.insert("order_id".to_owned(), json!(format!("order-{}", chance.below(8))));
        if chance.in_1000(500) {
            body.insert("payment_id".to_owned(), json!(format!("pay-{}", chance.below(3))));
        }
    }
    if chance.in_1000(40) {
        body.insert("email".to_owned(), json!("Nobody at all"));
    }
    if chance.in_1000(60) {
        body.insert("idempotency_key".to_owned(), json!(format!("body-{}", chance.below(12))));
    }
    if !chance.in_1000(people.absent) {
        let card = chance.pick(&people.cards).cloned().unwrap_or_default();
        body.insert("payment_method".to_owned(), card);
    }
    surroundings(&mut body, people, chance);
    if chance.in_1000(late) {
        let back = *chance.pick(&[1, 900, 59_999, 3_600_000, 90_000_000, 2_000_000_000]).unwrap_or(&1);
        let at = now.plus(-chance.signed(0, back));
        body.insert("occurred_at".to_owned(), json!(at.to_string()));
    }
    Value::Object(body)
}

fn money(body: &mut Map<String, Value>, chance: &mut Chance) {
    let currency = *chance.pick(&["MXN", "MXN", "MXN", "usd", "CLP"]).unwrap_or(&"MXN");
    let amount = match chance.below(12) {
        0 => 0,
        1 => 66_600,
        2 => chance.signed(150_000, 500_000),
        _ => chance.signed(1, 60_000),
    };
    body.insert("currency".to_owned(), json!(currency));
    body.insert("amount".to_owned(), json!(amount));
    if currency == "MXN" && chance.in_1000(200) {
        body.insert("amount".to_owned(), major(amount));
        body.insert("amount_unit".to_owned(), json!("major"));
    }
}

/// An amount of minor units as a number of major ones.
fn major(amount: i64) -> Value {
    let text = format!("{}.{:02}", amount / 100, amount % 100);
    serde_json::from_str(&text).unwrap_or(json!(amount))
}

fn surroundings(body: &mut Map<String, Value>, people: &People, chance: &mut Chance) {
    let mut device = Map::new();
    if !chance.in_1000(people.absent)
        && let Some(print) = chance.pick(&people.devices)
    {
        device.insert("fingerprint".to_owned(), json!(print));
    }
    if !chance.in_1000(people.absent)
        && let Some(ip) = chance.pick(&people.ips)
    {
        device.insert("ip".to_owned(), json!(ip));
    }
    match chance.below(4) {
        0 => drop(device.insert("user_agent".to_owned(), json!("Mozilla/5.0 (Linux) Mobile Safari"))),
        1 => drop(device.insert("user_agent".to_owned(), json!("Mozilla/5.0 (X11)"))),
        _ => {}
    }
    if !device.is_empty() {
        body.insert("device".to_owned(), Value::Object(device));
    }
    if chance.in_1000(500) {
        let mouse = *chance.pick(&[0, 0, 17]).unwrap_or(&0);
        let duration = *chance.pick(&[900, 4_999, 5_000, 60_000]).unwrap_or(&900);
        let behavior = json!({"session_duration_ms": duration, "mouse_movements": mouse});
        body.insert("behavior".to_owned(), behavior);
    }
    for name in ["billing", "shipping"] {
        if chance.in_1000(500) {
            let country = *chance.pick(&["MX", "us", "CL"]).unwrap_or(&"MX");
            body.insert(name.to_owned(), json!({"country": country}));
        }
    }
}

/// The same request, written differently.
pub(super) fn rewritten(body: &Value, now: Ms, chance: &mut Chance) -> Value {
    let mut body = body.clone();
    let Some(members) = body.as_object_mut() else { return body };
    if let Some(email) = members.get("email").and_then(Value::as_str) {
        let email = format!(" {} ", email.to_uppercase());
        members.insert("email".to_owned(), json!(email));
    }
    let minor = members.get("amount_unit").is_none();
    let pesos = members.get("currency").and_then(Value::as_str) == Some("MXN");
    if let Some(amount) = members.get("amount").and_then(Value::as_i64).filter(|_| minor && pesos) {
        members.insert("amount".to_owned(), major(amount));
        members.insert("amount_unit".to_owned(), json!("major"));
    }
    if chance.in_1000(300) {
        members.insert("occurred_at".to_owned(), json!(now.plus(-5).to_string()));
    }
    body
}

/// Another request.
pub(super) fn other(body: &Value, chance: &mut Chance) -> Value {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("amount_unit");
        members.insert("amount".to_owned(), json!(chance.signed(1, 9_000)));
        if chance.in_1000(300) {
            members.insert("customer_id".to_owned(), json!("cus_other"));
        }
    }
    body
}
