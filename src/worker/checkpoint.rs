//! Checkpoints: what is frozen, what they say, and their writing off the hot thread.

use crate::base::position::{Offset, OutputRef};
use crate::shard::core::Core;
use crate::state::codec::{BadRow, Decoder, Encoder};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::state::working::Frozen;
use crate::store::{Export, Store, StoreError, Write};
use crate::worker::outbox::Landed;
use std::sync::Arc;

/// The version written.
pub(super) const VERSION: u8 = 1;

/// What a store's checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The shard beside its rows.
    pub core: Core,
    /// Per output topic, the last output known to be in the log when this was written, the core's last or
    /// one behind it. From there, and not from before, the topic is to be read for what follows: what
    /// stands before it may be chained to it and still have been taken by nobody.
    pub outputs: [Option<Landed>; 3],
}

impl Meta {
    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::versioned(VERSION);
        self.core.encode(&mut out);
        for landed in self.outputs {
            out.option(landed, |out, landed| {
                out.number(landed.output.offset.0);
                out.number(u64::from(landed.output.index));
                out.number(landed.at.0);
            });
        }
        out.finish()
    }

    /// Reads a stored value.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let (version, mut input) = Decoder::versioned(bytes)?;
        if version != VERSION {
            return Err(input.bad("a checkpoint of a known version"));
        }
        let core = Core::decode(&mut input)?;
        let mut outputs = [None; 3];
        for landed in &mut outputs {
            *landed = input.option(|input| {
                let output = OutputRef { offset: Offset(input.number()?), index: input.small()? };
                Ok(Landed { output, at: Offset(input.number()?) })
            })?;
        }
        input.end()?;
        Ok(Self { core, outputs })
    }
}

/// A checkpoint to be written by whoever has the time, and copied if a snapshot is due.
#[derive(Debug)]
pub struct Writing {
    pub(super) store: Arc<dyn Store>,
    /// What changed; none where only the copy is wanted.
    pub(super) frozen: Option<Frozen>,
    pub(super) meta: Vec<u8>,
    /// Whether to copy the store behind it.
    pub(super) export: bool,
    pub(super) incarnation: u64,
}

/// A checkpoint that was written, or not.
#[derive(Debug)]
pub struct Written {
    pub(super) incarnation: u64,
    pub(super) generation: Option<u64>,
    pub(super) bytes: usize,
    pub(super) state_bytes: u64,
    pub(super) result: Result<(), StoreError>,
    /// The copy, if one was wanted and the checkpoint was written.
    pub(super) export: Option<Result<Box<dyn Export>, StoreError>>,
}

impl Writing {
    /// Writes it. Takes as long as the disk takes.
    #[must_use]
    pub(super) fn write(self) -> Written {
        let generation = self.frozen.as_ref().map(|frozen| frozen.generation);
        let mut written = Written {
            incarnation: self.incarnation,
            generation,
            bytes: 0,
            state_bytes: 0,
            result: Ok(()),
            export: None,
        };
        if let Some(frozen) = self.frozen {
            let writes = encode(frozen);
            let rows = writes.iter().map(|write| write.key.len() + write.value.as_ref().map_or(0, Vec::len));
            written.bytes = self.meta.len() + rows.sum::<usize>();
            written.result = self.store.commit(writes, &self.meta);
        }
        if self.export && written.result.is_ok() {
            written.export = Some(self.store.export());
        }
        written.state_bytes = self.store.size_bytes();
        written
    }
}

/// The writes of a frozen state. Ordered, so that equal states write equal batches; here,
/// where nobody waits for it.
fn encode(frozen: Frozen) -> Vec<Write> {
    let mut rows = frozen.rows;
    rows.sort_unstable_by_key(|(key, _)| *key);
    rows.dedup_by_key(|(key, _)| *key);
    let write =
        |(key, row): (Key, Option<Arc<Row>>)| Write { key: key.encode(), value: row.map(|row| row.encode()) };
    rows.into_iter().map(write).collect()
}

/// A checkpoint under way.
#[derive(Debug)]
pub(super) enum Progress {
    /// None.
    None,
    /// Frozen; outputs before it are not all acknowledged.
    Awaiting(Awaiting),
    /// Being written.
    Writing {
        /// The offset it stands at.
        rows: usize,
        began: std::time::Duration,
    },
}

/// A frozen state whose outputs are still on their way.
#[derive(Debug)]
pub(super) struct Awaiting {
    pub(super) frozen: Frozen,
    pub(super) core: Core,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::sha256;
    use crate::base::time::Ms;
    use crate::shard::core::{Applied, GenesisMark};

    /// Version and text of each form ever written; never changed.
    const SAMPLES: &str = include_str!("checkpoint.samples.txt");

    fn sample() -> Meta {
        Meta {
            core: Core {
                genesis: Some(GenesisMark { offset: Offset(0), digest: sha256(b"g") }),
                applied: Some(Applied { offset: Offset(9), checksum: 7 }),
                clock: Ms(-5),
                engine: 1,
                epoch: Offset(3),
                chains: [Some(OutputRef { offset: Offset(8), index: 2 }), None, None],
            },
            outputs: [
                Some(Landed { output: OutputRef { offset: Offset(9), index: 0 }, at: Offset(4) }),
                None,
                None,
            ],
        }
    }

    #[test]
    fn every_form_ever_written_is_read() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut lines = SAMPLES.lines().filter(|line| !line.starts_with('#'));
        let written = format!("Checkpoint {VERSION} {}", hex(&sample().encode()));
        assert_eq!(
            (lines.next(), lines.next()),
            (Some(&*written), None),
            "what is written is the newest form"
        );
        let text = written.rsplit(' ').next().unwrap();
        let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
        assert_eq!(Meta::decode(&bytes.collect::<Vec<_>>()), Ok(sample()));
    }

    #[test]
    fn a_cut_checkpoint_is_refused() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert!(Meta::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
