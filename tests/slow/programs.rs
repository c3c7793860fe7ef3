//! The program from a person's hand: files of payments, bodies of every kind.

use crate::server::{Server, binary};
use crate::shared;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

#[test]
fn the_published_payments_are_decided_or_refused_with_a_reason() {
    let Some(file) = shared::file("aws-fraud-detector/transaction_data_2K_coldstart.csv") else { return };
    let map = "deploy/maps/aws-fraud-detector.yaml";
    let file = file.to_str().unwrap();
    let output = run(&["assess", file, "--map", map, "--local", "--event-time"]);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("1611") || text.contains("1,611"), "{text}");
}

/// How `serve` on a folder ends that it should not run on: its code and its last line.
fn refused(data: &Path) -> (Option<i32>, String) {
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), told.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn a_bootstrap_file_that_is_none_is_bad_input_before_anything_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bootstrap.json"), "{\"base_url\":").unwrap();
    let (exit, told) = refused(folder.path());
    let expected = format!("clausum: {}/bootstrap.json: is no bootstrap object: ", folder.path().display());
    assert_eq!(exit, Some(3), "{told}");
    assert!(told.starts_with(&expected), "{told}");
    assert!(!folder.path().join("log/log.meta").exists());
}

#[test]
fn what_is_missing_or_in_the_wrong_place_is_bad_input_and_put_right_it_serves_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Server::start(folder.path()).stop(), Some(0));
    let [zero, one, aside] = ["0", "1", "aside"].map(|name| folder.path().join("state").join(name));
    let swap = || {
        std::fs::rename(&zero, &aside).unwrap();
        std::fs::rename(&one, &zero).unwrap();
        std::fs::rename(&aside, &one).unwrap();
    };
    swap();
    let (exit, told) = refused(folder.path());
    assert_eq!(exit, Some(3), "{told}");
    for (state, whose, not) in [(&zero, 1, 0), (&one, 0, 1)] {
        let expected = format!("{} is the state of partition {whose}, not of {not}", state.display());
        assert!(told.contains(&expected), "{told}");
    }
    swap();
    let key = folder.path().join("installation.key");
    std::fs::rename(&key, folder.path().join("key")).unwrap();
    let (exit, told) = refused(folder.path());
    assert_eq!(exit, Some(3), "{told}");
    assert!(told.contains("installation.key: is missing") && !key.exists(), "{told}");
    std::fs::rename(folder.path().join("key"), &key).unwrap();
    let server = Server::start(folder.path());
    let answer = server.connect().unwrap().assess(None, br#"{"amount":1,"currency":"MXN"}"#).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn every_body_of_the_parsing_suite_gets_an_answer() {
    let Some(cases) = shared::unzipped("json-parsing/cases.jsonl.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut client = server.connect().unwrap();
    let mut counts = [0; 2];
    for case in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(case).unwrap();
        let body = base64(case["base64"].as_str().unwrap());
        let answer = client.assess(None, &body).unwrap();
        if body.len() > 65_536 {
            assert_eq!(answer.status, 413, "beyond the limit of a body");
            client = server.connect().unwrap();
            continue;
        }
        let text = String::from_utf8(answer.body).unwrap();
        match answer.status {
            200 => counts[0] += 1,
            400 => {
                let error: serde_json::Value = serde_json::from_str(&text).unwrap();
                let fields = &error["error"]["details"]["fields"];
                assert!(fields.as_array().is_some_and(|fields| !fields.is_empty()), "{text}");
                counts[1] += 1;
            }
            status => panic!("{status} for {}", case["name"]),
        }
    }
    assert!(counts[1] > 100, "{counts:?}");
    let good = client.assess(None, br#"{"amount":1,"currency":"MXN"}"#).unwrap();
    assert_eq!(good.status, 200, "the server goes on");
    assert_eq!(server.stop(), Some(0));
}

/// Standard base64; the suite's bodies need nothing more.
fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = ALPHABET.iter().position(|letter| *letter == byte).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    out
}
