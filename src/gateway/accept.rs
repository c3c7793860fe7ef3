//! Accepts connections until told to stop, then drains.

use crate::gateway::Gate;
use crate::gateway::connection::{self, Protocol, Visit};
use crate::gateway::edge::Edge;
use crate::gateway::pace::Pace;
use crate::telemetry::Telemetry;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Rest after an accept that failed: what failed, such as a lack of file descriptors, needs time to pass.
const REST: Duration = Duration::from_millis(50);

pub(super) async fn serve(
    gate: &Arc<Gate>,
    edge: &Arc<Edge>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (drain, drained) = watch::channel(false);
    let protocol = Arc::new(connection::protocol(&gate.options.bounds));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        // Beyond the limit callers wait in the kernel's queue.
        let room = connections.len() < gate.options.bounds.connections;
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if room => match accepted {
                Ok((stream, peer)) => {
                    let visit = visit(gate, edge, &protocol, peer, &drained);
                    connections.spawn(attend(Arc::clone(gate), stream, visit));
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    if timeout(REST, &mut shutdown).await.is_ok() {
                        break;
                    }
                }
            },
        }
    }
    drop(listener);
    gate.draining.store(true, Ordering::Relaxed);
    drain.send_replace(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(gate.options.bounds.drain, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "closed before they were done");
        connections.shutdown().await;
    }
}

fn visit(
    gate: &Gate,
    edge: &Arc<Edge>,
    protocol: &Arc<Protocol>,
    peer: SocketAddr,
    drain: &watch::Receiver<bool>,
) -> Visit {
    Visit {
        peer: peer.ip(),
        edge: Arc::clone(edge),
        protocol: Arc::clone(protocol),
        // Time runs from here: a handshake has no time of its own.
        pace: Arc::new(Pace::new(Arc::clone(&gate.parts.clock))),
        drain: drain.clone(),
    }
}

async fn attend(gate: Arc<Gate>, stream: TcpStream, mut visit: Visit) {
    let _open = Open::new(&gate.parts.telemetry);
    // A connection that is gone already says so when it is read.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let bounds = &gate.options.bounds;
    let Some(tls) = &gate.options.tls else {
        return connection::drive(stream, visit, bounds).await;
    };
    let shaken = tokio::select! {
        biased;
        _ = visit.drain.wait_for(|drain| *drain) => return,
        shaken = timeout(bounds.header, tls.accept(stream)) => shaken,
    };
    match shaken {
        // On the heap, so that connections without TLS do not keep room for it.
        Ok(Ok(stream)) => Box::pin(connection::drive(stream, visit, bounds)).await,
        Ok(Err(_)) | Err(_) => gate.parts.telemetry.handshake_failed(),
    }
}

/// Counts a connection while it is open, however its task ends.
struct Open(Arc<Telemetry>);

impl Open {
    fn new(telemetry: &Arc<Telemetry>) -> Self {
        telemetry.connected();
        Self(Arc::clone(telemetry))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}
