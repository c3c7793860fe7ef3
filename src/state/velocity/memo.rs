//! What a head remembers of a window it was asked for. It saves summing again and changes no answer; where
//! it cannot be kept right it is dropped.

use crate::base::time::Ms;
use crate::state::velocity::head::{Absent, PageEntry, Pages};
use crate::state::velocity::posting::Run;
use crate::state::velocity::tally::Tally;

/// A place between postings: a page's index, or the tail's, and the postings before it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Index in the list of pages; its length stands for the tail.
    pub(super) run: usize,
    pub(super) at: usize,
}

/// What a window held when it was last asked for.
#[derive(Debug, Clone)]
pub(super) struct Memo {
    pub(super) window_ms: i64,
    /// Where the window began: `tally` holds every posting later than this and no other.
    pub(super) edge: Ms,
    /// The first posting later than the edge.
    pub(super) start: Place,
    pub(super) tally: Tally,
}

impl Memo {
    /// Moves the window's beginning to `edge`, taking out what leaves it.
    pub(super) fn advance(
        &mut self,
        edge: Ms,
        entries: &[PageEntry],
        tail: &Run,
        pages: &impl Pages,
    ) -> Result<(), Absent> {
        while let Some(entry) = entries.get(self.start.run).filter(|entry| entry.summary.first <= edge) {
            let leaves_whole = entry.summary.last <= edge;
            if leaves_whole && self.start.at == 0 {
                self.tally.remove_page(&entry.summary);
            } else {
                self.drop_until(edge, pages.page(entry.number)?);
            }
            if !leaves_whole {
                break;
            }
            self.start = Place { run: self.start.run + 1, at: 0 };
            self.edge = entry.summary.last;
        }
        if self.start.run >= entries.len() {
            self.drop_until(edge, tail);
        }
        self.edge = edge;
        Ok(())
    }

    fn drop_until(&mut self, edge: Ms, run: &Run) {
        for posting in run.postings.iter().skip(self.start.at).take_while(|posting| posting.at <= edge) {
            self.tally.remove(posting);
            self.start.at += 1;
        }
    }

    /// The first `pages` of the list and the first `tail` postings behind it are taken away. False if the
    /// window began among them: what it still holds of them is known no more.
    pub(super) fn follow(&mut self, pages: usize, tail: usize) -> bool {
        let Some(run) = self.start.run.checked_sub(pages) else { return false };
        let Some(at) = self.start.at.checked_sub(tail) else { return false };
        self.start = Place { run, at };
        true
    }
}
