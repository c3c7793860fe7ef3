//! Windows the slow way: every value from the list of all events.

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

/// The windows of one event: the events before it in the log, and itself.
pub(super) struct Windows<'a> {
    pub(super) before: &'a [Event],
    pub(super) entities: &'a [(&'static str, String)],
    pub(super) at: i64,
    pub(super) amount: i64,
    pub(super) currency: &'a str,
}

impl<'a> Windows<'a> {
    /// The earlier events of the event's entity of a kind, up to its own time; none without such an entity.
    fn seen(&self, kind: &str) -> Option<impl Iterator<Item = &'a Event> + use<'a>> {
        let entity = self.entities.iter().find(|entity| entity.0 == kind)?;
        let at = self.at;
        Some(self.before.iter().filter(move |event| event.at <= at && event.entities.contains(entity)))
    }

    fn inside(&self, kind: &str, window_ms: i64) -> Option<impl Iterator<Item = &'a Event> + use<'a>> {
        let edge = self.at - window_ms;
        Some(self.seen(kind)?.filter(move |event| event.at > edge))
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
        let last = self.seen(kind)?.map(|event| event.at).max()?;
        Some((self.at - last) / 1_000)
    }
}
