//! What an operator does to a running server, from its command line.

use crate::server::{Server, binary, wait_for};
use clausum::base::clock::{Clock, SystemClock};
use clausum::base::time::Ms;
use clausum::store::rocks::{Options, Resources, RocksStore};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const BODY: &[u8] = br#"{"amount":77700,"currency":"MXN","email":"ana@example.com"}"#;

/// Exit code, standard output and standard error of a command on a data folder.
fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary()).args(arguments).arg("--data").arg(data).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What a command that is to be done printed.
fn done(data: &Path, arguments: &[&str]) -> String {
    let (exit, out, err) = run(data, arguments);
    assert_eq!(exit, Some(0), "{arguments:?}: {out}{err}");
    out
}

fn json(data: &Path, arguments: &[&str]) -> Value {
    let out = done(data, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

/// The status of a payment, and its decision or the code of its error.
fn assess(server: &Server, key: &str) -> (u16, String) {
    let answer = server.connect_as(key).unwrap().assess(None, BODY).unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let word = body["decision"].as_str().or(body["error"]["code"].as_str());
    (answer.status, word.unwrap().to_owned())
}

fn status(server: &Server, key: &str) -> u16 {
    assess(server, key).0
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn an_organization_is_made_and_its_keys_live_and_die() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut server = Server::start(data);
    let made: Value =
        serde_json::from_str(&done(data, &["orgs", "create", "--name", "Banco Uno", "--type", "banco"]))
            .unwrap();
    let org = made["organization_id"].as_str().unwrap().to_owned();
    assert_eq!(made["base_url"], server.bootstrap["base_url"]);
    assert_ne!(made["organization_id"], server.bootstrap["organization_id"]);
    let orgs = json(data, &["orgs", "list"]);
    let found = orgs.as_array().unwrap().iter().find(|one| one["id"] == *org).unwrap();
    assert_eq!((&found["name"], &found["organization_type"]), (&"Banco Uno".into(), &"banco".into()));
    for kind in ["server", "checkout"] {
        assert_eq!(status(&server, made["keys"][kind].as_str().unwrap()), 200, "{kind}");
    }

    let create = ["keys", "create", "--type", "server", "--org", &org, "--per-minute", "none"];
    let key = done(data, &create).trim().to_owned();
    assert!(key.starts_with("clm_sk_"), "{key}");
    assert_eq!(status(&server, &key), 200);
    assert!(!holds(data, &key), "its text is nowhere in the data folder");
    let keys = json(data, &["keys", "list", "--org", &org]);
    assert_eq!(keys.as_array().unwrap().len(), 4);
    let id = keys[3]["id"].as_str().unwrap().to_owned();
    assert_eq!((&keys[3]["status"], &keys[3]["rate_limit_per_minute"]), (&"active".into(), &Value::Null));
    assert!(id.starts_with("key_") && id.len() == 30, "{id}");

    // What is acknowledged is in force: no later than the next request.
    for (command, shown, expected) in
        [("disable", "disabled", 401), ("enable", "active", 200), ("revoke", "revoked", 401)]
    {
        assert_eq!(done(data, &["keys", command, &id]), format!("{id} is {shown}\n"));
        let acknowledged = Instant::now();
        assert_eq!(status(&server, &key), expected, "{command}");
        assert!(acknowledged.elapsed() < Duration::from_secs(1));
    }
    let (exit, _, err) = run(data, &["keys", "enable", &id]);
    assert_eq!(exit, Some(3));
    assert!(err.contains("revoked for good"), "{err}");
    server.kill();
    let server = Server::start(data);
    assert_eq!(status(&server, &key), 401, "also after a restart");
    assert_eq!(json(data, &["keys", "list", "--org", &org])[3]["status"], "revoked");

    let soon = SystemClock.now().plus(2_000);
    let until = ["keys", "create", "--type", "server", "--org", &org, "--per-minute", "none", "--expires-at"];
    let made = json(data, &[&until[..], &[&soon.to_string()]].concat());
    let key = made["key"].as_str().unwrap();
    assert_eq!(status(&server, key), 200);
    wait_for(|| (status(&server, key) == 401).then_some(()));
    assert!(SystemClock.now() >= soon, "not before its time");
    let keys = json(data, &["keys", "list", "--org", &org]);
    let shown = keys.as_array().unwrap().iter().find(|one| one["id"] == made["id"]).unwrap();
    assert_eq!(shown["status"], "expired");
    assert_eq!(Ms::parse_rfc3339(shown["expires_at"].as_str().unwrap()), Some(soon));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_is_wrong_with_a_key_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data);
    let org = server.bootstrap["organization_id"].as_str().unwrap();
    let line = ["keys", "create", "--type", "server", "--expires-at", "1999-01-01T00:00:00Z"];
    let more = ["--org", org, "--permission", "fly", "--origin", "https://a.example", "--name", " "];
    let (exit, out, err) = run(data, &[&line[..], &more[..]].concat());
    assert_eq!((exit, out.as_str()), (Some(3), ""), "{err}");
    for expected in [
        "name: must not be empty",
        "expires_at: must be in the future",
        "allowed_origins: is of checkout",
        "permissions: `fly`",
    ] {
        assert!(err.contains(expected), "{err}");
    }
    let (exit, _, err) = run(data, &["keys", "list", "--org", "nobody"]);
    assert_eq!(exit, Some(3));
    assert!(err.starts_with("clausum: organization_id: there is no organization"), "{err}");
    assert_eq!(run(data, &["keys", "revoke", "key_0"]).0, Some(3));
    assert_eq!(server.stop(), Some(0));
    assert!(!data.join("admin.sock").exists());
    assert_eq!(run(data, &["orgs", "list"]).0, Some(1), "nobody is there any more");
}

#[test]
fn maintenance_survives_a_restart_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mut server = Server::start(data);
    let key = server.key("server").to_owned();
    assert_eq!(done(data, &["maintenance", "show"]), "maintenance is off\n");
    let told = done(data, &["maintenance", "on"]);
    assert!(told.starts_with("maintenance is on since 20"), "{told}");
    let maintained = |server: &Server| {
        assert_eq!(assess(server, &key), (503, "ASSESS_MAINTENANCE".to_owned()));
        let (status, body) = server.get("/api/v1/health");
        assert_eq!(status, 200);
        assert!(body.starts_with(r#"{"status":"maintenance","#), "{body}");
    };
    maintained(&server);
    server.kill();
    let mut server = Server::start(data);
    maintained(&server);
    assert_eq!(done(data, &["maintenance", "on"]), told, "it began when it began");
    assert_eq!(json(data, &["status"])["maintenance"]["on"], true);
    assert_eq!(done(data, &["maintenance", "off"]), "maintenance is off\n");
    assert_eq!(status(&server, &key), 200);
    server.kill();
    let server = Server::start(data);
    assert_eq!(status(&server, &key), 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_document_is_applied_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(data);
    let key = server.key("server").to_owned();
    let org = server.bootstrap["organization_id"].as_str().unwrap().to_owned();
    let file = data.join("document.json");
    let path = file.to_str().unwrap();
    let document = |review: i64, list: &str| {
        format!(
            r#"{{"organization":"{org}",
              "scoring":{{"payin":{{"thresholds":{{"review":{review}}}}}}},
              "lists":{{"{list}":["com"]}},
              "packs":{{"payin":{{"pack":"acme","flow":"payin","extends":"clausum/payin",
                "rules":[{{"id":"lucky","name":"Lucky","when":"amount == 77700","action":"block"}}]}}}}}}"#
        )
    };
    std::fs::write(&file, document(60, "shoes")).unwrap();
    let (exit, out, err) = run(data, &["admin", "apply", path]);
    assert_eq!((exit, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("clausum: /scoring/payin/thresholds: must be"), "{err}");
    assert!(err.contains("clausum: /lists/shoes: is no list"), "{err}");
    assert_eq!(err.lines().count(), 2, "{err}");
    assert_eq!(assess(&server, &key), (200, "approve".to_owned()), "nothing was applied");

    std::fs::write(&file, document(20, "suspicious_tlds")).unwrap();
    let told = done(data, &["admin", "apply", path, "--org", &org]);
    assert!(told.starts_with("scoring of payin: version 1\npack of payin: version 1, sha256 "), "{told}");
    assert!(told.ends_with("list suspicious_tlds: 1 entries\n"), "{told}");
    assert_eq!(assess(&server, &key), (200, "decline".to_owned()));

    std::fs::write(&file, r#"{"packs":{"payin":null}}"#).unwrap();
    let (exit, _, err) = run(data, &["admin", "apply", path]);
    assert_eq!(exit, Some(3));
    assert!(err.contains("/organization: must be named"), "{err}");
    let told = json(data, &["admin", "apply", path, "--org", &org]);
    assert_eq!(told["packs"]["payin"], serde_json::json!({"version": 2, "sha256": null}));
    assert_ne!(assess(&server, &key).1, "decline");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_parked_partition_says_why_and_is_tried_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert_eq!(Server::start(data).stop(), Some(0));
    // Somebody else has the state open.
    let state = data.join("state").join("2");
    let held = RocksStore::open(&state, &Resources::default(), &Options::default()).unwrap();
    let server = Server::start(data);
    let parked = |status: &Value| status["partitions"][2]["phase"] == "parked";
    let status = wait_for(|| Some(json(data, &["status"])).filter(parked));
    assert!(
        status["partitions"][2]["failure"].as_str().unwrap().contains("open in another process"),
        "{status}"
    );
    assert_eq!(status["partitions"][1]["phase"], "running");
    let (code, said) = server.get("/health/readyz");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &status["ready"], &status["reasons"]), (503, &false.into(), &said["reasons"]));
    let shown = done(data, &["status"]);
    assert!(shown.lines().any(|line| line.starts_with("partition 2: poisoned: ")), "{shown}");
    assert!(
        shown.contains(", not ready\n") && shown.contains("\nnot ready: partition 2 is not deciding\n"),
        "{shown}"
    );
    let (exit, _, err) = run(data, &["partitions", "retry", "1"]);
    assert_eq!(exit, Some(3));
    assert!(err.contains("partition 1 is running: it waits for nothing"), "{err}");
    assert_eq!(run(data, &["partitions", "retry", "9"]).0, Some(3));
    drop(held);
    done(data, &["partitions", "retry", "2"]);
    let running = |status: &Value| status["partitions"][2]["phase"] == "running";
    let status = wait_for(|| Some(json(data, &["status"])).filter(running));
    assert_eq!(status["partitions"][2]["failure"], Value::Null);
    assert_eq!((&status["ready"], &status["reasons"]), (&true.into(), &serde_json::json!([])));
    assert_eq!(server.stop(), Some(0));
}
