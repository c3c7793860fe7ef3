//! Threads that do something beside the server, each at its own pace, until it stops.

use crate::base::signal::Signal;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Such a thread.
#[derive(Debug)]
pub(super) struct Background {
    pause: Pause,
    thread: JoinHandle<()>,
}

/// How the thread waits, and hears that it is to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Pause {
    stop: Arc<AtomicBool>,
    signal: Arc<Signal>,
}

impl Pause {
    /// Whether to go on.
    pub(super) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Acquire)
    }

    /// Waits so long, or until it is to end; tells whether to go on.
    pub(super) fn wait(&self, time: Duration) -> bool {
        if self.goes_on() {
            self.signal.wait(time);
        }
        self.goes_on()
    }
}

impl Background {
    /// Begins.
    pub(super) fn start(name: &str, work: impl FnOnce(&Pause) + Send + 'static) -> io::Result<Self> {
        let pause = Pause::default();
        let own = pause.clone();
        let thread = Builder::new().name(name.to_owned()).spawn(move || work(&own))?;
        Ok(Self { pause, thread })
    }

    /// Ends it, as soon as it looks.
    pub(super) fn stop(self) {
        self.pause.stop.store(true, Ordering::Release);
        self.pause.signal.raise();
        let name = self.thread.thread().name().unwrap_or_default().to_owned();
        if self.thread.join().is_err() {
            tracing::error!(name, "a thread beside the server panicked");
        }
    }
}
