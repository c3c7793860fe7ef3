//! Who is connected to the operator's door. A connection on which nobody asks anything keeps none of those out
//! that do: beyond the limit the oldest of the silent ones gives way.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long a connection keeps its place without a word.
const GRACE: Duration = Duration::from_millis(500);

/// What a session and the door know of each other.
#[derive(Debug)]
pub(super) struct Guest {
    /// Whether it has waited for a line longer than [`GRACE`]; written by its session.
    silent: AtomicBool,
    /// Raised by the door.
    leave: Notify,
    /// Raised by every session that falls silent.
    fell_silent: Arc<Notify>,
}

impl Guest {
    /// What `listening` comes to; none if somebody else needs the place meanwhile.
    pub(super) async fn unless_asked_to_leave<T>(&self, listening: impl Future<Output = T>) -> Option<T> {
        let mut listening = pin!(listening);
        // Whoever asks does so at once.
        if let Ok(heard) = timeout(GRACE, &mut listening).await {
            return Some(heard);
        }
        self.silent.store(true, Ordering::Relaxed);
        self.fell_silent.notify_one();
        let heard = tokio::select! {
            heard = &mut listening => Some(heard),
            () = self.leave.notified() => None,
        };
        self.silent.store(false, Ordering::Relaxed);
        heard
    }
}

/// All of them, the oldest first.
#[derive(Debug)]
pub(super) struct Guests {
    most: usize,
    present: Vec<(Arc<Guest>, AbortHandle)>,
    fell_silent: Arc<Notify>,
}

impl Guests {
    pub(super) fn new(most: usize) -> Self {
        Self { most, present: Vec::new(), fell_silent: Arc::default() }
    }

    /// One more, whose session has yet to begin.
    pub(super) fn guest(&self) -> Arc<Guest> {
        let fell_silent = Arc::clone(&self.fell_silent);
        Arc::new(Guest { silent: AtomicBool::new(false), leave: Notify::new(), fell_silent })
    }

    /// Its session has begun; who must leave for it is asked to.
    pub(super) fn came(&mut self, guest: Arc<Guest>, session: AbortHandle) {
        if self.present.len() >= self.most
            && let Some(at) = self.oldest_silent()
        {
            let (oldest, _) = self.present.remove(at);
            // One that has just been asked something answers that first.
            oldest.leave.notify_one();
        }
        self.present.push((guest, session));
    }

    /// Whether one more may come.
    pub(super) fn have_room(&mut self) -> bool {
        self.present.retain(|(_, session)| !session.is_finished());
        self.present.len() < self.most || self.oldest_silent().is_some()
    }

    /// Waits until a session falls silent.
    pub(super) async fn fall_silent(&self) {
        self.fell_silent.notified().await;
    }

    fn oldest_silent(&self) -> Option<usize> {
        self.present.iter().position(|(guest, _)| guest.silent.load(Ordering::Relaxed))
    }
}
