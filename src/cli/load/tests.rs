//! `clausum load` against a server that does what a test wants.

use super::show;
use crate::cli::tests::run_line;
use crate::load::Second;
use crate::load::answerer::{APPROVED, serve};
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Runs `clausum load` with these flags against `url`; its exit code and its JSON.
fn load(url: &str, flags: &str) -> (u8, Value) {
    let line = format!("load --url {url} --key k --json {flags}");
    let (exit, out, err) = run_line(&line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(err, "", "nothing is shown where nobody watches");
    (exit, serde_json::from_str(&out).unwrap())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn every_request_that_was_due_is_accounted_for() {
    let (url, accepted) = serve(|number| match number % 10 {
        0 => Some((503, "{}".to_owned())),
        1 => None,
        _ => Some((200, APPROVED.to_owned())),
    });
    let (exit, report) = load(&url, "--rate 2000 --duration 300ms --connections 8");
    assert_eq!(exit, 0, "{report}");
    let due = number(&report["due"]);
    assert!((400..800).contains(&due), "{due} in 300 ms at 2000 a second");
    let (ok, busy) = (number(&report["statuses"]["200"]), number(&report["statuses"]["503"]));
    let broken = number(&report["failures"]["broken"]);
    assert_eq!(ok + busy + broken, due, "{report}");
    assert_eq!(number(&report["decisions"]["approve"]), ok);
    assert!(busy.abs_diff(broken) <= 1 && busy > 30, "a tenth each: {report}");
    let accepted = accepted.load(Ordering::Relaxed);
    assert!(
        accepted > broken && accepted <= 8 + broken,
        "only what broke is made again: {accepted}, {report}"
    );
}

#[test]
fn a_closed_loop_is_called_one_and_corrects_nothing() {
    let (url, accepted) = serve(|_| Some((200, APPROVED.to_owned())));
    let (exit, report) = load(&url, "--rate max --duration 200ms --connections 4");
    assert_eq!(exit, 0, "{report}");
    assert_eq!((&report["loop"], &report["latency_us"]), (&Value::from("closed"), &Value::Null));
    assert!(number(&report["answered"]) > 0, "{report}");
    assert_eq!((&report["due"], &report["error"]), (&report["answered"], &Value::Null));
    assert_eq!(accepted.load(Ordering::Relaxed), 4, "each keeps its connection");
    let line = format!("load --url {url} --key k --rate max --duration 100ms");
    let (_, out, _) = run_line(&line.split(' ').collect::<Vec<_>>());
    assert!(out.contains("closed loop: ") && !out.contains("DUE"), "{out}");
}

#[test]
fn files_hold_what_the_report_says() {
    let (url, _) = serve(|_| Some((200, APPROVED.to_owned())));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (hgrm, svg) = (path("a.hgrm"), path("a.svg"));
    let flags = format!("--rate 1000 --duration 200ms --burst 14 --hdr {hgrm} --plot {svg}");
    let (exit, report) = load(&url, &flags);
    assert_eq!(exit, 0);
    let hgrm = std::fs::read_to_string(hgrm).unwrap();
    let total = format!("Total count    = {:12}]", number(&report["answered"]));
    assert!(hgrm.contains(&total), "{total}\n{hgrm}");
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.contains("1000 requests a second, bursts of 14:1, 64 connections, mixed, seed 1"), "{svg}");
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_sent() {
    let (url, accepted) = serve(|_| Some((200, APPROVED.to_owned())));
    let run = |more: &[&str]| {
        run_line(&[&["load", "--url", &url, "--key", "k", "--duration", "50ms"], more].concat())
    };
    let (exit, out, err) = run(&["--hdr", "/nowhere/a.hgrm", "--plot", "/nowhere/a.svg"]);
    assert_eq!((exit, out.as_str(), err.lines().count()), (3, "", 2), "{err}");
    assert!(err.contains("clausum: /nowhere/a.hgrm: ") && err.contains("clausum: /nowhere/a.svg: "), "{err}");
    assert_eq!(accepted.load(Ordering::Relaxed), 0);
    // Nothing is left of a run that was none, and nothing is lost by it.
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
    std::fs::write(&old, "kept").unwrap();
    let [hdr, plot] = [&old, &new].map(|path| path.to_str().unwrap());
    let nobody = ["load", "--url", "http://127.0.0.1:1", "--key", "k", "--hdr", hdr, "--plot", plot];
    assert_eq!(run_line(&nobody).0, 1);
    assert_eq!((std::fs::read_to_string(&old).unwrap().as_str(), new.exists()), ("kept", false));
    assert_eq!(run(&["--rate", "max", "--hdr", hdr]).0, 0);
    assert!(!std::fs::read_to_string(&old).unwrap().contains("kept"));
}

#[test]
fn a_run_without_a_success_failed_and_says_so() {
    let (url, _) = serve(|_| Some((401, "{}".to_owned())));
    let (exit, report) = load(&url, "--rate max --duration 50ms --connections 1");
    assert_eq!((exit, &report["error"]), (1, &Value::from("no request was answered with 2xx")));
    assert_eq!((&report["succeeded"], &report["other_than_2xx"]), (&Value::from(0), &report["answered"]));
    let line = format!("load --url {url} --key k --rate max --duration 50ms");
    let (exit, out, err) = run_line(&line.split(' ').collect::<Vec<_>>());
    assert_eq!((exit, err.as_str()), (1, "clausum: no request was answered with 2xx\n"));
    assert!(out.contains("HTTP 401") && out.contains(" answers were other than 2xx, and are among"), "{out}");
}

#[test]
fn what_cannot_be_run_is_refused_with_its_reason() {
    let (exit, _, err) = run_line(&["load", "--url", "http://h", "--key", "k", "--scenario", "mule"]);
    assert_eq!(
        (exit, err.as_str()),
        (2, "clausum: the scenario `mule` is one of payouts, which are yet to come\n")
    );
    let (exit, _, err) =
        run_line(&["load", "--url", "http://h", "--key", "k", "--rate", "max", "--burst", "14"]);
    assert_eq!((exit, err.as_str()), (2, "clausum: --ramp and --burst change a rate, and `max` has none\n"));
    let (exit, _, err) = run_line(&["load", "--url", "https://h", "--key", "k"]);
    assert_eq!(exit, 2);
    assert!(err.starts_with("clausum: `https://h`: this command speaks plain HTTP only"), "{err}");
    let (exit, _, err) = run_line(&["load", "--url", "http://127.0.0.1:1", "--key", "k"]);
    assert_eq!(exit, 1);
    assert!(err.starts_with("clausum: no connection: "), "{err}");
}

#[test]
fn a_row_of_the_growing_table_stands_under_its_head() {
    let ms = Duration::from_millis;
    let second = Second {
        end: ms(12_000),
        length: ms(1_000),
        due: 5_003,
        answered: 4_998,
        errors: 1,
        in_flight: 5,
        p50: ms(1),
        p99: ms(12),
        max: ms(1_204),
    };
    let still = Second { answered: 0, ..second };
    let table = [show::live_head(0).unwrap().to_owned(), show::live(&second), show::live(&still)];
    let expected = [
        "  second       due/s  answered/s  in flight         p50         p99         max  errors",
        "      12        5003        4998          5     1.00 ms    12.00 ms  1204.00 ms       1",
        "      12        5003           0          5           -           -           -       1",
    ];
    assert_eq!(table, expected);
    assert_eq!((show::live_head(1), show::live_head(20).is_some()), (None, true));
}
