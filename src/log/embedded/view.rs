//! A log as it was when it was looked at, to be read and nothing else: no lock is taken and no file changed,
//! so another process may have it open.

use super::disk::{Disk, Folder};
use super::format::{Layout, META};
use super::open::{survey, without_unused};
use super::reader::SlotReader;
use super::recover;
use super::segment::Segment;
use super::state::Shared;
use super::walk::{damage, failed};
use crate::base::position::{Offset, TopicPartition};
use crate::log::{Bounds, Contents, LogError, Reader};
use std::path::Path;
use std::sync::Arc;

/// Looks before what is not as it should be is damage: between listing the files and reading them, whoever
/// has the log open may have trimmed one or begun another.
const LOOKS: usize = 3;

/// A log seen from outside.
#[derive(Debug)]
pub struct View(Arc<Shared>);

impl View {
    /// Looks at the log in `folder`.
    ///
    /// # Errors
    /// The file system failed, or the log is damaged where it is opened.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        let disk: Arc<dyn Disk> = Arc::new(Folder(folder.to_owned()));
        let mut looks = LOOKS;
        loop {
            looks -= 1;
            match Self::on(Arc::clone(&disk)) {
                Err(LogError::Damaged { .. }) if looks > 0 => {}
                viewed => return viewed,
            }
        }
    }

    pub(super) fn on(disk: Arc<dyn Disk>) -> Result<Self, LogError> {
        let names = disk.list().map_err(|error| failed(&disk.folder(), &error))?;
        let meta = recover::read_meta(&*disk, &names)?;
        let meta = meta.ok_or_else(|| damage(META.to_owned(), 0, "the file is missing"))?;
        let layout = Layout::new(meta.partitions);
        let (files, _) = without_unused(&*disk, survey(&*disk, &meta, &names)?)?;
        let mut segments = Vec::new();
        let mut ends = Vec::new();
        for (place, file) in files.iter().enumerate() {
            let (mut length, mut index) = (file.length, None);
            if place + 1 == files.len() {
                let tail = recover::read_tail(&*disk, file, layout, &[], true)?;
                length = tail.length;
                index = Some(tail.follow.index);
                ends = tail.follow.next;
            }
            segments.push(Segment::new(file.header.clone(), layout.slots(), length, index));
        }
        Ok(Self(Arc::new(Shared::new(disk, layout, segments, &ends))))
    }
}

impl Contents for View {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        Ok(self.0.bounds(self.0.slot_of(of)?))
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(SlotReader::new(Arc::clone(&self.0), of, from)?))
    }
}
