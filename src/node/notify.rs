//! What a service manager is told: that the server is ready, ends, and still lives. systemd's protocol, of
//! which these few lines are all: datagrams of `NAME=value` to the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A service manager, or nobody.
#[derive(Debug, Default)]
pub struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// The manager that the variables of the environment name: the socket, the time within which it wants a
    /// sign of life in microseconds, and from which process.
    ///
    /// # Errors
    /// What is named is no socket's address.
    pub fn named(socket: Option<&OsStr>, usec: Option<&str>, pid: Option<&str>) -> io::Result<Self> {
        let Some(name) = socket.map(OsStrExt::as_bytes).filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let address = match name.split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            Some((b'/', _)) => SocketAddr::from_pathname(OsStr::from_bytes(name))?,
            _ => {
                let what = "NOTIFY_SOCKET names neither a path nor an abstract socket";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        let own = std::process::id().to_string();
        let usec = usec.filter(|_| pid.is_none_or(|pid| pid == own));
        let usec = usec.and_then(|usec| usec.parse().ok()).filter(|usec| *usec > 0);
        let watchdog = usec.map(Duration::from_micros);
        let own = UnixDatagram::unbound()?;
        // One that does not listen holds nobody up.
        own.set_nonblocking(true)?;
        Ok(Self { to: Some((own, address)), watchdog })
    }

    /// How often a sign of life is due: twice in the time the manager waits for one.
    pub(super) fn beat(&self) -> Option<Duration> {
        self.watchdog.map(|limit| (limit / 2).max(Duration::from_millis(1)))
    }

    /// The server serves.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The server is about to end.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// What the server is at, one line for people.
    pub(super) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    /// The server lives.
    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        let Some((socket, address)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let read = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_is_told_at_its_path_or_by_its_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("clausum-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        for (socket, named) in [
            (UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
            (UnixDatagram::bind_addr(&address).unwrap(), format!("@{name}")),
        ] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let notify = Notify::named(Some(OsStr::new(&named)), Some("200000"), None).unwrap();
            notify.ready("4 partitions");
            notify.alive();
            notify.stopping();
            assert_eq!(heard(&socket), "READY=1\nSTATUS=4 partitions");
            assert_eq!(heard(&socket), "WATCHDOG=1");
            assert_eq!(heard(&socket), "STOPPING=1\nSTATUS=stopping");
            assert_eq!(notify.beat(), Some(Duration::from_millis(100)));
        }
    }

    #[test]
    fn nobody_is_told_nothing() {
        let beat = |socket: Option<&str>, usec, pid| {
            Notify::named(socket.map(OsStr::new), usec, pid).unwrap().beat()
        };
        let own = std::process::id().to_string();
        assert_eq!(beat(None, Some("1000"), None), None);
        assert_eq!(beat(Some(""), Some("1000"), None), None);
        assert_eq!(beat(Some("/x"), Some("1000"), Some(&own)), Some(Duration::from_millis(1)));
        assert_eq!(beat(Some("/x"), Some("1000"), Some("1")), None, "meant for another process");
        assert_eq!(beat(Some("/x"), Some("soon"), None), None);
        assert!(Notify::named(Some(OsStr::new("vsock:2:1")), None, None).is_err());
        // A manager that is gone stops nobody.
        Notify::named(Some(OsStr::new("/nowhere/notify")), None, None).unwrap().alive();
    }
}
