//! What must hold whatever fails, each named once.

use std::fmt;

macro_rules! invariants {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What a simulation holds the product to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant { $($(#[$doc])* $variant,)* }

        impl Invariant {
            /// Every invariant.
            pub const ALL: &[Invariant] = &[$(Invariant::$variant,)*];

            /// Its identifier.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Invariant::$variant => $text,)* }
            }
        }
    };
}

invariants! {
    /// Every output in the log belongs to a durable request that owes it.
    OutputOwed = "output_owed",
    /// Every output says what a naive recomputation over the whole log says.
    OutputContent = "output_content",
    /// What is written again is byte-identical but for its epoch.
    OutputRepeats = "output_repeats",
    /// Every output names the output before it.
    OutputChain = "output_chain",
    /// Nobody decides behind another's announcement: no output's request has, between it and the
    /// announcement of the output's writer, an announcement of anybody else.
    OutputEpoch = "output_epoch",
    /// Under the reader's rule outputs are taken once each and in their order.
    ReaderOrder = "reader_order",
    /// Under the reader's rule every output is taken in the end.
    ReaderComplete = "reader_complete",
    /// A waiting caller hears only of durable requests, and what the topic says.
    Reply = "reply",
    /// Equal entities have equal tokens, different ones different tokens; ids repeat exactly where they
    /// should.
    Identity = "identity",
    /// Stored windows hold every event that a naive list holds, and nothing else.
    StoredWindows = "stored_windows",
    /// A replay of the whole log ends in the same rows, byte for byte.
    StoredReplay = "stored_replay",
    /// A replay of the whole log emits the same outputs, byte for byte.
    OutputReplay = "output_replay",
    /// A manifest names only objects that are in the archive as they were hashed, when it comes into force
    /// and as long as it is one of the newest two; and it stands on a record of the log.
    SnapshotWhole = "snapshot_whole",
    /// What an owner says the log must keep is what two snapshots in the archive need.
    SnapshotKeep = "snapshot_keep",
    /// Nothing panics outside of a record.
    NoPanic = "no_panic",
    /// Once nothing fails any more, every record is applied and every output acknowledged.
    Settles = "settles",
    /// The same seed gives the same run.
    Deterministic = "deterministic",
    /// The simulation itself is sound.
    Harness = "harness",
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A breach of an invariant, before it is known where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) invariant: Invariant,
    pub(super) text: String,
}

impl Breach {
    pub(super) fn of(invariant: Invariant, text: impl Into<String>) -> Self {
        Self { invariant, text: text.into() }
    }
}

/// A breach unless `holds`.
pub(super) fn ensure(holds: bool, invariant: Invariant, text: impl FnOnce() -> String) -> Result<(), Breach> {
    if holds { Ok(()) } else { Err(Breach { invariant, text: text() }) }
}
