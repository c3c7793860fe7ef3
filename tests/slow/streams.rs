//! Kafka in, Kafka out: what a switch sends to a real broker, and what becomes of it by the contract's section 18.

use crate::server::wait_for;
use crate::site::{LIMIT, PARTITIONS, Record, Site, Switch, clausum, envelope};
use rdkafka::producer::Producer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

const OTHER_KEY: &str = "AQcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const PAYMENT: &str = r#"{"amount":150000,"currency":"MXN","email":"ana@example.mx"}"#;

/// Something that was sent: where it landed, the status of its answer if it is to have one, and the code of its dead
/// letter if it is to be one.
type Sent = ((i32, i64), Option<u16>, Option<&'static str>);

/// What is sent, each behind the one before.
struct Sending<'s> {
    site: &'s Site,
    switch: &'s Switch,
    sent: Vec<Sent>,
}

impl Sending<'_> {
    fn expect(&mut self, at: (i32, i64), status: Option<u16>, code: Option<&'static str>) {
        self.sent.push((at, status, code));
    }

    /// Of its home partition: answers and dead letters due.
    fn due(&self) -> (usize, usize) {
        let home = || self.sent.iter().filter(|sent| sent.0.0 == self.site.home);
        (home().filter(|sent| sent.1.is_some()).count(), home().filter(|sent| sent.2.is_some()).count())
    }

    /// By every codec, as a repeat, as another request under the same id, and with bodies that are none.
    fn bodies(&mut self) {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let packed = Switch::new(self.site, &[("compression.type", codec), ("linger.ms", "5")]);
            self.expect(packed.assess(&format!("codec-{codec}"), PAYMENT), Some(200), None);
        }
        let switch = self.switch;
        self.expect(switch.assess("pay-1", PAYMENT), Some(200), None);
        self.expect(switch.assess("pay-1", &PAYMENT.replace("150000", "7")), Some(409), None);
        self.expect(switch.assess("bad-amount", r#"{"amount":-1,"currency":"MXN"}"#), Some(400), None);
        self.expect(switch.assess("no-json", "{\"amount\": 5,"), Some(400), Some("not_json"));
        self.expect(switch.send(None, &envelope("tombstone")), Some(400), Some("not_json"));
        self.expect(switch.send(Some(b""), &envelope("empty")), Some(400), Some("not_json"));
    }

    /// With headers that are missing, doubled, in another case, or not a sender's to write.
    fn headers(&mut self) {
        let switch = self.switch;
        for name in ["ce_specversion", "ce_id", "ce_source", "ce_type"] {
            let headers = but(name, None);
            self.expect(switch.send(Some(PAYMENT.as_bytes()), &headers), None, Some("bad_envelope"));
        }
        let mut twice = envelope("twice");
        twice.push(("ce_id", b"again"));
        self.expect(switch.send(Some(PAYMENT.as_bytes()), &twice), None, Some("bad_envelope"));
        let mut upper = but("ce_id", None);
        upper.push(("CE_ID", b"upper"));
        self.expect(switch.send(Some(PAYMENT.as_bytes()), &upper), None, Some("bad_envelope"));
        let unknown = but("ce_type", Some(b"clausum.refund.v9"));
        self.expect(switch.send(Some(b"{}"), &unknown), None, Some("unknown_type"));
        let reserved = but("ce_type", Some(b"clausum.internal.announce.v1"));
        let stolen = br#"{"worker":"thief","nonce":"n","engines":[1]}"#;
        self.expect(switch.send(Some(stolen), &reserved), None, Some("reserved_type"));
        // Headers of ours that are a stranger's count as absent.
        let mut forged = envelope("forged");
        forged.push(("clausum-precheck", b"true"));
        forged.push(("clausum-reply-to", b"somebody"));
        self.expect(switch.send(Some(PAYMENT.as_bytes()), &forged), Some(200), None);
    }

    /// With keys that name nobody.
    fn keys(&mut self) {
        let (switch, home) = (self.switch, Some(self.site.home));
        let code = Some("unknown_organization");
        self.expect(switch.raw(home, None, Some(PAYMENT.as_bytes()), &envelope("no-key")), None, code);
        self.expect(switch.raw(home, Some(b"acme"), Some(b"{}"), &envelope("acme")), None, code);
    }

    /// Transactions are not looked at: what was aborted is decided like what was committed.
    fn transactions(&mut self) {
        let transactional = Switch::new(self.site, &[("transactional.id", "switch-7")]);
        transactional.producer.init_transactions(LIMIT).unwrap();
        for (id, commits) in [("committed", true), ("aborted", false)] {
            transactional.producer.begin_transaction().unwrap();
            self.expect(transactional.assess(id, PAYMENT), Some(200), None);
            if commits {
                transactional.producer.commit_transaction(LIMIT).unwrap();
            } else {
                transactional.producer.abort_transaction(LIMIT).unwrap();
            }
        }
    }
}

/// An envelope with another value of a header, or without it.
fn but(name: &'static str, value: Option<&'static [u8]>) -> Vec<(&'static str, &'static [u8])> {
    let mut headers: Vec<_> = envelope("x").into_iter().filter(|header| header.0 != name).collect();
    headers.extend(value.map(|value| (name, value)));
    headers
}

fn by_position(records: &[Record]) -> BTreeMap<String, Record> {
    let position = |record: &Record| record.header("clausum-position").unwrap().to_owned();
    records.iter().map(|record| (position(record), record.clone())).collect()
}

fn place((partition, offset): (i32, i64)) -> String {
    format!("{partition}:{offset}")
}

/// Each names the one before it, and nothing is between.
fn is_chain(records: &[Record]) {
    let mut prev = "-".to_owned();
    for record in records {
        assert_eq!(record.header("clausum-prev"), Some(&*prev));
        let offset = record.header("clausum-position").unwrap().split_once(':').unwrap().1.to_owned();
        prev = format!("{offset}/{}", record.header("clausum-index").unwrap());
    }
}

/// The headers of an answer, and what of a payment leaves on it.
fn is_decision(site: &Site, answer: &Record, at: (i32, i64)) {
    let (position, id) = (place(at), format!("{}-{}", at.0, at.1));
    for (name, value) in [
        ("ce_specversion", "1.0"),
        ("ce_id", &*id),
        ("ce_source", "clausum"),
        ("ce_type", "clausum.decision.v1"),
        ("ce_correlationid", "pay-1"),
        ("content-type", "application/json"),
        ("clausum-status", "200"),
        ("clausum-position", &*position),
        ("clausum-index", "0"),
        ("clausum-prev", "-"),
        ("traceparent", TRACE),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert_eq!(answer.key, site.organization.as_bytes());
    let (body, organization) = (answer.json(), Value::from(&*site.organization));
    assert_eq!((&body["decision"], &body["record"]["organization_id"]), (&"approve".into(), &organization));
    let text = String::from_utf8_lossy(answer.value.as_ref().unwrap()).into_owned();
    assert!(!text.contains("ana@"), "tokens, no clear values: {text}");
}

#[test]
fn every_kind_of_record_ends_as_the_contract_says() {
    let Some(site) = Site::new() else { return };
    let _worker = site.worker("a");
    let switch = site.switch();
    let mut headers = envelope("pay-1");
    headers.push(("traceparent", TRACE.as_bytes()));
    let first = switch.send(Some(PAYMENT.as_bytes()), &headers);
    assert_eq!(first.0, site.home, "a murmur2 client finds the partition");
    let answer = site.read("clausum.decisions", site.home, 1).remove(0);
    is_decision(&site, &answer, first);

    let mut sending = Sending { site: &site, switch: &switch, sent: vec![(first, Some(200), None)] };
    sending.bodies();
    let megabyte = vec![b' '; 1 << 20];
    let large = switch.send(Some(&megabyte), &envelope("large"));
    sending.expect(large, Some(413), Some("too_large"));
    sending.headers();
    let elsewhere = (site.home + 1) % PARTITIONS;
    let own = site.organization.as_bytes();
    let astray = switch.raw(Some(elsewhere), Some(own), Some(PAYMENT.as_bytes()), &envelope("astray"));
    sending.expect(astray, None, Some("wrong_partition"));
    sending.keys();
    let mut odd = but("ce_specversion", Some(b"0.3"));
    odd.push(("clausum-signature", b"none"));
    let renamed = switch.send(Some(PAYMENT.as_bytes()), &odd);
    sending.expect(renamed, None, Some("bad_envelope"));
    sending.transactions();
    sending.expect(switch.assess("last", PAYMENT), Some(200), None);

    let (decisions, letters) = sending.due();
    let answers = site.read("clausum.decisions", site.home, decisions);
    let dead = site.read("clausum.dead_letters", site.home, letters);
    let (answered, mut dropped) = (by_position(&answers), by_position(&dead));
    assert_eq!((answers.len(), dead.len()), (answered.len(), dropped.len()), "one of each");
    dropped.extend(by_position(&site.read("clausum.dead_letters", elsewhere, 1)));
    for (at, status, code) in &sending.sent {
        let position = place(*at);
        let found =
            answered.get(&position).map(|answer| answer.header("clausum-status").unwrap().parse().unwrap());
        assert_eq!(found, *status, "{position}");
        let found = dropped.get(&position).map(|letter| letter.header("clausum-error-code").unwrap());
        assert_eq!(found, *code, "{position}");
    }
    is_chain(&answers);
    is_chain(&dead);
    let repeat = answers.iter().find(|answer| answer.header("clausum-replayed").is_some()).unwrap();
    assert_eq!((repeat.header("ce_correlationid"), &repeat.value), (Some("pay-1"), &answer.value));

    // What a dead letter keeps.
    let letter = &dropped[&place(large)];
    assert_eq!(letter.value.as_ref().unwrap().len(), 64 << 10, "cut to its first 64 KiB");
    assert_eq!(letter.header("clausum-value-length"), Some("1048576"));
    let digest = clausum::base::hash::sha256(&megabyte).to_string();
    assert_eq!(letter.header("clausum-value-sha256"), Some(&*digest));
    let letter = &dropped[&place(renamed)];
    assert_eq!(letter.header("x-clausum-signature"), Some("none"));
    assert_eq!(letter.header("clausum-source-topic"), Some("clausum.requests"));
    assert_eq!(letter.header("clausum-source-offset"), Some(&*renamed.1.to_string()));
    assert_eq!((letter.key.as_slice(), letter.value.as_deref()), (own, Some(PAYMENT.as_bytes())));
    let why = dropped[&place(astray)].header("clausum-error-message").unwrap();
    assert!(why.contains(&format!("belongs to partition {}, not {elsewhere}", site.home)), "{why}");
    assert!(why.contains("partitioner=murmur2_random"), "{why}");
}

#[test]
fn workers_come_and_go_and_nothing_is_lost_doubled_or_different() {
    let Some(site) = Site::new() else { return };
    let switch = site.switch();
    let mut sent = 0;
    let mut traffic = |count: usize| {
        for _ in 0..count {
            sent += 1;
            switch
                .assess(&format!("pay-{sent}"), &PAYMENT.replace("150000", &(1_000 + sent % 7).to_string()));
        }
        sent
    };
    let mut first = site.worker("a");
    let count = traffic(40);
    site.read("clausum.decisions", site.home, count);
    // A second takes its share, or waits for its turn; the first is gone without a word.
    let mut second = site.worker("b");
    traffic(40);
    first.kill();
    let count = traffic(40);
    site.read("clausum.decisions", site.home, count);
    // The first comes back on what it had; the second leaves in an orderly way.
    let _third = site.worker("a");
    traffic(20);
    assert!(Command::new("kill").args(["-TERM", &second.0.id().to_string()]).status().unwrap().success());
    assert!(second.0.wait().unwrap().success(), "it drained");
    let count = traffic(20);
    // The reader's rule over all that is there: each request has its one answer, in its order.
    let consumer = site.reader("clausum.decisions", site.home);
    let until = Instant::now() + LIMIT;
    let (mut last, mut taken, mut seen) = ("-".to_owned(), Vec::new(), BTreeMap::new());
    while taken.len() < count {
        assert!(Instant::now() < until, "{} of {count}", taken.len());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let record = Record::of(&message.unwrap());
        let id = record.header("ce_id").unwrap().to_owned();
        let plain = record.clone().but_epoch();
        assert_eq!(seen.entry(id).or_insert_with(|| plain.clone()), &plain, "written again, it is the same");
        if record.header("clausum-prev") == Some(&*last) {
            let offset = record.header("clausum-position").unwrap().split_once(':').unwrap().1.to_owned();
            last = format!("{offset}/{}", record.header("clausum-index").unwrap());
            taken.push(record.header("ce_correlationid").unwrap().to_owned());
        }
    }
    let due: Vec<_> = (1..=count).map(|number| format!("pay-{number}")).collect();
    assert_eq!(taken, due);
    let replay = clausum(site.broker.bootstrap(), &["log", "replay", "--json"]).output().unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stdout));
}

#[test]
fn a_server_that_does_not_fit_its_log_says_so_and_does_not_start() {
    let Some(site) = Site::new() else { return };
    let at = site.broker.bootstrap();
    let refused = |variables: &[(&str, &str)], data: &str| {
        let mut serve = clausum(at, &["serve", "--listen", "127.0.0.1:0"]);
        serve.arg("--data").arg(site.folder.path().join(data)).envs(variables.iter().copied());
        if variables.iter().any(|(name, value)| *name == "CLAUSUM__INSTALLATION__KEY" && value.is_empty()) {
            serve.env_remove("CLAUSUM__INSTALLATION__KEY");
        }
        let output = serve.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{told}");
        told
    };
    let told = refused(&[("CLAUSUM__INSTALLATION__KEY", "")], "x");
    assert!(
        told.contains("installation.key must be given on Kafka") && told.contains("openssl rand"),
        "{told}"
    );
    let told = refused(&[("CLAUSUM__INSTALLATION__KEY", OTHER_KEY)], "x");
    assert!(told.contains("begun with another installation key"), "{told}");
    let told = refused(&[("CLAUSUM__KAFKA__PREFIX", "other.")], "x");
    assert!(told.contains("other.clausum.requests") && told.contains("clausum topics create"), "{told}");
    let told = refused(&[("CLAUSUM__KAFKA__PROPERTIES__ACKS", "1")], "x");
    assert!(told.contains("acks cannot be set"), "{told}");
    // A folder that has a log of its own.
    std::fs::create_dir_all(site.folder.path().join("embedded/log")).unwrap();
    std::fs::write(site.folder.path().join("embedded/log/log.meta"), b"x").unwrap();
    let told = refused(&[], "embedded");
    assert!(told.contains("the log on Kafka is another"), "{told}");
    // A state that was made from the topics of another installation.
    let mut worker = site.worker("a");
    let snapshots = site.folder.path().join("archive/snapshots");
    wait_for(|| std::fs::read_dir(&snapshots).ok()?.next()).unwrap();
    worker.kill();
    let prefix = ("CLAUSUM__KAFKA__PREFIX", "other.");
    let made = clausum(at, &["topics", "create", "--single-node", "--partitions", "3"])
        .envs([prefix])
        .env("CLAUSUM__INSTALLATION__KEY", OTHER_KEY)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told = refused(&[prefix, ("CLAUSUM__INSTALLATION__KEY", OTHER_KEY)], "a");
    assert!(told.contains("is the state of another log: its genesis differs"), "{told}");
}
