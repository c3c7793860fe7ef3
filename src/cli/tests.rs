//! The command line as people type it.

use super::assess::Arguments as Assess;
use super::*;
use clap::CommandFactory;
use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

/// What a command printed.
#[derive(Debug, Clone, Default)]
pub(super) struct Printed(Rc<RefCell<Vec<u8>>>);

impl Printed {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command line; its exit code, standard output and standard error.
pub(super) fn run_line(arguments: &[&str]) -> (u8, String, String) {
    let arguments: Vec<_> =
        std::iter::once("clausum").chain(arguments.iter().copied()).map(OsString::from).collect();
    let (cli, json) = super::parse(&arguments).unwrap();
    let (out, err) = (Printed::default(), Printed::default());
    let mut shell = Shell::of(Box::new(out.clone()), Box::new(err.clone()));
    shell.speak_json(json);
    let exit = dispatch(&cli, &mut shell).unwrap_or_else(|ending| ending.tell(&mut shell));
    (exit.code(), out.text(), err.text())
}

fn parse(line: &str) -> Result<Cli, String> {
    let words = std::iter::once("clausum").chain(line.split_whitespace());
    Cli::try_parse_from(words).map_err(|error| error.to_string())
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn help_tells_the_defaults_of_the_configuration_and_the_exit_codes() {
    let mut cli = Cli::command();
    let all = cli.render_help().to_string();
    let serve = cli.find_subcommand_mut("serve").unwrap().render_help().to_string();
    let default = |name| crate::node::KEYS.iter().find(|key| key.name == name).unwrap().default;
    assert!(all.contains(&format!("Data folder; {} unless configured", default("data"))), "{all}");
    assert!(serve.contains(&format!("{} unless configured", default("listen"))), "{serve}");
    for exit in [Exit::Done, Exit::Failed, Exit::Usage, Exit::Input, Exit::Checks, Exit::Interrupted] {
        assert!(all.contains(&format!(" {} ", exit.code())), "{all}");
    }
}

#[test]
fn what_people_type_is_understood() {
    let lines = [
        "serve",
        "serve --demo --listen 127.0.0.1:0 --data /tmp/x",
        "--data /tmp/x serve",
        "assess",
        "assess x.csv --map m.yaml --local --event-time --json",
        "assess x.json --url http://h --key clm_sk_x",
        "orgs create --name Tienda",
        "orgs create --name Tienda --type psp --locale es --json",
        "orgs list --json",
        "keys create --type server --org o --name n --permission assess --permission fraud:report --per-minute 5",
        "keys create --type checkout --org o --origin https://a.example --per-minute none --per-day 1000 --json",
        "keys list --org o",
        "keys revoke key_1",
        "keys disable key_1 --json",
        "keys enable key_1",
        "maintenance on",
        "maintenance show --json",
        "admin apply d.json --org o",
        "status --json",
        "partitions retry 3",
        "rules check a.yaml b.yaml --json",
        "rules test",
        "log cat requests --partition 3 --from 10 --limit 5 --json",
        "log cat clausum.dead_letters",
        "log verify --data /tmp/x",
        "log topics --json",
        "log replay --partition 3 --json",
        "store stats --data /tmp/x",
        "store verify --json",
        "store get --org 5b1f9f0e-6a3c-4f0e-9a51-1d2c3b4a5f60 --kind head --entity email --value a@b.c",
        "simulate --seed 7 --seeds 100",
        "load --rate 1000 --duration 5m --seed 3 --connections 64 --scenario card_testing",
        "load --rate max --connections 512 --threads 2 --json",
        "load --rate 800 --burst 14 --hdr a.hgrm --plot a.svg",
        "load --rate 800 --ramp 30s",
        "config check --config c.toml",
        "config check --json",
        "config show --json",
        "version --json",
    ];
    for line in lines {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line));
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let lines = [
        "",
        "fly",
        "assess x --event-time",
        "simulate --seeds 0",
        "assess x --local --url http://h",
        "load --rate fast",
        "load --rate -1",
        "load --rate 0",
        "load --duration 0s",
        "load --duration 25h",
        "load --ramp 5s --burst 14",
        "load --burst 0",
        "load --duration 5",
        "load --connections 0",
        "log cat everything",
        "store get --kind session --id ps_1",
        "store get --org x --kind session --id ps_1",
        "store get --org 5b1f9f0e-6a3c-4f0e-9a51-1d2c3b4a5f60 --kind everything",
        "log cat requests --partition 70000",
        "rules check",
        "orgs create",
        "orgs create --name x --type bank",
        "keys create --org o",
        "keys create --type server",
        "keys create --type server --org o --per-minute 0",
        "keys list",
        "maintenance",
        "admin apply",
        "partitions retry",
        "partitions retry 70000",
        "simulate --seeds many",
        "serve --no",
    ];
    for line in lines {
        assert!(parse(line).is_err(), "{line}");
    }
    assert!(Cli::try_parse_from(["clausum", "version", "--bad"]).unwrap_err().use_stderr());
    assert!(!Cli::try_parse_from(["clausum", "--help"]).unwrap_err().use_stderr());
}

#[test]
fn seeds_behind_the_last_number_are_none() {
    let last = u64::MAX.to_string();
    let (exit, out, err) = run_line(&["simulate", "--seed", &last, "--seeds", "2"]);
    assert_eq!((exit, out.as_str()), (2, ""));
    assert_eq!(err, format!("clausum: there are no 2 seeds from {last} on: the last one is {last}\n"));
}

#[test]
fn the_clock_of_a_server_does_not_follow_a_file() {
    for flags in ["--url http://127.0.0.1:1 --key k", "--url http://127.0.0.1:1", "--key k"] {
        // Neither is the file looked for, nor the server.
        let line = format!("assess /nowhere.csv --event-time {flags}");
        let exit = match parse(&line) {
            Err(_) => 2,
            Ok(_) => run_line(&line.split(' ').collect::<Vec<_>>()).0,
        };
        assert_eq!(exit, 2, "{line}");
    }
}

#[test]
fn flags_of_a_server_reach_the_configuration() {
    let cli = parse("assess x --url http://h --key k --data d").unwrap();
    assert_eq!(cli.place.data.as_deref(), Some(Path::new("d")));
    let Command::Assess(Assess { target, .. }) = cli.command else { panic!("assess") };
    assert_eq!(target.resolve(&Place::default()).unwrap().url, "http://h");
    let resolved = cli.place.resolve([Flag { name: "--listen", key: "listen", value: "x".to_owned() }]);
    let faults: Vec<_> = resolved.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["--listen: listen: must be an address with a port, such as 127.0.0.1:8080"]);
}

#[test]
fn a_server_nobody_named_is_that_of_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { data: Some(folder.path().to_owned()), config: None };
    let missing = target::Arguments::default().resolve(&place).unwrap_err();
    assert!(matches!(missing, Ending::Told(Exit::Usage, _)), "{missing:?}");
    let object = r#"{"base_url":"http://127.0.0.1:1","organization_id":"o","profile_id":"p","keys":{"server":"s","checkout":"c","ingest":"i"},"sign_in_link":null}"#;
    std::fs::write(folder.path().join("bootstrap.json"), object).unwrap();
    let found = target::Arguments::default().resolve(&place).unwrap();
    assert_eq!((found.url.as_str(), found.key.as_str()), ("http://127.0.0.1:1", "s"));
    let other = target::Arguments { url: Some("http://h".to_owned()), key: None }.resolve(&place).unwrap();
    assert_eq!((other.url.as_str(), other.key.as_str()), ("http://h", "s"));
}

#[test]
fn a_bootstrap_file_that_is_none_is_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.json");
    std::fs::write(&path, "{\"base_url\":").unwrap();
    let data = folder.path().to_str().unwrap();
    let told = format!("clausum: {}: is no bootstrap object: ", path.display());
    for line in ["assess", "load --duration 1ms"] {
        let line: Vec<_> = line.split(' ').chain(["--data", data]).collect();
        let (exit, _, err) = run_line(&line);
        assert_eq!(exit, 3, "{line:?}: {err}");
        assert!(err.starts_with(&told), "{line:?}: {err}");
    }
}

#[test]
fn the_shipped_cases_pass() {
    let (exit, out, _) = run_line(&["rules", "test"]);
    assert_eq!(exit, 0, "{out}");
    assert!(out.ends_with("cases, 0 failed\n"), "{out}");
}

fn pack(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack.yaml");
    std::fs::write(&path, text).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

const PACK: &str = "pack: acme\nflow: payin\nextends: clausum/payin\nrules:\n  - {id: us, name: US, when: payment_method.card_country == \"US\", action: review}\ncases:\n  - {name: foreign, request: {amount: 1500, currency: MXN, payment_method: {card_country: US}}, expect: {decision: review, rules: [us]}}\n";

#[test]
fn a_pack_is_checked_and_its_cases_are_run() {
    let (_folder, path) = pack(PACK);
    let (exit, out, err) = run_line(&["rules", "check", &path]);
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.contains("acme is valid: 1 rules, 1 cases"), "{out}");
    let (exit, out, err) = run_line(&["rules", "test", &path]);
    assert_eq!((exit, out.as_str()), (0, "1 cases, 0 failed\n"), "{err}");
}

#[test]
fn a_case_that_fails_ends_with_4_and_says_why() {
    let (_folder, path) = pack(&PACK.replace("{decision: review", "{decision: decline"));
    let (exit, out, _) = run_line(&["rules", "test", &path]);
    assert_eq!(exit, 4);
    let expected = "foreign: failed\n    decision: expected decline, found review\n1 cases, 1 failed\n";
    assert!(out.ends_with(expected), "{out}");
}

#[test]
fn a_pack_with_faults_ends_with_3_and_their_places() {
    let (_folder, path) = pack(&PACK.replace("payment_method.card_country ==", "payment_method.country =="));
    for command in ["check", "test"] {
        let (exit, out, err) = run_line(&["rules", command, &path]);
        assert_eq!(exit, 3, "{out}{err}");
        assert!(format!("{out}{err}").contains("pack.yaml:5:"), "{out}{err}");
    }
}

#[test]
fn a_pack_that_cannot_be_opened_keeps_no_other_from_being_told() {
    let (folder, path) = pack(&PACK.replace("payment_method.card_country ==", "payment_method.country =="));
    let latin = folder.path().join("latin.yaml");
    std::fs::write(&latin, b"pack: a\nname: caf\xe9\n").unwrap();
    for command in ["check", "test"] {
        let (exit, out, err) = run_line(&["rules", command, "/nowhere.yaml", latin.to_str().unwrap(), &path]);
        assert_eq!(exit, 3);
        assert!(err.starts_with("clausum: /nowhere.yaml: "), "{err}");
        assert!(err.contains("latin.yaml:2:10: is not UTF-8\n"), "{err}");
        assert!(format!("{out}{err}").contains("pack.yaml:5:"), "{out}{err}");
    }
}

#[test]
fn a_request_that_cannot_be_read_is_a_fault_of_the_pack() {
    let (_folder, path) = pack(&PACK.replace("amount: 1500, ", ""));
    let (exit, out, _) = run_line(&["rules", "check", &path]);
    assert_eq!(exit, 3);
    assert!(
        out.contains("pack.yaml:7:30: required: the request cannot be read: /amount is required"),
        "{out}"
    );
    let (exit, out, _) = run_line(&["rules", "test", &path]);
    assert_eq!(exit, 4, "{out}");
}

#[test]
fn a_folder_without_log_and_state_is_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for line in [["store", "stats", "--data", data], ["store", "verify", "--data", data]] {
        let (exit, _, err) = run_line(&line);
        assert_eq!(exit, 3, "{err}");
        assert!(err.contains("there is no state in"), "{err}");
    }
    for line in ["verify", "topics", "replay", "cat"].map(|what| ["log", what, "--data", data]) {
        let mut line = line.to_vec();
        if line[1] == "cat" {
            line.push("requests");
        }
        let (exit, _, err) = run_line(&line);
        assert_eq!(exit, 3, "{err}");
        assert!(err.contains("there is no log in"), "{err}");
    }
}

#[test]
fn a_log_is_shown_and_damage_is_told_with_file_and_byte() {
    use crate::base::position::{Partition, Topic, TopicPartition};
    use crate::log::Log;
    use crate::log::embedded::{EmbeddedLog, Options};
    use crate::wire::record::Builder;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let options = Options::new(folder.path().join("log"), 1);
    let clock = std::sync::Arc::new(crate::base::clock::SystemClock);
    let (log, _) = EmbeddedLog::open(&options, clock, &[]).unwrap();
    let to = TopicPartition::new(Topic::Requests, Partition(0));
    for number in 0..3 {
        let body = format!("{{\"n\": {number}}}");
        let record = Builder::new(b"key", Some(body.as_bytes())).unwrap().finish();
        log.append(to, vec![record], Box::new(|done| assert!(done.is_ok()))).unwrap();
    }
    log.close();
    drop(log);
    let (exit, out, _) =
        run_line(&["log", "cat", "requests", "--from", "1", "--limit", "1", "--json", "--data", data]);
    assert_eq!(exit, 0);
    assert!(out.contains(r#""position":"0:1""#) && out.ends_with("\"value\":{\"n\": 1}}\n"), "{out}");
    let (exit, out, _) = run_line(&["log", "verify", "--data", data]);
    assert_eq!(exit, 0, "{out}");
    assert!(out.contains("clausum.requests-0") && out.ends_with("no damage\n"), "{out}");
    states_are_compared(data);

    let (exit, out, _) = run_line(&["log", "topics", "--data", data]);
    let words: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(exit, 0, "{out}");
    let head = ["PARTITION", "START", "END", "RECORDS", "BYTES", "SEGMENTS", "OLDEST", "NEWEST"];
    assert_eq!((&words[0][..], words.len()), (&head[..], 2), "what holds nothing is left out: {out}");
    assert_eq!(words[1][..4], ["clausum.requests-0", "0", "3", "3"]);
    assert!(words[1][5] == "1" && words[1][6] <= words[1][7] && words[1][7].ends_with('Z'), "{out}");
    let (_, out, _) = run_line(&["log", "topics", "--json", "--data", data]);
    let all: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(all["topics"].as_array().unwrap().len(), 4, "{out}");
    assert_eq!(all["topics"][1]["oldest"], serde_json::Value::Null, "{out}");

    let segment = folder.path().join("log/00000000000000000001.segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"{\"n\": ").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (exit, out, _) = run_line(&["log", "verify", "--data", data]);
    assert_eq!(exit, 4, "{out}");
    assert!(out.contains("00000000000000000001.segment: damaged at byte "), "{out}");
    let (exit, out, err) = run_line(&["log", "topics", "--data", data]);
    assert_eq!(exit, 4, "{out}");
    assert!(err.contains("00000000000000000001.segment: damaged at byte "), "{err}");
}

/// `log verify` of a log of three records without genesis, beside a state.
fn states_are_compared(data: &str) {
    use crate::base::hash::crc32;
    use crate::base::position::{Offset, Partition};
    use crate::shard::core::{Applied, Core};
    use crate::store::Store;
    use crate::store::rocks::{Options, Resources, RocksStore};
    use crate::wire::record::Builder;
    use crate::worker::checkpoint::Meta;
    let state = crate::node::Data::new(data.into()).state(Partition(0));
    std::fs::create_dir_all(&state).unwrap();
    let last = Builder::new(b"key", Some(b"{\"n\": 2}")).unwrap().finish();
    for (body, exit) in [(&*last, 0), (b"another", 4)] {
        let applied = Some(Applied { offset: Offset(2), checksum: crc32(&[body]) });
        let meta = Meta { core: Core { applied, ..Core::default() }, outputs: [None; 3] };
        let store = RocksStore::open(&state, &Resources::default(), &Options::default()).unwrap();
        store.commit(Vec::new(), &meta.encode()).unwrap();
        drop(store);
        let (found, out, _) = run_line(&["log", "verify", "--data", data]);
        assert_eq!(found, exit, "{out}");
        let stands = out.ends_with("states that stand on this log: 1\nno damage\n");
        let told = format!("{}: stands on offset 2 of clausum.requests-0: it knows ", state.display());
        assert_eq!((stands, out.contains(&told)), (exit == 0, exit == 4), "{out}");
        let (found, out, _) = run_line(&["log", "verify", "--json", "--data", data]);
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let misses = &report["states"][0]["misses"];
        assert_eq!((found, misses.as_array().unwrap().len()), (exit, usize::from(exit == 4)), "{out}");
        assert_eq!(report["states"][0]["applied"], 2);
    }
    std::fs::remove_dir_all(state).unwrap();
}

#[test]
fn without_a_server_its_commands_fail_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let document = folder.path().join("d.json");
    std::fs::write(&document, "{}").unwrap();
    let apply = format!("admin apply {}", document.display());
    let lines = ["orgs list", "keys list --org o", "maintenance on", "status", "partitions retry 0", &apply];
    for line in lines {
        let line: Vec<_> = line.split(' ').chain(["--data", data]).collect();
        let (exit, out, err) = run_line(&line);
        assert_eq!((exit, out.as_str()), (1, ""), "{line:?}");
        let told = format!("clausum: no server runs on {data}: start one with `clausum serve --data {data}`");
        assert!(err.starts_with(&told), "{err}");
    }
    // A file that cannot be read is bad input, server or not.
    let (exit, _, err) = run_line(&["admin", "apply", "/nowhere.json", "--data", data]);
    assert_eq!(exit, 3);
    assert!(err.starts_with("clausum: /nowhere.json: "), "{err}");
}

#[test]
fn the_configuration_is_checked_whole_and_shown_with_its_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let config = path.to_str().unwrap();
    std::fs::write(&path, "listen = 1\npartitons = 2\n").unwrap();
    let (exit, out, err) = run_line(&["config", "check", "--config", config]);
    assert_eq!((exit, out.as_str()), (3, ""));
    let expected = [
        format!("clausum: {config}:2:1: partitons: is no key; did you mean `partitions`?"),
        format!("clausum: {config}:1:1: listen: must be a string, not a number"),
    ];
    assert_eq!(err.lines().collect::<Vec<_>>(), expected);
    let (exit, out, err) = run_line(&["config", "check", "--json", "--config", config]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    let fault = serde_json::json!({"place": format!("{config}:1:1"), "field": "listen",
        "message": "must be a string, not a number"});
    assert_eq!((exit, err.as_str(), &told["error"]["exit"]), (3, "", &3.into()));
    assert_eq!(told["error"]["faults"][1], fault);
    let key = "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
    std::fs::write(&path, format!("partitions = 2\n[installation]\nkey = '{key}'\n")).unwrap();
    assert_eq!(run_line(&["config", "check", "--config", config]).0, 0);
    let (exit, out, _) = run_line(&["config", "check", "--json", "--config", config]);
    assert_eq!((exit, out.as_str()), (0, "{\"valid\":true}\n"));
    for line in [&["config", "show", "--config", config, "--data", "d"][..], &["config", "show", "--json"]] {
        let line = if line.len() == 3 {
            [line, &["--config", config, "--data", "d"]].concat()
        } else {
            line.to_vec()
        };
        let (exit, out, _) = run_line(&line);
        assert_eq!(exit, 0);
        assert!(out.contains("(given)") && !out.contains(key), "{out}");
        for place in ["--data", "default", &format!("{config}:1:1"), &format!("{config}:3:1")] {
            assert!(out.contains(place), "{place} is not in {out}");
        }
    }
}

#[test]
fn a_secret_in_a_url_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    let config = path.to_str().unwrap();
    let text = "base_url = 'https://user:SECRET@host'\narchive.url = 's3://AKIA:SECRET@bucket/x'\n";
    std::fs::write(&path, text).unwrap();
    for json in [None, Some("--json")] {
        let line = ["config", "show", "--config", config].into_iter().chain(json);
        let (exit, out, _) = run_line(&line.collect::<Vec<_>>());
        assert_eq!(exit, 0);
        assert!(!out.contains("SECRET"), "{out}");
        assert!(out.contains("https://***@host") && out.contains("s3://***@bucket/x"), "{out}");
    }
}

#[test]
fn a_refusal_is_json_where_json_is_asked_for() {
    let (exit, out, err) = run_line(&["rules", "check", "/nowhere.yaml", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, err.as_str(), &told["file"]), (3, "", &"/nowhere.yaml".into()));
    assert!(told["diagnostics"][0]["message"].as_str().unwrap().starts_with("/nowhere.yaml: "));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    for (line, exit, message) in [
        (&["status"][..], 1, "no server runs on "),
        (&["assess", "/nowhere.json", "--local"], 3, "/nowhere.json: "),
        (&["load"], 2, "--url and --key are missing, and "),
        (
            &["load", "--url", "https://h", "--key", "k"],
            2,
            "`https://h`: this command speaks plain HTTP only; ",
        ),
    ] {
        let (code, out, err) = run_line(&[line, &["--json", "--data", data]].concat());
        let told: serde_json::Value =
            serde_json::from_str(&out).unwrap_or_else(|_| panic!("{line:?}: {out}{err}"));
        let said = told["error"]["faults"][0]["message"].as_str().unwrap();
        assert_eq!((code, &told["error"]["exit"], err.as_str()), (exit, &exit.into(), ""), "{line:?}");
        assert!(said.starts_with(message), "{line:?}: {said}");
        let (code, out, err) = run_line(&[line, &["--data", data]].concat());
        assert_eq!((code, out.as_str(), err), (exit, "", format!("clausum: {said}\n")), "{line:?}");
    }
}
