//! Goes through the frames of one segment file in order, from a buffer. It knows lengths and checksums
//! and nothing of what offsets must be; a frame is trusted only after [`Walk::content`] verified it.

use super::disk::{DiskFile, read_exact};
use super::format::{FRAME_HEAD, Head, Salt, Wrong, verified};
use crate::log::LogError;
use std::io;

/// Read at once; a longer frame is read whole.
const CHUNK: usize = 256 << 10;

/// A place in a segment file.
#[derive(Debug)]
pub(super) struct Walk {
    file: Box<dyn DiskFile>,
    name: String,
    salt: Salt,
    at: u64,
    /// No byte from here on is read.
    limit: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl Walk {
    pub(super) fn new(file: Box<dyn DiskFile>, name: String, salt: Salt, at: u64, limit: u64) -> Self {
        Self { file, name, salt, at, limit, buffer: Vec::new(), buffer_at: at }
    }

    /// Where the next frame begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Moves the end of what may be read.
    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// The fields of the next frame, not verified; none at the end.
    pub(super) fn peek(&mut self) -> Result<Option<Head>, LogError> {
        let left = self.limit.saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        if left < FRAME_HEAD as u64 {
            return Err(self.damage("the frame is cut short"));
        }
        let head = Head::peek(self.fill(FRAME_HEAD)?).map_err(|wrong| self.damage(wrong))?;
        if head.total() as u64 > left {
            return Err(self.damage("the frame reaches beyond the end"));
        }
        Ok(Some(head))
    }

    /// The content of the next frame, whose fields are `head`, verified with them.
    pub(super) fn content(&mut self, head: &Head) -> Result<&[u8], LogError> {
        let (salt, at) = (self.salt, self.at);
        let name = self.name.clone();
        verified(self.fill(head.total())?, &salt).map_err(|wrong| damage(name, at, wrong))
    }

    /// Goes behind the next frame, whose fields are `head`.
    pub(super) fn step(&mut self, head: &Head) {
        self.at += head.total() as u64;
    }

    /// Goes to another place.
    pub(super) fn jump(&mut self, at: u64) {
        self.at = at;
    }

    /// Everything from the next frame to the end.
    pub(super) fn rest(&mut self) -> Result<&[u8], LogError> {
        self.fill(usize::try_from(self.limit.saturating_sub(self.at)).unwrap_or(usize::MAX))
    }

    /// Damage at the next frame.
    pub(super) fn damage(&self, wrong: Wrong) -> LogError {
        damage(self.name.clone(), self.at, wrong)
    }

    /// The next `need` bytes, which lie before the limit.
    fn fill(&mut self, need: usize) -> Result<&[u8], LogError> {
        let offset = self.at.checked_sub(self.buffer_at).and_then(|offset| usize::try_from(offset).ok());
        let held = offset.and_then(|offset| self.buffer.len().checked_sub(offset)).unwrap_or(0);
        if held < need {
            let left = usize::try_from(self.limit.saturating_sub(self.at)).unwrap_or(usize::MAX);
            self.buffer.resize(need.max(CHUNK.min(left)), 0);
            self.buffer_at = self.at;
            if let Err(error) = read_exact(&*self.file, &mut self.buffer, self.at) {
                self.buffer.clear();
                return Err(if error.kind() == io::ErrorKind::UnexpectedEof {
                    self.damage("the file ends before its frames do")
                } else {
                    failed(&self.name, &error)
                });
            }
        }
        let from = usize::try_from(self.at - self.buffer_at).unwrap_or(usize::MAX);
        Ok(self.buffer.get(from..from.saturating_add(need)).unwrap_or_default())
    }
}

/// Damage in a file.
pub(super) fn damage(file: String, at: u64, wrong: Wrong) -> LogError {
    LogError::Damaged { file, at, what: wrong.to_owned() }
}

/// A failure of the file system.
pub(super) fn failed(file: &str, error: &io::Error) -> LogError {
    LogError::Io { file: file.to_owned(), what: error.to_string() }
}
