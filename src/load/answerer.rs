//! A server of HTTP/1.1 for tests, which answers what a test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a server says to its request of a number: status and body, or nothing but closing the connection.
pub(crate) type Answer = dyn Fn(u64) -> Option<(u16, String)> + Send + Sync;

/// A decision.
pub(crate) const APPROVED: &str = r#"{"decision":"approve","risk_score":0}"#;

/// A server on a port of its own: its URL, and how many connections it has taken.
pub(crate) fn serve(
    answer: impl Fn(u64) -> Option<(u16, String)> + Send + Sync + 'static,
) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (answer, number): (Arc<Answer>, _) = (Arc::new(answer), Arc::new(AtomicU64::new(0)));
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    let accept = move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::Relaxed);
            let (answer, number) = (Arc::clone(&answer), Arc::clone(&number));
            // Ends when the other side does.
            let talk = move || drop(talk(stream.unwrap(), &*answer, &number));
            drop(std::thread::Builder::new().spawn(talk).unwrap());
        }
    };
    drop(std::thread::Builder::new().spawn(accept).unwrap());
    (url, accepted)
}

fn talk(stream: TcpStream, answer: &Answer, number: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length])?;
        let Some((status, body)) = answer(number.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(head.as_bytes())?;
    }
}
