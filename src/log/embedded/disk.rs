//! The log's door to the file system: one folder of flat files. It exists so that tests can let a disk
//! fail or a machine crash; it decides nothing. A name is durable only after [`Disk::sync_folder`].

use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A folder.
pub(super) trait Disk: Send + Sync + Debug {
    /// The folder's name, for messages.
    fn folder(&self) -> String;
    /// Takes the folder for this process until the lock is dropped; none if another process has it.
    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn Lock>>>;
    /// The names of its files, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// An empty file for reading and writing, in place of any of that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// A file that is there, for reading and writing or for reading only.
    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, in place of any of that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A file.
pub(super) trait DiskFile: Send + Sync + Debug {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads at most `into.len()` bytes; none only at the end.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `bytes`; after an error any part of them may be there.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A folder that is taken while this lives.
pub(super) trait Lock: Send + Sync + Debug {}

/// Reads all of `into`, which lies inside of the file.
pub(super) fn read_exact(file: &dyn DiskFile, into: &mut [u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A folder of the machine's file system.
#[derive(Debug)]
pub(super) struct Folder(pub(super) PathBuf);

#[derive(Debug)]
struct FileLock(#[expect(dead_code, reason = "held for its drop")] File);

impl Lock for FileLock {}

impl Disk for Folder {
    fn folder(&self) -> String {
        self.0.display().to_string()
    }

    fn lock(&self, name: &str) -> io::Result<Option<Box<dyn Lock>>> {
        std::fs::create_dir_all(&self.0)?;
        let path = self.0.join(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(FileLock(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            // The log's own names are ASCII; another is not the log's.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let path = self.0.join(name);
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let write = access == Access::Write;
        Ok(Box::new(OpenOptions::new().read(true).write(write).open(self.0.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        // fdatasync: the length is synced where reading the content needs it.
        self.sync_data()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
