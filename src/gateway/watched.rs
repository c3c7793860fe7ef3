//! The stream under a connection: it tells when bytes came, and answers in our words where the server
//! library would refuse a request by itself.
//!
//! A request head that is no HTTP, or too large, never becomes a request: the library writes a bare head
//! on its own and closes, and has no hook for it. That head is known by what it lacks. Every answer of ours
//! carries an id, so a head of the 400s without one is the library's; it is the last that a connection
//! writes, and stands whole at the end of one buffer. Bytes of a body are never taken for it: they go in
//! buffers of their own, and neither our JSON nor our metrics have the end of a head in them.

use bytes::{Buf, Bytes};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that calls `came` with how many bytes came, and writes what `reword` makes of a refusal of the library
/// instead of it.
pub(super) struct Watched<S, Came, Reword> {
    stream: S,
    came: Came,
    reword: Reword,
    /// What is still to be written in place of the refusal that is being written.
    instead: Option<Bytes>,
}

impl<S, Came: Fn(usize), Reword: Fn(&[u8]) -> Bytes> Watched<S, Came, Reword> {
    pub(super) const fn new(stream: S, came: Came, reword: Reword) -> Self {
        Self { stream, came, reword, instead: None }
    }
}

/// Where the refusal of the library begins that `bytes` end in.
fn refusal_at(bytes: &[u8]) -> Option<usize> {
    const BEGIN: &[u8] = b"HTTP/1.";
    const END: &[u8] = b"\r\n\r\n";
    // Nearly every buffer ends in a body.
    if !bytes.ends_with(END) {
        return None;
    }
    let at = bytes.windows(BEGIN.len()).rposition(|window| window == BEGIN)?;
    let head = bytes.get(at..)?;
    let refused = head.get(BEGIN.len() + 1..).is_some_and(|rest| rest.starts_with(b" 4"));
    let mut lines = head.split(|byte| *byte == b'\n');
    let ours = lines.any(|line| line.starts_with(b"x-request-id:"));
    (refused && !ours).then_some(at)
}

impl<S, Came, Reword> AsyncRead for Watched<S, Came, Reword>
where
    S: AsyncRead + Unpin,
    Came: Fn(usize) + Unpin,
    Reword: Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        if came > 0 {
            (self.came)(came);
        }
        read
    }
}

impl<S, Came, Reword> AsyncWrite for Watched<S, Came, Reword>
where
    S: AsyncWrite + Unpin,
    Came: Unpin,
    Reword: Fn(&[u8]) -> Bytes + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, reword, instead, .. } = &mut *self;
        let mut stream = Pin::new(stream);
        match refusal_at(bytes).map(|at| bytes.split_at(at)) {
            None => stream.poll_write(context, bytes),
            Some((b"", refusal)) => {
                let left = instead.get_or_insert_with(|| reword(refusal));
                while left.has_remaining() {
                    let written = ready!(stream.as_mut().poll_write(context, left))?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    left.advance(written);
                }
                *instead = None;
                Poll::Ready(Ok(refusal.len()))
            }
            // An answer of ours goes first; the refusal comes again at the beginning of its buffer.
            Some((answer, _)) => stream.poll_write(context, answer),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = pieces.iter().filter(|piece| !piece.is_empty());
        match (filled.next(), filled.next()) {
            // A head without a body, as a refusal is.
            (Some(only), None) => self.poll_write(context, only),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::tests::PATIENCE;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    const REFUSAL: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const OURS: &str = "HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n";
    const WORDS: &str = "a refusal in our words";

    #[test]
    fn a_refusal_is_known_by_what_it_lacks() {
        for (bytes, at) in [
            (REFUSAL.to_owned(), Some(0)),
            (format!("{OURS}{REFUSAL}"), Some(OURS.len())),
            (format!("{{}}{REFUSAL}"), Some(2)),
            (OURS.to_owned(), None),
            (format!("{REFUSAL}{OURS}"), None),
            (REFUSAL.replace("400", "204"), None),
            ("HTTP/1.1 100 Continue\r\n\r\n".to_owned(), None),
            (REFUSAL.trim_end().to_owned(), None),
            (OURS.get(5..).unwrap_or_default().to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(refusal_at(bytes.as_bytes()), at, "{bytes:?}");
        }
    }

    /// Writes `pieces` as the library does, to a reader that takes `room` bytes at a time; what came.
    async fn written(room: usize, pieces: &[&str], vectored: bool) -> String {
        let (stream, mut reader) = tokio::io::duplex(room);
        let reword = |refusal: &[u8]| {
            assert_eq!(refusal, REFUSAL.as_bytes());
            Bytes::from_static(WORDS.as_bytes())
        };
        let mut watched = Watched::new(stream, |_| (), reword);
        let write = async {
            let mut rest: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            while rest.iter().any(|piece| !piece.is_empty()) {
                let mut written = poll_fn(|context| {
                    let slices: Vec<_> = rest.iter().map(|piece| io::IoSlice::new(piece)).collect();
                    let stream = Pin::new(&mut watched);
                    match rest.iter().find(|piece| !piece.is_empty()) {
                        Some(first) if !vectored => stream.poll_write(context, first),
                        _ => stream.poll_write_vectored(context, &slices),
                    }
                })
                .await
                .unwrap();
                assert!(written > 0);
                for piece in &mut rest {
                    let taken = written.min(piece.len());
                    *piece = &piece[taken..];
                    written -= taken;
                }
            }
            watched.shutdown().await.unwrap();
        };
        let mut came = String::new();
        let both = async { tokio::join!(reader.read_to_string(&mut came), write) };
        let (result, ()) = timeout(PATIENCE, both).await.expect("it should have an end");
        result.unwrap();
        came
    }

    #[tokio::test]
    async fn ours_stands_in_its_place_however_it_is_written() {
        let both = format!("{OURS}{REFUSAL}");
        for vectored in [false, true] {
            for room in [1, 7, WORDS.len(), 1_000] {
                assert_eq!(written(room, &[REFUSAL], vectored).await, WORDS, "{room}");
                assert_eq!(written(room, &["", REFUSAL, ""], vectored).await, WORDS, "{room}");
                assert_eq!(written(room, &[&both], vectored).await, format!("{OURS}{WORDS}"), "{room}");
                assert_eq!(written(room, &[OURS, "{}"], vectored).await, format!("{OURS}{{}}"), "{room}");
            }
        }
    }
}
