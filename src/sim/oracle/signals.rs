//! Signals and rules as plain functions, written from the contract's section 8.6 and from the packs of the
//! traffic, with what differs between the simulation's engine versions.

use super::request::Asked;
use super::windows::Windows;
use crate::sim::traffic::packs;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// Everything a condition may look at.
pub(super) struct View<'a> {
    pub(super) asked: &'a Asked,
    pub(super) windows: &'a Windows<'a>,
    pub(super) settings: &'a Settings,
    pub(super) lists: &'a BTreeMap<String, Vec<String>>,
    pub(super) engine: u32,
    pub(super) spanish: bool,
}

/// Scoring settings.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) version: u64,
    pub(super) thresholds: [i64; 3],
    pub(super) weights: BTreeMap<String, i64>,
    pub(super) disabled: Vec<String>,
    /// By currency, in minor units.
    pub(super) amount_max: BTreeMap<String, i64>,
    pub(super) short_session_ms: Option<i64>,
    pub(super) velocity_count_1h: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: 0,
            thresholds: [30, 50, 75],
            weights: BTreeMap::new(),
            disabled: Vec::new(),
            amount_max: BTreeMap::new(),
            short_session_ms: None,
            velocity_count_1h: None,
        }
    }
}

/// An organization's pack, by its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnPack {
    None,
    Windows,
    Rules,
}

impl OwnPack {
    /// None for a document that is refused.
    pub(super) fn of(document: &str) -> Option<Self> {
        match document {
            packs::WINDOWS => Some(OwnPack::Windows),
            packs::RULES => Some(OwnPack::Rules),
            _ => None,
        }
    }

    pub(super) fn document(self) -> Option<&'static str> {
        match self {
            OwnPack::None => None,
            OwnPack::Windows => Some(packs::WINDOWS),
            OwnPack::Rules => Some(packs::RULES),
        }
    }
}

/// A signal that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) code: &'static str,
    pub(super) weight: i64,
    pub(super) description: String,
}

/// A signal: code, weight, whether it fires if that can be told, description.
type Signal = (&'static str, i64, Option<bool>, String);

/// A rule that matched: id, name, score, action.
pub(super) type Matched = (&'static str, &'static str, Option<i64>, Option<&'static str>);

/// A comparison over values of which any may be missing.
fn test<T>(left: Option<T>, holds: impl FnOnce(T) -> bool) -> Option<bool> {
    left.map(holds)
}

/// True if any is; else an error if any is one.
fn any(conditions: &[Option<bool>]) -> Option<bool> {
    if conditions.contains(&Some(true)) {
        return Some(true);
    }
    if conditions.contains(&None) { None } else { Some(false) }
}

fn both<T: PartialEq>(left: Option<&T>, right: Option<&T>) -> Option<bool> {
    Some(left? != right?)
}

fn greatest(values: &[Option<i64>]) -> String {
    values.iter().flatten().max().map_or(String::new(), ToString::to_string)
}

impl View<'_> {
    fn holds(&self, list: &str, value: Option<&str>, shipped: &[&str]) -> Option<bool> {
        let value = value?;
        Some(match self.lists.get(list) {
            Some(own) => own.iter().any(|entry| entry == value),
            None => shipped.contains(&value),
        })
    }

    fn count(&self, kind: &str, window_ms: i64) -> Option<i64> {
        self.windows.count(kind, window_ms)
    }

    fn said(&self, english: &str, spanish: &str) -> String {
        if self.spanish { spanish.to_owned() } else { english.to_owned() }
    }

    /// The shipped signals that windows are read for.
    fn counted(&self) -> Vec<Signal> {
        let hour = |kind| self.count(kind, HOUR);
        let minute = |kind| self.count(kind, MINUTE);
        let busy = self.settings.velocity_count_1h.unwrap_or(if self.engine >= 3 { 4 } else { 5 });
        let least = |value: Option<i64>, least: i64| test(value, |value| value >= least);
        let text = |counts: &[Option<i64>], english: &str, spanish: &str| {
            format!("{} {}", greatest(counts), self.said(english, spanish))
        };
        let both = [hour("email"), hour("device")];
        let bursts = [minute("email"), minute("device"), minute("card")];
        let (card, ip, phone) = ([hour("card")], [hour("ip")], [hour("phone")]);
        let customer = [self.count("customer", 10 * MINUTE).filter(|_| self.engine >= 3)];
        let by_card = text(
            &card,
            "transactions with this card in the last hour",
            "transacciones con esta tarjeta en la última hora",
        );
        let by_ip = text(
            &ip,
            "transactions from this IP in the last hour",
            "transacciones desde esta IP en la última hora",
        );
        let by_phone = text(
            &phone,
            "transactions with this phone in the last hour",
            "transacciones con este teléfono en la última hora",
        );
        let in_hour = text(&both, "transactions in the last hour", "transacciones en la última hora");
        let in_minute = text(&bursts, "transactions in the last minute", "transacciones en el último minuto");
        let burst = if self.engine >= 2 { 24 } else { 20 };
        vec![
            ("high_velocity", 35, any(&both.map(|count| least(count, busy))), in_hour),
            ("card_velocity", 25, any(&card.map(|count| least(count, 5))), by_card),
            ("velocity_burst", burst, any(&bursts.map(|count| least(count, 3))), in_minute),
            ("ip_velocity", 15, any(&ip.map(|count| least(count, 20))), by_ip),
            ("phone_velocity", 15, any(&phone.map(|count| least(count, 5))), by_phone),
            (
                "busy_customer",
                7,
                any(&customer.map(|count| least(count, 2))),
                text(&customer, "by this customer", "de este cliente"),
            ),
        ]
    }

    /// The shipped signals that the request alone decides.
    fn given(&self) -> Vec<Signal> {
        let asked = self.asked;
        let short = self.settings.short_session_ms.unwrap_or(5_000);
        let domain = asked.address().map(|address| address.1);
        let tld = domain.and_then(|domain| domain.rsplit('.').next());
        let maximum = self.settings.amount_max.get(&asked.currency);
        let mobile = asked.user_agent.as_ref().map(|agent| agent.to_lowercase().contains("mobi"));
        let still = test(asked.mouse, |moves| moves == 0 && mobile != Some(true));
        let hasty = if self.engine >= 2 { "Hasty session" } else { "Very short session" };
        let all: [(&'static str, i64, Option<bool>, &str, &str); 7] = [
            (
                "amount_above_maximum",
                100,
                test(maximum, |most| asked.amount > *most),
                "Amount exceeds the configured maximum",
                "El monto supera el máximo configurado",
            ),
            (
                "disposable_email",
                20,
                self.holds("disposable_domains", domain, &["mailinator.com", "yopmail.com"]),
                "Disposable email detected",
                "Correo electrónico desechable detectado",
            ),
            (
                "suspicious_email_tld",
                12,
                self.holds("suspicious_tlds", tld, &["xyz", "top"]),
                "Suspicious e-mail domain ending",
                "Terminación sospechosa del dominio de correo",
            ),
            (
                "card_billing_country_mismatch",
                12,
                both(asked.card_country.as_ref(), asked.billing.as_ref()),
                "Card and billing countries differ",
                "El país de la tarjeta y el de facturación difieren",
            ),
            ("short_session", 8, test(asked.duration_ms, |ms| ms < short), hasty, "Sesión muy breve"),
            ("no_mouse_movement", 8, still, "No mouse movement", "Sin movimiento del ratón"),
            (
                "billing_shipping_country_mismatch",
                8,
                both(asked.billing.as_ref(), asked.shipping.as_ref()),
                "Billing and shipping countries differ",
                "El país de facturación y el de envío difieren",
            ),
        ];
        let said = |english, spanish| self.said(english, spanish);
        all.map(|(code, weight, fires, english, spanish)| (code, weight, fires, said(english, spanish)))
            .into()
    }

    /// The own pack's signals.
    fn own(&self, pack: OwnPack) -> Vec<Signal> {
        let number = |value: Option<i64>| greatest(&[value]);
        let email = self.count("email", 2 * HOUR);
        let payer = self.windows.sum("payer", 30 * MINUTE);
        let device = self.windows.declined("device", 6 * HOUR);
        let card = self.windows.seconds_since_last("card");
        let mean = self.windows.average("ip", 3 * HOUR);
        let month = self.count("ip", 720 * HOUR);
        match pack {
            OwnPack::None => vec![],
            OwnPack::Windows => vec![
                ("email_2h", 9, test(email, |n| n >= 3), format!("{} in two hours", number(email))),
                ("payer_sum", 11, test(payer, |n| n > 50_000), format!("{} in half an hour", number(payer))),
                ("device_declined", 13, test(device, |n| n >= 1), format!("{} declined", number(device))),
                ("card_rest", -5, test(card, |n| n > 60), format!("last seen {} s ago", number(card))),
                ("ip_mean", 3, test(mean, |n| n > 20_000), format!("mean {}", number(mean))),
                ("ip_month", 2, test(month, |n| n > 40), format!("{} in a month", number(month))),
            ],
            OwnPack::Rules => {
                vec![("large", 12, Some(self.asked.amount > 200_000), self.said("Large", "Grande"))]
            }
        }
    }

    /// What fires, by weight and then code.
    pub(super) fn fired(&self, pack: OwnPack) -> Vec<Fired> {
        let all = self.counted().into_iter().chain(self.given()).chain(self.own(pack));
        let fired = all.filter(|signal| signal.2 == Some(true));
        let mut fired: Vec<Fired> =
            fired.map(|(code, weight, _, description)| Fired { code, weight, description }).collect();
        for signal in &mut fired {
            if pack == OwnPack::Rules && signal.code == "card_velocity" {
                signal.weight = 40;
            }
        }
        let disabled = |signal: &Fired| self.settings.disabled.iter().any(|code| code == signal.code);
        fired.retain(|signal| signal.code == "amount_above_maximum" || !disabled(signal));
        for signal in &mut fired {
            signal.weight = self.settings.weights.get(signal.code).copied().unwrap_or(signal.weight);
        }
        fired.sort_by(|a, b| (b.weight, a.code).cmp(&(a.weight, b.code)));
        fired
    }

    /// The rules that match, by priority and then id.
    pub(super) fn matched(&self, pack: OwnPack) -> Vec<Matched> {
        if pack != OwnPack::Rules {
            return Vec::new();
        }
        let asked = self.asked;
        let customer = asked.customer_id.as_deref();
        let country = asked.card_country.as_deref();
        let calm = self.count("device", 45 * MINUTE);
        let all: [(Option<bool>, Matched); 4] = [
            (
                test(customer, |id| ["cus_1", "cus_2"].contains(&id)),
                ("vip_pass", "VIP customers", None, Some("approve")),
            ),
            (Some(asked.amount == 66_600), ("round_block", "Round sum", None, Some("block"))),
            (test(calm, |n| n == 1), ("calm", "Calm device", Some(-10), None)),
            (test(country, |code| code == "US"), ("us_cards", "Foreign cards", Some(15), Some("challenge"))),
        ];
        all.into_iter().filter(|rule| rule.0 == Some(true)).map(|rule| rule.1).collect()
    }
}
