//! A private shard that decides the rows of a file: no server, and nothing is kept.

use crate::base::clock::{Clock, ManualClock, SystemClock};
use crate::base::time::Ms;
use crate::cli::assess::outcome::Outcome;
use crate::shard::engine::Engines;
use crate::wire::envelope::RecordType;
use crate::wire::header;
use crate::wire::record::{Builder, TooLarge};
use crate::worker::Options;
use crate::worker::local::Local;
use bytes::Bytes;
use std::sync::Arc;

/// Nothing of a private shard outlives it, so no checkpoint is due by time.
const NEVER_MS: u64 = 1 << 40;

/// A private shard with its clock.
#[derive(Debug)]
pub(super) struct Private {
    shard: Local,
    /// Follows the file; the machine's otherwise.
    follows: Option<Arc<ManualClock>>,
}

impl Private {
    /// A shard whose clock is the machine's, or begins at `follow` and goes with the rows.
    pub(super) fn new(follow: Option<Ms>) -> Result<Self, String> {
        let engines = Engines::shipped().map_err(|error| error.to_string())?;
        let follows = follow.map(|begin| Arc::new(ManualClock::new(begin, 0)));
        let clock: Arc<dyn Clock> = match &follows {
            Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        };
        let options = Options { checkpoint_ms: NEVER_MS, ..Options::default() };
        Ok(Self { shard: Local::new(clock, engines, options)?, follows })
    }

    /// Decides a canonical body that happened at `at`.
    pub(super) fn decide(&mut self, line: u64, body: &[u8], at: Option<Ms>) -> Result<Outcome, String> {
        if let (Some(clock), Some(at)) = (&self.follows, at) {
            // A file that is sorted never goes back; the shard's clock would not either.
            clock.set(at.max(clock.now()));
        }
        let record = record(line, body).map_err(|error| error.to_string())?;
        let reply = self.shard.submit(record)?.reply.ok_or("the shard did not answer")?;
        Ok(Outcome::of_answer(reply.status, &reply.body))
    }
}

fn record(line: u64, body: &[u8]) -> Result<Bytes, TooLarge> {
    let id = format!("line-{line}");
    let mut record = Builder::new(Local::organization().to_string().as_bytes(), Some(body))?;
    record.header(header::CE_SPECVERSION, b"1.0")?;
    record.header(header::CE_ID, id.as_bytes())?;
    record.header(header::CE_SOURCE, b"file")?;
    record.header(header::CE_TYPE, RecordType::Assess.text().as_bytes())?;
    record.header(header::REPLY_TO, b"cli")?;
    Ok(record.finish())
}
