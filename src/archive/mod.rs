//! The archive seam: objects by name, in a folder or in a bucket, that outlive the machine.
//!
//! The face is blocking: who calls it has a thread to wait on. It knows nothing of what objects mean.
//! Nothing is ever half there: an object is whole from the moment it can be seen, and what was not finished
//! is not seen. [`conformance`] holds what implementations share, and what a bucket must do to be one.

pub mod conformance;
pub mod memory;
pub mod object;

use crate::base::time::Ms;
use bytes::Bytes;
use std::fmt;
use std::io::{Read, Write};

/// Objects of one listing at most.
pub const LISTED: usize = 100_000;
/// Bytes of a name.
pub const NAME_BYTES: usize = 512;

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name, from the archive's root.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was put, by the archive's clock.
    pub modified: Ms,
}

/// What became of a put that must not replace anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is there now.
    Created,
    /// There was one already, and it is as it was. Where the answer to an earlier attempt was lost, that
    /// one may be the caller's own.
    Exists,
}

/// Why the archive did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveError {
    /// There is no such object: look for another.
    Missing(String),
    /// There is more than the caller takes: it is not what the caller thinks it is.
    TooLarge {
        /// The object, or the prefix listed.
        name: String,
        /// What the caller takes: bytes, or objects.
        limit: u64,
    },
    /// No object can have this name: the caller is wrong.
    BadName(String),
    /// It is not there or will not do this for us: the operator must mend address, credentials or rights.
    Refused(String),
    /// Its disk is full: the operator must make room.
    Full,
    /// It could not be reached or failed, and what was asked may or may not have been done: try again
    /// later.
    Unavailable(String),
    /// The caller's own source or sink failed.
    Stream(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveError::Missing(name) => write!(f, "the archive has no {name}"),
            ArchiveError::TooLarge { name, limit } => {
                write!(f, "the archive has more than {limit} in {name}")
            }
            ArchiveError::BadName(name) => write!(f, "no object can be named {name:?}"),
            ArchiveError::Refused(why) => write!(f, "the archive refuses: {why}"),
            ArchiveError::Full => f.write_str("the archive's disk is full"),
            ArchiveError::Unavailable(why) => write!(f, "the archive failed: {why}"),
            ArchiveError::Stream(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ArchiveError {}

/// Objects by name. Names are segments of `[A-Za-z0-9._-]` with `/` between them.
pub trait Archive: Send + Sync + fmt::Debug {
    /// Puts an object, in place of the one of that name if there is one. Durable when it returns.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn put(&self, name: &str, content: Bytes) -> Result<(), ArchiveError>;

    /// Puts an object unless there is one of that name: of any number of callers, wherever they are, one
    /// creates it. Durable when it returns.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn put_if_absent(&self, name: &str, content: Bytes) -> Result<Put, ArchiveError>;

    /// An object of at most `limit` bytes.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn get(&self, name: &str, limit: u64) -> Result<Bytes, ArchiveError>;

    /// Puts what `source` reads, however long, in bounded memory; tells its bytes. Durable when it returns;
    /// where it fails, nothing of that name was changed or all of it was.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn put_stream(&self, name: &str, source: &mut dyn Read) -> Result<u64, ArchiveError>;

    /// Writes an object into `sink` in bounded memory; tells its bytes.
    ///
    /// # Errors
    /// See [`ArchiveError`]; some of it may have been written.
    fn get_stream(&self, name: &str, sink: &mut dyn Write) -> Result<u64, ArchiveError>;

    /// The objects whose names begin with the segments of `prefix`, by name; none where there are none.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn list(&self, prefix: &str) -> Result<Vec<Object>, ArchiveError>;

    /// Whether there is no object at all.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn is_empty(&self) -> Result<bool, ArchiveError>;

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// See [`ArchiveError`].
    fn delete(&self, name: &str) -> Result<(), ArchiveError>;
}

/// Refuses what is no name in every implementation, so that what works in one works in all.
fn check_name(name: &str) -> Result<(), ArchiveError> {
    let is_segment = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(plain)
    };
    let good = name.len() <= NAME_BYTES && name.split('/').all(is_segment);
    if good { Ok(()) } else { Err(ArchiveError::BadName(name.chars().take(80).collect())) }
}
