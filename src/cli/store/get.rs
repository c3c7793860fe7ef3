//! A row, or the rows of a kind, as JSON.

use crate::base::id::OrgId;
use crate::base::position::Partition;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::cli::store::name::Name;
use crate::cli::store::{States, name, of_store, row};
use crate::domain::access::Organization;
use crate::state::key::{Key, Kind};
use crate::state::row::Row;
use crate::store::rocks::Look;
use crate::worker::checkpoint::Meta;
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The organization, by its id
    #[arg(long, value_parser = organization)]
    pub(super) org: OrgId,
    /// organization, api_key, settings, active_pack, pack, lists, idempotency, session, decision, event, head
    /// or page
    #[arg(long, value_parser = kind)]
    pub(super) kind: Kind,
    #[command(flatten)]
    pub(super) name: name::Arguments,
    /// Print JSON on one line
    #[arg(long)]
    pub(super) json: bool,
}

fn organization(text: &str) -> Result<OrgId, String> {
    text.parse().map_err(|_| "must be a UUID in lower case".to_owned())
}

fn kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.text() == text);
    found.ok_or_else(|| format!("there are {}", Kind::ALL.map(Kind::text).join(", ")))
}

pub(super) fn run(arguments: &Arguments, states: &States, shell: &mut Shell) -> Result<Exit, Ending> {
    let (partition, look, org) = home(states, arguments.org)?;
    let named = arguments.name.name(arguments.kind, &org, &|key| read(&look, key))?;
    let mut found = 0_usize;
    let mut print = |key: &Key, row: &Row| {
        found += 1;
        let value = json!({"partition": partition.0, "checkpoint": checkpoint(&look), "key": row::key(key),
            "row": row::row(row)});
        if arguments.json { shell.json(&value) } else { shell.line(&format!("{value:#}")) }
    };
    match named {
        Name::One(key) => {
            if let Some(row) = read(&look, &key)? {
                print(&key, &row)?;
            }
        }
        Name::Those { prefix, id } => {
            for stored in look.rows(&prefix) {
                let (key, value) = stored.map_err(|error| of_store(&error))?;
                let key = Key::decode(&key).ok_or_else(|| damaged(&"a key is none of its kind"))?;
                let row = Row::decode(key.kind(), &value).map_err(|error| damaged(&error))?;
                if id.as_ref().is_none_or(|id| name::is_called(&key, &row, id)) {
                    print(&key, &row)?;
                }
            }
        }
    }
    if found == 0 {
        return Err(Ending::input(&"there is no such row in the last checkpoint"));
    }
    Ok(Exit::Done)
}

/// The partition an organization lives in, and what it is.
fn home(states: &States, org: OrgId) -> Result<(Partition, Look, Organization), Ending> {
    for partition in &states.partitions {
        let look = states.look(*partition).map_err(|error| of_store(&error))?;
        if let Some(Row::Organization(row)) = read(&look, &Key::Organization(org))? {
            return Ok((*partition, look, row));
        }
    }
    Err(Ending::input(&format!("no checkpoint knows the organization {org}")))
}

fn read(look: &Look, key: &Key) -> Result<Option<Row>, Ending> {
    let value = look.read(&key.encode()).map_err(|error| of_store(&error))?;
    let row = value.map(|value| Row::decode(key.kind(), &value)).transpose();
    row.map_err(|error| damaged(&error))
}

fn damaged(why: &dyn std::fmt::Display) -> Ending {
    Ending::Told(Exit::Checks, vec![why.into()])
}

/// The offset a checkpoint stands at: behind it the log may know more.
fn checkpoint(look: &Look) -> Option<Value> {
    let meta = Meta::decode(&look.checkpoint().ok()??).ok()?;
    Some(meta.core.applied?.offset.0.into())
}
