//! What a store may drop. A store does not know what a row means; who opens it says, from nothing but the
//! row and the checkpoint in force, which rows nobody will miss.

use std::fmt;
use std::sync::Arc;

/// Whether a row may be dropped, by its key and value.
pub type Drops = Box<dyn Fn(&[u8], &[u8]) -> bool + Send>;

/// Makes, for a checkpoint that is durable, what tells which rows may be dropped. A row that may be dropped
/// under one checkpoint must be of no use under that one and every later one.
#[derive(Clone)]
pub struct Sieve(Arc<Make>);

type Make = dyn Fn(&[u8]) -> Drops + Send + Sync;

impl Sieve {
    /// A sieve that is `make`.
    pub fn new(make: impl Fn(&[u8]) -> Drops + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    /// A sieve that lets everything stay.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| Box::new(|_, _| false))
    }

    /// What may be dropped under `checkpoint`; nothing without one.
    #[must_use]
    pub fn under(&self, checkpoint: Option<&[u8]>) -> Drops {
        checkpoint.map_or_else(|| Box::new(|_: &[u8], _: &[u8]| false) as Drops, |bytes| (self.0)(bytes))
    }
}

impl Default for Sieve {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Sieve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sieve").finish_non_exhaustive()
    }
}
