//! Callers that wait for their decision. A caller is registered before its record is appended and leaves
//! when it is answered or its time is up; an answer to nobody is dropped. One whose connection ends before
//! that keeps its place as long: its record is in the log all the same, and whoever comes and goes would
//! have no share at all.
//!
//! Numbers are bounded, in all and for each organization, so that one that floods cannot take the place of
//! the others.

use crate::base::clock::{Clock, NoEntropy};
use crate::base::collections::Map;
use crate::gateway::random::Random;
use crate::log::AppendError;
use crate::shard::effects::Reply;
use crate::worker::Replies;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Callers waiting in a gateway.
pub const WAITING: usize = 8_192;
/// Callers of one organization waiting in a gateway.
pub const WAITING_OF_ONE: usize = 1_024;

/// Locks are held for one look-up; this many keep threads apart.
const SLOTS: usize = 16;

/// What a caller is told: an answer, or that its record did not become durable.
pub(super) type Outcome = Result<Reply, AppendError>;

/// The waiting callers of one gateway; written by its handlers, the workers and the log.
#[derive(Debug)]
pub struct Callers {
    /// Unique among the gateways there ever were, so that a reply to another's record finds nobody.
    instance: String,
    next: AtomicU64,
    waiting: AtomicUsize,
    bounds: [usize; 2],
    slots: Vec<Mutex<Map<u64, Sender<Outcome>>>>,
}

impl Callers {
    /// Nobody waits yet.
    ///
    /// # Errors
    /// There is no randomness for the gateway's name.
    pub fn new(clock: &Arc<dyn Clock>) -> Result<Self, NoEntropy> {
        Self::bounded(clock, WAITING, WAITING_OF_ONE)
    }

    /// As [`Callers::new`] with other bounds: callers in all, and of one organization.
    ///
    /// # Errors
    /// There is no randomness for the gateway's name.
    pub fn bounded(clock: &Arc<dyn Clock>, all: usize, of_one: usize) -> Result<Self, NoEntropy> {
        Ok(Self {
            instance: Random::new(Arc::clone(clock)).id()?,
            next: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            bounds: [all, of_one],
            slots: (0..SLOTS).map(|_| Mutex::new(Map::default())).collect(),
        })
    }

    /// The name of this gateway, unique among all there ever were.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A number no record of this gateway has had.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A caller of the organization whose share is `share`, or none if there are too many.
    pub(super) fn register(self: &Arc<Self>, share: &Arc<AtomicUsize>) -> Option<Caller> {
        let [all, of_one] = self.bounds;
        if !take(&self.waiting, all) {
            return None;
        }
        if !take(share, of_one) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let number = self.number();
        let (sender, receiver) = channel();
        if let Some(mut slot) = self.slot(number) {
            slot.insert(number, sender);
        }
        Some(Caller { number, receiver, share: Arc::clone(share), callers: Arc::clone(self) })
    }

    /// Tells a caller that its record did not become durable.
    pub(super) fn fail(&self, number: u64, error: AppendError) {
        self.tell(number, Err(error));
    }

    fn tell(&self, number: u64, outcome: Outcome) {
        let sender = self.slot(number).and_then(|mut slot| slot.remove(&number));
        // Whoever gave up meanwhile hears nothing.
        if let Some(sender) = sender {
            drop(sender.send(outcome));
        }
    }

    fn slot(&self, number: u64) -> Option<MutexGuard<'_, Map<u64, Sender<Outcome>>>> {
        let index = usize::try_from(number % 16).ok()?;
        Some(self.slots.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const _: () = assert!(SLOTS == 16, "the remainder above");

impl Replies for Callers {
    fn reply(&self, reply: Reply) {
        let number = reply.id.strip_prefix(&*self.instance).and_then(|rest| rest.strip_prefix('-'));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            self.tell(number, Ok(reply));
        }
    }
}

/// Takes one of at most `most`.
fn take(count: &AtomicUsize, most: usize) -> bool {
    let one_more = |count: usize| (count < most).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}

/// One caller that waits; gone when dropped.
#[derive(Debug)]
pub(super) struct Caller {
    number: u64,
    receiver: Receiver<Outcome>,
    share: Arc<AtomicUsize>,
    callers: Arc<Callers>,
}

impl Caller {
    /// Its number, by which [`Callers::fail`] finds it.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The `ce_id` of its record.
    pub(super) fn id(&self) -> String {
        format!("{}-{}", self.callers.instance, self.number)
    }

    /// Waits for what becomes of its record, which was handed to the log; none if that takes longer than
    /// `left`.
    pub(super) async fn outcome(self, left: Duration) -> Option<Outcome> {
        let mut handed = Handed { caller: Some(self), left };
        let heard = timeout(left, &mut handed.caller.as_mut()?.receiver).await;
        handed.caller = None;
        heard.ok()?.ok()
    }
}

/// A caller whose record is in the log.
struct Handed {
    caller: Option<Caller>,
    left: Duration,
}

impl Drop for Handed {
    fn drop(&mut self) {
        let Some(mut caller) = self.caller.take() else { return };
        let left = self.left;
        // Without a runtime everything ends.
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(async move { drop(timeout(left, &mut caller.receiver).await) }));
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(mut slot) = self.callers.slot(self.number) {
            slot.remove(&self.number);
        }
        self.share.fetch_sub(1, Ordering::Relaxed);
        self.callers.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::SystemClock;
    use crate::base::position::{Offset, Partition, Position};
    use bytes::Bytes;

    fn reply(id: String) -> Reply {
        let position = Position { partition: Partition(0), offset: Offset(0) };
        Reply { id, status: 200, body: Bytes::new(), replayed: false, position }
    }

    #[test]
    fn places_are_bounded_and_come_back() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let callers = Arc::new(Callers::bounded(&clock, 3, 2).unwrap());
        let [one, other] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let first = callers.register(&one).unwrap();
        let _second = callers.register(&one).unwrap();
        assert!(callers.register(&one).is_none(), "two of one organization");
        let _third = callers.register(&other).unwrap();
        assert!(callers.register(&other).is_none(), "three in all");
        drop(first);
        assert!(callers.register(&one).is_some());
        assert_eq!(callers.waiting(), 2);
    }

    #[test]
    fn an_answer_finds_its_caller_only() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let callers = Arc::new(Callers::new(&clock).unwrap());
        let share = Arc::new(AtomicUsize::new(0));
        let mut caller = callers.register(&share).unwrap();
        for strange in ["", "x-0", "0", &callers.instance, &format!("{}-7", callers.instance)] {
            callers.reply(reply(strange.to_owned()));
        }
        assert!(caller.receiver.try_recv().is_err());
        let id = caller.id();
        callers.reply(reply(id.clone()));
        callers.reply(reply(id.clone()));
        assert_eq!(caller.receiver.try_recv(), Ok(Ok(reply(id))));
    }
}
