//! A request as the contract reads it, as far as the simulation's traffic goes: normalised members, and
//! the entities they form.

use crate::base::time::Ms;
use serde_json::Value;
use std::net::IpAddr;

/// What two requests with one idempotency key must have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) transaction_type: String,
    pub(super) session_id: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) customer_id: Option<String>,
    pub(super) order_id: Option<String>,
    pub(super) payment_id: Option<String>,
    pub(super) bin: Option<String>,
    pub(super) last4: Option<String>,
    pub(super) card_hash: Option<String>,
    pub(super) card_country: Option<String>,
    pub(super) ip: Option<IpAddr>,
    pub(super) device: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) duration_ms: Option<i64>,
    pub(super) mouse: Option<i64>,
    pub(super) billing: Option<String>,
    pub(super) shipping: Option<String>,
}

/// What a caller may stamp anew when it tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) occurred_at: Option<i64>,
    pub(super) idempotency_key: Option<String>,
}

/// Why a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    NotJson,
    Invalid,
}

/// Milliseconds of an RFC 3339 text.
pub(super) fn time(text: &str) -> Option<i64> {
    Ms::parse_rfc3339(text).map(|at| at.0)
}

/// Decimals of the currencies the traffic pays in.
pub(super) fn decimals(currency: &str) -> Option<u32> {
    match currency {
        "MXN" | "USD" => Some(2),
        "CLP" => Some(0),
        _ => None,
    }
}

/// A decimal text in units of which there are `decimals` digits behind the point.
pub(super) fn scaled(text: &str, decimals: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let places = usize::try_from(decimals).ok()?;
    if fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

pub(super) fn read(body: &[u8]) -> Result<(Asked, Stamp), Unread> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Unread::NotJson)?;
    let text = |at: &str| {
        let text = body.pointer(at)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let upper = |at: &str| text(at).map(|text| text.to_uppercase());
    let number = |at: &str| body.pointer(at).and_then(Value::as_i64);
    let currency = upper("/currency").ok_or(Unread::Invalid)?;
    let places = decimals(&currency).ok_or(Unread::Invalid)?;
    let given = body.pointer("/amount").filter(|amount| amount.is_number()).ok_or(Unread::Invalid)?;
    let major = text("/amount_unit").as_deref() == Some("major");
    let amount = scaled(&given.to_string(), if major { places } else { 0 });
    let amount = amount.filter(|amount| *amount >= 0).ok_or(Unread::Invalid)?;
    let asked = Asked {
        amount,
        currency,
        transaction_type: text("/transaction_type").map_or("payment".to_owned(), |t| t.to_lowercase()),
        session_id: text("/session_id"),
        email: text("/email").map(|text| text.to_lowercase()),
        phone: text("/phone").map(|text| phone(&text)),
        customer_id: text("/customer_id"),
        order_id: text("/order_id"),
        payment_id: text("/payment_id"),
        bin: text("/payment_method/card_bin"),
        last4: text("/payment_method/card_last4"),
        card_hash: text("/payment_method/card_hash"),
        card_country: upper("/payment_method/card_country"),
        ip: text("/device/ip").and_then(|text| text.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical()),
        device: text("/device/fingerprint"),
        user_agent: text("/device/user_agent"),
        duration_ms: number("/behavior/session_duration_ms"),
        mouse: number("/behavior/mouse_movements"),
        billing: upper("/billing/country"),
        shipping: upper("/shipping/country"),
    };
    let occurred_at = match text("/occurred_at") {
        Some(text) => Some(time(&text).ok_or(Unread::Invalid)?),
        None => None,
    };
    Ok((asked, Stamp { occurred_at, idempotency_key: text("/idempotency_key") }))
}

fn phone(text: &str) -> String {
    let bare: String = text.chars().filter(|char| !" -().".contains(*char)).collect();
    bare.strip_prefix("00").map_or(bare.clone(), |rest| format!("+{rest}"))
}

impl Asked {
    /// Local part and domain, if the e-mail is an address.
    pub(super) fn address(&self) -> Option<(&str, &str)> {
        self.email.as_deref()?.split_once('@').filter(|(_, domain)| domain.contains('.'))
    }

    /// What it counts by: the kind of each entity, and a text that is equal where the entity is.
    pub(super) fn entities(&self) -> Vec<(&'static str, String)> {
        let email = self.address().map(|(local, domain)| format!("{local}@{domain}"));
        let canonical = self.address().map(|(local, domain)| {
            let base = local.split('+').next().unwrap_or(local);
            match domain {
                "gmail.com" | "googlemail.com" => format!("{}@gmail.com", base.replace('.', "")),
                _ => format!("{base}@{domain}"),
            }
        });
        let digits = |text: &str| text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_digit());
        let phone = self.phone.clone().filter(|text| text.strip_prefix('+').is_some_and(digits));
        let card = match (&self.card_hash, &self.bin, &self.last4) {
            (Some(hash), _, _) => Some(format!("hash {hash}")),
            (None, Some(bin), Some(last4)) => Some(format!("digits {bin} {last4}")),
            _ => None,
        };
        let customer = self.customer_id.clone();
        let payer = canonical.map(|text| format!("email {text}"));
        let payer = payer.or_else(|| customer.as_ref().map(|text| format!("customer {text}")));
        let payer = payer.or_else(|| phone.as_ref().map(|text| format!("phone {text}")));
        let payer = payer.or_else(|| card.as_ref().map(|text| format!("card {text}")));
        let ip = self.ip.map(|ip| match ip {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{:?}", address.segments().first_chunk::<4>()),
        });
        let all = [
            ("payer", payer),
            ("email", email),
            ("phone", phone),
            ("customer", customer),
            ("device", self.device.clone()),
            ("ip", ip),
            ("card", card),
        ];
        all.into_iter().filter_map(|(kind, value)| Some((kind, value?))).collect()
    }
}
