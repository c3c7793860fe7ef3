//! `clausum engine`: which engine versions decide, who runs which, and putting one in force.

use crate::base::clock::SystemClock;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::serve::of_kafka;
use crate::cli::shell::Shell;
use crate::node::Failure;
use crate::node::engine::{NotActivated, WorkerSeen, activate, workers};
use crate::shard::engine::VERSIONS;
use crate::wire::admin::{self, Answer, Nothing};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the version in force in each partition of the running server; on Kafka, what each worker of the group runs
    Show(Show),
    /// Put a version in force in every partition of a log on Kafka, if every worker of the group runs it
    Activate(Activate),
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// Brokers of the Kafka that holds the log, with commas between, unless configured
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Activate {
    /// The version
    #[arg(value_name = "VERSION")]
    version: u32,
    /// Brokers of the Kafka that holds the log, with commas between, unless configured
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    match command {
        Command::Show(show) => {
            let flags = of_kafka(show.kafka.as_ref());
            let config = place.resolve(flags).map_err(Ending::configuration)?.config;
            match &config.kafka {
                Some(kafka) => group(&workers(kafka).map_err(failed)?, show.json, shell),
                None => in_force(show.json, place, shell),
            }
        }
        Command::Activate(arguments) => put_in_force(arguments, place, shell),
    }
}

fn failed(failure: Failure) -> Ending {
    match failure {
        Failure::Input(why) => Ending::input(&why),
        Failure::Failed(why) => Ending::failed(&why),
    }
}

fn group(workers: &[WorkerSeen], json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let numbers = |worker: &WorkerSeen| -> Vec<u16> { worker.partitions.iter().map(|of| of.0).collect() };
    if json {
        let all = workers.iter().map(
            |worker| json!({"host": worker.host, "partitions": numbers(worker), "engines": worker.engines}),
        );
        shell.json(&json!({"program": VERSIONS, "workers": all.collect::<Vec<_>>()}))?;
        return Ok(Exit::Done);
    }
    shell.line(&format!("this program runs {}", list(VERSIONS)))?;
    let rows: Vec<_> = workers
        .iter()
        .map(|worker| vec![worker.host.clone(), list(&worker.engines), list(&numbers(worker))])
        .collect();
    shell.table(&["worker", "engines", "partitions"], &rows)?;
    Ok(Exit::Done)
}

fn in_force(json: bool, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let answer = operate(admin::Command::Status(Nothing {}), place, shell)?;
    let Answer::Status(status) = answer else { return Err(unexpected()) };
    if json {
        let of = |one: &admin::PartitionShown| json!({"partition": one.partition, "engine": one.engine});
        let all: Vec<_> = status.partitions.iter().map(of).collect();
        shell.json(&json!({"program": VERSIONS, "partitions": all}))?;
        return Ok(Exit::Done);
    }
    shell.line(&format!("this program runs {}", list(VERSIONS)))?;
    let row = |one: &admin::PartitionShown| {
        vec![
            one.partition.to_string(),
            one.engine.map_or_else(|| "-".to_owned(), |engine| engine.to_string()),
        ]
    };
    let rows: Vec<_> = status.partitions.iter().map(row).collect();
    shell.table(&["partition", "engine"], &rows)?;
    Ok(Exit::Done)
}

fn put_in_force(arguments: &Activate, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let flags = of_kafka(arguments.kafka.as_ref());
    let config = place.resolve(flags).map_err(Ending::configuration)?.config;
    if config.kafka.is_none() {
        let why = "--kafka HOST:PORT is missing: on the embedded log, `serve` does it after an upgrade";
        return Err(Ending::usage(&why));
    }
    let version = arguments.version;
    match activate(&config, version, &SystemClock) {
        Ok(partitions) if arguments.json => {
            shell.json(&json!({"engine": version, "partitions": partitions}))?;
            Ok(Exit::Done)
        }
        Ok(partitions) => {
            shell.line(&format!("engine {version} is in force in {partitions} partitions"))?;
            Ok(Exit::Done)
        }
        Err(NotActivated::Nobody) => {
            Err(Ending::failed(&"no worker is in the group: start those that are to run the version first"))
        }
        Err(NotActivated::Unable(workers)) => {
            let told: Vec<_> = workers
                .iter()
                .map(|worker| {
                    let runs = list(&worker.engines);
                    format!("the worker at {} runs {runs}, and would leave: upgrade it first", worker.host)
                })
                .collect();
            Err(Ending::inputs(&told))
        }
        Err(NotActivated::Failure(failure)) => Err(failed(failure)),
    }
}

fn list<T: ToString>(all: &[T]) -> String {
    if all.is_empty() {
        return "-".to_owned();
    }
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
