//! Closing so that the last answer arrives.
//!
//! A connection that is closed while bytes of its caller are unread is reset, and a reset may overtake the
//! answer: whoever sends a body that is too large would see no 413. So what still comes is read and thrown
//! away for a while, until the caller has closed as well.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::timeout;

/// What is thrown away of one caller.
const BYTES: u64 = 1 << 20;

/// A stream that comes back when it is dropped, unless the other side has ended it.
pub(super) struct Lent<S> {
    stream: Option<S>,
    home: Option<Sender<S>>,
}

/// A stream to give away, and where it comes back.
pub(super) fn lend<S>(stream: S) -> (Lent<S>, Receiver<S>) {
    let (home, back) = channel();
    (Lent { stream: Some(stream), home: Some(home) }, back)
}

/// Ends our side, and waits for the end of the other for `time` at most.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, time: Duration) {
    let waited = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(BYTES), &mut tokio::io::sink()).await
    };
    // Whatever comes of it, it is the end.
    drop(timeout(time, waited).await);
}

impl<S: Unpin> Lent<S> {
    fn with<T>(&mut self, act: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => act(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.with(|stream| stream.poll_read(context, buffer));
        let ended = match &read {
            Poll::Ready(Ok(())) => buffer.filled().len() == before && buffer.remaining() > 0,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.home = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(home)) = (self.stream.take(), self.home.take()) {
            // Nobody waits for it: it is closed at once.
            drop(home.send(stream));
        }
    }
}
