//! A latch that wakes one waiting thread. Whoever has news sets it; the owner takes it and looks at
//! everything it owns, so a reason is never lost and none need be named.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Set by any thread, taken by its owner.
#[derive(Debug, Default)]
pub struct Signal {
    raised: Mutex<bool>,
    wake: Condvar,
}

impl Signal {
    /// Raises the signal and wakes the owner.
    pub fn raise(&self) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if !*raised {
            *raised = true;
            self.wake.notify_one();
        }
    }

    /// Takes the signal, waiting for it at most `limit`. Tells whether it was raised.
    pub fn wait(&self, limit: Duration) -> bool {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut raised, _) = self
            .wake
            .wait_timeout_while(raised, limit, |raised| !*raised)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *raised)
    }
}
