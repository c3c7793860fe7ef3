//! The log of the simulation, and of tests. Nothing in it is random and no thread runs: whoever holds the
//! [`MemoryLog`] commands what becomes durable, in which order, twice or never, and who owns what; workers
//! hold a [`Handle`] and see a log like any other.
//!
//! The one invariant: a record is visible exactly from the command that landed it on. Callbacks run inside
//! of the command (with [`MemoryLog::auto_flush`] inside of the append), without a lock held.

mod command;
mod group;
mod handle;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Dump, Landing, Waiting};
pub use handle::Handle;

use crate::base::clock::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who appends: a worker or gateway of the simulation. A restarted one is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Producer(pub u32);

/// The log and the commands to it.
#[derive(Debug, Clone)]
pub struct MemoryLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    partitions: u16,
    state: Mutex<state::State>,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, state::State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryLog {
    /// An empty log whose appends wait for a command. Records carry the time of `clock` when they land,
    /// also where it went back.
    #[must_use]
    pub fn new(partitions: u16, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(state::State::new(partitions, false));
        Self { inner: Arc::new(Inner { clock, partitions, state }) }
    }

    /// An empty log whose appends are durable at once.
    #[must_use]
    pub fn auto_flush(partitions: u16, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(state::State::new(partitions, true));
        Self { inner: Arc::new(Inner { clock, partitions, state }) }
    }

    /// The log as `producer` sees it.
    #[must_use]
    pub fn handle(&self, producer: Producer) -> Handle {
        Handle { inner: Arc::clone(&self.inner), producer }
    }
}
