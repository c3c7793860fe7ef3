//! When the next snapshot of a partition is due.

use super::Mark;
use super::catalog::Cache;
use crate::base::position::Offset;
use crate::base::time::Ms;
use crate::worker::Options;
use std::time::Duration;

/// What an owner knows of its partition's snapshots. It outlives a poisoned shard.
#[derive(Debug, Default)]
pub(in crate::worker) struct Pace {
    /// The newest two in force, the newest first; none where the archive was not seen.
    newest: Option<Vec<Mark>>,
    /// When one is due by time, of the clock's elapsed time.
    next: Duration,
    /// Not before, after one failed.
    not_before: Duration,
    /// Bytes of log applied since the last one began.
    bytes: u64,
    /// One is being made.
    under_way: bool,
    /// Manifests read before.
    pub(in crate::worker) cache: Cache,
}

impl Pace {
    /// The newest two in force, the newest first.
    pub(in crate::worker) fn newest(&self) -> &[Mark] {
        self.newest.as_deref().unwrap_or_default()
    }

    /// A partition was opened; the archive was seen to hold these, if it was seen.
    pub(in crate::worker) fn opened(
        &mut self,
        newest: Option<Vec<Mark>>,
        (now, wall): (Duration, Ms),
        options: &Options,
    ) {
        let interval = Duration::from_millis(options.snapshot_ms);
        let taken = newest.as_deref().unwrap_or_default().first().map(|mark| mark.taken_at);
        let age = taken.map(|taken| Duration::from_millis(wall.since(taken).max(0).unsigned_abs()));
        self.next = now + age.map_or(Duration::ZERO, |age| interval.saturating_sub(age));
        self.newest = newest;
        (self.bytes, self.under_way) = (0, false);
    }

    /// Log was applied.
    pub(in crate::worker) fn applied(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Whether one is due whose last record is `position`. A third one of the same position is never.
    pub(in crate::worker) fn is_due(
        &self,
        position: Option<Offset>,
        now: Duration,
        options: &Options,
    ) -> bool {
        let Some(position) = position else { return false };
        let time = now >= self.next || self.bytes >= options.snapshot_bytes;
        let newest = self.newest();
        let news = newest.len() < 2 || newest.iter().any(|mark| mark.position != position);
        !self.under_way && now >= self.not_before && time && news
    }

    /// One begins.
    pub(in crate::worker) fn begun(&mut self, now: Duration, options: &Options) {
        (self.bytes, self.under_way) = (0, true);
        self.next = now + Duration::from_millis(options.snapshot_ms);
    }

    /// It is in force; these are the newest now.
    pub(in crate::worker) fn took(&mut self, newest: Vec<Mark>) {
        self.under_way = false;
        self.newest = Some(newest);
    }

    /// It failed; the next try is sooner than the next snapshot would be.
    pub(in crate::worker) fn failed(&mut self, now: Duration, options: &Options) {
        self.under_way = false;
        self.not_before = now + Duration::from_millis(options.snapshot_again_ms.min(options.snapshot_ms));
        self.next = self.not_before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn options() -> Options {
        Options {
            snapshot_ms: 100_000,
            snapshot_bytes: 1_000,
            snapshot_again_ms: 10_000,
            ..Options::default()
        }
    }

    fn mark(number: u64, position: u64, taken_at: i64) -> Mark {
        Mark { number, position: Offset(position), outputs: [None; 3], taken_at: Ms(taken_at), bytes: 0 }
    }

    #[test]
    fn it_is_due_by_time_and_by_bytes() {
        let (options, mut pace) = (options(), Pace::default());
        let due = |pace: &Pace, seconds: u32| pace.is_due(Some(Offset(9)), SECOND * seconds, &options);
        pace.opened(Some(vec![mark(1, 5, 70_000)]), (SECOND * 500, Ms(100_000)), &options);
        assert!(!due(&pace, 569) && due(&pace, 570), "thirty seconds of its hundred are over");
        assert!(!pace.is_due(None, SECOND * 600, &options), "nothing was applied");
        pace.applied(999);
        assert!(!due(&pace, 501));
        pace.applied(1);
        assert!(due(&pace, 501));
        pace.begun(SECOND * 501, &options);
        assert!(!due(&pace, 900), "one is under way");
        pace.took(vec![mark(2, 8, 0), mark(1, 5, 0)]);
        assert!(!due(&pace, 600) && due(&pace, 601));
        pace.begun(SECOND * 601, &options);
        pace.failed(SECOND * 602, &options);
        pace.applied(5_000);
        assert!(!due(&pace, 611) && due(&pace, 612), "a failed one is tried again soon, not at once");
    }

    #[test]
    fn an_idle_partition_comes_to_two_and_no_more() {
        let (options, mut pace) = (options(), Pace::default());
        let due = |pace: &Pace, seconds: u32| pace.is_due(Some(Offset(9)), SECOND * seconds, &options);
        pace.opened(None, (SECOND, Ms(0)), &options);
        assert!(due(&pace, 1), "there is none, as far as is known");
        pace.begun(SECOND, &options);
        pace.took(vec![mark(1, 9, 0)]);
        assert!(!due(&pace, 100) && due(&pace, 101), "a second one of the same position");
        pace.begun(SECOND * 101, &options);
        pace.took(vec![mark(2, 9, 0), mark(1, 9, 0)]);
        assert!(!due(&pace, 9_000));
        assert!(pace.is_due(Some(Offset(10)), SECOND * 9_000, &options));
    }
}
