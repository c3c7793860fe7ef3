//! The load generator against a server that does nothing: what it can send is the most it can measure.

use crate::{Scale, report};
use clausum::base::clock::SystemClock;
use clausum::base::hash::sha256;
use clausum::load::{Mix, Options, Pace, Progress, Target, Traffic};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 64;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"decision\":\"approve\",\"risk_score\":0   }";

pub(crate) fn run(scale: Scale) {
    let mut traffic = Traffic::new(1, 1, Mix::default()).unwrap();
    let began = Instant::now();
    let mut bodies = Vec::new();
    for _ in 0..scale.events {
        let body = traffic.event().body;
        bodies.extend_from_slice(&sha256(&body).0[..4]);
    }
    report("load: a payment made", scale.events, began.elapsed(), &bodies);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let accept = move || {
        for stream in listener.incoming().take(CONNECTIONS) {
            let talk = move || drop(talk(stream.unwrap()));
            drop(std::thread::Builder::new().stack_size(128 << 10).spawn(talk).unwrap());
        }
    };
    drop(std::thread::Builder::new().spawn(accept).unwrap());
    let target = Target::new(&url, "k", "/api/v1/assess").unwrap();
    let traffic = Traffic::new(1, 1, Mix::default()).unwrap();
    let requests = u64::try_from(scale.events).unwrap();
    let minute = Duration::from_secs(60);
    let options = Options {
        pace: Pace::Closed,
        duration: minute,
        requests: Some(requests),
        seed: 1,
        connections: CONNECTIONS,
        limit: minute,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let run = clausum::load::run(target, traffic, options, Arc::new(SystemClock), Arc::<Progress>::default());
    let done = runtime.block_on(run).unwrap();
    assert_eq!(done.answered(), requests);
    report("load: sent and answered, 64 connections", scale.events, done.elapsed, &requests.to_le_bytes());
}

/// Answers each request without reading it: bodies of the traffic have no empty line.
fn talk(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut length, mut missing) = (vec![0; 16 << 10], 0, None);
    loop {
        let read = stream.read(&mut buffer[length..])?;
        if read == 0 {
            return Ok(());
        }
        length += read;
        if missing.is_none()
            && let Some(end) = buffer[..length].windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head = std::str::from_utf8(&buffer[..end]).unwrap();
            let body: usize = head.rsplit(' ').next().unwrap().parse().unwrap();
            missing = Some(end + 4 + body);
        }
        if missing == Some(length) {
            stream.write_all(ANSWER)?;
            (length, missing) = (0, None);
        }
    }
}
