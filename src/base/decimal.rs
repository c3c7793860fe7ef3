//! Exact decimal numbers as JSON writes them, never through binary floating point.

/// A decimal number: `digits` × 10^`exponent`, negative or not. Digits carry no leading or trailing
/// zero, so equal numbers are equal values, and zero has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<'a> {
    text: &'a str,
    negative: bool,
    /// Number of significant digits.
    digits: usize,
    exponent: i64,
}

/// Why a decimal is no scaled integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInteger {
    /// It has a fraction at this scale.
    Fraction,
    /// Its magnitude is beyond 2^63 − 1.
    TooLarge,
}

impl<'a> Decimal<'a> {
    /// Reads a JSON number (RFC 8259 section 6); `None` if it is none.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, parse_power(power)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let leading = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading || !plain(whole) || !plain(fraction) {
            return None;
        }
        let all = mantissa.bytes().filter(u8::is_ascii_digit);
        let total = all.clone().count();
        let before = all.clone().take_while(|b| *b == b'0').count();
        let after = if before == total { 0 } else { all.rev().take_while(|b| *b == b'0').count() };
        let shift = i64::try_from(after).ok()? - i64::try_from(fraction.len()).ok()?;
        Some(Self {
            text: mantissa,
            negative: text.starts_with('-') && before < total,
            digits: total - before - after,
            exponent: if before == total { 0 } else { shift.saturating_add(power) },
        })
    }

    /// Whether the number is below zero; −0 is not.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    /// The number times 10^`scale`, exactly.
    ///
    /// # Errors
    /// It is no integer, or does not fit an `i64`.
    pub fn scaled(&self, scale: u8) -> Result<i64, NotInteger> {
        if self.digits == 0 {
            return Ok(0);
        }
        let exponent = self.exponent.saturating_add(i64::from(scale));
        if exponent < 0 {
            return Err(NotInteger::Fraction);
        }
        let mut value = 0_i64;
        let significant = self.text.bytes().filter(u8::is_ascii_digit).skip_while(|b| *b == b'0');
        let zeros = usize::try_from(exponent).unwrap_or(usize::MAX);
        let padded = significant.take(self.digits).chain(std::iter::repeat_n(b'0', zeros.min(20)));
        for digit in padded {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(i64::from(digit - b'0')))
                .ok_or(NotInteger::TooLarge)?;
        }
        Ok(if self.negative { -value } else { value })
    }
}

/// An exponent, clamped far outside of what any number here can use.
fn parse_power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.bytes().fold(0_i64, |n, b| (n * 10 + i64::from(b - b'0')).min(1 << 40));
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_numbers() {
        for bad in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1_0", "NaN", " 1", "1 ", "--1", "1.2.3",
            "1e1.5",
        ] {
            assert_eq!(Decimal::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn exact_at_every_scale() {
        use NotInteger::{Fraction, TooLarge};
        let table = [
            ("1500", 0, Ok(1500)),
            ("1500.0", 0, Ok(1500)),
            ("1.5e3", 0, Ok(1500)),
            ("15000E-1", 0, Ok(1500)),
            ("1500.5", 0, Err(Fraction)),
            ("25000.00", 2, Ok(2_500_000)),
            ("0.001", 2, Err(Fraction)),
            ("0.001", 3, Ok(1)),
            ("0", 0, Ok(0)),
            ("-0.0", 2, Ok(0)),
            ("0e999999999999999999999", 0, Ok(0)),
            ("-1", 0, Ok(-1)),
            ("1e-999999999999999999999", 3, Err(Fraction)),
            ("1e999999999999999999999", 0, Err(TooLarge)),
            ("9223372036854775807", 0, Ok(i64::MAX)),
            ("9223372036854775808", 0, Err(TooLarge)),
            ("100000000000000000000e-18", 0, Ok(100)),
            ("0.10", 1, Ok(1)),
        ];
        for (text, scale, expected) in table {
            assert_eq!(Decimal::parse(text).unwrap().scaled(scale), expected, "{text} at {scale}");
        }
        assert!(!Decimal::parse("-0").unwrap().is_negative());
        assert!(Decimal::parse("-0.01").unwrap().is_negative());
    }
}
