//! A bucket that speaks S3, on loopback: `deploy/s3.sh`.

use clausum::archive::object::{ObjectArchive, Variables};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server of objects on loopback; ended when dropped.
pub(crate) struct Bucket {
    child: Child,
    port: u16,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Bucket {
    /// None, said aloud, where it cannot be had.
    pub(crate) fn start() -> Option<Self> {
        if std::env::var_os("CLAUSUM_SLOW").is_none() {
            eprintln!("skipped: a bucket is only part of the long form (CLAUSUM_SLOW=1)");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = Path::new("deploy/s3.sh");
        let mut child = Command::new("sh");
        let child = child.arg(script).arg(port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut bucket = Self { child: child.spawn().unwrap(), port };
        let end = Instant::now() + Duration::from_secs(300);
        while bucket.create("clausum").is_none() {
            if let Some(status) = bucket.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(77), "deploy/s3.sh failed");
                eprintln!("skipped: there is no Python, or moto cannot be installed");
                return None;
            }
            assert!(Instant::now() < end, "moto does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(bucket)
    }

    /// Makes a bucket in it; none while it does not answer.
    fn create(&self, name: &str) -> Option<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let head =
            format!("PUT /{name} HTTP/1.1\r\nhost: s3\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        Some(())
    }

    /// What a program is given to find it.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    /// What is in it at an address.
    pub(crate) fn archive(&self, address: &str) -> ObjectArchive {
        let variables = self.variables().into_iter().map(|(name, value)| (name.to_owned(), value));
        ObjectArchive::open(address, &Variables::of(variables)).unwrap()
    }
}
