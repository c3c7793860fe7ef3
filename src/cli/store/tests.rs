//! The state of a data folder as people look at it: that of a shard that has decided payments.

use crate::base::clock::{Clock, SystemClock};
use crate::base::position::Partition;
use crate::cli::tests::run_line;
use crate::node::Data;
use crate::shard::engine::Engines;
use crate::state::key::Kind;
use crate::store::rocks::{Look, Options, Resources, RocksStore};
use crate::store::{Store, Write};
use crate::wire::envelope::RecordType;
use crate::wire::header;
use crate::wire::record::Builder;
use crate::worker::local::Local;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const BODY: &str = r#"{"amount":150000,"currency":"MXN","session_id":"ps_1","order_id":"ORD-1","payment_id":"P-1",
    "email":"Ana.Lopez+shop@Gmail.com","phone":"+52 55 1234 5678","customer_id":"cus_1","device":{"ip":"203.0.113.7"},
    "payment_method":{"type":"card","card_bin":"411111","card_last4":"1234"}}"#;

/// A data folder with the state of a shard that decided two payments of one session, in partition 3.
fn decided() -> TempDir {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut local =
        Local::new(clock, Engines::shipped().unwrap(), crate::worker::Options::default()).unwrap();
    for (id, body) in [("one", BODY.to_owned()), ("two", BODY.replace("P-1", "P-2"))] {
        let mut record =
            Builder::new(Local::organization().to_string().as_bytes(), Some(body.as_bytes())).unwrap();
        let kind = RecordType::Assess.text();
        for (name, value) in [
            (header::CE_SPECVERSION, "1.0"),
            (header::CE_ID, id),
            (header::CE_SOURCE, "/test"),
            (header::CE_TYPE, kind),
            (header::REPLY_TO, "test"),
        ] {
            record.header(name, value.as_bytes()).unwrap();
        }
        let reply = local.submit(record.finish()).unwrap().reply.unwrap();
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    }
    local.checkpoint().unwrap();
    let kept = local.folder().copy().open().unwrap();
    let folder = TempDir::new().unwrap();
    let rows = kept.scan(&[], None, usize::MAX).unwrap();
    let writes = rows.into_iter().map(|(key, value)| Write { key, value: Some(value) }).collect();
    open(folder.path()).commit(writes, &kept.checkpoint().unwrap().unwrap()).unwrap();
    folder
}

fn state(folder: &Path) -> std::path::PathBuf {
    Data::new(folder.to_owned()).state(Partition(3))
}

fn open(folder: &Path) -> RocksStore {
    std::fs::create_dir_all(state(folder)).unwrap();
    RocksStore::open(&state(folder), &Resources::default(), &Options::default()).unwrap()
}

fn store(folder: &Path, line: &str) -> (u8, String, String) {
    let words = std::iter::once("store").chain(line.split(' ')).chain(["--data", folder.to_str().unwrap()]);
    run_line(&words.collect::<Vec<_>>())
}

/// What `store get` prints of a row of the organization.
fn get(folder: &Path, flags: &str) -> Value {
    let (exit, out, err) =
        store(folder, &format!("get --org {} --json --kind {flags}", Local::organization()));
    assert_eq!(exit, 0, "{flags}: {err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn a_row_is_found_by_what_callers_wrote() {
    let folder = decided();
    let get = |flags: &str| get(folder.path(), flags);
    let session = get("session --id ps_1");
    assert_eq!((&session["row"]["attempts"], &session["partition"]), (&2.into(), &3.into()));
    let latest = get("decision --id ps_1");
    let first = get("decision --id ps_1 --attempt 1");
    assert_eq!((&latest["row"]["attempt"], &first["row"]["attempt"]), (&2.into(), &1.into()));
    assert_eq!(first["row"]["echo"]["payment_id"], "P-1");
    assert_eq!(first["row"]["transaction_id"], session["row"]["transaction_id"]);
    let repeat = get("idempotency --order ORD-1 --payment P-2");
    assert_eq!((&repeat["row"]["attempt"], &repeat["key"]["scope"]), (&2.into(), &"payin".into()));
    let event = get(&format!("event --offset {}", latest["row"]["offset"]));
    assert_eq!((&event["row"]["amount"], &event["row"]["currency"]), (&150_000.into(), &"MXN".into()));
    assert_eq!(get("organization")["row"]["entity_key"], "kept secret");
}

#[test]
fn an_entity_is_found_however_its_value_is_written() {
    let folder = decided();
    for named in [
        "email --value ana.LOPEZ+shop@gmail.com",
        "payer --value AnaLopez@gmail.com",
        "phone --value 00525512345678",
        "customer --value cus_1",
        "ip --value 203.0.113.7",
        "card --value 411111+1234",
    ] {
        let head = get(folder.path(), &format!("head --entity {named}"));
        assert_eq!(head["row"]["events"], 2, "{named}: {head}");
        assert_eq!(head["row"]["tail"]["postings"].as_array().unwrap().len(), 2, "{named}");
    }
    let nobody =
        format!("get --org {} --kind head --entity email --value b@gmail.com", Local::organization());
    let (exit, out, err) = store(folder.path(), &nobody);
    assert_eq!((exit, out.as_str()), (3, ""));
    assert_eq!(err, "clausum: there is no such row in the last checkpoint\n");
}

#[test]
fn what_does_not_name_a_row_is_told() {
    let folder = decided();
    let org = Local::organization();
    for (flags, exit, told) in [
        ("session", 2, "--id is missing"),
        ("idempotency", 2, "--key, or --order and --payment is missing"),
        ("event", 2, "--offset is missing"),
        ("head --entity email", 2, "--value is missing"),
        ("head --entity beneficiary --value x", 2, "the flow payin counts by no beneficiary"),
        ("head --entity ip --value nowhere", 3, "--value: /device/ip "),
        ("head --entity email --value nobody", 3, "`nobody` names no email"),
    ] {
        let (found, _, err) = store(folder.path(), &format!("get --org {org} --kind {flags}"));
        assert_eq!(found, exit, "{flags}: {err}");
        assert!(err.starts_with(&format!("clausum: {told}")), "{flags}: {err}");
    }
    let other = "5b1f9f0e-6a3c-4f0e-9a51-1d2c3b4a5f60";
    let (exit, _, err) = store(folder.path(), &format!("get --org {other} --kind organization"));
    assert_eq!((exit, err), (3, format!("clausum: no checkpoint knows the organization {other}\n")));
}

#[test]
fn a_partition_s_rows_and_files_are_counted() {
    let folder = decided();
    let (exit, out, err) = store(folder.path(), "stats --json");
    assert_eq!(exit, 0, "{err}");
    let stats: Value = serde_json::from_str(&out).unwrap();
    let partition = &stats["partitions"][0];
    assert_eq!((&partition["partition"], &partition["engine"]), (&3.into(), &1.into()));
    let rows = |kind: &str| partition["kinds"][kind]["rows"].clone();
    // Two attempts of one session, counted by payer, e-mail, phone, customer, address and card.
    for (kind, expected) in
        [("session", 1), ("decision", 2), ("idempotency", 2), ("event", 2), ("head", 6), ("organization", 1)]
    {
        assert_eq!(rows(kind), expected, "{kind}: {out}");
    }
    assert_eq!(partition["rows"], 14, "{out}");
    assert!(partition["files"] == 1 && partition["file_bytes"].as_u64().unwrap() > 0, "{out}");
    let (_, out, _) = store(folder.path(), "stats");
    assert!(out.contains("3 head ") && out.trim_start().starts_with("PARTITION "), "{out}");
}

/// A server holds the store's lock; whoever looks asks for none, and sees whole checkpoints.
#[test]
fn a_store_that_is_open_is_looked_into_and_left_as_it_is() {
    let folder = decided();
    let server = open(folder.path());
    let files = |folder: &Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files(&state(folder.path()));
    let (exit, out, err) = store(folder.path(), "verify");
    assert_eq!(exit, 0, "{out}{err}");
    assert!(out.ends_with("no damage\n"), "{out}");
    assert_eq!(files(&state(folder.path())), before);
    let write = |n: u8| vec![Write { key: vec![Kind::Lists as u8, n], value: Some(vec![n; 1_000]) }];
    let checkpoint = server.checkpoint().unwrap().unwrap();
    drop(server);
    // Many files, which a server merges and removes once it may.
    let apart = Options { compact: false, ..Options::default() };
    let server = RocksStore::open(&state(folder.path()), &Resources::default(), &apart).unwrap();
    (0..40).for_each(|n| server.commit(write(n), &checkpoint).unwrap());
    drop(server);
    let look = Look::open(&state(folder.path()), &Resources::default(), &Options::default()).unwrap();
    let held = look.files().unwrap();
    let server = open(folder.path());
    (40..60).for_each(|n| server.commit(write(n), &checkpoint).unwrap());
    drop(server);
    assert!(held.iter().any(|file| !file.path.exists()), "files were removed behind its back");
    assert_eq!(look.rows(&[]).map(Result::unwrap).count(), 54);
    let again = Look::open(&state(folder.path()), &Resources::default(), &Options::default()).unwrap();
    assert_eq!(again.rows(&[]).map(Result::unwrap).count(), 74);
}

#[test]
fn a_row_that_does_not_decode_is_named_with_its_file() {
    let folder = decided();
    let store_of = open(folder.path());
    let checkpoint = store_of.checkpoint().unwrap().unwrap();
    let key = store_of.scan(&[Kind::Session as u8], None, 1).unwrap().remove(0).0;
    let bad = [
        Write { key: key.clone(), value: Some(vec![1, 0xff]) },
        Write { key: vec![250, 1], value: Some(vec![1]) },
        Write { key: vec![Kind::Lists as u8, 1], value: Some(vec![1]) },
    ];
    store_of.commit(bad.to_vec(), &checkpoint).unwrap();
    drop(store_of);
    let (exit, out, _) = store(folder.path(), "verify --json");
    assert_eq!(exit, 4, "{out}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let damage = found["partitions"][0]["damage"].as_array().unwrap();
    let what: Vec<_> = damage.iter().map(|damage| damage["what"].as_str().unwrap()).collect();
    assert_eq!(what.len(), 3, "{out}");
    assert_eq!(what[0], "the key is none of its kind, lists");
    assert!(what[1].starts_with("stored value is damaged: "), "{out}");
    assert_eq!(what[2], "the key is of no known kind");
    let hex = key.iter().fold("session ".to_owned(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(damage[1]["key"], hex);
    for damage in damage {
        let file = damage["file"].as_str().unwrap();
        assert!(file.split(" or ").all(|file| Path::new(file).is_file()), "{file}");
    }
}

#[test]
fn a_damaged_block_is_named_with_its_file() {
    let folder = decided();
    let look = Look::open(&state(folder.path()), &Resources::default(), &Options::default()).unwrap();
    let file = look.files().unwrap().remove(0).path;
    drop(look);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (exit, out, _) = store(folder.path(), "verify");
    assert_eq!(exit, 4, "{out}");
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(out.lines().any(|line| line.contains(name) && line.contains("damaged: ")), "{out}");
}
