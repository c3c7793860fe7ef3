//! What a gateway is built with, and its bounds. Tests pass other bounds; nothing here is read from the
//! environment.

use crate::gateway::tls::Tls;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a gateway behaves.
#[derive(Clone)]
pub struct Options {
    /// The key of the installation, under which API keys are digested.
    pub installation_key: [u8; 32],
    /// Whether `?api_key=` is taken where a key is.
    pub query_api_key: bool,
    /// Host names, in lower case, that keys work for; empty is any.
    pub hosts: Vec<String>,
    /// Whether `/metrics` answers everyone.
    pub metrics_public: bool,
    /// Certificate and key; without them HTTP is spoken in the clear.
    pub tls: Option<Arc<Tls>>,
    /// The product's version.
    pub version: String,
    /// The build.
    pub build: String,
    /// Its bounds.
    pub bounds: Bounds,
}

impl Options {
    /// The contract's defaults.
    #[must_use]
    pub fn new(installation_key: [u8; 32], version: &str, build: &str) -> Self {
        Self {
            installation_key,
            query_api_key: true,
            hosts: Vec::new(),
            metrics_public: false,
            tls: None,
            version: version.to_owned(),
            build: build.to_owned(),
            bounds: Bounds::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Bounds of time and number: the contract's section 1.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections open at once; beyond them none is accepted.
    pub connections: usize,
    /// A header block must be whole after this time; with TLS, the first one and the handshake before it.
    pub header: Duration,
    /// The longest silence within a body.
    pub body_idle: Duration,
    /// How long a connection may stay open without a request.
    pub keep_alive: Duration,
    /// How long an answer waits for the rest of a body that it does not depend on, so that its connection can go
    /// on.
    pub leftover: Duration,
    /// How long what a caller still sends is read behind its last answer.
    pub linger: Duration,
    /// Silence on an HTTP/2 connection after which it is asked whether it lives, and how long it may think.
    pub ping: [Duration; 2],
    /// From the last byte of an assess request to its answer.
    pub assess: Duration,
    /// The same for every other route.
    pub other: Duration,
    /// How long a shutdown waits for what is held.
    pub drain: Duration,
    /// Lag of a partition beyond which its requests are shed.
    pub lag_ms: u64,
    /// Requests of one address a minute on routes that ask for no key.
    pub public_per_minute: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 16_384,
            header: Duration::from_secs(5),
            body_idle: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            leftover: Duration::from_secs(1),
            linger: Duration::from_secs(2),
            ping: [Duration::from_secs(30), Duration::from_secs(10)],
            assess: Duration::from_millis(1_500),
            other: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            lag_ms: 1_000,
            public_per_minute: 300,
        }
    }
}

/// Bytes of a header block.
pub(super) const HEADER_BYTES: usize = 16 * 1_024;
/// Fields of a header block of HTTP/1. It is the server library's own number, which is not set anew: another
/// one would cost two allocations a request, and browsers and proxies send a few dozen.
pub(super) const HEADER_FIELDS: usize = 100;
/// Requests at once on one HTTP/2 connection.
pub(super) const STREAMS: u32 = 256;
/// Header list of HTTP/2 at which the library refuses by itself. Between [`HEADER_BYTES`] and this the refusal
/// is ours, in JSON. Beyond it the library keeps no field and asks nobody: the caller sees 431 without a body on
/// its stream, the connection goes on. Far beyond, the connection ends with GOAWAY.
pub(super) const HEADER_LIST_BYTES: u32 = 32 * 1_024;
/// Unread bytes of one HTTP/2 request. Every body but large ones fits, so that its caller never waits for us.
pub(super) const STREAM_WINDOW: u32 = 64 * 1_024;
/// Unread bytes of all requests of an HTTP/2 connection.
pub(super) const CONNECTION_WINDOW: u32 = 256 * 1_024;
/// Bytes of an HTTP/2 frame.
pub(super) const FRAME_BYTES: u32 = 16 * 1_024;
/// Unsent bytes of one HTTP/2 answer.
pub(super) const SEND_BYTES: usize = 64 * 1_024;
/// Requests of HTTP/2 that are given up before they were taken; with one more the connection ends.
pub(super) const RESETS: usize = 20;
/// Requests of an HTTP/2 connection that we reset for their faults; with one more the connection ends.
pub(super) const OWN_RESETS: usize = 128;
/// Requests taken and given up on one HTTP/2 connection beyond those that were waited for.
pub(super) const ABANDONED: usize = 256;
/// Bytes on an HTTP/2 connection while it has no request.
pub(super) const CHATTER_BYTES: usize = 1 << 20;

// What is on its way when the last request ends is no flood.
const _: () = assert!((CONNECTION_WINDOW as usize) < CHATTER_BYTES);
const _: () = assert!(STREAM_WINDOW as usize >= crate::base::limits::BODY_BYTES);
