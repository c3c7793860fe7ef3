//! Records for a private shard.

use bytes::Bytes;
use clausum::base::clock::{Clock, ManualClock};
use clausum::base::time::Ms;
use clausum::shard::engine::Engines;
use clausum::wire::envelope::RecordType;
use clausum::wire::header;
use clausum::wire::record::Builder;
use clausum::worker::Options;
use clausum::worker::local::Local;
use std::sync::Arc;

/// A private shard whose clock stands at `now`.
pub(crate) fn local(now: i64, options: Options) -> (Local, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Ms(now), 1));
    let engines = Engines::shipped().unwrap();
    (Local::new(Arc::clone(&clock) as Arc<dyn Clock>, engines, options).unwrap(), clock)
}

/// An assess record as a gateway that waits would write it.
pub(crate) fn assess(id: &str, body: &str) -> Bytes {
    record(RecordType::Assess.text(), id, Some(body.as_bytes()), &[])
}

pub(crate) fn record(kind: &str, id: &str, body: Option<&[u8]>, headers: &[(&str, &str)]) -> Bytes {
    let mut record = Builder::new(Local::organization().to_string().as_bytes(), body).unwrap();
    let own = [
        (header::CE_SPECVERSION, "1.0"),
        (header::CE_ID, id),
        (header::CE_SOURCE, "/test"),
        (header::CE_TYPE, kind),
        (header::REPLY_TO, "test"),
    ];
    for (name, value) in own.iter().chain(headers) {
        record.header(name, value.as_bytes()).unwrap();
    }
    record.finish()
}
