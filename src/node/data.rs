//! The data folder. What is in it, and who writes it:
//!
//! ```text
//! <data>/lock                keeps a second server out
//! <data>/log/                the log: segments, log.meta, and a lock of its own
//! <data>/state/<partition>/  the state of a partition's shard: whole checkpoints, remade from the log
//! <data>/archive/            snapshots of the states, unless `archive.url` says where they are
//! <data>/installation.key    32 random bytes in base64, mode 0600; made on the first start
//! <data>/admin.sock          where a running server takes its operator's commands, mode 0600
//! <data>/bootstrap.json      the bootstrap object with its keys, mode 0600; made on the first start
//! <data>/restoring           a backup is being restored: no server starts
//! ```
//!
//! Whoever copies `log`, `archive` and `installation.key` of a stopped server has all of it; as long as the log
//! still has its beginning, without `archive`.

use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::node::serve::Failure;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A data folder.
#[derive(Debug, Clone)]
pub struct Data(PathBuf);

impl Data {
    /// The folder at `path`, which need not be there.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The log's folder.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The folder of a partition's state.
    #[must_use]
    pub fn state(&self, partition: Partition) -> PathBuf {
        self.states().join(partition.to_string())
    }

    /// The folder of every partition's state.
    #[must_use]
    pub fn states(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The archive, where no other was written.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.0.join("archive")
    }

    /// The partitions of which there is a state, in their order.
    ///
    /// # Errors
    /// There are none, or the file system failed.
    pub fn partitions(&self) -> io::Result<Vec<Partition>> {
        let mut partitions = Vec::new();
        for entry in fs::read_dir(self.states())? {
            let name = entry?.file_name();
            // Whatever else lies there is nobody's state.
            let number = name.to_str().and_then(|name| name.parse().ok());
            partitions.extend(number.map(Partition).filter(|partition| *name == *partition.to_string()));
        }
        partitions.sort_unstable();
        Ok(partitions)
    }

    /// The installation key.
    #[must_use]
    pub fn installation_key(&self) -> PathBuf {
        self.0.join("installation.key")
    }

    /// The bootstrap object.
    #[must_use]
    pub fn bootstrap(&self) -> PathBuf {
        self.0.join("bootstrap.json")
    }

    /// There while a backup is restored into the folder, and after one that was cut off.
    #[must_use]
    pub fn restoring(&self) -> PathBuf {
        self.0.join("restoring")
    }

    /// The operator's socket.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    /// Makes the folder and those in it that are not there, for their owner only: also in a folder that others
    /// may look into, nobody reads log or state.
    pub(super) fn create(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        [&self.0, &self.log(), &self.states(), &self.archive()]
            .into_iter()
            .try_for_each(|folder| builder.create(folder))
    }
}

/// How long a server waits for one before it that is ending, such as one that was just killed.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_EVERY: Duration = Duration::from_millis(50);

impl Data {
    /// Takes the folder for this process, until the file is dropped.
    pub(super) fn lock(&self) -> io::Result<File> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.0.join("lock"))?;
        let never = Signal::default();
        for _ in 0..LOCK_WAIT.as_millis() / LOCK_EVERY.as_millis() {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    never.wait(LOCK_EVERY);
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        let folder = self.0.display();
        Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{folder} is open in another process")))
    }
}

/// Puts a file with secrets in place: for its owner only, durable, and whole or not at all.
pub(super) fn write_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    // One left by a crash may have another mode.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The content of a file; none if it is not there.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, Failure> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Failure::Input(told(error))),
        Err(error) => Err(Failure::Failed(told(error))),
    }
}
