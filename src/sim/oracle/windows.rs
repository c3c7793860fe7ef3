//! Windows the slow way: every value from the list of all events.

use std::collections::BTreeMap;

/// An event that was counted.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// The offset of its request.
    pub(super) offset: u64,
    pub(super) at: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    /// By severity, 0 for approved to 3 for declined.
    pub(super) decision: usize,
    pub(super) entities: Vec<(&'static str, String)>,
}

/// What is remembered of an entity until it is forgotten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    /// Events before it in the list are of an earlier life.
    pub(super) began: usize,
    /// The latest event's time; none before the first.
    pub(super) last: i64,
    /// Events at this time and before are not counted any more.
    pub(super) floor: i64,
}

/// The windows of one event: the events before it in the log, and itself.
pub(super) struct Windows<'a> {
    pub(super) before: &'a [Event],
    pub(super) entities: &'a [(&'static str, String)],
    pub(super) lives: &'a BTreeMap<(&'static str, String), Life>,
    pub(super) at: i64,
    pub(super) amount: i64,
    pub(super) currency: &'a str,
}

impl<'a> Windows<'a> {
    /// The life of the event's entity of a kind, and its earlier events; none without such an entity.
    fn seen(&self, kind: &str) -> Option<(Life, impl Iterator<Item = &'a Event> + use<'a>)> {
        let entity = self.entities.iter().find(|entity| entity.0 == kind)?;
        let life = *self.lives.get(entity)?;
        let own = self.before.iter().skip(life.began);
        Some((life, own.filter(move |event| event.entities.contains(entity))))
    }

    fn inside(&self, kind: &str, window_ms: i64) -> Option<impl Iterator<Item = &'a Event> + use<'a>> {
        let (life, seen) = self.seen(kind)?;
        let (edge, at) = ((self.at - window_ms).max(life.floor), self.at);
        Some(seen.filter(move |event| event.at > edge && event.at <= at))
    }

    pub(super) fn count(&self, kind: &str, window_ms: i64) -> Option<i64> {
        i64::try_from(self.inside(kind, window_ms)?.count() + 1).ok()
    }

    fn paid(&self, kind: &str, window_ms: i64) -> Option<Vec<i64>> {
        let currency = self.currency;
        let same = self.inside(kind, window_ms)?.filter(|event| event.currency == currency);
        Some(same.map(|event| event.amount).chain([self.amount]).collect())
    }

    pub(super) fn sum(&self, kind: &str, window_ms: i64) -> Option<i64> {
        Some(self.paid(kind, window_ms)?.iter().sum())
    }

    pub(super) fn average(&self, kind: &str, window_ms: i64) -> Option<i64> {
        let paid = self.paid(kind, window_ms)?;
        Some(paid.iter().sum::<i64>() / i64::try_from(paid.len()).ok()?)
    }

    pub(super) fn declined(&self, kind: &str, window_ms: i64) -> Option<i64> {
        i64::try_from(self.inside(kind, window_ms)?.filter(|event| event.decision == 3).count()).ok()
    }

    pub(super) fn seconds_since_last(&self, kind: &str) -> Option<i64> {
        let (life, seen) = self.seen(kind)?;
        let times: Vec<i64> = seen.map(|event| event.at).collect();
        // The latest of all is remembered however old it is.
        let newest = times.iter().copied().max().filter(|newest| *newest <= self.at);
        let earlier = times.into_iter().filter(|at| *at > life.floor && *at <= self.at).max();
        Some((self.at - newest.or(earlier)?) / 1_000)
    }
}
