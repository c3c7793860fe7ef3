//! Random texts, drawn through the clock's door in large pieces.

use crate::base::clock::{Clock, NoEntropy};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

const POOL_BYTES: usize = 4_096;
/// 80 bits: enough for an id that must not be guessed nor met twice.
const ID_BYTES: usize = 10;

/// Randomness in reserve.
#[derive(Debug)]
pub(super) struct Random {
    clock: Arc<dyn Clock>,
    pool: Mutex<Vec<u8>>,
}

impl Random {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, pool: Mutex::new(Vec::new()) }
    }

    /// 20 hexadecimal digits nobody has seen.
    pub(super) fn id(&self) -> Result<String, NoEntropy> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < ID_BYTES {
            pool.resize(POOL_BYTES, 0);
            if let Err(error) = self.clock.entropy(&mut pool) {
                pool.clear();
                return Err(error);
            }
        }
        let rest = pool.len() - ID_BYTES;
        let mut text = String::with_capacity(2 * ID_BYTES);
        for byte in pool.drain(rest..) {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::SystemClock;

    #[test]
    fn ids_do_not_repeat() {
        let random = Random::new(Arc::new(SystemClock));
        let mut ids: Vec<_> = (0..1_000).map(|_| random.id().unwrap()).collect();
        assert!(ids.iter().all(|id| id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1_000);
    }
}
