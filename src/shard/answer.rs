//! Writing outputs: every one in the chain of its topic, with the headers its readers rely on.

use crate::base::position::{Offset, OutputRef, Partition, Position, Topic};
use crate::domain::fault::Refusal;
use crate::shard::core::Core;
use crate::shard::decode::Planned;
use crate::shard::effects::{Effects, Note, Output, Reply};
use crate::wire::chain::Link;
use crate::wire::record::{Builder, TooLarge};
use crate::wire::{error, header};
use bytes::Bytes;

/// What an answer is, by its `ce_type`.
pub(super) const DECISION: &str = "clausum.decision.v1";
pub(super) const REJECTION: &str = "clausum.rejection.v1";

/// An answer to a request.
pub(super) struct Answer<'a> {
    pub(super) kind: &'static str,
    pub(super) status: u16,
    pub(super) replayed: bool,
    /// The body on the decisions topic.
    pub(super) body: &'a [u8],
}

/// Emits the outputs of one record. Chains move only in here until the record is whole.
pub(super) struct Emitter<'a> {
    planned: &'a Planned<'a>,
    partition: Partition,
    chains: [Option<OutputRef>; 3],
    effects: &'a mut Effects,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(
        planned: &'a Planned<'a>,
        partition: Partition,
        core: &Core,
        effects: &'a mut Effects,
    ) -> Self {
        Self { planned, partition, chains: core.chains, effects }
    }

    /// The chains as they are behind what was emitted.
    pub(super) fn chains(&self) -> [Option<OutputRef>; 3] {
        self.chains
    }

    pub(super) fn offset(&self) -> Offset {
        self.planned.offset
    }

    pub(super) fn note(&mut self, note: Note) {
        self.effects.notes.push(note);
    }

    pub(super) fn directory(&mut self, change: super::effects::DirectoryChange) {
        self.effects.directory.push(change);
    }

    /// The place of the next output of a topic.
    fn link(&mut self, topic: Topic) -> Link {
        let offset = self.planned.offset;
        let slot = Topic::OUTPUTS.iter().position(|output| *output == topic);
        let prev = slot.and_then(|slot| self.chains.get(slot).copied()).flatten();
        let index = prev.filter(|last| last.offset == offset).map_or(0, |last| last.index + 1);
        let output = OutputRef { offset, index };
        if let Some(chain) = slot.and_then(|slot| self.chains.get_mut(slot)) {
            *chain = Some(output);
        }
        Link { output, prev }
    }

    /// Begins an output; its chain headers are the last to be written.
    pub(super) fn output(
        &mut self,
        topic: Topic,
        key: &[u8],
        value: Option<&[u8]>,
        headers: impl FnOnce(&mut Builder) -> Result<(), TooLarge>,
    ) -> Result<(), TooLarge> {
        let mut record = Builder::new(key, value)?;
        headers(&mut record)?;
        let link = self.link(topic);
        let position = Position { partition: self.partition, offset: link.output.offset };
        record.header(header::POSITION, position.to_string().as_bytes())?;
        record.header(header::INDEX, link.output.index.to_string().as_bytes())?;
        record.header(header::PREV, link.prev_text().as_bytes())?;
        self.effects.outputs.push(Output { topic, output: link.output, record });
        Ok(())
    }

    /// Answers the request on the decisions topic, and the gateway, if one waits, with `http`.
    pub(super) fn answer(
        &mut self,
        answer: &Answer<'_>,
        http: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), TooLarge> {
        let planned = self.planned;
        let Some((content, envelope)) = planned.content.zip(planned.envelope) else { return Ok(()) };
        let position = Position { partition: self.partition, offset: planned.offset };
        self.output(Topic::Decisions, content.key, Some(answer.body), |record| {
            record.header(header::CE_SPECVERSION, b"1.0")?;
            record.header(header::CE_ID, format!("{}-{}", position.partition, position.offset).as_bytes())?;
            record.header(header::CE_SOURCE, header::SOURCE.as_bytes())?;
            record.header(header::CE_TYPE, answer.kind.as_bytes())?;
            record.header(header::CE_TIME, planned.timestamp.to_string().as_bytes())?;
            record.header(header::CE_CORRELATIONID, envelope.id.as_bytes())?;
            record.header(header::CONTENT_TYPE, b"application/json")?;
            record.header(header::STATUS, answer.status.to_string().as_bytes())?;
            if answer.replayed {
                record.header(header::REPLAYED, b"true")?;
            }
            match envelope.traceparent {
                Some(trace) => record.header(header::TRACEPARENT, trace),
                None => Ok(()),
            }
        })?;
        if envelope.awaited {
            self.reply(answer.status, http(), answer.replayed);
        }
        Ok(())
    }

    /// Answers the gateway only, if one waits.
    pub(super) fn reply(&mut self, status: u16, body: Vec<u8>, replayed: bool) {
        let planned = self.planned;
        let Some(envelope) = planned.envelope.filter(|envelope| envelope.awaited) else { return };
        self.effects.replies.push(Reply {
            id: envelope.id.to_owned(),
            status,
            body: Bytes::from(body),
            replayed,
            position: Position { partition: self.partition, offset: planned.offset },
        });
    }

    /// Answers with a refusal.
    pub(super) fn reject(&mut self, refusal: &Refusal) -> Result<(), TooLarge> {
        let (status, body) = error::render(refusal);
        self.note(Note::Rejected(refusal.code.text()));
        let answer = Answer { kind: REJECTION, status, replayed: false, body: &body };
        self.answer(&answer, || body.clone())
    }
}
