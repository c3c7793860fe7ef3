//! An amount with its currency and unit, as every body of the contract gives it.

use crate::base::currency::Currency;
use crate::base::money::{AMOUNT_MAX, AmountFault, AmountUnit, minor_units, whole_minor_units};
use crate::domain::fault::FieldCode;
use crate::wire::json::{Bad, Faults, Text, Value};

/// The three members that make an amount.
#[derive(Debug, Clone, Copy)]
pub struct AmountMembers<'a> {
    /// `amount`.
    pub amount: Value<'a>,
    /// `currency`.
    pub currency: Value<'a>,
    /// `amount_unit`.
    pub unit: Value<'a>,
}

/// The amount in minor units and its currency. As much of the amount is judged as is known: without a
/// currency still its type and sign, and in minor units all of it.
pub fn read(members: AmountMembers<'_>, faults: &mut Faults) -> Option<(i64, Currency)> {
    let AmountMembers { amount, currency, unit } = members;
    let number = amount.number(faults);
    let currency = currency.parsed(Text::USUAL, self::currency, faults);
    let choices = [("minor", AmountUnit::Minor), ("major", AmountUnit::Major)];
    let before = faults.total();
    let chosen = unit.choice(&choices, faults).unwrap_or_default();
    let known = (faults.total() == before).then_some(chosen);
    let number = number?;
    let result = match (known, currency) {
        (Some(unit), Some(currency)) => minor_units(number, unit, currency),
        (Some(AmountUnit::Minor), None) => whole_minor_units(number),
        _ if number.is_negative() => Err(AmountFault::Negative),
        _ => return None,
    };
    match result {
        Ok(minor) => Some((minor, currency?)),
        Err(fault) => {
            amount.fault(bad(fault), faults);
            None
        }
    }
}

fn currency(text: &str) -> Result<Currency, Bad> {
    Currency::from_code(text)
        .ok_or(Bad::new(FieldCode::UnknownCurrency, "must be a current ISO 4217 currency with a minor unit"))
}

fn bad(fault: AmountFault) -> Bad {
    match fault {
        AmountFault::Negative => Bad::new(FieldCode::Min, "must be at least 0"),
        AmountFault::NotInteger => Bad::new(FieldCode::NotInteger, "must be a whole number of minor units"),
        AmountFault::Precision => {
            Bad::new(FieldCode::Precision, "must have no more decimals than the currency")
        }
        AmountFault::OutOfRange => {
            Bad::new(FieldCode::OutOfRange, "must be at most 9007199254740991 minor units")
        }
    }
}

const _: () = assert!(AMOUNT_MAX == 9_007_199_254_740_991, "the message above says so");
