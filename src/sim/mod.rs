//! Workers, shards, a log, stores and an archive in one thread, from one seed: crashed, delayed, repeated and torn in
//! every way we know, and held against an oracle that recomputes everything from the log of requests.
//!
//! Not the product's what-if feature, which is called simulation. The one invariant of the harness itself:
//! everything follows from the seed, so a run that failed can be given back by its number.

mod chance;
mod clock;
mod engines;
mod faults;
mod finish;
mod history;
mod invariant;
mod keeping;
mod node;
mod oracle;
mod profile;
mod readers;
mod rows;
mod snapshots;
mod step;
#[cfg(test)]
mod tests;
mod traffic;
mod world;

pub use invariant::Invariant;

use crate::base::hash::Digest256;
use invariant::Breach;
use profile::Profile;
use std::collections::BTreeMap;
use std::fmt;
use world::World;

/// How long a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Requests to be durable before the end begins, about.
    pub records: u64,
    /// Steps after which the end begins in any case.
    pub steps: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { records: 500, steps: 12_000 }
    }
}

/// What a run was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Over everything seen; the same for the same seed and options.
    pub digest: Digest256,
    /// Partitions of the world.
    pub partitions: u16,
    /// Workers of the world.
    pub workers: usize,
    /// Steps taken.
    pub steps: u64,
    /// Durable records of the requests topic.
    pub records: u64,
    /// Payments decided, repeats left out.
    pub decisions: u64,
    /// Durable records of output topics.
    pub outputs: u64,
    /// Those of them that had landed before.
    pub duplicates: u64,
    /// Outputs taken by readers.
    pub taken: u64,
    /// Answers to waiting callers.
    pub replies: u64,
    /// Checkpoints that became durable.
    pub checkpoints: u64,
    /// Snapshots that came into force.
    pub snapshots: u64,
    /// Partitions opened from one.
    pub restores: u64,
    /// Times a shard was poisoned.
    pub poisoned: u64,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Report {
    fn new(seed: u64, profile: &Profile) -> Self {
        Self {
            seed,
            digest: Digest256([0; 32]),
            partitions: profile.partitions,
            workers: profile.workers,
            steps: 0,
            records: 0,
            decisions: 0,
            outputs: 0,
            duplicates: 0,
            taken: 0,
            replies: 0,
            checkpoints: 0,
            snapshots: 0,
            restores: 0,
            poisoned: 0,
            faults: BTreeMap::new(),
        }
    }
}

/// A run in which an invariant did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed, with which the run can be had again.
    pub seed: u64,
    /// The step in which it was noticed.
    pub step: u64,
    /// What did not hold.
    pub invariant: Invariant,
    /// What was found.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, step, invariant, text } = self;
        write!(
            f,
            "seed {seed}, step {step}: {invariant}: {text}\nagain with `clausum simulate --seed {seed}`"
        )
    }
}

impl std::error::Error for Failure {}

/// Runs the world of a seed to its end.
///
/// # Errors
/// An invariant did not hold.
pub fn run(seed: u64, options: &Options) -> Result<Report, Failure> {
    let failure =
        |step: u64, breach: Breach| Failure { seed, step, invariant: breach.invariant, text: breach.text };
    let mut world = World::new(seed).map_err(|breach| failure(0, breach))?;
    let lived = world.live(options);
    lived.map_err(|breach| failure(world.report.steps, breach))?;
    let counts = world.told.counts();
    (world.report.checkpoints, world.report.poisoned) = (counts.checkpoints, counts.poisoned);
    (world.report.snapshots, world.report.restores) = (counts.snapshots, counts.restores);
    world.report.digest = world.digest;
    Ok(world.report)
}

/// Runs the world of a seed twice, and holds that both runs were one.
///
/// # Errors
/// An invariant did not hold.
pub fn run_twice(seed: u64, options: &Options) -> Result<Report, Failure> {
    let (first, second) = (run(seed, options)?, run(seed, options)?);
    if first == second {
        return Ok(first);
    }
    let text = format!("digest {} and then {}", first.digest, second.digest);
    Err(Failure { seed, step: first.steps, invariant: Invariant::Deterministic, text })
}

/// Runs the worlds of `seeds` in their order; `each` is told every outcome and says whether to go on.
/// Returns the first failure.
///
/// # Errors
/// An invariant did not hold in one of them; the others were run if `each` said so.
pub fn many(
    seeds: impl IntoIterator<Item = u64>,
    options: &Options,
    mut each: impl FnMut(&Result<Report, Failure>) -> bool,
) -> Result<u64, Failure> {
    let mut count = 0;
    let mut failed = None;
    for seed in seeds {
        let outcome = run(seed, options);
        let goes_on = each(&outcome);
        count += 1;
        if let Err(failure) = outcome {
            failed.get_or_insert(failure);
        }
        if !goes_on {
            break;
        }
    }
    failed.map_or(Ok(count), Err)
}

impl World {
    fn live(&mut self, options: &Options) -> Result<(), Breach> {
        self.begin()?;
        self.tend()?;
        while self.report.records < options.records && self.report.steps < options.steps {
            self.step(false)?;
        }
        for _ in 0..200 {
            self.step(true)?;
        }
        self.finish()
    }
}
