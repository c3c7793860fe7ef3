//! One connection: HTTP/1.1 or HTTP/2, and how long it may dawdle.
//!
//! The server library has one time limit for a header block and for the silence between requests; ours are
//! two, so the bytes that come in are watched here. Every limit of HTTP/2 is set, the library's own defaults
//! included: they may change without a word. Floods of resets before a request is taken, of header frames
//! and of small data frames it ends by itself; those of other frames, and of requests that are taken and
//! given up, [`Pace`] counts.

use crate::gateway::edge::Edge;
use crate::gateway::linger;
use crate::gateway::options::{
    Bounds, CONNECTION_WINDOW, FRAME_BYTES, HEADER_BYTES, HEADER_LIST_BYTES, OWN_RESETS, RESETS, SEND_BYTES,
    STREAM_WINDOW, STREAMS,
};
use crate::gateway::pace::{Due, Pace};
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
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::timeout;

/// The server side of HTTP as we speak it.
pub(super) type Protocol = Builder<TokioExecutor>;

/// HTTP within these bounds.
pub(super) fn protocol(bounds: &Bounds) -> Protocol {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).max_buf_size(HEADER_BYTES).header_read_timeout(None);
    let [interval, patience] = bounds.ping;
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        .max_frame_size(FRAME_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(OWN_RESETS)
        .keep_alive_interval(interval)
        .keep_alive_timeout(patience);
    builder
}

/// What a connection is served with.
pub(super) struct Visit {
    pub(super) peer: IpAddr,
    pub(super) edge: Arc<Edge>,
    pub(super) protocol: Arc<Protocol>,
    pub(super) pace: Arc<Pace>,
    pub(super) drain: watch::Receiver<bool>,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By the rules of HTTP.
    Done,
    /// The connection dawdled or flooded, or was good for nothing.
    Cut,
}

/// Serves one connection until it ends, dawdles, or is drained.
pub(super) async fn drive<S>(stream: S, visit: Visit, bounds: &Bounds)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (lent, back) = linger::lend(stream);
    if let (End::Done, Ok(stream)) = (serve(lent, visit, bounds).await, back.await) {
        linger::close(stream, bounds.linger).await;
    }
}

async fn serve<S>(stream: S, visit: Visit, bounds: &Bounds) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Visit { peer, edge, protocol, pace, mut drain } = visit;
    let service = service_fn(|request: Request<Incoming>| {
        let running = pace.begin(request.version() == Version::HTTP_2);
        let edge = Arc::clone(&edge);
        async move {
            let answer = edge.serve(peer, request).await;
            if answer.is_ok() {
                running.answered();
            }
            answer
        }
    });
    let (own, words) = (Arc::clone(&pace), Arc::clone(&edge));
    let came = move |bytes| own.bytes_came(bytes);
    let watched = TokioIo::new(Watched::new(stream, came, move |refusal: &[u8]| words.reword(refusal)));
    let mut connection = pin!(protocol.serve_connection(watched, service));
    let mut drained = pin!(drain.wait_for(|drain| *drain));
    // Told to leave, and since when it may do so in its own time.
    let (mut draining, mut leaving) = (false, None);
    let mut armed = pace.now() + bounds.header;
    let mut alarm = pin!(timeout(bounds.header, pending::<()>()));
    poll_fn(|context| {
        if !draining && drained.as_mut().poll(context).is_ready() {
            draining = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(if ended.is_ok() { End::Done } else { End::Cut });
            }
            if pace.is_flooding() {
                return Poll::Ready(End::Cut);
            }
            let due = pace.due(bounds).map(|(at, what)| leaving.map_or((at, what), |at| (at, Due::Head)));
            // The alarm is set forward only; when it rings too early it is set anew.
            if let Some((at, _)) = due.filter(|(at, _)| *at < armed) {
                armed = at;
                alarm.set(timeout(armed.saturating_sub(pace.now()), pending()));
            }
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let now = pace.now();
            match due {
                Some((at, Due::Head)) if at <= now => return Poll::Ready(End::Cut),
                // HTTP/2 is told so, and what it still has to write it may.
                Some((at, Due::Idle)) if at <= now => {
                    connection.as_mut().graceful_shutdown();
                    armed = now + bounds.header;
                    leaving = Some(armed);
                }
                Some((at, _)) => armed = at,
                None => armed = now + bounds.keep_alive.min(bounds.header),
            }
            alarm.set(timeout(armed.saturating_sub(now), pending()));
        }
    })
    .await
}
