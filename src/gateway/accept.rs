//! Accepts connections until told to stop, then drains.

use crate::gateway::Gate;
use crate::gateway::connection;
use crate::gateway::edge::Edge;
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
                    connections.spawn(attend(Arc::clone(gate), Arc::clone(edge), stream, peer, drained.clone()));
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

async fn attend(
    gate: Arc<Gate>,
    edge: Arc<Edge>,
    stream: TcpStream,
    peer: SocketAddr,
    drained: watch::Receiver<bool>,
) {
    let _open = Open::new(&gate.parts.telemetry);
    // A connection that is gone already says so when it is read.
    if stream.set_nodelay(true).is_ok() {
        let protocol = connection::protocol();
        let how = (&protocol, &gate.options.bounds, Arc::clone(&gate.parts.clock));
        connection::drive(stream, peer.ip(), edge, how, drained).await;
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
