//! The doors through which an operator asks: SIGTERM and SIGINT to stop, SIGHUP to read files again.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from when it was made, so that a signal during a long start is not lost.
#[derive(Debug)]
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Begins to listen; from now on neither signal ends the process.
    ///
    /// # Errors
    /// The machine refused.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until somebody asks; tells how.
    pub async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// When to read again what stands in files.
#[derive(Debug)]
pub(super) struct HangUp(Signal);

impl HangUp {
    /// Begins to listen; from now on the signal does not end the process.
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Waits until somebody asks.
    pub(super) async fn asked(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
