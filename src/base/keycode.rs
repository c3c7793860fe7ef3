//! API keys in their printed form: prefix, 43 characters of base62 (256 random bits) and 6 of base62
//! CRC-32 over what precedes, so that a mistyped key is refused without a look-up.

use crate::base::hash::crc32;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;

/// The text of a key with `prefix` from 256 random bits.
#[must_use]
pub fn render(prefix: &str, random: &[u8; 32]) -> String {
    let mut text = String::with_capacity(prefix.len() + SECRET_DIGITS + CHECK_DIGITS);
    text.push_str(prefix);
    push_base62(&mut text, random, SECRET_DIGITS);
    let check = crc32(&[text.as_bytes()]);
    push_base62(&mut text, &check.to_be_bytes(), CHECK_DIGITS);
    text
}

/// Whether `text` is `prefix` followed by a secret with its checksum.
#[must_use]
pub fn is_well_formed(prefix: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    if rest.len() != SECRET_DIGITS + CHECK_DIGITS || !rest.bytes().all(|b| BASE62.contains(&b)) {
        return false;
    }
    let Some((body, check)) = text.split_at_checked(text.len() - CHECK_DIGITS) else { return false };
    let mut expected = String::with_capacity(CHECK_DIGITS);
    push_base62(&mut expected, &crc32(&[body.as_bytes()]).to_be_bytes(), CHECK_DIGITS);
    expected == check
}

/// How a key is shown: prefix, first 4, `…`, last 4.
#[must_use]
pub fn display(prefix: &str, text: &str) -> String {
    let rest = text.strip_prefix(prefix).unwrap_or(text);
    let first: String = rest.chars().take(4).collect();
    let last = rest.char_indices().rev().nth(3).and_then(|(at, _)| rest.get(at..)).unwrap_or(rest);
    format!("{prefix}{first}…{last}")
}

/// Big-endian digits of a big-endian number, padded to `digits`.
fn push_base62(text: &mut String, number: &[u8], digits: usize) {
    let mut number = number.to_vec();
    let mut out = vec![b'0'; digits];
    for slot in out.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = remainder << 8 | u32::from(*byte);
            // The quotient of a value below 62 * 256 by 62 fits a byte.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *slot = usize::try_from(remainder).ok().and_then(|i| BASE62.get(i)).copied().unwrap_or(b'0');
    }
    text.extend(out.into_iter().map(char::from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_checks_itself() {
        let key = render("clm_sk_", &[0xa5; 32]);
        assert_eq!(key.len(), 7 + 43 + 6);
        assert!(is_well_formed("clm_sk_", &key));
        assert!(!is_well_formed("clm_pub_", &key));
        for at in 7..key.len() {
            let mut wrong = key.clone().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed("clm_sk_", &String::from_utf8(wrong).unwrap()), "digit {at}");
        }
        assert!(!is_well_formed("clm_sk_", "clm_sk_xxx"));
        assert_eq!(display("clm_sk_", &key).chars().count(), 7 + 9);
    }

    #[test]
    fn every_secret_has_its_own_text() {
        let (low, high) = (render("", &[0; 32]), render("", &[255; 32]));
        assert!(low.starts_with(&"0".repeat(43)) && is_well_formed("", &low));
        assert!(!high.starts_with('0') && is_well_formed("", &high));
    }
}
