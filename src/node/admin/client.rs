//! The other end of the socket: one command, and what the running server says to it.

use crate::node::data::Data;
use crate::wire::admin::{self, Answer, Command, Fault, Line, Progress};
use crate::wire::internal;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The longest silence before an answer, or before a line that tells how far it is.
const SILENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// What was asked for is wrong: everything that is.
    Refused(Vec<Fault>),
    /// There is no server, or it could not do it; the text says what to do.
    Failed(String),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Refused(faults) => write!(f, "{} faults", faults.len()),
            AskError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for AskError {}

fn failed(why: impl Into<String>) -> AskError {
    AskError::Failed(why.into())
}

/// Asks the server whose data folder `data` is. `progress` is told how far a long command is.
///
/// # Errors
/// No server answers there, or it refused or could not do it.
pub fn ask(data: &Data, command: Command, progress: &mut dyn FnMut(&Progress)) -> Result<Answer, AskError> {
    let mut stream = connect(data)?;
    let lost = |error: io::Error| {
        let silent = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
        if silent {
            return failed("the server does not answer; what was asked for may still be done");
        }
        failed(format!("the server ended while it was asked: {error}"))
    };
    let limits =
        stream.set_read_timeout(Some(SILENCE)).and_then(|()| stream.set_write_timeout(Some(SILENCE)));
    limits.map_err(lost)?;
    let mut line = admin::write_request(command);
    line.push(b'\n');
    stream.write_all(&line).map_err(lost)?;
    let mut reader = BufReader::new(stream);
    loop {
        let most = u64::try_from(admin::ANSWER_BYTES).unwrap_or(u64::MAX);
        let mut line = Vec::new();
        reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(lost)?;
        if line.pop() != Some(b'\n') {
            return Err(failed(
                "the server ended before it answered; what was asked for may be done: see how it is before \
                 asking again",
            ));
        }
        match internal::read::<Line>(&line) {
            Ok(Line::Progress(how)) => progress(&how),
            Ok(Line::Done(answer)) => return Ok(*answer),
            Ok(Line::Refused(refused)) => return Err(AskError::Refused(refused.faults)),
            Ok(Line::Failed(why)) => return Err(AskError::Failed(why.message)),
            Err(bad) => {
                return Err(failed(format!("the server is of another version than this command: {bad}")));
            }
        }
    }
}

/// Whether a server answers for a data folder.
#[must_use]
pub fn is_served(data: &Data) -> bool {
    UnixStream::connect(data.admin_socket()).is_ok()
}

fn connect(data: &Data) -> Result<UnixStream, AskError> {
    let (path, folder) = (data.admin_socket(), data.path().display());
    UnixStream::connect(&path).map_err(|error| {
        let none = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
        if none {
            return failed(format!(
                "no server runs on {folder}: start one with `clausum serve --data {folder}`, or name the folder \
                 of the one that runs with --data"
            ));
        }
        let hint = if error.kind() == io::ErrorKind::PermissionDenied {
            "; run this as the user that the server runs as"
        } else {
            ""
        };
        failed(format!("{}: {error}{hint}", path.display()))
    })
}
