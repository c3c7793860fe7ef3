//! One connection: HTTP/1.1 or HTTP/2, and how long it may dawdle.
//!
//! The server library has one time limit for a header block and for the silence between requests; ours are
//! two, so the bytes that come in are watched here.

use crate::base::clock::Clock;
use crate::gateway::edge::Edge;
use crate::gateway::options::{Bounds, HEADER_BYTES, PING, STREAMS};
use crate::gateway::watched::Watched;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// The server side of HTTP as we speak it.
pub(super) fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).max_buf_size(HEADER_BYTES).header_read_timeout(None);
    let [interval, patience] = PING;
    let header_bytes = u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(header_bytes)
        .keep_alive_interval(interval)
        .keep_alive_timeout(patience);
    builder
}

/// Serves one connection until it ends, dawdles, or is drained.
pub(super) async fn drive(
    stream: TcpStream,
    peer: IpAddr,
    edge: Arc<Edge>,
    (protocol, bounds, clock): (&Builder<TokioExecutor>, &Bounds, Arc<dyn Clock>),
    mut drain: watch::Receiver<bool>,
) {
    let pace = Arc::new(Pace::new(clock));
    let service = service_fn(|request: Request<Incoming>| {
        let running = pace.begin(request.version() == Version::HTTP_2);
        let edge = Arc::clone(&edge);
        async move {
            let answer = edge.serve(peer, request).await;
            drop(running);
            answer
        }
    });
    let (own, words) = (Arc::clone(&pace), Arc::clone(&edge));
    let watched = Watched::new(stream, move || own.bytes_came(), move |refusal: &[u8]| words.reword(refusal));
    let watched = TokioIo::new(watched);
    let mut connection = pin!(protocol.serve_connection(watched, service));
    let mut drained = pin!(drain.wait_for(|drain| *drain));
    let mut draining = false;
    let mut armed = pace.now() + bounds.header;
    let mut alarm = pin!(timeout(bounds.header, pending::<()>()));
    poll_fn(|context| {
        if !draining && drained.as_mut().poll(context).is_ready() {
            draining = true;
            connection.as_mut().graceful_shutdown();
        }
        if connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        // The alarm is set forward only; when it rings too early it is set anew.
        if pace.due(bounds).is_some_and(|due| due < armed) {
            armed = pace.due(bounds).unwrap_or(armed);
            alarm.set(timeout(armed.saturating_sub(pace.now()), pending()));
        }
        while alarm.as_mut().poll(context).is_ready() {
            let now = pace.now();
            armed = pace.due(bounds).unwrap_or(now + bounds.keep_alive);
            if armed <= now {
                return Poll::Ready(());
            }
            alarm.set(timeout(armed - now, pending()));
        }
        Poll::Pending
    })
    .await;
}

/// What a connection is at, in microseconds of the elapsed clock; written by its own task only.
#[derive(Debug)]
struct Pace {
    clock: Arc<dyn Clock>,
    /// Since when a header block is being read; [`NEVER`] for none.
    head: AtomicU64,
    /// Since when there is no request.
    idle: AtomicU64,
    /// Requests without an answer yet.
    running: AtomicUsize,
    /// HTTP/2, where bytes between requests are no header block.
    multiplexed: AtomicBool,
}

const NEVER: u64 = u64::MAX;

impl Pace {
    /// A connection that just opened: its first header block is due.
    fn new(clock: Arc<dyn Clock>) -> Self {
        let now = micros(clock.elapsed());
        let (running, multiplexed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { clock, head: AtomicU64::new(now), idle: AtomicU64::new(now), running, multiplexed }
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    fn bytes_came(&self) {
        let between = self.running.load(Ordering::Relaxed) == 0 && !self.multiplexed.load(Ordering::Relaxed);
        if between && self.head.load(Ordering::Relaxed) == NEVER {
            self.head.store(micros(self.now()), Ordering::Relaxed);
        }
    }

    /// A header block is whole and its request runs.
    fn begin(self: &Arc<Self>, multiplexed: bool) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        self.head.store(NEVER, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// When the connection has dawdled too long; never while a request runs.
    fn due(&self, bounds: &Bounds) -> Option<Duration> {
        if self.running.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some(match self.head.load(Ordering::Relaxed) {
            NEVER => Duration::from_micros(self.idle.load(Ordering::Relaxed)) + bounds.keep_alive,
            since => Duration::from_micros(since) + bounds.header,
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(NEVER)
}

/// A request without an answer yet.
struct Running(Arc<Pace>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.idle.store(micros(self.0.now()), Ordering::Relaxed);
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
