//! `clausum orgs`: organizations of a running server.

use crate::base::clock::SystemClock;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
#[cfg(feature = "kafka")]
use crate::cli::operate::ending;
use crate::cli::operate::{operate, unexpected};
use crate::cli::serve::of_kafka;
use crate::cli::shell::Shell;
#[cfg(feature = "kafka")]
use crate::node::Config;
#[cfg(feature = "kafka")]
use crate::node::kafka;
use crate::wire::admin::{self, Answer, NewOrganization, Nothing};
use crate::wire::bootstrap::Bootstrap;
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an organization with a key of each type, and print its bootstrap object: one JSON line, once
    Create(Create),
    /// Show every organization
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name
    #[arg(long)]
    name: String,
    /// Its business: comercio, psp or banco
    #[arg(long = "type", value_name = "TYPE", default_value = "comercio", value_parser = ["comercio", "psp", "banco"])]
    kind: String,
    /// The language of descriptions: en or es
    #[arg(long, default_value = "en", value_parser = ["en", "es"])]
    locale: String,
    /// Brokers of the Kafka that holds the log, with commas between; no server has to run then
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Print JSON, which it is in any case
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    match command {
        Command::Create(create) => {
            let new = NewOrganization {
                name: create.name.clone(),
                organization_type: create.kind.clone(),
                locale: create.locale.clone(),
            };
            let flags = of_kafka(create.kafka.as_ref());
            let config = place.resolve(flags).map_err(Ending::configuration)?.config;
            let bootstrap = match &config.kafka {
                Some(_) => on_kafka(&config, new)?,
                None => {
                    let answer = operate(admin::Command::CreateOrganization(new), place, shell)?;
                    let Answer::Organization(bootstrap) = answer else { return Err(unexpected()) };
                    bootstrap
                }
            };
            shell.json(&json!(bootstrap))?;
        }
        Command::List { json } => {
            let answer = operate(admin::Command::ListOrganizations(Nothing {}), place, shell)?;
            let Answer::Organizations(all) = answer else { return Err(unexpected()) };
            if *json {
                shell.json(&json!(all))?;
            } else {
                let rows: Vec<_> = all
                    .into_iter()
                    .map(|one| vec![one.id, one.organization_type, one.locale, one.name])
                    .collect();
                shell.rows(&["organization", "type", "locale", "name"], &rows)?;
            }
        }
    }
    Ok(Exit::Done)
}

#[cfg(feature = "kafka")]
fn on_kafka(config: &Config, new: NewOrganization) -> Result<Bootstrap, Ending> {
    kafka::create_organization(config, &SystemClock, new).map_err(ending)
}

#[cfg(not(feature = "kafka"))]
fn on_kafka(_: &Config, _: NewOrganization) -> Result<Bootstrap, Ending> {
    Err(Ending::input(&"this program was built without Kafka"))
}
