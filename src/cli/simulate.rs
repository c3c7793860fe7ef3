//! `clausum simulate`: the sim at length, from one seed or many.

use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::sim::{self, Failure, Options, Report};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How many seeds, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What many seeds came to.
#[derive(Default)]
struct Sum {
    seeds: u64,
    records: u64,
    decisions: u64,
    duplicates: u64,
    faults: BTreeMap<&'static str, u64>,
    failures: Vec<Failure>,
    digest: String,
}

impl Sum {
    fn take(&mut self, outcome: &Result<Report, Failure>) {
        self.seeds += 1;
        match outcome {
            Ok(report) => {
                self.records += report.records;
                self.decisions += report.decisions;
                self.duplicates += report.duplicates;
                self.digest = report.digest.to_string();
                for (fault, count) in &report.faults {
                    *self.faults.entry(fault).or_default() += count;
                }
            }
            Err(failure) => self.failures.push(failure.clone()),
        }
    }
}

pub(super) fn run(arguments: &Arguments, shell: &mut Shell) -> Result<Exit, Ending> {
    let Some(last) = arguments.seed.checked_add(arguments.seeds.saturating_sub(1)) else {
        let (seeds, seed) = (arguments.seeds, arguments.seed);
        let last = u64::MAX;
        return Err(Ending::usage(&format!(
            "there are no {seeds} seeds from {seed} on: the last one is {last}"
        )));
    };
    let seeds = arguments.seed..=last;
    let mut sum = Sum::default();
    let ran = sim::many(seeds, &Options::default(), |outcome| {
        sum.take(outcome);
        if shell.wants_progress() {
            shell.live(&format!("{} of {} seeds, {} failed", sum.seeds, arguments.seeds, sum.failures.len()));
        }
        true
    });
    if arguments.json {
        let failures: Vec<String> = sum.failures.iter().map(ToString::to_string).collect();
        shell.json(&json!({
            "seed": arguments.seed, "seeds": sum.seeds, "records": sum.records, "decisions": sum.decisions,
            "duplicates": sum.duplicates, "faults": sum.faults, "last_digest": sum.digest, "failures": failures,
        }))?;
    } else {
        let faults: Vec<Vec<String>> =
            sum.faults.iter().map(|(fault, count)| vec![(*fault).to_owned(), count.to_string()]).collect();
        shell.table(&["fault", "times"], &faults)?;
        shell.line(&format!(
            "{} seeds, {} records, {} decisions, {} duplicates; last digest {}",
            sum.seeds, sum.records, sum.decisions, sum.duplicates, sum.digest
        ))?;
        for failure in &sum.failures {
            shell.line(&failure.to_string())?;
        }
    }
    Ok(if ran.is_ok() { Exit::Done } else { Exit::Checks })
}
