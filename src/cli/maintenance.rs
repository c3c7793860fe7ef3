//! `clausum maintenance`: while it is on, a running server decides nothing and says so.

use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::shell::Shell;
use crate::wire::admin::{self, Answer, MaintenanceChange};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum Command {
    /// Answer 503 ASSESS_MAINTENANCE to payments, also after a restart, until it is switched off
    On(Shown),
    /// Decide again
    Off(Shown),
    /// Tell whether it is on, and since when
    Show(Shown),
}

#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Shown {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let (on, Shown { json }) = match command {
        Command::On(shown) => (Some(true), shown),
        Command::Off(shown) => (Some(false), shown),
        Command::Show(shown) => (None, shown),
    };
    let answer = operate(admin::Command::Maintenance(MaintenanceChange { on }), place, shell)?;
    let Answer::Maintenance(shown) = answer else { return Err(unexpected()) };
    if *json {
        shell.json(&json!(shown))?;
    } else {
        shell.line(&match shown.since {
            Some(since) => format!("maintenance is on since {since}"),
            None => "maintenance is off".to_owned(),
        })?;
    }
    Ok(Exit::Done)
}
