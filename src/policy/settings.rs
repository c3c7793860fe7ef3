//! Scoring settings of a flow from JSON: the contract's section 8.8, against the signals of a policy and the
//! parameters of its pipeline.
//!
//! A body is a merge patch (RFC 7396) of the members of one flow, so a whole document is a patch of the
//! defaults. Members without a value are as before, null brings back the default.

use crate::base::currency::Currency;
use crate::base::decimal::Decimal;
use crate::base::limits::PACK_SIGNALS;
use crate::base::money::{AmountFault, AmountMap, AmountMapFault};
use crate::domain::fault::{FieldCode, FieldFault};
use crate::domain::settings::{ListWeights, Parameter, ScoringSettings, Thresholds};
use crate::policy::catalogue::Catalogue;
use crate::policy::policy::Policy;
use crate::policy::signal::is_limit;
use crate::wire::json::{self, Bad, Faults, Text, Value, members};
use std::collections::{BTreeMap, BTreeSet};

members! {
    struct Body { thresholds, weights, disabled_signals, list_weights, amount_min, amount_max, parameters, }
}

members! {
    struct Bounds { review, challenge, decline, }
}

members! {
    struct Lists { flag, review, }
}

impl Catalogue {
    /// `current` with the changes of `body`; the version stays.
    ///
    /// # Errors
    /// Every fault of the body, at most [`crate::base::limits::FAULTS`] of them.
    pub fn patch_settings(
        &self,
        policy: &Policy,
        current: &ScoringSettings,
        body: &[u8],
    ) -> Result<ScoringSettings, Vec<FieldFault>> {
        let mut faults = Faults::strict();
        let patched = json::read(body, &mut faults, |body: &Body<'_>, faults| {
            self.patched(policy, current, body, faults)
        });
        match patched {
            Some(settings) if faults.is_empty() => Ok(settings),
            Some(_) | None => Err(faults.into_vec()),
        }
    }

    fn patched(
        &self,
        policy: &Policy,
        current: &ScoringSettings,
        body: &Body<'_>,
        faults: &mut Faults,
    ) -> ScoringSettings {
        let patched = ScoringSettings {
            version: current.version,
            thresholds: thresholds(&body.thresholds, current.thresholds, self.pipeline.thresholds, faults),
            weights: weights(&body.weights, &current.weights, policy, faults),
            disabled_signals: disabled(&body.disabled_signals, &current.disabled_signals, policy, faults),
            list_weights: list_weights(&body.list_weights, current.list_weights, faults),
            amount_min: amounts(&body.amount_min, &current.amount_min, faults),
            amount_max: amounts(&body.amount_max, &current.amount_max, faults),
            parameters: self.parameters(&body.parameters, &current.parameters, faults),
        };
        if !all_at_most(&patched.amount_min, &patched.amount_max) {
            faults
                .at("amount_min", Bad::new(FieldCode::Max, "must be at most `amount_max` in each currency"));
        }
        patched
    }

    fn parameters(
        &self,
        value: &Value<'_>,
        current: &BTreeMap<String, Parameter>,
        faults: &mut Faults,
    ) -> BTreeMap<String, Parameter> {
        let mut patched = current.clone();
        each(value, &mut patched, BTreeMap::new(), faults, |patched, entry, faults| {
            let default = self.pipeline.parameters.iter().find(|(known, _)| known == entry.name());
            let Some((name, default)) = default else {
                return entry.fault(unknown("parameter"), faults);
            };
            if entry.is_null() {
                patched.remove(name);
                return;
            }
            let parameter = match (default, patched.get(name)) {
                (Parameter::Int(_), _) => entry.integer(1..=i64::MAX, faults).map(Parameter::Int),
                (Parameter::Amounts(_), Some(Parameter::Amounts(own))) => {
                    Some(Parameter::Amounts(amounts(&entry, own, faults)))
                }
                (Parameter::Amounts(default), Some(Parameter::Int(_)) | None) => {
                    Some(Parameter::Amounts(amounts(&entry, default, faults)))
                }
            };
            if let Some(Parameter::Amounts(map)) = &parameter
                && !all_above_zero(map)
            {
                entry.fault(Bad::new(FieldCode::Min, "must be at least 1"), faults);
            }
            patched.extend(parameter.map(|parameter| (name.clone(), parameter)));
        });
        patched
    }
}

fn unknown(what: &str) -> Bad {
    Bad { code: FieldCode::UnknownField, message: format!("is no {what} of this flow").into() }
}

/// Hands each entry of an object to `change`; a name given twice is a fault, null the value `cleared`.
fn each<T>(
    value: &Value<'_>,
    patched: &mut T,
    cleared: T,
    faults: &mut Faults,
    mut change: impl FnMut(&mut T, Value<'_>, &mut Faults),
) {
    if value.is_null() {
        *patched = cleared;
        return;
    }
    let Some(entries) = value.entries(faults) else { return };
    faults.within(value.name(), |faults| {
        let mut seen = BTreeSet::new();
        for (name, raw) in &entries {
            let entry = Value::entry(name, raw);
            if seen.insert(name.as_ref()) {
                change(patched, entry, faults);
            } else {
                entry.fault(Bad::new(FieldCode::Duplicate, "is given twice"), faults);
            }
        }
    });
}

/// The bound as it would be; none where its value is a fault.
fn bound(value: &Value<'_>, current: i64, default: i64, most: i64, faults: &mut Faults) -> Option<i64> {
    if value.is_null() {
        return Some(default);
    }
    let least = i64::from(most > 100);
    let (before, given) = (faults.total(), value.integer(least..=most, faults));
    given.or_else(|| (faults.total() == before).then_some(current))
}

fn thresholds(
    value: &Value<'_>,
    current: Thresholds,
    default: Thresholds,
    faults: &mut Faults,
) -> Thresholds {
    if value.is_null() {
        return default;
    }
    let patched = value.object(faults, |bounds: &Bounds<'_>, faults| {
        [
            bound(&bounds.review, current.review, default.review, 101, faults),
            bound(&bounds.challenge, current.challenge, default.challenge, 101, faults),
            bound(&bounds.decline, current.decline, default.decline, 101, faults),
        ]
    });
    let Some(patched) = patched else { return current };
    // Those that could be read are out of order whatever the others would be.
    if !patched.iter().flatten().is_sorted() {
        let message = "must be 1 ≤ review ≤ challenge ≤ decline ≤ 101";
        value.fault(Bad::new(FieldCode::OutOfRange, message), faults);
    }
    let [review, challenge, decline] = patched;
    Thresholds {
        review: review.unwrap_or(current.review),
        challenge: challenge.unwrap_or(current.challenge),
        decline: decline.unwrap_or(current.decline),
    }
}

fn list_weights(value: &Value<'_>, current: ListWeights, faults: &mut Faults) -> ListWeights {
    let default = ScoringSettings::default().list_weights;
    if value.is_null() {
        return default;
    }
    let patched = value.object(faults, |lists: &Lists<'_>, faults| ListWeights {
        flag: bound(&lists.flag, current.flag, default.flag, 100, faults).unwrap_or(current.flag),
        review: bound(&lists.review, current.review, default.review, 100, faults).unwrap_or(current.review),
    });
    patched.unwrap_or(current)
}

fn weights(
    value: &Value<'_>,
    current: &BTreeMap<String, i64>,
    policy: &Policy,
    faults: &mut Faults,
) -> BTreeMap<String, i64> {
    let mut patched = current.clone();
    each(value, &mut patched, BTreeMap::new(), faults, |patched, entry, faults| {
        let code = entry.name();
        if entry.is_null() {
            // Also of a signal that has gone with the pack that had it.
            patched.remove(code);
        } else if policy.signals().all(|(known, _)| known != code) {
            entry.fault(unknown("signal"), faults);
        } else if let Some(weight) = entry.integer(-100..=100, faults) {
            patched.insert(code.to_owned(), weight);
        }
    });
    patched
}

fn disabled(
    value: &Value<'_>,
    current: &BTreeSet<String>,
    policy: &Policy,
    faults: &mut Faults,
) -> BTreeSet<String> {
    if value.is_null() {
        return BTreeSet::new();
    }
    let codes = value.items(SIGNALS, faults, |item, faults| {
        let code = item.string(Text::upto(64), faults)?;
        if is_limit(&code) {
            item.fault(Bad::new(FieldCode::Enum, "is a limit and cannot be disabled"), faults);
        } else if policy.signals().all(|(known, _)| known != code) {
            item.fault(unknown("signal"), faults);
        }
        Some(code)
    });
    codes.map_or_else(|| current.clone(), |codes| codes.into_iter().collect())
}

/// Codes in one body: more than any policy has.
const SIGNALS: usize = 2 * PACK_SIGNALS;

fn amounts(value: &Value<'_>, current: &AmountMap, faults: &mut Faults) -> AmountMap {
    let mut entries: BTreeMap<String, String> =
        current.entries().map(|(key, text)| (key.to_owned(), text)).collect();
    each(value, &mut entries, BTreeMap::new(), faults, |entries, entry, faults| {
        let key = entry.name().to_ascii_uppercase();
        if entry.is_null() {
            entries.remove(&key);
            return;
        }
        let Some(text) = entry.string(Text::USUAL, faults) else { return };
        match AmountMap::default().put(&key, &text) {
            Ok(()) => {
                entries.insert(key, text);
            }
            Err(fault) => entry.fault(bad_amount(fault), faults),
        }
    });
    let mut map = AmountMap::default();
    for (key, text) in &entries {
        // What is kept was an entry before, so it can be put.
        map.put(key, text).unwrap_or_default();
    }
    map
}

const fn bad_amount(fault: AmountMapFault) -> Bad {
    match fault {
        AmountMapFault::UnknownCurrency => Bad::new(FieldCode::UnknownCurrency, "is no currency and not `*`"),
        AmountMapFault::Format => Bad::new(FieldCode::Format, "must be a decimal in major units"),
        AmountMapFault::Amount(AmountFault::Precision | AmountFault::NotInteger) => {
            Bad::new(FieldCode::Precision, "has more decimals than the currency")
        }
        AmountMapFault::Amount(AmountFault::Negative) => Bad::new(FieldCode::Min, "must be at least 0"),
        AmountMapFault::Amount(AmountFault::OutOfRange) => Bad::new(FieldCode::OutOfRange, "is too large"),
    }
}

/// The entry `*` in thousandths of the major unit, the smallest minor unit there is.
fn any(map: &AmountMap) -> Option<i64> {
    let (_, text) = map.entries().find(|(key, _)| *key == "*")?;
    Decimal::parse(&text)?.scaled(3).ok()
}

fn all_at_most(least: &AmountMap, most: &AmountMap) -> bool {
    let ordered = |pair: (Option<i64>, Option<i64>)| match pair {
        (Some(least), Some(most)) => least <= most,
        (None, _) | (_, None) => true,
    };
    let codes = least.entries().chain(most.entries()).filter_map(|(code, _)| Currency::from_code(code));
    let mut pairs = codes.map(|currency| (least.get(currency), most.get(currency)));
    pairs.all(ordered) && ordered((any(least), any(most)))
}

fn all_above_zero(map: &AmountMap) -> bool {
    let mut own = map.entries().filter_map(|(code, _)| Currency::from_code(code));
    own.all(|currency| map.get(currency) != Some(0)) && any(map) != Some(0)
}
