//! What descriptions are rendered from: the part of an event that a stored decision keeps.

use crate::base::currency::Currency;
use crate::expr::{Env, Value};
use crate::policy::field::{FIELDS, Field, int};
use crate::policy::names::VELOCITY;

/// A stored trace.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    pub(super) computed: &'a [Option<i64>],
    pub(super) amount: i64,
    pub(super) currency: Currency,
}

impl Env for Trace<'_> {
    fn value(&self, slot: u32) -> Value<'_> {
        if let Some(place) = slot.checked_sub(VELOCITY) {
            return computed(self.computed, place);
        }
        let row = usize::try_from(slot).ok().and_then(|slot| FIELDS.get(slot));
        match row.map(|row| row.field) {
            Some(Field::Amount) => Value::Int(self.amount),
            Some(Field::Currency) => Value::Str(self.currency.code()),
            Some(_) | None => Value::Missing,
        }
    }

    fn entry(&self, _slot: u32, _key: &str) -> Value<'_> {
        Value::Missing
    }

    fn contains(&self, _list: u32, _value: &Value<'_>) -> Option<bool> {
        None
    }

    fn has_list(&self, _list: u32) -> bool {
        false
    }
}

/// The value of a computed feature by its place in the trace.
pub(super) fn computed(values: &[Option<i64>], place: u32) -> Value<'static> {
    int(usize::try_from(place).ok().and_then(|place| values.get(place)).copied().flatten())
}
