//! Forgetting: an entity's events count for a time and no longer. A window ends at the floor wherever a
//! page does, so whole pages can be taken away when they are touched and nobody can tell.

use crate::base::time::Ms;
use crate::state::velocity::head::Head;
use std::sync::Arc;

impl Head {
    /// Lets no event at `horizon` or before count any more, and takes away what holds only such. Returns
    /// the numbers of the pages that are of no use now.
    pub fn prune(&mut self, horizon: Ms) -> Vec<u64> {
        if horizon <= self.floor {
            return Vec::new();
        }
        self.floor = horizon;
        let pages = self.pages.partition_point(|entry| entry.summary.last <= horizon);
        // The tail lies behind every page.
        let tail = if pages == self.pages.len() { self.tail.place(horizon) } else { 0 };
        if pages == 0 && tail == 0 {
            return Vec::new();
        }
        self.memo.retain_mut(|memo| memo.follow(pages, tail));
        if tail > 0 {
            drop(self.tail.take_front(tail));
        }
        if pages == 0 {
            return Vec::new();
        }
        Arc::make_mut(&mut self.pages).drain(..pages).map(|entry| entry.number).collect()
    }

    /// Whether the window before `end` reached below the floor and had an event there, so that its values
    /// are of what was kept only.
    #[must_use]
    pub fn is_cut(&self, end: Ms, window_ms: i64) -> bool {
        self.events > 0 && end.plus(-window_ms) < self.floor && self.first <= self.floor
    }

    /// Events at this time and before are not counted any more.
    #[must_use]
    pub fn floor(&self) -> Ms {
        self.floor
    }
}
