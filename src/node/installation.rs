//! The installation key: what API keys are digested under, and what tells this installation from any
//! other. Ids that must come out the same when a first start is cut off are derived from it.

use crate::base::clock::Clock;
use crate::base::hash::{Digest256, hmac_sha256, sha256};
use crate::base::id::uuid_from_random;
use crate::node::data::{Data, read_if_there, write_secret};
use crate::node::serve::Failure;
use crate::wire::signature::{SigningKey, Trust};
use std::fmt;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// 32 secret bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct InstallationKey([u8; 32]);

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey")
    }
}

impl InstallationKey {
    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As its file holds it.
    pub(super) fn line(&self) -> String {
        format!("{}\n", write(self))
    }

    /// What a genesis record says of it.
    pub(super) fn digest(&self) -> Digest256 {
        sha256(&self.0)
    }

    /// The installation's id.
    pub(super) fn id(&self) -> String {
        uuid_from_random(self.derive16("installation id")).to_string()
    }

    /// Who is believed in a log that strangers write to, whose topics have this before their names: a record of one
    /// log is no record of another.
    pub(super) fn trust(&self, prefix: &str) -> Trust {
        Trust::Signed(SigningKey::new(self.derive(&format!("record signatures {prefix}"))))
    }

    /// 32 bytes for one purpose.
    pub(super) fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(&self.0, &[b"clausum ", purpose.as_bytes()]).0
    }

    fn derive16(&self, purpose: &str) -> [u8; 16] {
        let mut half = [0; 16];
        half.iter_mut().zip(self.derive(purpose)).for_each(|(byte, derived)| *byte = derived);
        half
    }
}

/// The key of `data`, whose log was begun under it.
pub(super) fn of_begun_log(data: &Data) -> Result<InstallationKey, Failure> {
    let path = data.installation_key();
    let told = |what: &str| Failure::Input(format!("{}: {what}", path.display()));
    let missing = "is missing, and the log was begun under the key that was in it: put it back";
    let text = read_if_there(&path)?.ok_or_else(|| told(missing))?;
    read(text.trim()).ok_or_else(|| told("holds no 32 bytes in base64"))
}

/// The key of `data`, made if there is none.
pub(super) fn open(data: &Data, clock: &dyn Clock) -> Result<InstallationKey, Failure> {
    let path = data.installation_key();
    let told = |what: &dyn fmt::Display| format!("{}: {what}", path.display());
    let failed = |error: &dyn fmt::Display| Failure::Failed(told(error));
    if let Some(text) = read_if_there(&path)? {
        return read(text.trim()).ok_or_else(|| Failure::Input(told(&"holds no 32 bytes in base64")));
    }
    let mut bytes = [0; 32];
    clock.entropy(&mut bytes).map_err(|error| failed(&error))?;
    let key = InstallationKey(bytes);
    write_secret(&path, key.line().as_bytes()).map_err(|error| failed(&error))?;
    Ok(key)
}

/// 44 characters: 32 bytes are ten groups of three and one of two.
pub(super) fn write(key: &InstallationKey) -> String {
    let mut text = String::with_capacity(44);
    for chunk in key.0.chunks(3) {
        let mut bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        bits <<= 8 * (3 - chunk.len());
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).ok();
            let digit = digit.and_then(|digit| BASE64.get(digit)).map_or('A', |byte| char::from(*byte));
            text.push(if place > chunk.len() { '=' } else { digit });
        }
    }
    text
}

/// Only the one spelling that [`write`] makes is read.
pub(super) fn read(text: &str) -> Option<InstallationKey> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::with_capacity(33));
    for digit in digits.bytes() {
        let value = BASE64.iter().position(|known| *known == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).ok()?);
        }
    }
    let key = InstallationKey(bytes.try_into().ok()?);
    (write(&key) == text).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        let key = InstallationKey(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        let text = write(&key);
        assert_eq!(text, "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=");
        assert_eq!(read(&text), Some(key));
        for bad in [
            "",
            "AAcO",
            &text[1..],
            &text.replace('=', ""),
            &text.replace("0tk=", "0tl="),
            &text.replace('+', "-"),
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_derived_differs_by_purpose_and_never_changes() {
        let key = InstallationKey([7; 32]);
        assert_eq!(key.id(), "ca60de3e-9d8e-47e4-b5aa-e91e58c4c048");
        assert_eq!(
            Digest256(key.derive("a")).to_string(),
            "dedb5bcb1335b0e2f5cffc1e2a8281750290cd0ea7f6532fc3e059849779e109"
        );
        assert_eq!(
            key.digest().to_string(),
            "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0"
        );
        assert_ne!(key.derive("a"), key.derive("b"));
        assert!(!format!("{key:?}").contains('7'));
    }
}
