//! The thread that reads the log's sealed segments against their checksums: once after the start, then once a
//! day, at a pace that no disk notices. Damage is told and counted, and stops nothing: what was decided is not
//! wrong, and who reads that part of the log is told anyway.

use crate::base::clock::Clock;
use crate::log::embedded::{EmbeddedLog, Scrubbed};
use crate::node::background::{Background, Pause};
use crate::telemetry::Telemetry;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// From the begin of one pass to that of the next.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes read at once, and the time behind them: 8 MiB a second.
const STEP_BYTES: u64 = 1 << 20;
const STEP_TIME: Duration = Duration::from_millis(125);

/// What finds damage, and who is told.
pub(super) struct Scrubber {
    pub(super) log: Arc<EmbeddedLog>,
    pub(super) telemetry: Arc<Telemetry>,
    /// Segments known to be damaged; written here only.
    pub(super) damaged: Arc<AtomicU64>,
}

/// Begins.
pub(super) fn start(scrubber: Scrubber, clock: Arc<dyn Clock>) -> io::Result<Background> {
    Background::start("log-scrub", move |pause| {
        let mut known = BTreeSet::new();
        while pause.goes_on() {
            let began = clock.elapsed();
            scrubber.pass(&mut known, pause, STEP_TIME);
            pause.wait(EVERY.saturating_sub(clock.elapsed().saturating_sub(began)));
        }
    })
}

impl Scrubber {
    /// Reads all there is once; `known` are the damaged segments.
    fn pass(&self, known: &mut BTreeSet<u64>, pause: &Pause, rest: Duration) {
        let mut scrub = self.log.scrub();
        self.telemetry.log_damaged(known.len());
        loop {
            let bytes = match scrub.step(STEP_BYTES) {
                Scrubbed::End => return,
                Scrubbed::Bytes(bytes) => bytes,
                Scrubbed::Whole(number, bytes) => {
                    known.remove(&number);
                    bytes
                }
                Scrubbed::Damaged(number, error) => {
                    tracing::error!(%error, "a sealed segment of the log is damaged, or its file cannot be read");
                    known.insert(number);
                    0
                }
            };
            // What was trimmed harms nobody any more.
            *known = known.split_off(&self.log.oldest_segment());
            self.telemetry.log_scrubbed(bytes);
            self.telemetry.log_damaged(known.len());
            self.damaged.store(known.len() as u64, Ordering::Relaxed);
            if !pause.wait(rest) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::SystemClock;
    use crate::base::position::{Partition, Topic, TopicPartition};
    use crate::log::embedded::Options;
    use crate::node::states::tests::extend;
    use std::fs;

    #[test]
    fn a_damaged_segment_is_counted_until_it_holds_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 500, ..Options::new(folder.path().to_owned(), 1) };
        let (log, _) = EmbeddedLog::open(&options, Arc::new(SystemClock), &[]).unwrap();
        let requests = TopicPartition::new(Topic::Requests, Partition(0));
        extend(&log, requests, (0..20).map(|number| format!("record {number} of some length")));
        let telemetry = Arc::new(Telemetry::new("1", "b", []).unwrap());
        let scrubber =
            Scrubber { log: Arc::new(log), telemetry: Arc::clone(&telemetry), damaged: Arc::default() };
        let (mut known, pause) = (BTreeSet::new(), Pause::default());
        let mut pass = || {
            scrubber.pass(&mut known, &pause, Duration::ZERO);
            let page = telemetry.render();
            let number = |name: &str| {
                let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.trim().parse::<u64>().unwrap()
            };
            (
                scrubber.damaged.load(Ordering::Relaxed),
                number("clausum_log_damaged_segments "),
                number("clausum_log_scrubbed_bytes_total "),
            )
        };
        let (found, told, bytes) = pass();
        assert_eq!((found, told), (0, 0));
        let segment = folder.path().join("00000000000000000002.segment");
        let whole = fs::read(&segment).unwrap();
        assert!(bytes > 2 * 400, "{bytes}");
        let mut harmed = whole.clone();
        let middle = harmed.len() / 2;
        harmed[middle] ^= 1;
        fs::write(&segment, &harmed).unwrap();
        let (found, told, more) = pass();
        assert_eq!((found, told), (1, 1));
        assert!(more - bytes < bytes, "the others hold, and are read");
        fs::write(&segment, &whole).unwrap();
        assert_eq!(pass().0, 0);
    }
}
