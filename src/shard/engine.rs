//! Engine versions: what decides how a record is understood. A binary supports a version and the one
//! before it; a partition changes its version only at a record that says so.

use crate::policy::Catalogue;
use crate::state::retention::Retention;
use std::fmt;
use std::sync::Arc;

/// The version the product ships with.
pub const SHIPPED_VERSION: u32 = 1;

/// The versions that this program runs.
pub const VERSIONS: &[u32] = &[SHIPPED_VERSION];

/// One version of the engine.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Its number.
    pub version: u32,
    /// Shipped pipeline, pack and lists.
    pub catalogue: Arc<Catalogue>,
    /// Whether probes are understood: only in engines made for tests.
    pub probes: bool,
}

/// The versions a binary supports, and those of which it still has the texts.
#[derive(Debug, Clone)]
pub struct Engines {
    supported: Vec<Engine>,
    /// How long rows are there, in all of them.
    retention: Retention,
    retired: Vec<Engine>,
}

/// The shipped documents do not compile; the tests hold that they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenCatalogue(pub String);

impl fmt::Display for BrokenCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shipped catalogue does not compile: {}", self.0)
    }
}

impl std::error::Error for BrokenCatalogue {}

impl Engines {
    /// What the product ships with.
    ///
    /// # Errors
    /// The shipped documents do not compile.
    pub fn shipped() -> Result<Self, BrokenCatalogue> {
        let catalogue = Catalogue::payin().map_err(|faults| {
            let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
            BrokenCatalogue(lines.join("; "))
        })?;
        let engine = Engine { version: SHIPPED_VERSION, catalogue: Arc::new(catalogue), probes: false };
        Ok(Self::of(vec![engine]))
    }

    /// A set of engines of one's own making.
    #[must_use]
    pub fn of(engines: Vec<Engine>) -> Self {
        Self { supported: engines, retention: Retention::SHIPPED, retired: Vec::new() }
    }

    /// With rows that are there for other times than the product's, for tests and the simulation. A sound
    /// one only: what is asked for must not be gone before what asks.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        assert!(retention.is_sound(), "unsound {retention:?}");
        Self { retention, ..self }
    }

    /// How long rows are there.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Any version, for what is the same in all.
    pub(super) fn first(&self) -> Option<&Engine> {
        self.supported.first()
    }

    /// With versions that are run no more and whose decisions are still shown.
    #[must_use]
    pub fn with_retired(self, retired: Vec<Engine>) -> Self {
        Self { retired, ..self }
    }

    /// A version, if it is supported.
    #[must_use]
    pub fn get(&self, version: u32) -> Option<&Engine> {
        self.supported.iter().find(|engine| engine.version == version)
    }

    /// What a decision of a version is shown with: the documents it was made with, whatever is in force now.
    #[must_use]
    pub fn shows(&self, version: u32) -> Option<&Engine> {
        self.supported.iter().chain(&self.retired).find(|engine| engine.version == version)
    }

    /// The versions supported.
    #[must_use]
    pub fn versions(&self) -> Vec<u32> {
        self.supported.iter().map(|engine| engine.version).collect()
    }
}
