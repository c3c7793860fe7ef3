//! `clausum keys`: API keys of a running server.

use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::shell::Shell;
use crate::wire::admin::{self, Answer, KeyChange, KeyShown, NewKey, OfOrganization};
use clap::{Args, Subcommand};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key and print it, once
    Create(Create),
    /// Show the keys of an organization, never their text
    List {
        /// The organization's id
        #[arg(long, value_name = "ORG")]
        org: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a key for good
    Revoke(Change),
    /// Switch a key off; it can be switched on again
    Disable(Change),
    /// Switch a key on again
    Enable(Change),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What it is made for: server (backends), checkout (browsers) or ingest (event senders)
    #[arg(long = "type", value_name = "TYPE", value_parser = ["server", "checkout", "ingest"])]
    kind: String,
    /// The organization's id
    #[arg(long, value_name = "ORG")]
    org: String,
    /// A name for it; its type without one
    #[arg(long)]
    name: Option<String>,
    /// Something it may do, such as assess; may be given several times; all that its type allows without it
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// Requests a minute at most, or none for no limit
    #[arg(long, value_name = "N", default_value = "100", value_parser = limit)]
    per_minute: Limit,
    /// Requests a day at most, or none for no limit
    #[arg(long, value_name = "N", default_value = "none", value_parser = limit)]
    per_day: Limit,
    /// When it stops to work, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// An origin that browsers may call from, such as https://shop.example; may be given several times; any
    /// without it; checkout keys only
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// The key's id, key_…
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Requests in a time; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit(Option<u32>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let number = text.parse().ok().filter(|number| *number > 0);
    number
        .map(|number| Limit(Some(number)))
        .ok_or_else(|| "must be a whole number from 1 on, or none".to_owned())
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    match command {
        Command::Create(create) => self::create(create, place, shell)?,
        Command::List { org, json } => {
            let of = OfOrganization { organization_id: org.clone() };
            let answer = operate(admin::Command::ListKeys(of), place, shell)?;
            let Answer::Keys(keys) = answer else { return Err(unexpected()) };
            if *json {
                shell.json(&json!(keys))?;
            } else {
                let rows: Vec<_> = keys.iter().map(row).collect();
                let head = ["key", "type", "status", "a minute", "a day", "expires", "shown as", "name"];
                shell.rows(&head, &rows)?;
            }
        }
        Command::Revoke(change) => self::change(change, "revoked", place, shell)?,
        Command::Disable(change) => self::change(change, "disabled", place, shell)?,
        Command::Enable(change) => self::change(change, "active", place, shell)?,
    }
    Ok(Exit::Done)
}

fn create(create: &Create, place: &Place, shell: &mut Shell) -> Result<(), Ending> {
    let new = NewKey {
        organization_id: create.org.clone(),
        kind: create.kind.clone(),
        name: create.name.clone().unwrap_or_else(|| format!("{} key", create.kind)),
        permissions: create.permissions.clone(),
        rate_limit_per_minute: create.per_minute.0,
        rate_limit_per_day: create.per_day.0,
        expires_at: create.expires_at.clone(),
        allowed_origins: create.origins.clone(),
    };
    let answer = operate(admin::Command::CreateKey(new), place, shell)?;
    let Answer::NewKey(made) = answer else { return Err(unexpected()) };
    if create.json {
        let mut object = json!(made.object);
        if let Some(members) = object.as_object_mut() {
            members.insert("key".to_owned(), json!(made.key));
        }
        shell.json(&object)?;
    } else {
        // The key alone on standard output, for scripts.
        shell.line(&made.key)?;
        shell.note(&format!("{} was made; its text is shown only this once", made.object.id));
    }
    Ok(())
}

fn change(change: &Change, state: &str, place: &Place, shell: &mut Shell) -> Result<(), Ending> {
    let asked = KeyChange { id: change.id.clone(), state: state.to_owned() };
    let answer = operate(admin::Command::ChangeKey(asked), place, shell)?;
    let Answer::Key(key) = answer else { return Err(unexpected()) };
    if change.json {
        shell.json(&json!(key))?;
    } else {
        shell.line(&format!("{} is {}", key.id, key.status))?;
    }
    Ok(())
}

fn row(key: &KeyShown) -> Vec<String> {
    let limit = |limit: Option<u32>| limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
    vec![
        key.id.clone(),
        key.kind.clone(),
        key.status.clone(),
        limit(key.rate_limit_per_minute),
        limit(key.rate_limit_per_day),
        key.expires_at.clone().unwrap_or_else(|| "-".to_owned()),
        key.display.clone(),
        key.name.clone(),
    ]
}
