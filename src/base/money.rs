//! Amounts in minor units and limits that differ by currency.

use crate::base::currency::Currency;
use crate::base::decimal::{Decimal, NotInteger};
use std::collections::BTreeMap;

/// The largest amount, 2^53 − 1 minor units.
pub const AMOUNT_MAX: i64 = 9_007_199_254_740_991;

/// In which unit an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmountUnit {
    /// Minor units, such as cents.
    #[default]
    Minor,
    /// Major units, such as dollars.
    Major,
}

/// Why a number is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountFault {
    /// Below zero.
    Negative,
    /// A fraction of a minor unit, written in minor units.
    NotInteger,
    /// More decimals than the currency has, written in major units.
    Precision,
    /// Beyond [`AMOUNT_MAX`].
    OutOfRange,
}

/// The amount in minor units of a JSON number.
///
/// # Errors
/// The number is not exactly representable in minor units, negative or too large.
pub fn minor_units(number: Decimal<'_>, unit: AmountUnit, currency: Currency) -> Result<i64, AmountFault> {
    match unit {
        AmountUnit::Minor => whole_minor_units(number),
        AmountUnit::Major => amount(number, currency.decimals(), AmountFault::Precision),
    }
}

/// The amount of a JSON number written in minor units, which are the same in every currency.
///
/// # Errors
/// The number is a fraction, negative or too large.
pub fn whole_minor_units(number: Decimal<'_>) -> Result<i64, AmountFault> {
    amount(number, 0, AmountFault::NotInteger)
}

fn amount(number: Decimal<'_>, scale: u8, fraction: AmountFault) -> Result<i64, AmountFault> {
    if number.is_negative() {
        return Err(AmountFault::Negative);
    }
    match number.scaled(scale) {
        Ok(minor) if minor <= AMOUNT_MAX => Ok(minor),
        Ok(_) | Err(NotInteger::TooLarge) => Err(AmountFault::OutOfRange),
        Err(NotInteger::Fraction) => Err(fraction),
    }
}

/// Amounts by currency, in minor units; every currency, where `*` gives the default in major units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AmountMap {
    by_currency: BTreeMap<Currency, i64>,
    /// The entry `*`: a decimal in major units, as written.
    any: Option<String>,
}

/// Why an entry of an [`AmountMap`] is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountMapFault {
    /// The key is no currency and not `*`.
    UnknownCurrency,
    /// The value is no decimal.
    Format,
    /// The value is no amount of that currency.
    Amount(AmountFault),
}

impl AmountMap {
    /// Puts one entry: a currency code or `*`, and a decimal in major units.
    ///
    /// # Errors
    /// The key is unknown or the value is no amount of that currency.
    pub fn put(&mut self, key: &str, value: &str) -> Result<(), AmountMapFault> {
        let number = Decimal::parse(value).ok_or(AmountMapFault::Format)?;
        if key == "*" {
            if number.is_negative() {
                return Err(AmountMapFault::Amount(AmountFault::Negative));
            }
            self.any = Some(value.to_owned());
            return Ok(());
        }
        let currency = Currency::from_code(key).ok_or(AmountMapFault::UnknownCurrency)?;
        let minor = minor_units(number, AmountUnit::Major, currency).map_err(AmountMapFault::Amount)?;
        self.by_currency.insert(currency, minor);
        Ok(())
    }

    /// The amount for `currency` in its minor units: its own entry, else that of `*` where it is exact
    /// in this currency, else none.
    #[must_use]
    pub fn get(&self, currency: Currency) -> Option<i64> {
        if let Some(minor) = self.by_currency.get(&currency) {
            return Some(*minor);
        }
        let number = Decimal::parse(self.any.as_deref()?)?;
        minor_units(number, AmountUnit::Major, currency).ok()
    }

    /// Every entry as it would be put, currencies in the order of their numeric codes, `*` first.
    pub fn entries(&self) -> impl Iterator<Item = (&str, String)> {
        let any = self.any.iter().map(|value| ("*", value.clone()));
        any.chain(
            self.by_currency.iter().map(|(currency, minor)| (currency.code(), major_text(*minor, *currency))),
        )
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any.is_none() && self.by_currency.is_empty()
    }
}

/// The decimal text in major units of an amount.
#[must_use]
pub fn major_text(minor: i64, currency: Currency) -> String {
    let decimals = usize::from(currency.decimals());
    let sign = if minor < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, unit: AmountUnit, code: &str, expected: Result<i64, AmountFault>) {
        let currency = Currency::from_code(code).unwrap();
        assert_eq!(minor_units(Decimal::parse(text).unwrap(), unit, currency), expected, "{text} {code}");
    }

    #[test]
    fn the_contract_s_examples() {
        use AmountUnit::{Major, Minor};
        check("1500", Minor, "MXN", Ok(1500));
        check("1.5e3", Minor, "MXN", Ok(1500));
        check("1500.5", Minor, "MXN", Err(AmountFault::NotInteger));
        check("25000.00", Major, "MXN", Ok(2_500_000));
        check("1500.00", Major, "CLP", Ok(1500));
        check("0.001", Major, "MXN", Err(AmountFault::Precision));
        check("0.001", Major, "KWD", Ok(1));
        check("-1", Minor, "MXN", Err(AmountFault::Negative));
        check("9007199254740991", Minor, "MXN", Ok(AMOUNT_MAX));
        check("9007199254740992", Minor, "MXN", Err(AmountFault::OutOfRange));
        check("1e30", Major, "MXN", Err(AmountFault::OutOfRange));
    }

    #[test]
    fn a_currency_s_own_entry_wins() {
        let mut map = AmountMap::default();
        map.put("*", "10000.00").unwrap();
        map.put("CLP", "9500000").unwrap();
        let get = |code| map.get(Currency::from_code(code).unwrap());
        assert_eq!(
            (get("CLP"), get("MXN"), get("JPY"), get("KWD")),
            (Some(9_500_000), Some(1_000_000), Some(10_000), Some(10_000_000))
        );
        assert_eq!(AmountMap::default().get(Currency::from_code("MXN").unwrap()), None);
        assert_eq!(map.put("XXX", "1"), Err(AmountMapFault::UnknownCurrency));
        assert_eq!(map.put("CLP", "1.5"), Err(AmountMapFault::Amount(AmountFault::Precision)));
        assert_eq!(map.put("MXN", "ten"), Err(AmountMapFault::Format));
        let entries: Vec<_> = map.entries().collect();
        assert_eq!(entries, [("*", "10000.00".to_owned()), ("CLP", "9500000".to_owned())]);
        assert_eq!(major_text(5, Currency::from_code("MXN").unwrap()), "0.05");
    }
}
