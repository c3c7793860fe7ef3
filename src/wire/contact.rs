//! E-mail addresses and phone numbers: typed by people, so kept and warned about elsewhere rather than
//! refused when they are none.

use crate::base::idna::domain_to_ascii;
use crate::domain::payin::{Email, Phone};
use std::ops::RangeInclusive;

/// Octets of a local part (RFC 5321 section 4.5.3.1.1).
const LOCAL_BYTES: usize = 64;
/// Digits of a number with its country code (E.164 has at most 15).
const PHONE_DIGITS: RangeInclusive<usize> = 7..=15;

/// An e-mail address, or a text that is none. An address is a dot-atom of RFC 5322 section 3.2.3 with the
/// letters of RFC 6531, `@` and a domain name; quoted local parts and address literals are none.
#[must_use]
pub fn email(text: &str) -> Email {
    let mut text = text.to_owned();
    if text.is_ascii() {
        text.make_ascii_lowercase();
    } else {
        text = text.to_lowercase();
    }
    let Some(at) = text.find('@').filter(|at| is_local_part(text.get(..*at).unwrap_or(""))) else {
        return Email { text, at: None };
    };
    let given = text.get(at + 1..).unwrap_or("");
    let Some(domain) = domain_to_ascii(given) else { return Email { text, at: None } };
    if domain != given {
        let domain = domain.into_owned();
        text.truncate(at + 1);
        text.push_str(&domain);
    }
    Email { text, at: Some(at) }
}

fn is_local_part(local: &str) -> bool {
    let atom = |char: char| match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' => true,
        '_' | '`' | '{' | '|' | '}' | '~' => true,
        other => !other.is_ascii() && !other.is_whitespace() && !other.is_control(),
    };
    local.len() <= LOCAL_BYTES && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

/// A phone number without separators, `+` for a leading `00`. A text of nothing but separators stays as
/// it is, so that it can be warned about.
#[must_use]
pub fn phone(given: &str) -> Phone {
    let separator = |char: &char| char.is_whitespace() || matches!(char, '.' | '-' | '(' | ')' | '/');
    let mut text: String = given.chars().filter(|char| !separator(char)).collect();
    if text.is_empty() {
        text.push_str(given);
    }
    if text.starts_with("00") {
        text.replace_range(..2, "+");
    }
    let valid = text.strip_prefix('+').is_some_and(|digits| {
        PHONE_DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    Phone { text, valid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_case_with_an_ascii_domain() {
        let long = format!("{}@example.com", "a".repeat(64));
        let table = [
            ("Ana.Perez+shop@Example.COM", "ana.perez+shop@example.com", true),
            ("ana@BÜCHER.example", "ana@xn--bcher-kva.example", true),
            ("JOSÉ@example.com", "josé@example.com", true),
            ("o'hara!#$%&*/=?^_`{|}~-@example.com", "o'hara!#$%&*/=?^_`{|}~-@example.com", true),
            (&long, &long, true),
            ("Nobody", "nobody", false),
            ("a@b@example.com", "a@b@example.com", false),
            ("@example.com", "@example.com", false),
            ("a@", "a@", false),
            ("a@localhost", "a@localhost", false),
            ("a..b@example.com", "a..b@example.com", false),
            (".a@example.com", ".a@example.com", false),
            ("a b@example.com", "a b@example.com", false),
            ("a\u{a0}b@example.com", "a\u{a0}b@example.com", false),
            ("\"a\"@Example.com", "\"a\"@example.com", false),
            ("a@[192.0.2.1]", "a@[192.0.2.1]", false),
            ("A@-Bücher.example", "a@-bücher.example", false),
        ];
        for (given, expected, is_address) in table {
            let read = email(given);
            assert_eq!((read.text.as_str(), read.at.is_some()), (expected, is_address), "{given}");
            assert_eq!(read.parts().is_some(), is_address, "{given}");
            assert_eq!(email(&read.text), read, "read again: {given}");
        }
        assert_eq!(email(&format!("a{long}")).at, None);
    }

    #[test]
    fn lower_case_stays_as_it_is() {
        for char in '\0'..=char::MAX {
            let once = char.to_string().to_lowercase();
            assert_eq!(once.to_lowercase(), once, "{char:?}");
        }
        assert_eq!("ΑΣ".to_lowercase().to_lowercase(), "ας");
    }

    #[test]
    fn phones_lose_their_separators() {
        let table = [
            ("+52 (55) 1234-5678", "+525512345678", true),
            ("0052.55.1234/5678", "+525512345678", true),
            ("(00)52\u{a0}5512345678", "+525512345678", true),
            ("+1234567", "+1234567", true),
            ("+123456789012345", "+123456789012345", true),
            ("+123456", "+123456", false),
            ("+1234567890123456", "+1234567890123456", false),
            ("5512345678", "5512345678", false),
            ("++525512345678", "++525512345678", false),
            ("+52 call me", "+52callme", false),
            ("+٥٢٥٥١٢٣٤٥٦٧٨", "+٥٢٥٥١٢٣٤٥٦٧٨", false),
            ("000 1", "+01", false),
            ("--", "--", false),
        ];
        for (given, expected, valid) in table {
            let read = phone(given);
            assert_eq!(read, Phone { text: expected.to_owned(), valid }, "{given}");
            assert_eq!(phone(&read.text), read, "read again: {given}");
        }
    }
}
