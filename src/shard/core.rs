//! What a shard knows beside its rows. It is small, changes with every record, and is written whole with
//! every checkpoint.

use crate::base::hash::Digest256;
use crate::base::position::{Offset, OutputRef, Topic};
use crate::base::time::Ms;
use crate::state::codec::{BadRow, Decoder, Encoder};

const VERSION: u8 = 1;

/// The state of a shard that is not in rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Core {
    /// The genesis applied; none before it.
    pub genesis: Option<GenesisMark>,
    /// The last record applied.
    pub applied: Option<Applied>,
    /// The greatest log timestamp seen.
    pub clock: Ms,
    /// The engine version in force; 0 before genesis.
    pub engine: u32,
    /// The offset of the last announcement; for diagnosis in outputs.
    pub epoch: Offset,
    /// The last output of each output topic, in the order of [`Topic::OUTPUTS`].
    pub chains: [Option<OutputRef>; 3],
}

/// Tells a log from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenesisMark {
    /// Where the genesis record stands.
    pub offset: Offset,
    /// SHA-256 of its content.
    pub digest: Digest256,
}

/// A record that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Where it stands.
    pub offset: Offset,
    /// CRC-32 of its content.
    pub checksum: u32,
}

impl Core {
    /// The offset behind the last record applied.
    #[must_use]
    pub fn next(&self) -> Offset {
        self.applied.map_or(Offset(0), |applied| applied.offset.next())
    }

    /// The last output of an output topic.
    #[must_use]
    pub fn chain(&self, topic: Topic) -> Option<OutputRef> {
        Topic::OUTPUTS.iter().zip(&self.chains).find(|(of, _)| **of == topic).and_then(|(_, last)| *last)
    }

    /// Writes the core.
    pub fn encode(&self, out: &mut Encoder) {
        out.byte(VERSION);
        out.option(self.genesis, |out, mark| {
            out.number(mark.offset.0);
            out.raw(&mark.digest.0);
        });
        out.option(self.applied, |out, applied| {
            out.number(applied.offset.0);
            out.number(u64::from(applied.checksum));
        });
        out.time(self.clock);
        out.number(u64::from(self.engine));
        out.number(self.epoch.0);
        out.count(self.chains.len());
        for last in self.chains {
            out.option(last, |out, last| {
                out.number(last.offset.0);
                out.number(u64::from(last.index));
            });
        }
    }

    /// Reads a core.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self, BadRow> {
        if input.byte()? != VERSION {
            return Err(input.bad("a core of a known version"));
        }
        let genesis = input
            .option(|input| Ok(GenesisMark { offset: Offset(input.number()?), digest: input.digest()? }))?;
        let applied = input
            .option(|input| Ok(Applied { offset: Offset(input.number()?), checksum: input.small()? }))?;
        let (clock, engine, epoch) = (input.time()?, input.small()?, Offset(input.number()?));
        let mut chains = [None; 3];
        if input.count(1)? != chains.len() {
            return Err(input.bad("three chains"));
        }
        for last in &mut chains {
            *last = input
                .option(|input| Ok(OutputRef { offset: Offset(input.number()?), index: input.small()? }))?;
        }
        Ok(Self { genesis, applied, clock, engine, epoch, chains })
    }
}
