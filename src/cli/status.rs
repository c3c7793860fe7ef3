//! `clausum status` and `clausum partitions`: how a running server is doing, and the way out for a
//! partition that was given up.

use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::shell::Shell;
use crate::wire::admin::{self, Answer, Nothing, OfPartition, PartitionShown, StatusShown};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Partitions {
    /// Try a parked partition again at once, once what parked it is mended
    Retry {
        /// Its number, from 0
        #[arg(value_name = "NUMBER")]
        partition: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let answer = operate(admin::Command::Status(Nothing {}), place, shell)?;
    show(answer, arguments.json, shell)
}

pub(super) fn partitions(command: &Partitions, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let Partitions::Retry { partition, json } = command;
    let of = OfPartition { partition: *partition };
    let answer = operate(admin::Command::RetryPartition(of), place, shell)?;
    if *json {
        return show(answer, true, shell);
    }
    shell.line(&format!("partition {partition} is tried again; `clausum status` shows what became of it"))?;
    Ok(Exit::Done)
}

fn show(answer: Answer, json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let Answer::Status(status) = answer else { return Err(unexpected()) };
    if json {
        shell.json(&json!(status))?;
        return Ok(Exit::Done);
    }
    let StatusShown { version, ready, reasons, maintenance, partitions } = status;
    let state = if ready { "ready" } else { "not ready" };
    let since = maintenance.since.map_or_else(String::new, |since| format!(", maintenance on since {since}"));
    shell.line(&format!("clausum {version}, {state}{since}"))?;
    for reason in &reasons {
        shell.line(&format!("not ready: {reason}"))?;
    }
    let rows: Vec<_> = partitions.iter().map(row).collect();
    let head = ["partition", "phase", "position", "lag", "lag ms", "checkpoint", "bytes"];
    shell.table(&head, &rows)?;
    for partition in &partitions {
        if let Some(why) = &partition.failure {
            shell.line(&format!("partition {}: {why}", partition.partition))?;
        }
    }
    Ok(Exit::Done)
}

fn row(of: &PartitionShown) -> Vec<String> {
    let age = of.checkpoint_age_ms.map_or_else(|| "-".to_owned(), |ms| format!("{} s ago", ms / 1_000));
    let numbers = [of.position, of.lag_records, of.lag_ms].map(|number| number.to_string());
    let mut row = vec![of.partition.to_string(), of.phase.clone()];
    row.extend(numbers);
    row.extend([age, of.state_bytes.to_string()]);
    row
}
