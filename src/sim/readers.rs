//! Readers of output topics under the reader's rule: one from the start, some that begin in the middle, and
//! some that begin again from what they wrote down.

use super::chance::Chance;
use super::invariant::{Breach, Invariant, ensure};
use crate::base::position::{Offset, OutputRef, TopicPartition};
use crate::log::Stored;
use crate::wire::chain::{ChainReader, Link, Taken};
use crate::wire::header;
use crate::wire::record::Content;
use std::collections::BTreeMap;

/// Readers of one topic-partition at most.
const MOST: usize = 6;

/// Every reader.
#[derive(Debug, Default)]
pub(super) struct Readers {
    tracks: BTreeMap<TopicPartition, Track>,
}

#[derive(Debug, Default)]
struct Track {
    /// What landed: offset, link, and the epoch it was written under, which no reader may look at.
    landed: Vec<(Offset, Link, u64)>,
    /// Where each output stands in the true order.
    places: BTreeMap<OutputRef, usize>,
    /// The greatest output that landed.
    greatest: Option<OutputRef>,
    readers: Vec<Reader>,
}

#[derive(Debug, Clone)]
struct Reader {
    chain: ChainReader,
    /// Index of the next record in `landed`.
    next: usize,
    /// Index in the true order of the last output taken.
    taken: Option<usize>,
    /// Index of the record from which on its rule is strict.
    strict: usize,
    /// Whether it must have everything in the end.
    whole: bool,
    /// What it wrote down.
    kept: (Option<OutputRef>, usize, Option<usize>),
}

impl Reader {
    /// Begins at the start, where nothing was taken.
    fn from_start() -> Self {
        let chain = ChainReader::after(None);
        Self { chain, next: 0, taken: None, strict: 0, whole: true, kept: (None, 0, None) }
    }
}

impl Readers {
    /// Takes in an output that landed.
    pub(super) fn landed(
        &mut self,
        of: TopicPartition,
        record: &Stored,
        link: Link,
        order: &[OutputRef],
    ) -> Result<(), Breach> {
        let content = Content::read(&record.content).ok();
        let epoch = content.and_then(|content| content.text_header(header::EPOCH)?.parse().ok());
        let epoch = epoch.ok_or_else(|| Breach::of(Invariant::OutputEpoch, format!("{of}: no epoch")))?;
        let track = self.tracks.entry(of).or_default();
        for place in track.places.len()..order.len() {
            track.places.extend(order.get(place).map(|output| (*output, place)));
        }
        if track.readers.is_empty() {
            track.readers.push(Reader::from_start());
        }
        track.greatest = track.greatest.max(Some(link.output));
        track.landed.push((record.offset, link, epoch));
        Ok(())
    }

    /// Lets every reader read on, and some begin or begin again.
    pub(super) fn read(&mut self, chance: &mut Chance) -> Result<u64, Breach> {
        let mut taken = 0;
        for (of, track) in &mut self.tracks {
            if chance.in_1000(20) {
                track.begin(chance);
            }
            for index in 0..track.readers.len() {
                taken += track.advance(index, *of, chance)?;
            }
        }
        Ok(taken)
    }

    /// Lets every reader read to the end, and holds that each has everything.
    pub(super) fn finish(&mut self, chance: &mut Chance) -> Result<(), Breach> {
        for _ in 0..2 {
            self.read(chance)?;
        }
        for (of, track) in &mut self.tracks {
            for index in 0..track.readers.len() {
                track.catch_up(index, *of)?;
            }
            let last = track.places.len().checked_sub(1);
            for reader in track.readers.iter().filter(|reader| reader.whole) {
                ensure(reader.taken == last, Invariant::ReaderComplete, || {
                    let stuck = reader.chain.last().map_or("-".to_owned(), |last| last.to_string());
                    format!("{of}: a reader is stuck behind {stuck}, {:?} of {last:?}", reader.taken)
                })?;
            }
        }
        Ok(())
    }
}

impl Track {
    /// A reader begins somewhere in the middle.
    fn begin(&mut self, chance: &mut Chance) {
        if self.readers.len() >= MOST {
            let gone = chance.size(1, MOST - 1);
            self.readers.swap_remove(gone);
        }
        let next = chance.size(0, self.landed.len());
        let end = self.landed.last().map_or(Offset(0), |(at, _, _)| at.next());
        let mut ahead = self.landed.iter().skip(next);
        // One that sees late duplicates only cannot know that they are.
        let whole = ahead.any(|(_, link, _)| Some(link.output) == self.greatest);
        let chain = ChainReader::on_probation(end);
        let strict = self.landed.len();
        self.readers.push(Reader { chain, next, taken: None, strict, whole, kept: (None, next, None) });
    }

    fn advance(&mut self, index: usize, of: TopicPartition, chance: &mut Chance) -> Result<u64, Breach> {
        let (total, mut count) = (self.landed.len(), 0);
        let Some(reader) = self.readers.get_mut(index) else { return Ok(0) };
        if chance.in_1000(10) && reader.next >= reader.strict {
            reader.kept = (reader.chain.last(), reader.next, reader.taken);
        } else if chance.in_1000(10) && (reader.kept.0.is_some() || reader.strict == 0) {
            // It crashed, and begins again from what it wrote down.
            let (last, next, taken) = reader.kept;
            (reader.chain, reader.next, reader.taken) = (ChainReader::after(last), next, taken);
        }
        let stop = if chance.one_in(4) { reader.next } else { chance.size(reader.next, total) };
        while self.step(index, of, stop)? {
            count += 1;
        }
        Ok(count)
    }

    fn catch_up(&mut self, index: usize, of: TopicPartition) -> Result<(), Breach> {
        while self.step(index, of, usize::MAX)? {}
        Ok(())
    }

    /// Shows a reader the next record, if it is before `stop`.
    fn step(&mut self, index: usize, of: TopicPartition, stop: usize) -> Result<bool, Breach> {
        let Some(reader) = self.readers.get_mut(index).filter(|reader| reader.next < stop) else {
            return Ok(false);
        };
        let Some((at, link, epoch)) = self.landed.get(reader.next) else { return Ok(false) };
        let place = self.places.get(&link.output).copied();
        let taken = reader.chain.take(*at, link);
        let due = reader.taken.map_or(0, |taken| taken + 1);
        let holds = match taken {
            Taken::Skipped => true,
            Taken::Next => place == Some(due),
            // In the middle any may be the first, and a later one take its place.
            Taken::Begun => reader.next <= reader.strict && place >= Some(due),
        };
        ensure(holds, Invariant::ReaderOrder, || {
            let (this, behind) = (link.output, reader.taken);
            format!("{of}: {this} of epoch {epoch} was {taken:?} at {at} behind {behind:?}, place {place:?}")
        })?;
        if taken != Taken::Skipped {
            reader.taken = place;
        }
        reader.next += 1;
        Ok(true)
    }
}
