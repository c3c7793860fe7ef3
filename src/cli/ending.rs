//! How a command ends: the exit codes, and what is told when it does not end well.

use crate::cli::shell::Shell;
use crate::node::Fault;
use serde::Serialize;
use serde_json::json;
use std::fmt::{self, Display};
use std::io;

/// The contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// Bad input or configuration.
    Input = 3,
    /// Checks or tests did not pass.
    Checks = 4,
    Interrupted = 130,
}

impl Exit {
    pub(super) const fn code(self) -> u8 {
        self as u8
    }
}

/// A command that could not do what it was asked to.
#[derive(Debug)]
pub(super) enum Ending {
    /// Standard output is gone.
    Output(io::Error),
    /// Everything there is to say, and the code to end with.
    Told(Exit, Vec<Said>),
}

/// One thing that is wrong. The parts of a place may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Said {
    /// File and line, variable or flag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    /// A key, a member of a command, or a JSON pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
    pub(super) message: String,
}

impl From<&dyn Display> for Said {
    fn from(message: &dyn Display) -> Self {
        Self { message: message.to_string(), ..Self::default() }
    }
}

impl Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.field].into_iter().flatten() {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        Ending::Output(error)
    }
}

impl Ending {
    /// The machine failed.
    pub(super) fn failed(why: &dyn Display) -> Self {
        Ending::Told(Exit::Failed, vec![why.into()])
    }

    /// What was given is wrong.
    pub(super) fn input(why: &dyn Display) -> Self {
        Ending::Told(Exit::Input, vec![why.into()])
    }

    /// Everything that is wrong with what was given.
    pub(super) fn inputs<T: Display>(faults: &[T]) -> Self {
        Ending::Told(Exit::Input, faults.iter().map(|fault| (fault as &dyn Display).into()).collect())
    }

    /// Everything that is wrong with the configuration.
    pub(super) fn configuration(faults: Vec<Fault>) -> Self {
        let said = |Fault { place, key, message }: Fault| {
            let field = Some(key).filter(|key| !key.is_empty());
            Said { place: Some(place), field, message, code: None }
        };
        Ending::Told(Exit::Input, faults.into_iter().map(said).collect())
    }

    /// The command cannot be run like this.
    pub(super) fn usage(why: &dyn Display) -> Self {
        Ending::Told(Exit::Usage, vec![why.into()])
    }

    pub(super) fn tell(self, shell: &mut Shell) -> Exit {
        match self {
            // Who reads our output has seen enough.
            Ending::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Ending::Output(error) => {
                shell.complain(&format!("standard output: {error}"));
                Exit::Failed
            }
            Ending::Told(exit, said) if shell.speaks_json() => {
                let error = json!({"error": {"exit": exit.code(), "faults": said}});
                match shell.json(&error).and_then(|()| shell.flush()) {
                    Ok(()) => exit,
                    Err(error) => Ending::Output(error).tell(shell),
                }
            }
            Ending::Told(exit, said) => {
                said.iter().for_each(|one| shell.complain(&one.to_string()));
                exit
            }
        }
    }
}
