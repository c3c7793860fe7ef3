//! Callers without a key, by their address: so many requests a minute on public routes.
//!
//! The memory is the same whatever addresses come. Each counts in one cell of either of two rows, chosen by
//! a keyed hash, and is let in as long as one of its cells has room: nobody gets more than the limit, and an
//! address is refused for others' requests only if busy ones share both of its cells. Which ones do, nobody
//! outside can know.

use crate::base::hash::{EntityKey, hmac_sha256};
use crate::base::time::Ms;
use crate::gateway::limit::spent::seconds_until;
use crate::gateway::limit::window::{Counter, Span};
use std::net::IpAddr;

/// Cells of a row.
const CELLS: usize = 1 << 14;

/// The minute's requests by address.
#[derive(Debug)]
pub(in crate::gateway) struct Addresses {
    key: EntityKey,
    most: u32,
    rows: [Vec<Counter>; 2],
}

impl Addresses {
    /// Nobody called yet; each may call `most` times a minute.
    pub(in crate::gateway) fn new(installation_key: &[u8; 32], most: u32) -> Self {
        let key = EntityKey::from_bytes(hmac_sha256(installation_key, &[b"clausum addresses"]).0);
        let row = || (0..CELLS).map(|_| Counter::default()).collect();
        Self { key, most, rows: [row(), row()] }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// The address had its requests; seconds until it has new ones.
    pub(in crate::gateway) fn take(&self, address: IpAddr, now: Ms) -> Result<(), i64> {
        let hash = self.key.hash_parts(&[&caller(address)]).0;
        let (halves, _) = hash.as_chunks::<8>();
        let cells = self.rows.iter().zip(halves).filter_map(|(row, half)| {
            let half = usize::try_from(u64::from_le_bytes(*half) % row.len().max(1) as u64).ok()?;
            row.get(half)
        });
        let mut refused = None;
        let mut granted = false;
        for cell in cells {
            let count = cell.take(Span::Minute, self.most, now);
            granted |= count.granted;
            refused = refused.max(Some(count.ends));
        }
        match refused {
            Some(ends) if !granted => Err(seconds_until(ends, now)),
            Some(_) | None => Ok(()),
        }
    }
}

/// Who stands behind an address: in IPv6 a caller has a /64 at least.
fn caller(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            // No global /64 begins with zeros.
            [0, 0, 0, 0, a, b, c, d]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Ms = Ms(1_780_079_400_000);

    fn granted(addresses: &Addresses, address: &str, now: Ms) -> usize {
        let address = address.parse().unwrap();
        (0..1_000).filter(|_| addresses.take(address, now).is_ok()).count()
    }

    #[test]
    fn each_address_has_its_own_minute() {
        let addresses = Addresses::new(&[1; 32], 300);
        assert_eq!(granted(&addresses, "203.0.113.7", NOW), 300);
        assert_eq!(addresses.take("203.0.113.7".parse().unwrap(), NOW.plus(59_001)), Err(1));
        assert_eq!(granted(&addresses, "203.0.113.8", NOW), 300);
        assert_eq!(granted(&addresses, "203.0.113.7", NOW.plus(60_000)), 300);
    }

    #[test]
    fn spellings_and_neighbours_of_one_caller_are_one() {
        let addresses = Addresses::new(&[1; 32], 300);
        assert_eq!(granted(&addresses, "203.0.113.7", NOW), 300);
        assert_eq!(granted(&addresses, "::ffff:203.0.113.7", NOW), 0);
        assert_eq!(granted(&addresses, "2001:db8::1", NOW), 300);
        assert_eq!(granted(&addresses, "2001:db8::ffff:1", NOW), 0);
        assert_eq!(granted(&addresses, "2001:db8:0:1::1", NOW), 300);
    }

    #[test]
    fn however_many_addresses_come_nobody_gets_more_and_few_get_less() {
        let addresses = Addresses::new(&[1; 32], 3);
        let mut wronged = 0;
        for number in 0..20_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let granted = (0..5).filter(|_| addresses.take(address, NOW).is_ok()).count();
            assert!(granted <= 3, "{granted}");
            wronged += usize::from(granted < 3);
        }
        // All of them busy at once, more of them than a row has cells.
        assert!(wronged < 7_000, "{wronged}");
        let before: Vec<_> = addresses.rows.iter().map(Vec::len).collect();
        assert_eq!(before, [CELLS, CELLS]);
    }
}
