//! `clausum store`: looks into the state of a data folder. It takes no lock and changes nothing, so the
//! server may be running; what is seen is each partition's last checkpoint.

mod get;
mod name;
mod row;
mod stats;
#[cfg(test)]
mod tests;
mod verify;

use crate::base::position::Partition;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::node::Data;
use crate::store::StoreError;
use crate::store::rocks::{Look, Options, Resources};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell what each partition holds: checkpoint, rows by kind, files
    Stats {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a row of an organization
    Get(get::Arguments),
    /// Read and decode every row and tell everything that is damaged
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// The states of a data folder.
struct States {
    data: Data,
    partitions: Vec<Partition>,
    resources: Resources,
}

impl States {
    fn find(place: &Place) -> Result<Self, Ending> {
        let config = place.resolve(None).map_err(Ending::configuration)?.config;
        let data = Data::new(config.data);
        let partitions = data.partitions().map_err(|error| {
            Ending::input(&format!("there is no state in {}: {error}", data.path().display()))
        })?;
        if partitions.is_empty() {
            return Err(Ending::input(&format!("there is no state in {}", data.path().display())));
        }
        Ok(Self { data, partitions, resources: Resources::default() })
    }

    fn folder(&self, partition: Partition) -> PathBuf {
        self.data.state(partition)
    }

    fn look(&self, partition: Partition) -> Result<Look, StoreError> {
        Look::open(&self.folder(partition), &self.resources, &Options::default())
    }
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let states = States::find(place)?;
    match command {
        Command::Stats { json } => stats::run(&states, *json, shell),
        Command::Get(arguments) => get::run(arguments, &states, shell),
        Command::Verify { json } => verify::run(&states, *json, shell),
    }
}

/// Damage is what a check finds; the rest is the machine's.
fn of_store(error: &StoreError) -> Ending {
    let exit = match error {
        StoreError::Damaged { .. } => Exit::Checks,
        StoreError::Full | StoreError::Locked(_) | StoreError::Failed(_) => Exit::Failed,
    };
    Ending::Told(exit, vec![(error as &dyn std::fmt::Display).into()])
}
