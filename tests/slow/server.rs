//! The real binary on port 0: started, killed, started again.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) bootstrap: Value,
    address: String,
}

pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_clausum"))
}

impl Server {
    /// Starts on a data folder and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// The same with variables of the environment.
    pub(crate) fn start_with(data: &Path, variables: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(data.join("stderr.txt")).unwrap();
        let mut child = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("CLAUSUM__CHECKPOINT__INTERVAL_MS", "300")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let first = !data.join("bootstrap.json").exists();
        if first {
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        }
        let address = wait_for(|| {
            let log = std::fs::read_to_string(data.join("stderr.txt")).ok()?;
            let url = log.split("base_url=http://").nth(1)?.split_whitespace().next()?.to_owned();
            log.contains("ready").then_some(url)
        });
        let bootstrap = std::fs::read_to_string(data.join("bootstrap.json")).unwrap();
        Self { child, bootstrap: serde_json::from_str(&bootstrap).unwrap(), address }
    }

    /// A server that was started otherwise and is ready, with the keys that a folder tells of.
    pub(crate) fn of(child: Child, data: &Path, keys: &Path) -> Self {
        let log = std::fs::read_to_string(data.join("stderr.txt")).unwrap();
        let address =
            log.split("base_url=http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let bootstrap = std::fs::read_to_string(keys.join("bootstrap.json")).unwrap();
        Self { child, bootstrap: serde_json::from_str(&bootstrap).unwrap(), address }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn key(&self, kind: &str) -> &str {
        self.bootstrap["keys"][kind].as_str().unwrap()
    }

    /// Ends it at once, as a power switch would for a process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end and returns its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    pub(crate) fn connect(&self) -> std::io::Result<Client> {
        self.connect_with("server")
    }

    /// A connection that calls with the key of a kind.
    pub(crate) fn connect_with(&self, kind: &str) -> std::io::Result<Client> {
        self.connect_as(self.key(kind))
    }

    /// A connection that calls with a key.
    pub(crate) fn connect_as(&self, key: &str) -> std::io::Result<Client> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Client { stream: BufReader::new(stream), key: key.to_owned() })
    }

    /// The status and the body of a route without a key.
    pub(crate) fn get(&self, target: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Looks until there is something to see.
pub(crate) fn wait_for<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "what was waited for did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One keep-alive connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    key: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn assess(&mut self, idempotency: Option<&str>, body: &[u8]) -> std::io::Result<Answer> {
        let key = idempotency.map_or(String::new(), |key| format!("idempotency-key: {key}\r\n"));
        let head = format!(
            "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{key}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.key,
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other("no status line"))?;
        let (mut length, mut replayed) = (0, false);
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header)?;
            let lower = header.trim().to_ascii_lowercase();
            if lower.is_empty() {
                break;
            }
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            replayed |= lower == "idempotent-replayed: true";
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, replayed, body })
    }
}
