//! What waits to be appended: bounded by count and bytes, full at once rather than slow. It knows nothing
//! of files; every piece of work taken leaves it exactly once, to the writer or to [`Queue::close`].

use crate::base::position::Offset;
use crate::log::{AppendError, Appended, Done};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that one group takes at most, unless a single append is larger.
const GROUP_BYTES: usize = 64 << 20;

/// Something the writer is to do. Its caller hears of it exactly once, even if it is dropped.
pub(super) struct Work {
    pub(super) slot: usize,
    pub(super) what: What,
    done: Option<Done>,
}

/// What is to be written.
#[derive(Debug)]
pub(super) enum What {
    Records(Vec<Bytes>),
    /// The slot's next offset becomes this one.
    Skip(Offset),
}

impl Work {
    pub(super) fn new(slot: usize, what: What, done: Done) -> Self {
        Self { slot, what, done: Some(done) }
    }

    /// Tells how it ended. A caller's panic is the caller's.
    pub(super) fn finish(&mut self, how: Result<Appended, AppendError>) {
        if let Some(done) = self.done.take() {
            drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || done(how))));
        }
    }

    /// Records, and bytes of content.
    fn size(&self) -> (usize, usize) {
        match &self.what {
            What::Records(records) => (records.len(), records.iter().map(Bytes::len).sum()),
            What::Skip(_) => (1, 0),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.finish(Err(AppendError::Closed("the writer has ended".to_owned())));
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("slot", &self.slot).field("what", &self.what).finish_non_exhaustive()
    }
}

/// The queue in front of the writer.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    records_limit: usize,
    bytes_limit: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Work>,
    records: usize,
    bytes: usize,
    closed: Option<String>,
}

impl Queue {
    pub(super) fn new(records_limit: usize, bytes_limit: usize) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), records_limit, bytes_limit }
    }

    /// Takes work. An append larger than the whole queue waits alone, so that it is not refused for ever.
    pub(super) fn push(&self, mut work: Work) -> Result<(), AppendError> {
        let (records, bytes) = work.size();
        let mut state = self.state();
        let full = state.records + records > self.records_limit || state.bytes + bytes > self.bytes_limit;
        let refused = match &state.closed {
            Some(why) => Some(AppendError::Closed(why.clone())),
            None => (full && !state.waiting.is_empty()).then_some(AppendError::Busy),
        };
        if let Some(refused) = refused {
            work.done = None;
            return Err(refused);
        }
        state.records += records;
        state.bytes += bytes;
        state.waiting.push_back(work);
        if state.waiting.len() == 1 {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Everything that waits, or a group of the largest size, as soon as there is something; nothing once
    /// the queue is closed and empty.
    pub(super) fn drain(&self) -> VecDeque<Work> {
        let waiting = |state: &mut State| state.waiting.is_empty() && state.closed.is_none();
        let state = self.wake.wait_while(self.state(), waiting);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.bytes <= GROUP_BYTES {
            (state.records, state.bytes) = (0, 0);
            return std::mem::take(&mut state.waiting);
        }
        let mut group = VecDeque::new();
        let mut taken = 0;
        while let Some(work) = state.waiting.front() {
            let (records, bytes) = work.size();
            if !group.is_empty() && taken + bytes > GROUP_BYTES {
                break;
            }
            taken += bytes;
            state.records = state.records.saturating_sub(records);
            state.bytes = state.bytes.saturating_sub(bytes);
            group.extend(state.waiting.pop_front());
        }
        group
    }

    /// Takes no more work. What waits is still drained.
    pub(super) fn close(&self, why: &str) {
        self.state().closed.get_or_insert_with(|| why.to_owned());
        self.wake.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
