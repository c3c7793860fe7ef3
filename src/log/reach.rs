//! Reading to an end that is known, by whoever may wait for it.

use super::{LogError, PollLimit, Reader, Stored};
use crate::base::position::Offset;
use std::time::Duration;

/// How long a log that has more may say nothing.
const SILENT: Duration = Duration::from_secs(30);

/// The next records, waited for while the reader stands before `end`, which the log's bounds told; none once
/// it stands there. Records from `end` on may come with them.
///
/// # Errors
/// The reader failed, or the log said nothing for half a minute.
pub fn read_before(reader: &mut dyn Reader, end: Offset, limit: PollLimit) -> Result<Vec<Stored>, LogError> {
    while reader.position() < end {
        let records = reader.poll(limit)?;
        if !records.is_empty() {
            return Ok(records);
        }
        if reader.position() < end && !reader.wait(SILENT) {
            let at = reader.position();
            return Err(LogError::Unreachable(format!("at offset {at}, where its end is {end}")));
        }
    }
    Ok(Vec::new())
}
