//! `clausum admin`: a document of settings, lists and packs, applied to a running server in one step.

use crate::base::limits;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::shell::Shell;
use crate::wire::admin::{self, Answer};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Change scoring settings, named lists and rule packs of one organization: all of it, or nothing and
    /// every fault with its JSON pointer
    Apply(Apply),
}

#[derive(Debug, Args)]
pub(super) struct Apply {
    /// JSON: organization, scoring, lists, packs; what it does not name stays as it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The organization's id, unless the document names it
    #[arg(long, value_name = "ORG")]
    org: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let Command::Apply(apply) = command;
    let document = document(&apply.file)?;
    let asked = admin::Apply { organization_id: apply.org.clone(), document };
    let answer = operate(admin::Command::Apply(asked), place, shell)?;
    let Answer::Applied(told) = answer else { return Err(unexpected()) };
    if apply.json {
        shell.line(told.get())?;
        return Ok(Exit::Done);
    }
    let told: Value = serde_json::from_str(told.get()).map_err(|_| unexpected())?;
    for line in lines(&told) {
        shell.line(&line)?;
    }
    Ok(Exit::Done)
}

fn document(path: &Path) -> Result<String, Ending> {
    let told = |what: &dyn std::fmt::Display| Ending::input(&format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|error| told(&error))?;
    let most = limits::APPLY_BYTES;
    let mut text = String::new();
    let read = file.take(u64::try_from(most).unwrap_or(u64::MAX) + 1).read_to_string(&mut text);
    read.map_err(|error| told(&error))?;
    if text.len() > most {
        return Err(told(&format!("has more than {most} bytes")));
    }
    Ok(text)
}

/// A line for each part that is in force now.
fn lines(told: &Value) -> Vec<String> {
    let entries = |part: &str| told.get(part).and_then(Value::as_object).into_iter().flatten();
    let settings = entries("scoring").map(|(flow, of)| {
        format!("scoring of {flow}: version {}", of.get("version").unwrap_or(&Value::Null))
    });
    let packs = entries("packs").map(|(flow, of)| {
        let version = of.get("version").unwrap_or(&Value::Null);
        match of.get("sha256").and_then(Value::as_str) {
            Some(digest) => format!("pack of {flow}: version {version}, sha256 {digest}"),
            None => format!("pack of {flow}: version {version}, the shipped one alone"),
        }
    });
    let lists = entries("lists").map(|(name, entries)| match entries.as_u64() {
        None => format!("list {name}: as shipped"),
        Some(entries) => format!("list {name}: {entries} entries"),
    });
    let lines: Vec<_> = settings.chain(packs).chain(lists).collect();
    if lines.is_empty() { vec!["the document changes nothing".to_owned()] } else { lines }
}
