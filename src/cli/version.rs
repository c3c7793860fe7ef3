//! `clausum version`.

use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::node::{build, version};
use crate::shard::engine::Engines;
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, shell: &mut Shell) -> Result<Exit, Ending> {
    let engines = Engines::shipped().map_err(|error| Ending::failed(&error))?.versions();
    if arguments.json {
        shell.json(&json!({"version": version(), "build": build(), "engines": engines}))?;
    } else {
        let engines = engines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        shell.line(&format!("clausum {} (build {}, engine {engines})", version(), build()))?;
    }
    Ok(Exit::Done)
}
