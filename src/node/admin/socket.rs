//! The socket itself: `admin.sock` in the data folder, for the folder's owner only, one request a line.

use crate::node::admin::desk::{Desk, Trouble, fault};
use crate::node::admin::guests::{Guest, Guests};
use crate::node::data::Data;
use crate::node::serve::Failure;
use crate::wire::admin::{self, Failed, Line, Progress, Refused};
use crate::wire::internal;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as Knock;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

/// Connections at once; beyond them one on which nobody asks anything gives way, and where there is none callers
/// wait in the kernel's queue.
const CONNECTIONS: usize = 8;
/// How long a connection may stay without a whole request.
const IDLE: Duration = Duration::from_secs(30);
/// How long an answer may take to be taken.
const TAKEN: Duration = Duration::from_secs(10);
/// How often a long command tells how far it is.
const BEAT: Duration = Duration::from_millis(500);
/// What it tells meanwhile, of which only the last is of use.
const PROGRESS: usize = 16;
/// How long a shutdown waits for what is being carried out.
const DRAIN: Duration = Duration::from_secs(12);
/// Rest after an accept that failed.
const REST: Duration = Duration::from_millis(50);
/// Bytes of a socket's path, an end included.
const PATH_BYTES: usize = 108;
/// A folder only for its owner, in which the socket is made.
const MAKING: &str = "admin.new";

/// The socket, listening.
#[derive(Debug)]
pub(in crate::node) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens. The socket of a server that is gone is replaced, one that somebody answers at is not.
    pub(in crate::node) fn bind(data: &Data) -> Result<Self, Failure> {
        let path = data.admin_socket();
        let making = data.path().join(MAKING);
        let made = making.join("s");
        check_length(&made)?;
        check_place(&path)?;
        let told = |error: io::Error| Failure::Failed(format!("{}: {error}", path.display()));
        // What stands there was left by a crash between the steps below.
        match fs::remove_dir_all(&making) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(error)),
            Ok(()) | Err(_) => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&making).map_err(told)?;
        // Nobody else reaches it before its mode is set.
        let listener = UnixListener::bind(&made).map_err(told)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(0o600)).map_err(told)?;
        fs::rename(&made, &path).map_err(told)?;
        fs::remove_dir(&making).map_err(told)?;
        Ok(Self { listener, path })
    }

    /// Serves until `closed` turns true; then finishes what is being carried out, and takes itself away.
    pub(in crate::node) async fn serve(self, desk: Arc<Desk>, mut closed: watch::Receiver<bool>) {
        let Self { listener, path } = self;
        let mut sessions = JoinSet::new();
        let mut guests = Guests::new(CONNECTIONS);
        let (for_sessions, mut for_rest) = (closed.clone(), closed.clone());
        loop {
            let room = guests.have_room();
            tokio::select! {
                () = turned(&mut closed) => break,
                Some(_) = sessions.join_next() => {}
                () = guests.fall_silent(), if !room => {}
                accepted = listener.accept(), if room => match accepted {
                    Ok((stream, _)) => {
                        let guest = guests.guest();
                        let session =
                            attend(Arc::clone(&desk), stream, Arc::clone(&guest), for_sessions.clone());
                        let session = sessions.spawn(session);
                        guests.came(guest, session);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no operator's connection could be accepted");
                        if timeout(REST, turned(&mut for_rest)).await.is_ok() {
                            break;
                        }
                    }
                },
            }
        }
        drop(listener);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, "the operator's socket could not be removed");
        }
        let ended = async { while sessions.join_next().await.is_some() {} };
        if timeout(DRAIN, ended).await.is_err() {
            sessions.shutdown().await;
        }
    }
}

/// Waits until the flag is true, or nobody can set it any more.
async fn turned(flag: &mut watch::Receiver<bool>) {
    drop(flag.wait_for(|flag| *flag).await);
}

fn check_length(path: &Path) -> Result<(), Failure> {
    let (bytes, most) = (path.as_os_str().len(), PATH_BYTES - 1);
    if bytes <= most {
        return Ok(());
    }
    let folder = path.parent().and_then(Path::parent).unwrap_or(path);
    let over = bytes - most;
    Err(Failure::Input(format!(
        "{}: the path of the data folder is {over} bytes too long for a socket in it; choose a shorter one",
        folder.display()
    )))
}

/// Whether the socket may be put at `path`.
fn check_place(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::Failed(format!("{shown}: {error}"))),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(Failure::Input(format!("{shown} is no socket; move it away")));
        }
        Ok(_) => {}
    }
    match Knock::connect(path) {
        Ok(_) => Err(Failure::Input(format!("{shown}: another process answers there"))),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(Failure::Input(format!("{shown}: {error}"))),
    }
}

async fn attend(desk: Arc<Desk>, stream: UnixStream, guest: Arc<Guest>, mut closed: watch::Receiver<bool>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let line = tokio::select! {
            () = turned(&mut closed) => return,
            line = guest.unless_asked_to_leave(timeout(IDLE, next_line(&mut reader))) => line,
        };
        let Some(line) = line else { return };
        let (line, more) = match line {
            Ok(Ok(Some(line))) => match carried_out(&desk, &line, &mut writer).await {
                Some(line) => (line, true),
                None => return,
            },
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                (refused(&error.to_string()), false)
            }
            // Gone, silent, or cut off.
            Ok(Ok(None) | Err(_)) | Err(_) => return,
        };
        if !(write(&mut writer, &line).await && more) {
            return;
        }
    }
}

/// Carries out the command of a line, with lines that tell how far it is. None if nobody takes them: what was
/// begun is not taken back, but the rest is heard by nobody.
async fn carried_out(desk: &Desk, line: &[u8], writer: &mut OwnedWriteHalf) -> Option<Line> {
    let (tell, mut told) = mpsc::channel(PROGRESS);
    let mut answer = pin!(answered(desk, line, &tell));
    let mut beat = interval(BEAT);
    let mut last = None;
    loop {
        tokio::select! {
            line = &mut answer => return Some(line),
            Some(progress) = told.recv() => last = Some(progress),
            _ = beat.tick() => {
                if let Some(progress) = last.take()
                    && !write(writer, &Line::Progress(progress)).await
                {
                    return None;
                }
            }
        }
    }
}

/// Writes a line; false where nobody takes it.
async fn write(writer: &mut OwnedWriteHalf, line: &Line) -> bool {
    let mut bytes = internal::write(line);
    bytes.push(b'\n');
    matches!(timeout(TAKEN, writer.write_all(&bytes)).await, Ok(Ok(())))
}

/// The next line without its end; none at the end of the stream.
async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let most = u64::try_from(admin::REQUEST_BYTES).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    reader.take(most + 1).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if line.len() >= admin::REQUEST_BYTES => {
            let most = admin::REQUEST_BYTES;
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("a request has at most {most} bytes")))
        }
        // A line without an end was cut off, and may not be all of what was meant.
        Some(_) => Ok(None),
    }
}

fn refused(message: &str) -> Line {
    Line::Refused(Refused { faults: vec![fault("", "json", message)] })
}

async fn answered(desk: &Desk, line: &[u8], tell: &mpsc::Sender<Progress>) -> Line {
    let command = match admin::read_request(line) {
        Ok(command) => command,
        Err(bad) => return refused(&bad.0),
    };
    let name = command.name();
    let outcome = desk.run(command, tell).await;
    tracing::info!(command = name, done = outcome.is_ok(), "an operator asked");
    match outcome {
        Ok(answer) => Line::Done(Box::new(answer)),
        Err(Trouble::Refused(faults)) => Line::Refused(Refused { faults }),
        Err(Trouble::Failed(message)) => Line::Failed(Failed { message }),
    }
}
