//! Puts a log together: takes the folder, checks its files, cuts what a crash left, starts the writer.
//! Everything is checked before the first file is changed.

use super::disk::{Access, Disk};
use super::format::{Header, LOCK, Layout, META, Meta, UNFINISHED, segment_name};
use super::queue::Queue;
use super::recover::{self, SegmentFile};
use super::segment::Segment;
use super::state::Shared;
use super::walk::{damage, failed};
use super::writer::{self, Writer};
use super::{EmbeddedLog, Options};
use crate::base::clock::Clock;
use crate::base::limits;
use crate::base::position::{Offset, TopicPartition};
use crate::base::time::Ms;
use crate::log::LogError;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

/// What opening found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The log is new.
    pub created: bool,
    /// Segments there are.
    pub segments: usize,
    /// The file that is written to.
    pub newest: String,
    /// Bytes cut from its end: what was being written when the machine stopped.
    pub cut_bytes: u64,
}

/// Opens the log in `disk`.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    options: &Options,
    clock: Arc<dyn Clock>,
    floors: &[(TopicPartition, Offset)],
) -> Result<(EmbeddedLog, Opened), LogError> {
    let folder = disk.folder();
    let io = |error: io::Error| failed(&folder, &error);
    let lock = disk.lock(LOCK).map_err(io)?.ok_or_else(|| LogError::Locked(folder.clone()))?;
    let layout = Layout::new(options.partitions);
    if options.partitions == 0 || options.partitions > limits::PARTITIONS {
        return Err(LogError::OtherPartitions { stored: 0, wanted: options.partitions });
    }
    let names = disk.list().map_err(io)?;
    let (meta, created) = match recover::read_meta(&*disk, &names)? {
        Some(meta) => (meta, false),
        None => (begin(&*disk, &names, layout, &*clock)?, true),
    };
    if meta.partitions != options.partitions {
        return Err(LogError::OtherPartitions { stored: meta.partitions, wanted: options.partitions });
    }
    let names = disk.list().map_err(io)?;
    let files = survey(&*disk, &meta, &names)?;
    let (files, unused) = without_unused(&*disk, files)?;
    let Some(newest) = files.last() else { return Err(missing(meta.first)) };
    let tail = recover::read_tail(&*disk, newest, layout, floors, options.may_cut)?;
    if tail.follow.sealed {
        return Err(missing(newest.header.number + 1));
    }

    clean(&*disk, &meta, &names, unused).map_err(io)?;
    let file = disk.open(&newest.name, Access::Write).map_err(|error| failed(&newest.name, &error))?;
    (if tail.torn > 0 { file.truncate(tail.length) } else { Ok(()) })
        .and_then(|()| recover::settle(&*file, tail.follow.group, tail.length))
        .and_then(|()| disk.sync_folder())
        .map_err(|error| failed(&newest.name, &error))?;

    let opened = Opened { created, segments: files.len(), newest: newest.name.clone(), cut_bytes: tail.torn };
    let slots = layout.slots();
    let ends = tail.follow.next;
    let segment = Segment::new(newest.header.clone(), slots, tail.length, Some(tail.follow.index));
    let mut segments: Vec<_> = files
        .iter()
        .take(files.len() - 1)
        .map(|file| Segment::new(file.header.clone(), slots, file.length, None))
        .collect();
    segments.push(Arc::clone(&segment));
    let shared = Arc::new(Shared::new(disk, layout, segments, &ends));
    let queue = Arc::new(Queue::new(options.queue_records, options.queue_bytes));
    let writer = Writer {
        shared: Arc::clone(&shared),
        queue: Arc::clone(&queue),
        clock,
        segment,
        file,
        next: ends,
        slots: layout.all().collect(),
        newest: tail.follow.newest,
        segment_bytes: options.segment_bytes,
        tail: writer::Tail { limit: options.tail_bytes, bytes: 0, held: VecDeque::new() },
        buffer: Vec::new(),
    };
    let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run());
    let thread = thread.map_err(|error| failed("the log's writer", &error))?;
    let log =
        EmbeddedLog { shared, queue, writer: Mutex::new(Some(thread)), meta: Mutex::new(meta), _lock: lock };
    Ok((log, opened))
}

fn missing(number: u64) -> LogError {
    damage(segment_name(number), 0, "the segment is missing")
}

/// Begins a log: its first segment, then `log.meta`. A crash between them leaves an empty first segment,
/// which holds nothing and is made again.
fn begin(disk: &dyn Disk, names: &[String], layout: Layout, clock: &dyn Clock) -> Result<Meta, LogError> {
    let mut nonce = [0; 16];
    clock.entropy(&mut nonce).map_err(|error| failed(META, &io::Error::other(error)))?;
    let header =
        Header { layout, number: 1, nonce, newest: Ms(i64::MIN), starts: vec![Offset(0); layout.slots()] };
    for number in recover::numbers(names) {
        let name = segment_name(number);
        let file = disk.open(&name, Access::Read).map_err(|error| failed(&name, &error))?;
        let length = file.length().map_err(|error| failed(&name, &error))?;
        if number != 1 || length != header.size() {
            return Err(damage(META.to_owned(), 0, "the file is missing, but there are segments"));
        }
    }
    let meta = Meta { partitions: layout.partitions, nonce, first: 1 };
    writer::create(disk, &header)
        .and_then(|_| write_meta(disk, &meta))
        .map_err(|error| failed(&disk.folder(), &error))?;
    Ok(meta)
}

/// Puts `log.meta` in place of the one there is, durably.
pub(super) fn write_meta(disk: &dyn Disk, meta: &Meta) -> io::Result<()> {
    let unfinished = format!("{META}{UNFINISHED}");
    let file = disk.create(&unfinished)?;
    file.write_at(&meta.write(), 0)?;
    file.sync()?;
    disk.rename(&unfinished, META)?;
    disk.sync_folder()
}

/// The segments of the log, with none missing and each going on where the one before ended.
pub(super) fn survey(disk: &dyn Disk, meta: &Meta, names: &[String]) -> Result<Vec<SegmentFile>, LogError> {
    let mut files: Vec<SegmentFile> = Vec::new();
    for number in recover::numbers(names).into_iter().filter(|number| *number >= meta.first) {
        let expected = meta.first + files.len() as u64;
        if number != expected {
            return Err(missing(expected));
        }
        files.push(recover::read_header(disk, meta, number)?);
    }
    if files.is_empty() {
        return Err(missing(meta.first));
    }
    Ok(files)
}

/// Checks every seal. The newest segment is left out if it was made but the one before never sealed: then
/// nothing was written to it, and it is made again.
pub(super) fn without_unused(
    disk: &dyn Disk,
    mut files: Vec<SegmentFile>,
) -> Result<(Vec<SegmentFile>, Option<u64>), LogError> {
    let pairs = files.len() - 1;
    for (place, (file, next)) in files.iter().zip(files.iter().skip(1)).enumerate() {
        let Err(error) = recover::check_seal(disk, file, Some(&next.header)) else { continue };
        if place + 1 == pairs && next.length == next.header.size() {
            let unused = next.header.number;
            files.pop();
            return Ok((files, Some(unused)));
        }
        return Err(error);
    }
    Ok((files, None))
}

/// Removes what no log needs: files a crash left unfinished or trimmed, and the unused segment.
fn clean(disk: &dyn Disk, meta: &Meta, names: &[String], unused: Option<u64>) -> io::Result<()> {
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        disk.remove(name)?;
    }
    let trimmed = recover::numbers(names).into_iter().filter(|number| *number < meta.first);
    for number in trimmed.chain(unused) {
        disk.remove(&segment_name(number))?;
    }
    Ok(())
}
