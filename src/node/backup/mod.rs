//! Backup and restore: a consistent copy of a running or stopped installation, and its return.
//!
//! The log is one sequence, so any beginning of it is what a crash would have left; with the installation
//! key that is a whole installation. A snapshot of each partition goes along, so that a restored one need
//! not be replayed from its first record, which may be trimmed long since. Snapshots are copied first: the
//! log holds the position of each.
//!
//! Everything copied is read back and compared; what makes a backup one is written last. Whoever has a
//! backup has the installation's key: it is to be guarded as the data folder is.

mod restore;
mod take;
#[cfg(test)]
mod tests;

pub use restore::Restored;

use crate::archive::object::{ObjectArchive, Variables};
use crate::archive::{Archive, ArchiveError};
use crate::base::clock::Clock;
use crate::base::hash::{Digest256, Digester};
use crate::log::embedded::{EmbeddedLog, Scrubbed};
use crate::node::config::Config;
use crate::node::data::Data;
use crate::node::ground::{Ground, open_archive};
use crate::node::serve::Failure;
use crate::wire::admin::BackupShown;
use crate::wire::backup::{BOOTSTRAP, KEY};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use take::Source;

/// Bytes of the log looked at in one step.
const SCRUBBED: u64 = 8 << 20;

/// How far a backup or a restore has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The file just copied.
    pub name: String,
    /// Files so far.
    pub files: u64,
    /// Bytes so far.
    pub bytes: u64,
}

/// Told each file that was copied.
pub type Tell<'a> = &'a mut dyn FnMut(&Copied);

/// Copies the installation of a stopped server to an address. Whatever a crash left is mended first, as a start
/// would.
///
/// # Errors
/// There is none, or a server runs on it; see [`take`] for the rest.
pub fn stopped(
    config: &Config,
    clock: &Arc<dyn Clock>,
    variables: &Variables,
    to: &str,
    tell: Tell<'_>,
) -> Result<BackupShown, Failure> {
    let data = Data::new(config.data.clone());
    if !data.log().is_dir() {
        return Err(Failure::Input(format!("{}: holds no installation", data.path().display())));
    }
    let ground = Ground::lay(config, clock, variables)?;
    let copied = copy(&ground, &**clock, to, tell);
    ground.ledger.close();
    copied
}

/// Copies an installation to an address.
pub(super) fn copy(
    ground: &Ground,
    clock: &dyn Clock,
    to: &str,
    tell: Tell<'_>,
) -> Result<BackupShown, Failure> {
    let Some(log) = ground.ledger.embedded() else {
        let why = "the log is on Kafka, which keeps and copies it; what workers keep beside it is made again from it";
        return Err(Failure::Input(why.to_owned()));
    };
    let (data, key) = (&ground.data, &ground.key);
    let source = Source { data, key, log, archive: &*ground.archive, clock };
    let target = ObjectArchive::open(to, &ground.variables).map_err(|error| of_archive(&error))?;
    if let Some(folder) = target.folder() {
        guard(folder, data)?;
    }
    let taken = take::take(&source, &target, tell)?;
    for path in target.folder().into_iter().flat_map(|folder| [folder.join(KEY), folder.join(BOOTSTRAP)]) {
        match fs::set_permissions(&path, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path, &error)),
            Ok(()) | Err(_) => {}
        }
    }
    let (taken_at, files) = (taken.taken_at.to_string(), taken.files.len() as u64);
    Ok(BackupShown { to: to.to_owned(), taken_at, files, bytes: taken.bytes(), damaged: damaged(log) })
}

/// A folder that is to hold a backup is for its owner only, as the data folder is, and not inside of that.
fn guard(folder: &Path, data: &Data) -> Result<(), Failure> {
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| failed(path, &error));
    if real(folder)?.starts_with(real(data.path())?) {
        let (folder, data) = (folder.display(), data.path().display());
        return Err(Failure::Input(format!(
            "{folder} is inside of the data folder {data}: give another place"
        )));
    }
    // What is somebody else's is refused soon, and stays as it is.
    let is_new = fs::read_dir(folder).map_err(|error| failed(folder, &error))?.next().is_none();
    if is_new {
        let own = fs::set_permissions(folder, Permissions::from_mode(0o700));
        own.map_err(|error| failed(folder, &error))?;
    }
    Ok(())
}

/// What is damaged in the sealed segments of a log. A copy of it is as it is, and still all there is.
fn damaged(log: &EmbeddedLog) -> Vec<String> {
    let (mut scrub, mut found) = (log.scrub(), Vec::new());
    loop {
        match scrub.step(SCRUBBED) {
            Scrubbed::Bytes(_) | Scrubbed::Whole(..) => {}
            Scrubbed::Damaged(_, error) => found.push(error.to_string()),
            Scrubbed::End => return found,
        }
    }
}

/// Brings the backup at an address into the data folder of `config`, which must be empty or not there.
///
/// # Errors
/// See [`restore::restore`].
pub fn restore(
    config: &Config,
    clock: &Arc<dyn Clock>,
    variables: &Variables,
    from: &str,
    tell: Tell<'_>,
) -> Result<Restored, Failure> {
    let data = Data::new(config.data.clone());
    let from = ObjectArchive::open(from, variables).map_err(|error| of_archive(&error))?;
    let inside = from.folder().is_some_and(|from| {
        let absolute = std::path::absolute(data.path());
        absolute.is_ok_and(|data| data.starts_with(from))
    });
    if inside {
        let folder = data.path().display();
        return Err(Failure::Input(format!("{folder} is inside of the backup: restore into another folder")));
    }
    let archive =
        || open_archive(config, &data, variables).map(|archive| Box::new(archive) as Box<dyn Archive>);
    restore::restore(&from, &data, &archive, clock, tell)
}

/// The address of a place as a person writes it: a URL as it is, anything else as a folder.
///
/// # Errors
/// The folder the program works in cannot be told.
pub fn address(place: &str) -> Result<String, Failure> {
    if place.contains("://") {
        return Ok(place.to_owned());
    }
    let path = std::path::absolute(Path::new(place));
    let path = path.map_err(|error| Failure::Input(format!("{place}: {error}")))?;
    let text = path.to_str().ok_or_else(|| Failure::Input(format!("{place}: is not UTF-8")))?;
    let mut address = "file://".to_owned();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'~' => {
                address.push(char::from(byte))
            }
            other => address.push_str(&format!("%{other:02X}")),
        }
    }
    Ok(address)
}

/// What the archive's error means for whoever asked for the copy.
fn of_archive(error: &ArchiveError) -> Failure {
    match error {
        ArchiveError::Refused(_) | ArchiveError::BadName(_) | ArchiveError::Missing(_) => {
            Failure::Input(error.to_string())
        }
        ArchiveError::TooLarge { .. }
        | ArchiveError::Full
        | ArchiveError::Unavailable(_)
        | ArchiveError::Stream(_) => Failure::Failed(error.to_string()),
    }
}

fn failed(path: &Path, error: &dyn fmt::Display) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

/// Hashes what passes through it, on its way in or out.
struct Hashed<T> {
    inner: T,
    digester: Digester,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, digester: Digester::default() }
    }

    fn finish(self) -> (u64, Digest256) {
        (self.digester.bytes(), self.digester.finish())
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.digester.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digester.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
