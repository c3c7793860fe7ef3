//! `clausum load --kafka` against a worker, on a broker of its own.

use crate::broker::Broker;
use crate::server::{binary, wait_for};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const KEY: &str = "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";

/// A worker on Kafka; killed when dropped.
struct Worker(Child);

impl Worker {
    fn start(bootstrap: &str, data: &Path) -> Self {
        let told = std::fs::File::create(data.join("stderr.txt")).unwrap();
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--kafka", bootstrap, "--data"]).arg(data);
        command.env("CLAUSUM__INSTALLATION__KEY", KEY);
        Self(command.stdout(Stdio::null()).stderr(told).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Exit code, standard output and standard error of a command on the broker.
fn run(broker: &Broker, arguments: &str) -> (Option<i32>, String, String) {
    let mut program = Command::new(binary());
    program.args(arguments.split_whitespace()).args(["--kafka", broker.bootstrap(), "--json"]);
    let output = program.env("CLAUSUM__INSTALLATION__KEY", KEY).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn done(broker: &Broker, arguments: &str) -> Value {
    let (exit, out, err) = run(broker, arguments);
    assert_eq!((exit, err.as_str()), (Some(0), ""), "{arguments}: {out}");
    serde_json::from_str(&out).unwrap()
}

/// Answers there are on the topic of decisions.
fn answers(broker: &Broker) -> u64 {
    let described = done(broker, "topics describe --single-node --bounds");
    let bounds = described["bounds"].as_array().unwrap().iter();
    let of_decisions = bounds.filter(|of| of["topic"] == "clausum.decisions");
    of_decisions.map(|of| of["end"].as_u64().unwrap()).sum()
}

#[test]
fn a_switch_is_answered_and_a_backlog_waits_for_its_worker() {
    let Some(broker) = Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    done(&broker, "topics create --single-node --partitions 3");
    let shops = ["A", "B"].map(|name| {
        let bootstrap = done(&broker, &format!("orgs create --name {name}"));
        bootstrap["organization_id"].as_str().unwrap().to_owned()
    });
    let worker = Worker::start(broker.bootstrap(), folder.path());
    let both = format!("--org {} --org {}", shops[0], shops[1]);
    let report = done(&broker, &format!("load {both} --rate 300 --duration 2s"));
    let due = report["due"].as_u64().unwrap();
    assert!(due > 400, "{report}");
    for count in [&report["answered"], &report["succeeded"], &report["log"]["acknowledged"]] {
        assert_eq!(*count, due, "{report}");
    }
    let decided = report["decisions"].as_object().unwrap().values();
    assert_eq!(decided.map(|count| count.as_u64().unwrap()).sum::<u64>(), due);
    let report = done(&broker, &format!("load --org {} --rate max --connections 50 --duration 1s", shops[0]));
    let closed = report["answered"].as_u64().unwrap();
    assert!(closed >= 50 && report["unanswered"] == 0, "{report}");
    assert_eq!(answers(&broker), due + closed);

    drop(worker);
    let report = done(&broker, &format!("load {both} --backlog 500 --lean"));
    assert_eq!((&report["log"]["acknowledged"], &report["answered"]), (&500.into(), &0.into()), "{report}");
    let _worker = Worker::start(broker.bootstrap(), folder.path());
    // A killed worker may write what it had written again, and the backlog is behind that.
    wait_for(|| (answers(&broker) >= due + closed + 500).then_some(()));
    let report = done(&broker, &format!("load {both} --rate 100 --duration 1s"));
    assert_eq!(report["answered"], report["due"], "{report}");
}

#[test]
fn nobody_is_asked_without_an_organization_or_a_broker() {
    let load = |arguments: &str| {
        let output = Command::new(binary()).arg("load").args(arguments.split_whitespace()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let organization = "5b1f9f0e-6a3c-4f0e-9a51-1d2c3b4a5f60";
    for (arguments, exit) in [
        ("--kafka 127.0.0.1:1".to_owned(), 2),
        (format!("--org {organization}"), 2),
        (format!("--kafka 127.0.0.1:1 --org {organization} --url http://h"), 2),
        ("--kafka 127.0.0.1:1 --org shop".to_owned(), 2),
        (format!("--kafka 127.0.0.1:1 --org {organization} --backlog 5 --rate 3"), 2),
        (format!("--kafka 127.0.0.1:1 --org {organization}"), 1),
    ] {
        let (found, told) = load(&arguments);
        assert_eq!(found, Some(exit), "{arguments}: {told}");
    }
}
