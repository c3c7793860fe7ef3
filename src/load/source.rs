//! Where connections get their next request from: an open loop's queue of those that are due, or a closed
//! loop's traffic itself.

use crate::base::clock::Clock;
use crate::load::progress::Progress;
use crate::load::traffic::Traffic;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests that may wait for a connection.
const QUEUE: usize = 65_536;

/// A request whose time has come.
#[derive(Debug)]
pub(super) struct Due {
    /// Behind the begin of the run.
    pub(super) at: Duration,
    pub(super) body: Vec<u8>,
}

/// Requests that wait for a connection. The one that waited longest for a request gets the next, so all
/// are used in turn.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Due>>,
    /// One for each that waits.
    tickets: Semaphore,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: Mutex::default(), tickets: Semaphore::new(0) }
    }
}

impl Queue {
    /// Puts a request behind the others; tells whether there was room.
    pub(super) fn push(&self, due: Due) -> bool {
        let mut waiting = self.waiting();
        if waiting.len() == QUEUE {
            return false;
        }
        waiting.push_back(due);
        drop(waiting);
        self.tickets.add_permits(1);
        true
    }

    /// No more will come; what waits is still given out.
    pub(super) fn close(&self) {
        self.tickets.close();
    }

    /// Forgets what waits.
    pub(super) fn clear(&self) {
        self.waiting().clear();
    }

    async fn next(&self) -> Option<Due> {
        match self.tickets.acquire().await {
            Ok(ticket) => ticket.forget(),
            // Closed; tickets tell no more what waits.
            Err(_closed) => {}
        }
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Due>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Traffic that is drawn when a connection is free.
#[derive(Debug)]
pub(super) struct Drawn {
    traffic: Mutex<(Traffic, u64)>,
    clock: Arc<dyn Clock>,
    begun: Duration,
    duration: Duration,
}

impl Drawn {
    /// At most `most` requests of `traffic`, for `duration` behind `begun`.
    pub(super) fn new(
        traffic: Traffic,
        most: u64,
        clock: Arc<dyn Clock>,
        begun: Duration,
        duration: Duration,
    ) -> Self {
        Self { traffic: Mutex::new((traffic, most)), clock, begun, duration }
    }

    fn next(&self, progress: &Progress) -> Option<Due> {
        let mut traffic = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        let (traffic, left) = &mut *traffic;
        let at = self.clock.elapsed().saturating_sub(self.begun);
        if at >= self.duration || progress.is_stopped() {
            return None;
        }
        *left = left.checked_sub(1)?;
        progress.due();
        Some(Due { at, body: traffic.event().body })
    }
}

/// Where requests come from.
#[derive(Debug)]
pub(super) enum Source {
    /// An open loop: somebody else says when.
    Open(Arc<Queue>),
    /// A closed loop: as fast as answers come.
    Closed(Box<Drawn>),
}

impl Source {
    /// The next request; none once there will be no more.
    pub(super) async fn next(&self, progress: &Progress) -> Option<Due> {
        match self {
            Source::Open(queue) => queue.next().await,
            Source::Closed(drawn) => drawn.next(progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(ms: u64) -> Due {
        Due { at: Duration::from_millis(ms), body: Vec::new() }
    }

    #[test]
    fn what_waits_when_the_queue_closes_is_still_given_out() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let queue = Queue::default();
        assert!(queue.push(due(1)) && queue.push(due(2)));
        runtime.block_on(async {
            assert_eq!(queue.next().await.map(|due| due.at), Some(Duration::from_millis(1)));
            queue.close();
            assert_eq!(queue.next().await.map(|due| due.at), Some(Duration::from_millis(2)));
            assert!(queue.next().await.is_none());
        });
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let queue = Queue::default();
        assert!((0..QUEUE).all(|_| queue.push(due(0))));
        assert!(!queue.push(due(0)));
    }
}
