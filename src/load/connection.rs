//! One connection that is kept: a request goes out in one write, and the next only once it was answered.

use crate::base::clock::Clock;
use crate::http::SendError;
use crate::load::reply::{BODY_BYTES, HEAD_BYTES, Head};
use crate::load::target::Target;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for an answer before it is known how long it is.
const ROOM: usize = 4 << 10;

/// A place from which a server is asked.
#[derive(Debug)]
pub(super) struct Connection {
    target: Arc<Target>,
    socket: Option<TcpStream>,
    out: Vec<u8>,
    input: Vec<u8>,
}

/// An answer, whatever its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    /// When its request went out, by the clock's elapsed time.
    pub(super) sent: Duration,
}

impl Connection {
    pub(super) const fn new(target: Arc<Target>) -> Self {
        Self { target, socket: None, out: Vec::new(), input: Vec::new() }
    }

    /// Connects, unless it is.
    pub(super) async fn open(&mut self) -> Result<(), SendError> {
        if self.socket.as_ref().is_some_and(is_quiet) {
            return Ok(());
        }
        self.socket = None;
        let connected = TcpStream::connect(self.target.address()).await;
        let socket = connected.and_then(|socket| socket.set_nodelay(true).map(|()| socket));
        self.socket = Some(socket.map_err(|error| SendError::Unreachable(error.to_string()))?);
        Ok(())
    }

    /// What a caller that gave up waiting leaves: an answer that comes later is nobody's.
    pub(super) fn close(&mut self) {
        self.socket = None;
    }

    /// Sends a request with `body` and waits for its answer.
    pub(super) async fn ask(&mut self, body: &[u8], clock: &dyn Clock) -> Result<Reply<'_>, SendError> {
        self.open().await?;
        let Some(mut socket) = self.socket.take() else {
            return Err(SendError::Unreachable("it is closed".to_owned()));
        };
        self.target.write(body, &mut self.out);
        let sent = clock.elapsed();
        socket.write_all(&self.out).await.map_err(|error| SendError::Broken(error.to_string()))?;
        let head = read(&mut socket, &mut self.input).await?;
        // Whatever failed before leaves the connection closed.
        if !head.closes {
            self.socket = Some(socket);
        }
        Ok(Reply { status: head.status, body: self.input.get(head.body).unwrap_or_default(), sent })
    }
}

/// Whether the other side neither closed nor said anything unasked.
fn is_quiet(socket: &TcpStream) -> bool {
    socket.try_read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Reads one answer whole.
async fn read(socket: &mut TcpStream, input: &mut Vec<u8>) -> Result<Head, SendError> {
    input.clear();
    input.shrink_to(HEAD_BYTES + ROOM);
    let mut head = None;
    loop {
        input.reserve(ROOM);
        match socket.read_buf(input).await {
            Ok(0) => return Err(SendError::Broken("the server closed it".to_owned())),
            Ok(_) => {}
            Err(error) => return Err(SendError::Broken(error.to_string())),
        }
        if head.is_none() {
            head = Head::read(input).map_err(|wrong| SendError::Broken(wrong.to_owned()))?;
        }
        let Some(known) = &head else { continue };
        match input.len().cmp(&known.body.end) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Greater => {
                return Err(SendError::Broken("more came than was asked for".to_owned()));
            }
            std::cmp::Ordering::Equal => return Ok(known.clone()),
        }
    }
}

const _: () = assert!(HEAD_BYTES < BODY_BYTES);
