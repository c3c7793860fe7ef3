//! `clausum orgs`: organizations of a running server.

use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::shell::Shell;
use crate::wire::admin::{self, Answer, NewOrganization, Nothing};
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
            let answer = operate(admin::Command::CreateOrganization(new), place, shell)?;
            let Answer::Organization(bootstrap) = answer else { return Err(unexpected()) };
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
