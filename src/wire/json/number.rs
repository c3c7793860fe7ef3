//! One spelling for equal numbers.

/// A JSON text with each of its numbers spelled in the one way that all equal numbers share: significant
/// digits, `e` and a power of ten, never expanded, so a short text never becomes a long one. `json` must be
/// JSON; what stands in strings stays.
///
/// A number whose power does not fit an `i64` stays as it is written: it still never equals another number,
/// but its own other spellings are not told to be the same.
pub fn spell_numbers(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 8);
    let mut rest = json;
    while let Some(at) = rest.find(|char: char| char == '"' || is_of_number(char, true)) {
        let (between, found) = rest.split_at(at);
        out.push_str(between);
        let string = found.starts_with('"');
        let end = if string { string_end(found) } else { found.find(|char| !is_of_number(char, false)) };
        let (token, after) = found.split_at(end.unwrap_or(found.len()));
        let number = if string { None } else { spelled(token) };
        out.push_str(number.as_deref().unwrap_or(token));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_of_number(char: char, first: bool) -> bool {
    char.is_ascii_digit() || char == '-' || (!first && matches!(char, '+' | '.' | 'e' | 'E'))
}

/// The end of the string that `json` begins with.
fn string_end(json: &str) -> Option<usize> {
    let mut escaped = false;
    let mut inner = json.bytes().enumerate().skip(1);
    let quote = inner.find(|(_, byte)| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    quote.map(|(at, _)| at + 1)
}

/// The digits of a JSON number that is whole, however it is spelled: `12`, `12.0`, `1.2e1`. None for a number
/// with a fraction, or of more than `most` characters.
pub fn whole_number(number: &str, most: usize) -> Option<String> {
    let spelled = spelled(number)?;
    let (digits, power) = spelled.split_once('e')?;
    let zeros = usize::try_from(power.parse::<i64>().ok()?).ok()?;
    let fits = digits.len().checked_add(zeros).is_some_and(|length| length <= most);
    fits.then(|| format!("{digits}{}", "0".repeat(zeros)))
}

fn spelled(number: &str) -> Option<String> {
    let unsigned = number.strip_prefix('-').unwrap_or(number);
    let (mantissa, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = [whole, fraction].concat();
    let leading = all.trim_start_matches('0');
    let digits = leading.trim_end_matches('0');
    if digits.is_empty() {
        return Some("0e0".to_owned());
    }
    let zeros = i64::try_from(leading.len() - digits.len()).ok()?;
    let shift = zeros - i64::try_from(fraction.len()).ok()?;
    let power = power.parse::<i64>().ok()?.checked_add(shift)?;
    let sign = if number.starts_with('-') { "-" } else { "" };
    Some(format!("{sign}{digits}e{power}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, spellings: &[&str]) {
        for json in spellings {
            assert_eq!(spell_numbers(json), expected, "{json}");
        }
    }

    #[test]
    fn equal_numbers_have_one_spelling() {
        check(
            "1e0",
            &[
                "1",
                "1.0",
                "1e0",
                "1E+0",
                "10e-1",
                "0.1e1",
                "1.000",
                "0.001e3",
                "1e-0",
                "1e00000000000000000000",
            ],
        );
        check("-15e-1", &["-1.5", "-15e-1", "-0.15E1", "-150e-2"]);
        check("0e0", &["0", "-0", "0.00", "0e9", "-0.0e-9", "0e99999999999999999999"]);
        check("1e2", &["100", "1e2", "100.0"]);
        check(
            "12345678901234567890123456789e0",
            &["12345678901234567890123456789", "1234567890123456789012345678.9e1"],
        );
        check("1e999999999", &["1e999999999", "10E999999998", "0.1e1000000000"]);
        check("1e-999999999", &["1e-999999999", "0.1e-999999998"]);
        check("1e9223372036854775807", &["1e9223372036854775807", "10e9223372036854775806"]);
    }

    #[test]
    fn other_numbers_have_another() {
        for (one, other) in [
            ("1", "-1"),
            ("1", "10"),
            ("0.1", "0.01"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("1e9223372036854775807", "1e9223372036854775808"),
            ("10e9223372036854775807", "1e9223372036854775807"),
        ] {
            assert_ne!(spell_numbers(one), spell_numbers(other), "{one} {other}");
        }
    }

    #[test]
    fn whole_numbers_have_their_digits() {
        for (spelling, digits) in
            [("12", "12"), ("12.0", "12"), ("1.2e1", "12"), ("-500e-2", "-5"), ("0e9", "0"), ("7e3", "7000")]
        {
            assert_eq!(whole_number(spelling, 4).as_deref(), Some(digits), "{spelling}");
        }
        for none in ["1.5", "1e-1", "12345", "1e4", "1e999999999999", "1e99999999999999999999"] {
            assert_eq!(whole_number(none, 4), None, "{none}");
        }
    }

    #[test]
    fn only_numbers_are_touched() {
        check("true", &["true"]);
        check(
            r#"{"1.0":[1e0,"1.0 \\",-2e0,"\"3.0",{"e":null,"é1":false}]}"#,
            &[r#"{"1.0":[1.0,"1.0 \\",-20e-1,"\"3.0",{"e":null,"é1":false}]}"#],
        );
        check("[]", &["[]"]);
    }
}
