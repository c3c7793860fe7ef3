//! Domain names in their one spelling, by UTS #46 (non-transitional) and the DNS's own lengths.

use ::idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::borrow::Cow;

/// The lower-case ASCII form of a domain name of at least two labels, international ones as `xn--`;
/// `None` if it is no such name.
#[must_use]
pub fn domain_to_ascii(domain: &str) -> Option<Cow<'_, str>> {
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    // A last label of digits is an address in disguise, never a top-level domain (RFC 3696 section 2).
    let (_, last) = ascii.rsplit_once('.')?;
    (!last.bytes().all(|byte| byte.is_ascii_digit())).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling() {
        let long = format!("{}.example", "a".repeat(63));
        let table = [
            ("Example.COM", Some("example.com")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("BÜCHER.example", Some("xn--bcher-kva.example")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("faß.de", Some("xn--fa-hia.de")),
            ("例え。テスト", Some("xn--r8jz45g.xn--zckzah")),
            (
                "r3---sn-apo3qvuoxuxbt-j5pe.googlevideo.com",
                Some("r3---sn-apo3qvuoxuxbt-j5pe.googlevideo.com"),
            ),
            (long.as_str(), Some(long.as_str())),
            ("localhost", None),
            ("", None),
            (".", None),
            ("example.", None),
            ("a..example", None),
            ("-a.example", None),
            ("a_b.example", None),
            ("a b.example", None),
            ("xn--a.example", None),
            ("192.0.2.1", None),
            ("[192.0.2.1]", None),
        ];
        for (name, expected) in table {
            assert_eq!(domain_to_ascii(name).as_deref(), expected, "{name}");
        }
        assert_eq!(domain_to_ascii(&format!("{}.example", "a".repeat(64))), None);
        assert_eq!(domain_to_ascii(&"a.".repeat(127)), None);
    }
}
