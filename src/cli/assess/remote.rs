//! Rows through the door of a server, one after the other: their order is the file's.

use crate::cli::assess::outcome::Outcome;
use crate::cli::target::Target;
use crate::http::{BadTarget, Client};
use bytes::Bytes;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const LIMIT: Duration = Duration::from_secs(10);
/// Tries of a row whose server asks for patience.
const TRIES: u32 = 5;
/// The longest a server is waited for between two tries.
const PATIENCE_S: u64 = 60;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    runtime: Runtime,
}

impl Server {
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        let client = Client::new(&target.url, Some(&target.key), 1, LIMIT);
        let client = client.map_err(|error: BadTarget| error.to_string())?;
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        Ok(Self { client, runtime })
    }

    /// Sends a body. A server that is busy or limits its callers is asked again when it says so; an answer
    /// that may have been lost is not, for the row could be decided twice.
    pub(super) fn decide(&self, body: &[u8]) -> Outcome {
        let body = Bytes::copy_from_slice(body);
        self.runtime.block_on(async {
            let mut tries = 1;
            loop {
                let answer = match self.client.post("/api/v1/assess", body.clone()).await {
                    Ok(answer) => answer,
                    Err(error) => return Outcome::Unsent(error.to_string()),
                };
                if !matches!(answer.status, 429 | 503) || tries == TRIES {
                    return Outcome::of_answer(answer.status, &answer.body);
                }
                tries += 1;
                let wait = Duration::from_secs(answer.retry_after.unwrap_or(1).clamp(1, PATIENCE_S));
                let mut patience = tokio::time::interval(wait);
                patience.tick().await;
                patience.tick().await;
            }
        })
    }
}
