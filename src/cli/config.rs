//! `clausum config`: what the configuration is, or everything that is wrong with it.

use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::node::check;
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell every fault of file and environment
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every key, its value, and where it was written; none of the secrets
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let resolved = place.resolve(None).map_err(Ending::configuration)?;
    match command {
        Command::Check { json } => {
            check(&resolved.config).map_err(Ending::configuration)?;
            if *json {
                shell.json(&json!({"valid": true}))?;
            } else {
                shell.line("the configuration is valid")?;
            }
        }
        Command::Show { json: true } => {
            let keys = resolved.shown.iter();
            let keys: Vec<_> =
                keys.map(|key| json!({"key": key.key, "value": key.value, "place": key.place})).collect();
            shell.json(&json!(keys))?;
        }
        Command::Show { json: false } => {
            for key in &resolved.shown {
                shell.line(&format!("{:<24} {:<24} {}", key.key, key.value, key.place))?;
            }
        }
    }
    Ok(Exit::Done)
}
