//! What only a log in files can suffer. The suite that all logs share is `log::conformance`.

mod damage;
pub(in crate::log) mod disk;
mod faults;
mod folder;
mod sample;

use super::open::{Opened, open};
use super::*;
use crate::log::conformance::TestClock;
use disk::TestDisk;

pub(in crate::log) fn options(partitions: u16) -> Options {
    Options { queue_records: 2_000, queue_bytes: 64 << 20, ..Options::new(PathBuf::new(), partitions) }
}

pub(in crate::log) fn open_on(
    disk: &TestDisk,
    options: &Options,
    clock: Arc<TestClock>,
) -> Result<(EmbeddedLog, Opened), LogError> {
    open(Arc::new(disk.clone()), options, clock, &[])
}
