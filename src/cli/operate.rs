//! How commands reach the running server of a data folder, and how they end where it says no.

use crate::cli::Place;
use crate::cli::ending::{Ending, Exit, Said};
use crate::cli::shell::Shell;
use crate::node::{AskError, Data, ask};
use crate::wire::admin::{Answer, Command, Fault, Progress};

/// Asks the server; how far a long command is goes to standard error, where a person looks at it.
pub(super) fn operate(command: Command, place: &Place, shell: &mut Shell) -> Result<Answer, Ending> {
    let config = place.resolve(None).map_err(Ending::configuration)?.config;
    let mut shown = false;
    let mut progress = |how: &Progress| {
        if shell.wants_progress() {
            shown = true;
            shell.live(&line(how));
        }
    };
    let answer = ask(&Data::new(config.data), command, &mut progress);
    if shown {
        shell.note("");
    }
    answer.map_err(ending)
}

/// How a command ends that has no answer.
pub(super) fn ending(error: AskError) -> Ending {
    match error {
        AskError::Refused(faults) => Ending::Told(Exit::Input, faults.into_iter().map(said).collect()),
        AskError::Failed(why) => Ending::failed(&why),
    }
}

/// The server is one that answers other things than it is asked.
pub(super) fn unexpected() -> Ending {
    Ending::failed(&"the server answered something else: it is of another version than this command")
}

fn said(fault: Fault) -> Said {
    let Fault { field, code, message } = fault;
    Said { place: None, field: Some(field).filter(|field| !field.is_empty()), code: Some(code), message }
}

fn line(how: &Progress) -> String {
    let of = how.of.map_or_else(String::new, |of| format!(" of {of}"));
    format!("{}: {}{of}", how.what, how.done)
}
