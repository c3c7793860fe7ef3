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

    fn numbered(&self, number: &str, english: &str, spanish: &str) -> String {
        format!("{number} {}", self.said(english, spanish))
    }

    /// The shipped signals that fire.
    fn shipped(&self) -> Vec<Fired> {
        let asked = self.asked;
        let hour = |kind| self.count(kind, HOUR);
        let minute = |kind| self.count(kind, MINUTE);
        let busy = self.settings.velocity_count_1h.unwrap_or(if self.engine >= 3 { 4 } else { 5 });
        let short = self.settings.short_session_ms.unwrap_or(5_000);
        let domain = asked.address().map(|address| address.1);
        let tld = domain.and_then(|domain| domain.rsplit('.').next());
        let maximum = self.settings.amount_max.get(&asked.currency);
        let mobile = asked.user_agent.as_ref().map(|agent| agent.to_lowercase().contains("mobi"));
        let least = |value: Option<i64>, least: i64| test(value, |value| value >= least);
        let mut fired = Vec::new();
        let mut signal = |code, weight, fires: Option<bool>, description: String| {
            if fires == Some(true) {
                fired.push(Fired { code, weight, description });
            }
        };
        let said = |english, spanish| self.said(english, spanish);
        let maximal = said("Amount exceeds the configured maximum", "El monto supera el máximo configurado");
        signal("amount_above_maximum", 100, test(maximum, |most| asked.amount > *most), maximal);
        let (email, device) = (hour("email"), hour("device"));
        let (english, spanish) = ("transactions in the last hour", "transacciones en la última hora");
        let text = self.numbered(&greatest(&[email, device]), english, spanish);
        signal("high_velocity", 35, any(&[least(email, busy), least(device, busy)]), text);
        let (english, spanish) = (
            "transactions with this card in the last hour",
            "transacciones con esta tarjeta en la última hora",
        );
        let text = self.numbered(&greatest(&[hour("card")]), english, spanish);
        signal("card_velocity", 25, least(hour("card"), 5), text);
        let disposable = self.holds("disposable_domains", domain, &["mailinator.com", "yopmail.com"]);
        let text = said("Disposable email detected", "Correo electrónico desechable detectado");
        signal("disposable_email", 20, disposable, text);
        let bursts = [minute("email"), minute("device"), minute("card")];
        let (english, spanish) = ("transactions in the last minute", "transacciones en el último minuto");
        let text = self.numbered(&greatest(&bursts), english, spanish);
        let burst = bursts.map(|count| least(count, 3));
        signal("velocity_burst", if self.engine >= 2 { 24 } else { 20 }, any(&burst), text);
        let (english, spanish) =
            ("transactions from this IP in the last hour", "transacciones desde esta IP en la última hora");
        let text = self.numbered(&greatest(&[hour("ip")]), english, spanish);
        signal("ip_velocity", 15, least(hour("ip"), 20), text);
        let (english, spanish) = (
            "transactions with this phone in the last hour",
            "transacciones con este teléfono en la última hora",
        );
        let text = self.numbered(&greatest(&[hour("phone")]), english, spanish);
        signal("phone_velocity", 15, least(hour("phone"), 5), text);
        let text = said("Suspicious e-mail domain ending", "Terminación sospechosa del dominio de correo");
        signal("suspicious_email_tld", 12, self.holds("suspicious_tlds", tld, &["xyz", "top"]), text);
        let text =
            said("Card and billing countries differ", "El país de la tarjeta y el de facturación difieren");
        let differ = both(asked.card_country.as_ref(), asked.billing.as_ref());
        signal("card_billing_country_mismatch", 12, differ, text);
        let english = if self.engine >= 2 { "Hasty session" } else { "Very short session" };
        let text = said(english, "Sesión muy breve");
        signal("short_session", 8, test(asked.duration_ms, |ms| ms < short), text);
        let still = test(asked.mouse, |moves| moves == 0);
        let desktop = mobile.map_or(Some(true), |mobile| Some(!mobile));
        let still = if still == Some(true) { desktop } else { still };
        signal("no_mouse_movement", 8, still, said("No mouse movement", "Sin movimiento del ratón"));
        let text =
            said("Billing and shipping countries differ", "El país de facturación y el de envío difieren");
        let differ = both(asked.billing.as_ref(), asked.shipping.as_ref());
        signal("billing_shipping_country_mismatch", 8, differ, text);
        let customer = self.count("customer", 10 * MINUTE).filter(|_| self.engine >= 3);
        let text = self.numbered(&greatest(&[customer]), "by this customer", "de este cliente");
        signal("busy_customer", 7, least(customer, 2), text);
        fired
    }

    /// The own pack's signals that fire.
    fn own(&self, pack: OwnPack) -> Vec<Fired> {
        let number = |value: Option<i64>| greatest(&[value]);
        let email = self.count("email", 2 * HOUR);
        let payer = self.windows.sum("payer", 30 * MINUTE);
        let device = self.windows.declined("device", 6 * HOUR);
        let card = self.windows.seconds_since_last("card");
        let mean = self.windows.average("ip", 3 * HOUR);
        let month = self.count("ip", 720 * HOUR);
        let all = match pack {
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
        };
        let fired = all.into_iter().filter(|signal| signal.2 == Some(true));
        fired.map(|(code, weight, _, description)| Fired { code, weight, description }).collect()
    }

    /// What fires, by weight and then code.
    pub(super) fn fired(&self, pack: OwnPack) -> Vec<Fired> {
        let mut fired = self.shipped();
        for signal in &mut fired {
            if pack == OwnPack::Rules && signal.code == "card_velocity" {
                signal.weight = 40;
            }
        }
        fired.extend(self.own(pack));
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
