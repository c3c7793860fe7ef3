//! `clausum simulate`: the sim at length, from one seed or many.

use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The first seed
    #[arg(long)]
    pub(super) seed: u64,
    /// How many seeds, one after the other
    #[arg(long, default_value_t = 1)]
    pub(super) seeds: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, _shell: &mut Shell) -> Result<Exit, Ending> {
    let Arguments { seed, seeds, json: _ } = arguments;
    Err(Ending::failed(&format!("seed {seed} and {seeds} in all: this build has no simulation")))
}
