//! What is left of a body whose answer does not depend on it, such as a refusal for its key.
//!
//! On HTTP/1 the next request stands behind it. What is small and comes soon is read away, and the connection
//! goes on; else the answer says that it does not (RFC 9112, section 9.6), or whoever keeps connections would
//! send the next request into one that is closed.

use crate::base::limits;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, Request, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::timeout;

/// A body that comes back when it is dropped, unless it was read to its end.
pub(super) struct Lent {
    body: Option<Incoming>,
    home: Option<Sender<Incoming>>,
}

/// Where a body comes back.
pub(super) struct Leftover {
    back: Receiver<Incoming>,
    readable: bool,
}

/// A request with a body to give away, and where what is left of it comes back; nothing does of what has none,
/// and on HTTP/2, whose requests do not stand in each other's way.
pub(super) fn lend(request: Request<Incoming>) -> (Request<Lent>, Option<Leftover>) {
    if request.version() >= Version::HTTP_2 || request.body().is_end_stream() {
        return (request.map(|body| Lent { body: Some(body), home: None }), None);
    }
    let readable = is_readable(request.headers());
    let (home, back) = channel();
    (request.map(|body| Lent { body: Some(body), home: Some(home) }), Some(Leftover { back, readable }))
}

/// Whether what is left is worth reading. Whoever asks before it sends would be told to go on by that.
fn is_readable(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).map(|value| value.to_str().ok()?.parse::<usize>().ok());
    let small = length.is_none_or(|length| length.is_some_and(|length| length <= limits::BODY_BYTES));
    let is_close = |word: &[u8]| word.trim_ascii().eq_ignore_ascii_case(b"close");
    let mut words =
        headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    small && !headers.contains_key(EXPECT) && !words.any(is_close)
}

impl Leftover {
    /// Reads it away, within `time` and the limit of bodies; tells whether the next request can be seen.
    pub(super) async fn read_away(mut self, time: Duration) -> bool {
        let mut body = match self.back.try_recv() {
            Ok(body) if self.readable => body,
            Ok(_) => return false,
            // It was read to its end.
            Err(_) => return true,
        };
        let mut read = 0;
        let whole = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                read += frame.data_ref().map_or(0, Bytes::len);
                if read > limits::BODY_BYTES {
                    return false;
                }
            }
            true
        };
        timeout(time, whole).await.unwrap_or(false)
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            self.home = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(home)) = (self.body.take(), self.home.take())
            && !body.is_end_stream()
        {
            // Nobody waits for it where the caller is gone.
            drop(home.send(body));
        }
    }
}
