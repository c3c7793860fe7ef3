//! Pipelines, packs, signals, score and verdict: the contract's section 8.
//!
//! Pure: no file, clock, thread, log line or floating point. Knows neither how windows are counted (it names
//! what it needs, and is given the values) nor where packs come from. The one invariant: a verdict is a
//! function of the documents, the settings and the inputs, and whatever an index names is a function of the
//! documents alone.

mod case_read;
mod cases;
mod catalogue;
mod compile;
mod decide;
mod describe;
mod diagnostic;
pub mod document;
mod entities;
mod event;
mod field;
mod hits;
mod inputs;
mod lists;
mod members;
mod named;
mod names;
mod pack;
mod pipeline;
#[expect(clippy::module_inception, reason = "the policy itself, among what it is made from")]
mod policy;
mod score;
mod settings;
mod signal;
#[cfg(test)]
mod tests;
mod velocity;
mod verdict;
mod yaml;

pub use cases::CaseResult;
pub use catalogue::Catalogue;
pub use diagnostic::{Diagnostic, MAX_DIAGNOSTICS, Place, Severity};
pub use hits::{HitSeverity, ListHit, ListType};
pub use inputs::Inputs;
pub use pack::{Action, Case, Expectation, Pack};
pub use pipeline::Pipeline;
pub use policy::{Cost, Policy};
pub use signal::Rule;
pub use velocity::{Aggregate, BadVelocity, Distinct, Velocity};
pub use verdict::{BlockedBy, Fired, Item, Matched, Verdict};
