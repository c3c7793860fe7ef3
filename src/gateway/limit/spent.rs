//! What a key has used of its limits, and what its answers say of it.

use crate::base::time::{Ms, SECOND_MS};
use crate::domain::access::ApiKey;
use crate::domain::fault::{ErrorCode, Refusal};
use crate::gateway::limit::window::{Count, Counter, Span};
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use std::cmp::Reverse;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The requests of one key; the same through all changes of the key.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Spent {
    minute: Counter,
    day: Counter,
}

/// How a request stands to the window that would refuse first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct Allowance {
    granted: bool,
    span: Span,
    limit: u32,
    remaining: u32,
    reset: Ms,
    asked: Ms,
}

impl Spent {
    /// Counts a request of `key`; none for a key without limits. Neither window counts what one refuses.
    /// What becomes of the request afterwards changes nothing: it was made.
    pub(in crate::gateway) fn take(&self, key: &ApiKey, now: Ms) -> Option<Allowance> {
        let mut minute = key.per_minute.map(|most| (most, self.minute.take(Span::Minute, most, now)));
        let day = key.per_day.map(|most| match minute {
            Some((_, Count { granted: false, .. })) => (most, self.day.look(Span::Day, most, now)),
            Some(_) | None => (most, self.day.take(Span::Day, most, now)),
        });
        let granted = [minute, day].into_iter().flatten().all(|(_, count)| count.granted);
        if let Some((_, count)) = minute.as_mut().filter(|(_, count)| count.granted && !granted) {
            // Whoever meets the minute full meanwhile would be refused by the day as well.
            self.minute.give_back(*count);
            count.left = count.left.saturating_add(1);
        }
        let windows = [(Span::Minute, minute), (Span::Day, day)];
        let windows = windows.into_iter().filter_map(|(span, window)| Some((span, window?)));
        // Of two that are used up at once, the one that stays so.
        let first = windows.min_by_key(|(_, (_, count))| (count.left, Reverse(count.ends)));
        first.map(|(span, (limit, Count { left: remaining, ends: reset, .. }))| Allowance {
            granted,
            span,
            limit,
            remaining,
            reset,
            asked: now,
        })
    }
}

impl Allowance {
    /// The refusal of a request that was not let in.
    pub(in crate::gateway) fn refusal(&self) -> Option<Refusal> {
        let Self { granted, limit, span, .. } = self;
        let message = || format!("no more than {limit} requests a {} with this key", span.text());
        (!granted).then(|| Refusal::new(ErrorCode::RateLimitExceeded, message()))
    }

    /// What every answer to the key says.
    pub(in crate::gateway) fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining.into());
        headers.insert(RESET, HeaderValue::from(self.reset.0.div_euclid(SECOND_MS)));
        if !self.granted {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds_until(self.reset, self.asked)));
        }
    }
}

/// Whole seconds after which `end` is reached, one at least.
pub(super) fn seconds_until(end: Ms, now: Ms) -> i64 {
    let ms = end.since(now).max(1);
    ms / SECOND_MS + i64::from(ms % SECOND_MS > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::KeyType;
    use crate::gateway::tests::api_key_of;

    /// 2026-05-29T18:30:00Z.
    const NOW: Ms = Ms(1_780_079_400_000);

    fn key(per_minute: Option<u32>, per_day: Option<u32>) -> ApiKey {
        ApiKey { per_minute, per_day, ..api_key_of(KeyType::Server, 1).1 }
    }

    /// Limit, remaining, reset in seconds from now, seconds to wait.
    fn told(spent: &Spent, key: &ApiKey, now: Ms) -> (i64, i64, i64, Option<i64>) {
        let mut headers = HeaderMap::new();
        let allowance = spent.take(key, now).unwrap();
        allowance.tell(&mut headers);
        let read = |name| Some(headers.get(name)?.to_str().unwrap().parse::<i64>().unwrap());
        let [limit, remaining, reset] = [LIMIT, REMAINING, RESET].map(|name| read(name).unwrap());
        assert_eq!(allowance.refusal().is_some(), read(RETRY_AFTER).is_some());
        (limit, remaining, reset - NOW.0 / 1_000, read(RETRY_AFTER))
    }

    #[test]
    fn a_key_without_limits_is_told_nothing() {
        let spent = Spent::default();
        assert_eq!(spent.take(&key(None, None), NOW), None);
        // What it did without a limit is not held against it.
        assert_eq!(told(&spent, &key(Some(2), None), NOW), (2, 1, 60, None));
    }

    #[test]
    fn the_window_that_would_refuse_first_is_told() {
        let spent = Spent::default();
        let both = key(Some(3), Some(5));
        let in_next = NOW.plus(60_000);
        let day = 19_800; // Until midnight.
        assert_eq!(told(&spent, &both, NOW), (3, 2, 60, None));
        assert_eq!(told(&spent, &both, NOW.plus(1_500)), (3, 1, 60, None));
        assert_eq!(told(&spent, &both, NOW.plus(1_501)), (3, 0, 60, None));
        assert_eq!(told(&spent, &both, NOW.plus(1_501)), (3, 0, 60, Some(59)));
        // The refused one counted neither in the minute nor in the day.
        assert_eq!(told(&spent, &both, in_next), (5, 1, day, None));
        assert_eq!(told(&spent, &both, in_next), (5, 0, day, None));
        assert_eq!(told(&spent, &both, in_next), (5, 0, day, Some(day - 60)));
        // What the day refused did not count in the minute: two were let in, one is left.
        let more = key(Some(3), Some(6));
        assert_eq!(told(&spent, &more, in_next), (6, 0, day, None));
        assert_eq!(told(&spent, &more, in_next.plus(60_000)), (6, 0, day, Some(day - 120)));
    }

    #[test]
    fn the_wait_ends_in_the_next_window() {
        for (left_ms, seconds) in [(60_000, 60), (59_999, 60), (1_001, 2), (1_000, 1), (1, 1), (0, 1)] {
            assert_eq!(seconds_until(NOW, NOW.plus(-left_ms)), seconds, "{left_ms}");
        }
    }

    #[test]
    fn a_refusal_names_the_limit() {
        let refusal = Spent::default().take(&key(None, Some(0)), NOW).unwrap().refusal().unwrap();
        assert_eq!(refusal.code, ErrorCode::RateLimitExceeded);
        assert_eq!(refusal.message, "no more than 0 requests a day with this key");
    }
}
