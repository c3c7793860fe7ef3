//! How a command ends: the exit codes, and what is told when it does not end well.

use crate::cli::shell::Shell;
use std::fmt::Display;
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
    Told(Exit, Vec<String>),
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        Ending::Output(error)
    }
}

impl Ending {
    /// The machine failed.
    pub(super) fn failed(why: &dyn Display) -> Self {
        Ending::Told(Exit::Failed, vec![why.to_string()])
    }

    /// What was given is wrong.
    pub(super) fn input(why: &dyn Display) -> Self {
        Ending::Told(Exit::Input, vec![why.to_string()])
    }

    /// Everything that is wrong with what was given.
    pub(super) fn inputs<T: Display>(faults: &[T]) -> Self {
        Ending::Told(Exit::Input, faults.iter().map(ToString::to_string).collect())
    }

    /// The command cannot be run like this.
    pub(super) fn usage(why: &dyn Display) -> Self {
        Ending::Told(Exit::Usage, vec![why.to_string()])
    }

    pub(super) fn tell(self, shell: &mut Shell) -> Exit {
        match self {
            // Who reads our output has seen enough.
            Ending::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Ending::Output(error) => {
                shell.complain(&format!("standard output: {error}"));
                Exit::Failed
            }
            Ending::Told(exit, lines) => {
                lines.iter().for_each(|line| shell.complain(line));
                exit
            }
        }
    }
}
