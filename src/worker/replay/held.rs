//! What an output topic holds: what readers take, one after the other, and what they pass over.

use crate::base::hash::Digest256;
use crate::base::position::{Offset, OutputRef, TopicPartition};
use crate::log::{Bounds, Contents, LogError, PollLimit, Reader, Stored, read_before};
use crate::wire::chain::{ChainReader, Link, Taken};
use crate::wire::difference::digest;
use crate::wire::record::Content;
use std::collections::{BTreeMap, VecDeque};

/// Records read at once.
const SLICE: PollLimit = PollLimit { records: 1_024, bytes: 4 << 20 };
/// Records passed over that are remembered; each is some eighty bytes.
const LOOSE: usize = 2_000_000;

/// Goes through an output topic from its beginning to an end that is known.
#[derive(Debug)]
pub(super) struct Walk {
    reader: Box<dyn Reader>,
    end: Offset,
    chain: ChainReader,
    polled: VecDeque<Stored>,
}

/// A record on the way.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) stored: Stored,
    /// Its place in the chain; none if it names none.
    pub(super) link: Option<Link>,
    /// Whether a reader takes it.
    pub(super) taken: bool,
    /// Whether it repeats one that a reader took before.
    pub(super) repeats: bool,
}

impl Walk {
    pub(super) fn begin(
        contents: &dyn Contents,
        of: TopicPartition,
        bounds: Bounds,
    ) -> Result<Self, LogError> {
        // Where the beginning is gone a reader begins with any.
        let chain = match bounds.start {
            Offset(0) => ChainReader::after(None),
            _ => ChainReader::on_probation(bounds.end),
        };
        let reader = contents.reader(of, bounds.start)?;
        Ok(Self { reader, end: bounds.end, chain, polled: VecDeque::new() })
    }

    pub(super) fn next(&mut self) -> Result<Option<Met>, LogError> {
        if self.polled.is_empty() {
            self.polled.extend(read_before(&mut *self.reader, self.end, SLICE)?);
        }
        let Some(stored) = self.polled.pop_front().filter(|stored| stored.offset < self.end) else {
            return Ok(None);
        };
        let link = Content::read(&stored.content).ok().and_then(|content| Link::read(&content));
        let last = self.chain.last();
        let taken = link.is_some_and(|link| self.chain.take(stored.offset, &link) != Taken::Skipped);
        let repeats = !taken && link.is_some_and(|link| last.is_some_and(|last| link.output <= last));
        Ok(Some(Met { stored, link, taken, repeats }))
    }

    /// The next one that a reader takes, and which output it is.
    pub(super) fn next_taken(&mut self) -> Result<Option<(OutputRef, Stored)>, LogError> {
        while let Some(met) = self.next()? {
            if let Some(link) = met.link.filter(|_| met.taken) {
                return Ok(Some((link.output, met.stored)));
            }
        }
        Ok(None)
    }
}

/// What no reader of a topic takes.
#[derive(Debug, Default)]
pub(super) struct Loose {
    /// By the output they say they are and their place; the digest is of what must be the same.
    pub(super) records: BTreeMap<(OutputRef, Offset), Digest256>,
    /// Those that name no output.
    pub(super) nameless: Vec<Offset>,
    pub(super) duplicates: u64,
    pub(super) unchained: u64,
    /// Those beyond what is remembered.
    pub(super) forgotten: u64,
    /// The greatest output that any record of the topic says it is.
    pub(super) highest: Option<OutputRef>,
}

impl Loose {
    /// Reads the topic once.
    pub(super) fn gather(
        contents: &dyn Contents,
        of: TopicPartition,
        bounds: Bounds,
    ) -> Result<Self, LogError> {
        let mut walk = Walk::begin(contents, of, bounds)?;
        let mut loose = Self::default();
        while let Some(met) = walk.next()? {
            loose.highest = loose.highest.max(met.link.map(|link| link.output));
            if met.taken {
                continue;
            }
            if loose.records.len() + loose.nameless.len() >= LOOSE {
                loose.forgotten += 1;
            } else if let (Some(link), Ok(content)) = (met.link, Content::read(&met.stored.content)) {
                loose.records.insert((link.output, met.stored.offset), digest(&content));
            } else {
                loose.nameless.push(met.stored.offset);
            }
            if met.link.is_some() {
                *(if met.repeats { &mut loose.duplicates } else { &mut loose.unchained }) += 1;
            }
        }
        Ok(loose)
    }
}
