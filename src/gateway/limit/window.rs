//! A count of requests in fixed windows of UTC time, in one atomic word: it is on the path of every
//! request, and any number of threads may count in it.
//!
//! Time is the wall clock's, which may step. Forward, a new window begins, as if the time between had
//! passed. Back by no more than [`SLEW_MS`], the count goes on in the window that had begun, so that a clock
//! that is kept right gives no limit twice. Back by more, what the clock said before was wrong, and the
//! window of its new time begins anew: nobody waits for a day that a broken clock saw.

use crate::base::time::{DAY_MS, MINUTE_MS, Ms};
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a clock that is kept right may step back.
const SLEW_MS: i64 = MINUTE_MS;

/// How long a window is. One begins at every multiple of its length since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Minute,
    Day,
}

impl Span {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Span::Minute => "minute",
            Span::Day => "day",
        }
    }

    const fn ms(self) -> i64 {
        match self {
            Span::Minute => MINUTE_MS,
            Span::Day => DAY_MS,
        }
    }

    /// The number of the window that holds `now`; minutes reach until the year 10136.
    fn number(self, now: Ms) -> u32 {
        u32::try_from(now.0.div_euclid(self.ms())).unwrap_or(0)
    }

    fn begin(self, number: u32) -> Ms {
        Ms(i64::from(number).saturating_mul(self.ms()))
    }
}

/// A window's number in the upper half, its requests in the lower.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

/// A request before a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// Whether it was let in.
    pub(super) granted: bool,
    /// How many more are.
    pub(super) left: u32,
    /// When the window ends.
    pub(super) ends: Ms,
    window: u32,
}

impl Counter {
    /// Counts a request, unless `most` were counted in the window of `now`.
    pub(super) fn take(&self, span: Span, most: u32, now: Ms) -> Count {
        let one_more = |word| {
            let (window, count) = at(word, span, now);
            (count < most).then(|| join(window, count + 1))
        };
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        let (Ok(word) | Err(word)) = taken;
        let (window, before) = at(word, span, now);
        let granted = taken.is_ok();
        let left = most.saturating_sub(before).saturating_sub(u32::from(granted));
        Count { granted, left, ends: span.begin(window.saturating_add(1)), window }
    }

    /// What [`Counter::take`] would say, but for the request itself, which is not counted.
    pub(super) fn look(&self, span: Span, most: u32, now: Ms) -> Count {
        let (window, count) = at(self.0.load(Ordering::Relaxed), span, now);
        let left = most.saturating_sub(count);
        Count { granted: left > 0, left, ends: span.begin(window.saturating_add(1)), window }
    }

    /// Undoes what was counted in the window of `count`, if that window is still open.
    pub(super) fn give_back(&self, count: Count) {
        let one_less = |word| {
            let (window, counted) = split(word);
            (window == count.window && counted > 0).then(|| join(window, counted - 1))
        };
        // A window that is over takes nothing back.
        let _over = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

/// The window that counts at `now`, and its count.
fn at(word: u64, span: Span, now: Ms) -> (u32, u32) {
    let (held, count) = split(word);
    let number = span.number(now);
    let stepped_back = held > number && span.begin(held).since(now) <= SLEW_MS;
    match held == number || stepped_back {
        true => (held, count),
        false => (number, 0),
    }
}

const fn join(window: u32, count: u32) -> u64 {
    ((window as u64) << 32) | count as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a word")]
const fn split(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-05-29T18:30:00Z.
    const MINUTE: Ms = Ms(1_780_079_400_000);

    /// Requests that are let in at `now` until one is refused.
    fn granted(counter: &Counter, span: Span, most: u32, now: Ms) -> u32 {
        (0..).take_while(|_| counter.take(span, most, now).granted).count().try_into().unwrap()
    }

    #[test]
    fn a_window_takes_so_many_and_the_next_one_again() {
        let counter = Counter::default();
        let first = counter.take(Span::Minute, 3, MINUTE);
        assert_eq!((first.granted, first.left, first.ends), (true, 2, MINUTE.plus(MINUTE_MS)));
        assert_eq!(granted(&counter, Span::Minute, 3, MINUTE.plus(20_000)), 2);
        // The last millisecond of a minute is in it, the next one is not.
        let refused = counter.take(Span::Minute, 3, MINUTE.plus(MINUTE_MS - 1));
        assert_eq!((refused.granted, refused.left, refused.ends), (false, 0, MINUTE.plus(MINUTE_MS)));
        assert_eq!(granted(&counter, Span::Minute, 3, MINUTE.plus(MINUTE_MS)), 3);
    }

    #[test]
    fn days_begin_at_midnight_of_utc() {
        let counter = Counter::default();
        let midnight = Ms::parse_rfc3339("2026-05-30T00:00:00Z").unwrap();
        assert_eq!(counter.take(Span::Day, 1, MINUTE).ends, midnight);
        assert!(!counter.take(Span::Day, 1, midnight.plus(-1)).granted);
        assert!(counter.take(Span::Day, 1, midnight).granted);
    }

    #[test]
    fn what_is_refused_is_not_counted() {
        let counter = Counter::default();
        assert_eq!(granted(&counter, Span::Minute, 2, MINUTE), 2);
        (0..100).for_each(|_| assert!(!counter.take(Span::Minute, 2, MINUTE).granted));
        // One more is allowed, and it is one.
        assert_eq!(granted(&counter, Span::Minute, 3, MINUTE), 1);
    }

    #[test]
    fn a_limit_may_change_under_way() {
        let counter = Counter::default();
        assert_eq!(granted(&counter, Span::Minute, 10, MINUTE), 10);
        let lowered = counter.take(Span::Minute, 4, MINUTE);
        assert_eq!((lowered.granted, lowered.left), (false, 0));
        assert_eq!(granted(&counter, Span::Minute, 12, MINUTE), 2);
        assert_eq!(granted(&counter, Span::Minute, 0, MINUTE.plus(MINUTE_MS)), 0);
    }

    #[test]
    fn a_clock_that_steps_back_a_little_gives_nothing_twice() {
        let counter = Counter::default();
        assert_eq!(granted(&counter, Span::Minute, 5, MINUTE), 5);
        let back = counter.take(Span::Minute, 5, MINUTE.plus(-1));
        assert_eq!((back.granted, back.ends), (false, MINUTE.plus(MINUTE_MS)));
        assert_eq!(granted(&counter, Span::Minute, 5, MINUTE.plus(-MINUTE_MS)), 0);
        let midnight = Ms::parse_rfc3339("2026-05-30T00:00:00Z").unwrap();
        let counter = Counter::default();
        assert_eq!(granted(&counter, Span::Day, 5, midnight), 5);
        assert_eq!(granted(&counter, Span::Day, 5, midnight.plus(-2_000)), 0);
    }

    #[test]
    fn nobody_waits_for_a_day_that_a_broken_clock_saw() {
        for (span, ahead) in [(Span::Minute, 2 * MINUTE_MS), (Span::Day, DAY_MS), (Span::Day, 900 * DAY_MS)] {
            let counter = Counter::default();
            assert_eq!(granted(&counter, span, 5, MINUTE.plus(ahead)), 5);
            assert_eq!(granted(&counter, span, 5, MINUTE), 5, "{ahead}");
        }
    }

    #[test]
    fn times_that_no_window_has_are_counted_all_the_same() {
        for now in [Ms(i64::MIN), Ms(-1), Ms(i64::MAX)] {
            assert_eq!(granted(&Counter::default(), Span::Minute, 2, now), 2, "{now:?}");
        }
    }

    #[test]
    fn what_is_given_back_is_free_again_in_its_own_window_only() {
        let counter = Counter::default();
        let count = counter.take(Span::Minute, 1, MINUTE);
        assert_eq!(counter.look(Span::Minute, 1, MINUTE).left, 0);
        counter.give_back(count);
        assert_eq!(counter.look(Span::Minute, 1, MINUTE).left, 1);
        let late = counter.take(Span::Minute, 1, MINUTE);
        assert!(counter.take(Span::Minute, 1, MINUTE.plus(MINUTE_MS)).granted);
        counter.give_back(late);
        assert!(!counter.take(Span::Minute, 1, MINUTE.plus(MINUTE_MS)).granted);
    }

    #[test]
    fn many_threads_get_no_more_than_one_would() {
        let counter = Counter::default();
        let all: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| granted(&counter, Span::Minute, 10_000, MINUTE))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(all, 10_000);
    }
}
