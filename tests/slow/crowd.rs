//! A crowd at the door: connections that do nothing, and some that do everything slowly. The others are
//! served meanwhile; how fast, and what the idle ones cost, is printed.

use crate::server::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections of a run: idle and slow, and requests of each of the others.
struct Size {
    idle: usize,
    slow: usize,
    requests: usize,
}

const SMOKE: Size = Size { idle: 1_000, slow: 50, requests: 200 };
const LONG: Size = Size { idle: 10_000, slow: 500, requests: 3_000 };
/// Those who are in no crowd.
const OTHERS: usize = 4;
/// How often the slow ones send a byte.
const BEAT: Duration = Duration::from_millis(250);
const BODY: &[u8] = br#"{"amount":1500,"currency":"MXN","email":"ana@example.com"}"#;

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Asks whether the server lives, on a connection that stays open.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = BufReader::new(&*stream);
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    while line != "\r\n" {
        line.clear();
        answer.read_line(&mut line).unwrap();
    }
    let mut body = [0; 2];
    answer.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"ok");
}

/// A caller that sends a byte at a beat: of a head, or of a body.
struct Slow<'s> {
    server: &'s Server,
    stream: TcpStream,
    begun: Vec<u8>,
    cut: usize,
}

impl<'s> Slow<'s> {
    fn new(server: &'s Server, number: usize) -> Self {
        let head = "POST /api/v1/assess HTTP/1.1\r\nhost: x\r\n";
        let rest = format!("authorization: Bearer {}\r\ncontent-length: 60000\r\n\r\n", server.key("server"));
        let begun = if number.is_multiple_of(2) { head.to_owned() } else { format!("{head}{rest}") };
        let begun = begun.into_bytes();
        let mut stream = connect(server);
        stream.write_all(&begun).unwrap();
        Self { server, stream, begun, cut: 0 }
    }

    /// Begins anew once the server has had enough.
    fn beat(&mut self) {
        if self.stream.write_all(b"x").is_err() {
            self.cut += 1;
            self.stream = connect(self.server);
            self.stream.write_all(&self.begun).unwrap();
        }
    }
}

/// Latencies of the others, sorted.
fn calls(server: &Server, each: usize) -> Vec<Duration> {
    let call = || {
        let mut client = server.connect().unwrap();
        let timed = (0..each).map(|_| {
            let begun = Instant::now();
            assert_eq!(client.assess(None, BODY).unwrap().status, 200);
            begun.elapsed()
        });
        timed.collect::<Vec<_>>()
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..OTHERS).map(|_| scope.spawn(call)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    all.sort_unstable();
    all
}

fn told(what: &str, sorted: &[Duration]) {
    let at = |share: usize| sorted[(sorted.len() * share / 1_000).min(sorted.len() - 1)];
    eprintln!("{what}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}

/// Resident memory of the server in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_crowd_at_the_door_keeps_nobody_out() {
    let mut size = if std::env::var_os("CLAUSUM_SLOW").is_some() { LONG } else { SMOKE };
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    if files < 15_000 {
        eprintln!("{files} open files are allowed: the crowd is smaller");
        size = Size { idle: 300, slow: 50, ..size };
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    calls(&server, size.requests);
    told("nobody there", &calls(&server, size.requests));
    let before = resident(&server);
    let begun = Instant::now();
    let came = |_| {
        let mut stream = connect(&server);
        ask(&mut stream);
        stream
    };
    let mut idle: Vec<_> = (0..size.idle).map(came).collect();
    eprintln!("{} came in {:?}", idle.len(), begun.elapsed());
    let kib = resident(&server).saturating_sub(before);
    eprintln!(
        "{} idle connections: {kib} KiB more, {} bytes each",
        idle.len(),
        kib * 1_024 / size.idle as u64
    );
    told("among idle ones", &calls(&server, size.requests));
    // Idle, and never for so long that they would be closed.
    idle.iter_mut().for_each(ask);
    let mut slow: Vec<_> = (0..size.slow).map(|number| Slow::new(&server, number)).collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let slowly = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                slow.iter_mut().for_each(Slow::beat);
                std::thread::sleep(BEAT);
            }
            slow.iter().map(|slow| slow.cut).sum::<usize>()
        });
        told("among idle and slow ones", &calls(&server, size.requests));
        over.store(true, Ordering::Relaxed);
        eprintln!("{} slow connections, cut off {} times", size.slow, slowly.join().unwrap());
    });
    // Nobody was closed for the others' sake.
    idle.iter_mut().for_each(ask);
    let after = resident(&server);
    drop((idle, slow));
    eprintln!("resident: {before} KiB before, {after} KiB at the end");
    assert_eq!(server.stop(), Some(0));
}
