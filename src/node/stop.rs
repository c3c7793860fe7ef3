//! When to stop: SIGTERM and SIGINT, the doors through which an operator asks.

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
