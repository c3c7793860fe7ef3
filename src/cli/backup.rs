//! `clausum backup` and `clausum restore`: a consistent copy of an installation, and its return.

use crate::archive::object::Variables;
use crate::base::clock::{Clock, SystemClock};
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::operate::{operate, unexpected};
use crate::cli::shell::Shell;
use crate::node::backup::{self, Copied};
use crate::node::{Data, Failure, is_served};
use crate::wire::admin::{self, Answer, BackupShown, BackupTo};
use clap::Args;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Where to: a folder that is new or empty, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "DIR|URL")]
    to: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// Where from: the folder or the address a backup was taken to
    #[arg(long, value_name = "DIR|URL")]
    from: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Through the server, if one runs on the data folder.
pub(super) fn take(arguments: &Backup, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let config = place.resolve(None).map_err(Ending::configuration)?.config;
    let to = backup::address(&arguments.to).map_err(of_failure)?;
    let shown = if is_served(&Data::new(config.data.clone())) {
        let answer = operate(admin::Command::Backup(BackupTo { to }), place, shell)?;
        let Answer::Backup(shown) = answer else { return Err(unexpected()) };
        shown
    } else {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let shown = backup::stopped(&config, &clock, &Variables::of(std::env::vars()), &to, &mut |copied| {
            tell(copied, shell)
        });
        if shell.wants_progress() {
            shell.note("");
        }
        shown.map_err(of_failure)?
    };
    if arguments.json {
        shell.json(&json!(shown))?;
    } else {
        let BackupShown { to, taken_at, files, bytes, .. } = &shown;
        shell.line(&format!("{to}: {files} files, {bytes} bytes, as it stood at {taken_at}"))?;
        shell.line("the installation's key is among them: guard it as the data folder")?;
    }
    Ok(checked(&shown.damaged, shell))
}

/// A copy of a damaged log is made, and told as what it is.
fn checked(damaged: &[String], shell: &mut Shell) -> Exit {
    for what in damaged {
        shell.note(&format!("clausum: the log is damaged, here and there: {what}"));
    }
    if damaged.is_empty() { Exit::Done } else { Exit::Checks }
}

pub(super) fn restore(arguments: &Restore, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let config = place.resolve(None).map_err(Ending::configuration)?.config;
    let from = backup::address(&arguments.from).map_err(of_failure)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let restored = backup::restore(&config, &clock, &Variables::of(std::env::vars()), &from, &mut |copied| {
        tell(copied, shell)
    });
    if shell.wants_progress() {
        shell.note("");
    }
    let restored = restored.map_err(of_failure)?;
    let (backup, data) = (&restored.backup, config.data.display().to_string());
    let (files, bytes, taken_at) = (backup.files.len(), backup.bytes(), backup.taken_at.to_string());
    if arguments.json {
        let next: Vec<_> =
            restored.next.iter().map(|(of, next)| json!({"of": of.to_string(), "next": next.0})).collect();
        let damaged = &restored.damaged;
        shell.json(
            &json!({"data": data, "taken_at": taken_at, "files": files, "bytes": bytes, "next": next,
            "damaged": damaged}),
        )?;
    } else {
        shell.line(&format!("{data}: {files} files, {bytes} bytes, as it stood at {taken_at}"))?;
        shell
            .line(&format!("`clausum serve --data {data}` goes on from there; no position is used twice"))?;
    }
    Ok(checked(&restored.damaged, shell))
}

fn tell(copied: &Copied, shell: &mut Shell) {
    if shell.wants_progress() {
        shell.live(&format!("{} files, {} bytes: {}", copied.files, copied.bytes, copied.name));
    }
}

fn of_failure(failure: Failure) -> Ending {
    match failure {
        Failure::Input(why) => Ending::input(&why),
        Failure::Failed(why) => Ending::failed(&why),
    }
}
