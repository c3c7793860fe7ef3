//! Looking at the log of a running server, and a server that looks at its own.

use crate::server::{Server, binary, wait_for};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Small, so that some are sealed.
const SEGMENTS: [(&str, &str); 1] = [("CLAUSUM__LOG__SEGMENT_BYTES", "65536")];
const PAYMENTS: usize = 150;

fn pay(server: &Server, count: usize) {
    let mut client = server.connect().unwrap();
    for number in 0..count {
        let body = format!(r#"{{"amount":{number},"currency":"MXN","email":"p{}@example.com"}}"#, number % 9);
        assert_eq!(client.assess(None, body.as_bytes()).unwrap().status, 200);
    }
}

/// The exit code of `log verify`, and its report.
fn verify(data: &Path) -> (Option<i32>, Value) {
    let output =
        Command::new(binary()).args(["log", "verify", "--json", "--data"]).arg(data).output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (output.status.code(), report.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn oldest(log: &Path) -> PathBuf {
    log.join("00000000000000000001.segment")
}

/// A metric's value, once it has one that is not 0.
fn metric(server: &Server, name: &str) -> String {
    wait_for(|| {
        let page = server.get("/metrics").1;
        let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        (value != "0").then(|| value.to_owned())
    })
}

#[test]
fn a_log_is_compared_with_the_states_also_while_a_server_writes_both() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path(), folder.path().join("log"));
    let server = Server::start_with(data, &SEGMENTS);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                pay(&server, 20);
            }
        });
        let looks: Vec<_> = (0..6).map(|_| verify(data)).collect();
        done.store(true, Ordering::Relaxed);
        for (exit, report) in looks {
            assert_eq!(exit, Some(0), "{report}");
        }
    });
    assert_eq!(server.stop(), Some(0));
    let (exit, report) = verify(data);
    let states = report["states"].as_array().unwrap();
    assert!(exit == Some(0) && !states.is_empty(), "{report}");
    assert!(states.iter().all(|state| state["applied"].is_u64()), "{report}");

    let early = data.join("early");
    copy(&log, &early);
    assert_eq!(Server::start_with(data, &SEGMENTS).stop(), Some(0));
    fs::remove_dir_all(&log).unwrap();
    fs::rename(&early, &log).unwrap();
    let (exit, report) = verify(data);
    assert_eq!(exit, Some(4), "{report}");
    for (number, state) in report["states"].as_array().unwrap().iter().enumerate() {
        let miss = &state["misses"][0];
        assert_eq!(
            (&miss["topic"], &miss["partition"]),
            (&"clausum.requests".into(), &number.into()),
            "{report}"
        );
        assert_eq!(miss["offset"], state["applied"]);
        assert!(miss["found"].as_str().unwrap().starts_with("nothing from "), "{miss}");
    }
    let serve =
        Command::new(binary()).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).output();
    assert_eq!(serve.unwrap().status.code(), Some(1), "what is told is what a server refuses");
}

#[test]
fn a_server_finds_damage_that_nobody_reads_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path(), folder.path().join("log"));
    let server = Server::start_with(data, &SEGMENTS);
    pay(&server, PAYMENTS);
    assert_eq!(server.stop(), Some(0));
    let server = Server::start_with(data, &SEGMENTS);
    let events: usize = metric(&server, "clausum_state_rows{kind=\"event\"}").parse().unwrap();
    assert_eq!(events, PAYMENTS);
    assert!(metric(&server, "clausum_log_scrubbed_bytes_total").parse::<u64>().unwrap() > 60_000);
    assert!(server.get("/metrics").1.contains("clausum_log_damaged_segments 0\n"));
    assert!(server.get("/api/v1/health").1.contains(r#""status":"ok""#));
    assert_eq!(server.stop(), Some(0));

    let mut bytes = fs::read(oldest(&log)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(oldest(&log), bytes).unwrap();
    let server = Server::start_with(data, &SEGMENTS);
    assert_eq!(metric(&server, "clausum_log_damaged_segments"), "1");
    let health = server.get("/api/v1/health");
    assert!(health.0 == 200 && health.1.contains(r#""status":"degraded""#), "{health:?}");
    assert_eq!(server.get("/health/readyz").0, 200);
    pay(&server, 5);
    assert_eq!(server.stop(), Some(0));
    let told = fs::read_to_string(data.join("stderr.txt")).unwrap();
    assert!(told.contains("00000000000000000001.segment is damaged at byte "), "{told}");
    assert_eq!(verify(data).0, Some(4));
}
