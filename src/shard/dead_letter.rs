//! Dead letters: a record as it came, cut to what a reader can hold, and why it is one.

use crate::base::hash::sha256;
use crate::base::limits;
use crate::base::position::{Partition, Topic};
use crate::shard::answer::Emitter;
use crate::shard::decode::{Dead, Planned};
use crate::shard::effects::Note;
use crate::wire::header;
use crate::wire::record::{Builder, TooLarge};

/// Writes a record to the dead letters.
pub(super) fn write(
    emitter: &mut Emitter<'_>,
    planned: &Planned<'_>,
    partition: Partition,
    dead: &Dead,
) -> Result<(), TooLarge> {
    emitter.note(Note::DeadLetter(dead.code));
    let key = planned.content.map_or(&[][..], |content| content.key);
    let whole = planned.content.and_then(|content| content.value);
    let cut = whole.filter(|value| value.len() > limits::DEAD_LETTER_WHOLE_BYTES);
    let value = match cut {
        Some(long) => long.get(..limits::DEAD_LETTER_CUT_BYTES),
        None => whole,
    };
    emitter.output(Topic::DeadLetters, key, value, |record| {
        original_headers(record, planned)?;
        record.header(header::ERROR_CODE, dead.code.text().as_bytes())?;
        record.header(header::ERROR_MESSAGE, dead.message.as_bytes())?;
        record.header(header::ERROR_POSITION, dead.at.to_string().as_bytes())?;
        record.header(header::SOURCE_TOPIC, Topic::Requests.name().as_bytes())?;
        record.header(header::SOURCE_PARTITION, partition.to_string().as_bytes())?;
        record.header(header::SOURCE_OFFSET, planned.offset.to_string().as_bytes())?;
        if let Some(long) = cut {
            // Where the log had to cut it, what is here is not all.
            let told = planned.content.and_then(|content| content.text_header(header::VALUE_CUT));
            let (length, digest) = match told.and_then(|told| told.split_once(' ')) {
                Some((length, digest)) => (length.to_owned(), digest.to_owned()),
                None => (long.len().to_string(), sha256(long).to_string()),
            };
            record.header(header::VALUE_LENGTH, length.as_bytes())?;
            record.header(header::VALUE_SHA256, digest.as_bytes())?;
        }
        Ok(())
    })
}

/// A sender's own headers, as many as fit; reserved names of theirs are renamed.
fn original_headers(record: &mut Builder, planned: &Planned<'_>) -> Result<(), TooLarge> {
    let Some(content) = planned.content else { return Ok(()) };
    let mut left = limits::DEAD_LETTER_HEADER_BYTES;
    let own = content.headers().filter(|(name, _)| *name != header::VALUE_CUT);
    for (name, value) in own.take(limits::DEAD_LETTER_HEADERS) {
        let Some(rest) = left.checked_sub(name.len() + value.len()) else { break };
        left = rest;
        match name.strip_prefix(header::RESERVED_PREFIX) {
            Some(own) => {
                let renamed: String = [header::RENAMED_PREFIX, own].concat();
                let end = renamed.floor_char_boundary(255);
                record.header(renamed.get(..end).unwrap_or_default(), value)?;
            }
            None => record.header(name, value)?,
        }
    }
    Ok(())
}
