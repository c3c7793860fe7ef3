//! Time in milliseconds, its RFC 3339 text, and the lengths of windows.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ms(pub i64);

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Ms {
    /// This time moved by `ms` milliseconds.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Ms {
        Ms(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time.
    #[must_use]
    pub const fn since(self, earlier: Ms) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads an RFC 3339 date-time with any offset, of every year such a text can name; digits below the
    /// millisecond are dropped, a leap second, which only a day's last minute in UTC can have, counts as the
    /// last second before it.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Ms> {
        let bytes = text.as_bytes();
        let (head, mut rest) = bytes.split_at_checked(19)?;
        let shape = b"dddd-dd-ddTdd:dd:dd";
        let fits = head.iter().zip(shape).all(|(byte, want)| match want {
            b'd' => byte.is_ascii_digit(),
            b'T' => byte.eq_ignore_ascii_case(&b'T'),
            exact => byte == exact,
        });
        if !fits {
            return None;
        }
        let mut ms = 0;
        if let Some(fraction) = rest.strip_prefix(b".") {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            let (digits, zone) = fraction.split_at_checked(digits)?;
            if digits.is_empty() {
                return None;
            }
            ms = digits.iter().chain(b"00").take(3).fold(0, |ms, b| ms * 10 + i64::from(b - b'0'));
            rest = zone;
        }
        let offset_minutes = parse_offset(rest)?;
        let field = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
        let small = |from: usize| i8::try_from(field(from, from + 2)?).ok();
        let second = small(17)?;
        if second > 60 {
            return None;
        }
        let civil =
            DateTime::new(field(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, second.min(59), 0)
                .ok()?;
        // The library's own time stamps end a day before the last year does.
        let local = civil.duration_since(EPOCH).as_secs() * SECOND_MS;
        let at = Ms(local + ms - offset_minutes * MINUTE_MS);
        let in_day = at.0.rem_euclid(DAY_MS);
        (second < 60 || in_day >= DAY_MS - SECOND_MS).then_some(at)
    }

    /// Reads a time in a format of `strptime`. What names no offset is UTC, what names no time of day is
    /// midnight.
    #[must_use]
    pub fn parse_with(format: &str, text: &str) -> Option<Ms> {
        let parsed = jiff::fmt::strtime::parse(format, text).ok()?;
        if let Ok(timestamp) = parsed.to_timestamp() {
            return Some(Ms(timestamp.as_millisecond()));
        }
        let civil = parsed.to_datetime().or_else(|_| parsed.to_date().map(DateTime::from)).ok()?;
        Some(Ms(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
    }
}

/// `Z` or `±hh:mm`, in minutes.
fn parse_offset(zone: &[u8]) -> Option<i64> {
    match zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) =>
        {
            let number = |a: u8, b: u8| i64::from(a - b'0') * 10 + i64::from(b - b'0');
            let (hours, minutes) = (number(*h1, *h2), number(*m1, *m2));
            let total = hours * 60 + minutes;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -total } else { total })
        }
        _ => None,
    }
}

/// RFC 3339 in UTC with milliseconds, `2026-05-29T18:30:00.000Z`. Every record and decision shows several, so
/// it is written at once.
impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = EPOCH.checked_add(SignedDuration::from_millis(self.0)).ok();
        let Some((at, year)) = at.and_then(|at| u16::try_from(at.year()).ok().map(|year| (at, year))) else {
            return write!(f, "{}ms", self.0);
        };
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let [month, day, hour, minute, second] = [at.month(), at.day(), at.hour(), at.minute(), at.second()]
            .map(|part| u16::from(part.unsigned_abs()));
        let parts =
            [(0..4, year), (5..7, month), (8..10, day), (11..13, hour), (14..16, minute), (17..19, second)];
        for (place, part) in parts.into_iter().chain([(20..23, at.millisecond().unsigned_abs())]) {
            let mut rest = part;
            for digit in text.get_mut(place).into_iter().flatten().rev() {
                *digit += u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or(""))
    }
}

/// One second, minute, hour and day in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The length of a sliding window: a whole number of seconds from ten seconds to ninety days, written
/// as a number and `s`, `m`, `h` or `d`. Lengths are compared as durations: `60m` is `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(i64);

impl Window {
    /// Ten seconds.
    pub const SHORTEST: Window = Window(10 * SECOND_MS);
    /// Ninety days.
    pub const LONGEST: Window = Window(90 * DAY_MS);

    /// The length in milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl FromStr for Window {
    type Err = BadWindow;

    fn from_str(text: &str) -> Result<Self, BadWindow> {
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(BadWindow)?;
        let unit_ms = match unit {
            "s" => SECOND_MS,
            "m" => MINUTE_MS,
            "h" => HOUR_MS,
            "d" => DAY_MS,
            _ => return Err(BadWindow),
        };
        if number.is_empty() || number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadWindow);
        }
        let count: i64 = number.parse().map_err(|_| BadWindow)?;
        let window = Window(count.checked_mul(unit_ms).ok_or(BadWindow)?);
        if (Window::SHORTEST..=Window::LONGEST).contains(&window) { Ok(window) } else { Err(BadWindow) }
    }
}

/// Not a whole number of `s`, `m`, `h` or `d` from `10s` to `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadWindow;

impl fmt::Display for BadWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a window is a whole number of s, m, h or d from 10s to 90d")
    }
}

impl std::error::Error for BadWindow {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339_and_writes_utc() {
        let table = [
            ("2026-05-29T18:30:00.000Z", "2026-05-29T18:30:00.000Z"),
            ("2026-05-29t18:30:00z", "2026-05-29T18:30:00.000Z"),
            ("2026-05-29T12:30:00.1-06:00", "2026-05-29T18:30:00.100Z"),
            ("2026-05-29T18:30:00.123999+00:00", "2026-05-29T18:30:00.123Z"),
            ("2024-02-29T23:59:60Z", "2024-02-29T23:59:59.000Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
            ("2026-05-29T18:30:00-00:00", "2026-05-29T18:30:00.000Z"),
            ("1990-12-31T15:59:60.75-08:00", "1990-12-31T23:59:59.750Z"),
            ("2026-05-29T18:30:00.0000000000000000000000001Z", "2026-05-29T18:30:00.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-30T22:00:01Z", "9999-12-30T22:00:01.000Z"),
            ("9999-12-31T23:59:60.999Z", "9999-12-31T23:59:59.999Z"),
            // Beyond what the text can name.
            ("9999-12-31T23:59:59.999-00:01", "253402300859999ms"),
        ];
        for (text, expected) in table {
            assert_eq!(Ms::parse_rfc3339(text).map(|ms| ms.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_rfc_3339_has_not() {
        for bad in [
            "",
            "2026-05-29",
            "2026-05-29T18:30:00",
            "2026-05-29 18:30:00Z",
            "2026-05-29T18:30Z",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-05-29T24:00:00Z",
            "2026-05-29T18:30:61Z",
            "2026-05-29T18:30:60Z",
            "2026-12-31T23:59:60-06:00",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-05-29T18:60:00Z",
            "10000-01-01T00:00:00Z",
            "2026-05-29T18:30:00+01:60",
            "2026-05-29T18:30:00+1:00",
            "2026-05-29T18:30:00,5Z",
            "2026-W22-5T18:30:00Z",
            "2026-05-29T18:30:00.Z",
            "2026-05-29T18:30:00+0100",
            "2026-05-29T18:30:00+24:00",
            "2026-05-29T18:30:00Zx",
            "+026-05-29T18:30:00Z",
            "2026-05-29T18:30:00é",
            "-001-05-29T18:30:00Z",
        ] {
            assert_eq!(Ms::parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_other_formats() {
        let table = [
            ("%Y-%m-%d %H:%M:%S", "2026-05-29 18:30:00", Some("2026-05-29T18:30:00.000Z")),
            ("%d/%m/%Y", "29/05/2026", Some("2026-05-29T00:00:00.000Z")),
            ("%Y-%m-%dT%H:%M:%S%.f%:z", "2026-05-29T12:30:00.25-06:00", Some("2026-05-29T18:30:00.250Z")),
            ("%s", "1716998400", Some("2024-05-29T16:00:00.000Z")),
            ("%Y-%m-%d", "29/05/2026", None),
            ("%Y-%m-%d", "2026-02-30", None),
            ("%H:%M", "18:30", None),
            ("%", "", None),
        ];
        for (format, text, expected) in table {
            let read = Ms::parse_with(format, text).map(|ms| ms.to_string());
            assert_eq!(read.as_deref(), expected, "{format} {text}");
        }
    }

    #[test]
    fn windows_are_lengths() {
        assert_eq!("60m".parse(), "1h".parse::<Window>());
        assert_eq!("90d".parse(), Ok(Window::LONGEST));
        for bad in
            ["", "h", "1", "0s", "9s", "91d", "01h", "1w", "-1h", "1.5h", "99999999999999999999d", "1é"]
        {
            assert_eq!(bad.parse::<Window>(), Err(BadWindow), "{bad}");
        }
    }
}
