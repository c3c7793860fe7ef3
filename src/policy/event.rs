//! An event as conditions see it.

use crate::domain::payin::MetadataValue;
use crate::domain::settings::Parameter;
use crate::expr::{Env, Value};
use crate::policy::describe::computed;
use crate::policy::field::{FIELDS, int};
use crate::policy::inputs::Inputs;
use crate::policy::names::{AMOUNT_MAX, AMOUNT_MIN, METADATA, PARAMETERS, SETTINGS, VELOCITY};
use crate::policy::policy::Policy;
use std::net::IpAddr;

/// One event under one policy.
#[derive(Debug)]
pub(super) struct Event<'a> {
    policy: &'a Policy,
    inputs: &'a Inputs<'a>,
    pub(super) amount_max: Option<i64>,
    ip: Printed,
}

impl<'a> Event<'a> {
    pub(super) fn new(policy: &'a Policy, inputs: &'a Inputs<'a>) -> Self {
        let amount_max = inputs.settings.amount_max.get(inputs.request.currency);
        let ip = inputs.request.device.ip.filter(|_| policy.reads_ip).map_or(Printed::EMPTY, Printed::of);
        Self { policy, inputs, amount_max, ip }
    }

    /// A limit or a parameter, resolved for the event's currency.
    fn setting(&self, slot: u32) -> Value<'_> {
        let (settings, currency) = (self.inputs.settings, self.inputs.request.currency);
        match slot {
            AMOUNT_MAX => return int(self.amount_max),
            AMOUNT_MIN => return int(settings.amount_min.get(currency)),
            _ => {}
        }
        let place = slot.checked_sub(PARAMETERS).and_then(|place| usize::try_from(place).ok());
        let Some((name, default)) = place.and_then(|place| self.policy.parameters.get(place)) else {
            return Value::Missing;
        };
        match settings.parameters.get(name.as_str()).unwrap_or(default) {
            Parameter::Int(value) => Value::Int(*value),
            Parameter::Amounts(amounts) => int(amounts.get(currency)),
        }
    }
}

impl Env for Event<'_> {
    fn value(&self, slot: u32) -> Value<'_> {
        if let Some(place) = slot.checked_sub(VELOCITY) {
            return computed(self.inputs.computed, place);
        }
        if slot >= SETTINGS {
            return self.setting(slot);
        }
        let row = usize::try_from(slot).ok().and_then(|slot| FIELDS.get(slot));
        row.map_or(Value::Missing, |row| row.field.value(self.inputs, self.ip.text()))
    }

    fn entry(&self, slot: u32, key: &str) -> Value<'_> {
        if slot != METADATA {
            return Value::Missing;
        }
        match self.inputs.request.metadata.iter().find(|(known, _)| known == key) {
            Some((_, MetadataValue::Text(text) | MetadataValue::Literal(text))) => Value::Str(text),
            Some((_, MetadataValue::Nested(_))) | None => Value::Missing,
        }
    }

    fn contains(&self, list: u32, value: &Value<'_>) -> Option<bool> {
        let list = self.policy.lists.get(usize::try_from(list).ok()?)?;
        match value {
            Value::Str(text) => Some(list.holds(text)),
            Value::Missing | Value::Bool(_) | Value::Int(_) | Value::Time(_) | Value::Span(_) => None,
        }
    }

    fn has_list(&self, list: u32) -> bool {
        usize::try_from(list).is_ok_and(|list| list < self.policy.lists.len())
    }
}

/// The text of an IP address, without a string of its own.
#[derive(Debug)]
struct Printed {
    bytes: [u8; 45],
    len: usize,
}

impl Printed {
    const EMPTY: Printed = Printed { bytes: [0; 45], len: 0 };

    fn of(address: IpAddr) -> Self {
        let mut printed = Printed::EMPTY;
        // The longest address has 45 characters, so there is room for every one.
        let written = std::fmt::Write::write_fmt(&mut printed, format_args!("{address}"));
        written.map_or(Printed::EMPTY, |()| printed)
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl std::fmt::Write for Printed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
