//! Stands between the clients of this process and the broker, and can hold a client's appends back: as if the
//! broker had not got to them. A held append of a client that has gone is lost on the way.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

/// The number of an append in Kafka's protocol.
const PRODUCE: [u8; 2] = [0, 0];

pub(super) struct Link(Arc<Inner>);

struct Inner {
    broker: OnceLock<SocketAddr>,
    held: Mutex<BTreeSet<String>>,
    released: Condvar,
}

impl Link {
    /// Takes connections on a port of its own; the broker may begin later.
    pub(super) fn begin() -> io::Result<(Self, u16)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let inner =
            Arc::new(Inner { broker: OnceLock::new(), held: Mutex::default(), released: Condvar::new() });
        let taken = Arc::clone(&inner);
        spawn(move || {
            for client in listener.incoming().flatten() {
                // A connection that fails is closed, which is all that its ends need to know.
                drop(taken.connect(client));
            }
        });
        Ok((Self(inner), port))
    }

    pub(super) fn lead_to(&self, broker: SocketAddr) {
        self.0.broker.set(broker).expect("it leads to one broker");
    }

    pub(super) fn hold(&self, client: &str) {
        self.0.held.lock().unwrap().insert(client.to_owned());
    }

    pub(super) fn release(&self, client: &str) {
        self.0.held.lock().unwrap().remove(client);
        self.0.released.notify_all();
    }
}

impl Inner {
    fn connect(self: &Arc<Self>, mut client: TcpStream) -> io::Result<()> {
        let broker = *self.broker.get().ok_or(io::ErrorKind::NotConnected)?;
        let mut there = TcpStream::connect(broker)?;
        client.set_nodelay(true)?;
        there.set_nodelay(true)?;
        let (mut back, mut answers) = (client.try_clone()?, there.try_clone()?);
        spawn(move || {
            drop(io::copy(&mut answers, &mut back));
            drop(back.shutdown(Shutdown::Both));
        });
        let inner = Arc::clone(self);
        spawn(move || {
            while inner.pass_on(&mut client, &mut there).is_ok() {}
            drop(there.shutdown(Shutdown::Both));
        });
        Ok(())
    }

    /// One request: its length, then what it asks, a version, a number, and the client's name.
    fn pass_on(&self, client: &mut TcpStream, there: &mut TcpStream) -> io::Result<()> {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        client.read_exact(&mut request)?;
        if request.starts_with(&PRODUCE) {
            let named = usize::from(u16::from_be_bytes([request[8], request[9]]));
            let name = String::from_utf8_lossy(&request[10..10 + named]).into_owned();
            drop(self.released.wait_while(self.held.lock().unwrap(), |held| held.contains(&name)).unwrap());
            client.set_read_timeout(Some(Duration::from_millis(1)))?;
            let gone = matches!(client.peek(&mut [0]), Ok(0));
            client.set_read_timeout(None)?;
            if gone {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        there.write_all(&length)?;
        there.write_all(&request)
    }
}

fn spawn(what: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name("link".to_owned()).spawn(what).unwrap();
}
