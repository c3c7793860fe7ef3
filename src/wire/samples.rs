//! A sample of every record of the product's own that was ever written, with what it must be read as. A line
//! is never changed: who reads a log reads all of it.

use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::wire::apply;
use crate::wire::envelope::{Envelope, RecordType, awaited_record, product_record};
use crate::wire::internal::{
    Announce, ApiKeyPut, EngineChange, Genesis, ListPut, MaintenancePut, OrganizationPut, PackPublish,
    ParameterPut, Probe, SettingsPut, Tick, read, write,
};
use crate::wire::json::Faults;
use crate::wire::record::Content;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

const SAMPLES: &str = include_str!("samples.txt");

/// The rest of the one line that begins so.
fn line(begins: &str, or: &str) -> &'static str {
    let mut lines = SAMPLES.lines().filter_map(|line| line.strip_prefix(begins)?.strip_prefix(' '));
    let line = lines.next().unwrap_or_else(|| panic!("add the line\n{begins} {or}"));
    assert_eq!(lines.next(), None, "{begins} stands there twice");
    line
}

/// The sample is read as `body`, and `body` is written so.
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(kind: RecordType, which: &str, body: &T) {
    let written = String::from_utf8(write(body)).unwrap();
    let begins = format!("{}{which}", kind.text());
    let stored = line(&begins, &written);
    assert_eq!(read::<T>(stored.as_bytes()).as_ref(), Ok(body), "{begins}");
    assert_eq!(written, stored, "{begins}");
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn key(whole: bool) -> ApiKeyPut {
    ApiKeyPut {
        id: text("key_1"),
        digest: Digest256([4; 32]).to_string(),
        kind: text("checkout"),
        display: text("clm_pub_ab…yz"),
        name: text("web"),
        permissions: 3,
        state: text("active"),
        expires_at: whole.then(|| text("2026-05-28T20:26:40.000Z")),
        rate_limit_per_minute: whole.then_some(100),
        rate_limit_per_day: whole.then_some(9_000),
        allowed_origins: if whole { vec![text("https://a.example")] } else { Vec::new() },
    }
}

fn settings(whole: bool) -> SettingsPut {
    let mut put = SettingsPut {
        flow: text("payin"),
        thresholds: [30, 50, 75],
        weights: [].into(),
        disabled_signals: [].into(),
        list_weights: [25, 50],
        amount_min: [].into(),
        amount_max: [].into(),
        parameters: [].into(),
    };
    if whole {
        put.weights = [(text("high_velocity"), -5)].into();
        put.disabled_signals = [text("short_session")].into();
        put.amount_min = [(text("*"), text("1.00"))].into();
        put.amount_max = [(text("CLP"), text("9500000"))].into();
        let amounts = ParameterPut::Amounts([(text("MXN"), text("1.50"))].into());
        put.parameters = [(text("count"), ParameterPut::Int(9)), (text("probe"), amounts)].into();
    }
    put
}

#[test]
fn bodies_of_every_type_are_read_and_written_as_ever() {
    let genesis = Genesis {
        installation: text("00000000-0000-4000-8000-000000000001"),
        topic: text("clausum.requests"),
        partitions: 4,
        key_digest: Digest256([5; 32]).to_string(),
        engine: 1,
    };
    check(RecordType::Genesis, "", &genesis);
    let announce = Announce { worker: text("w-1"), nonce: text("0a0b"), engines: vec![1, 2] };
    check(RecordType::Announce, "", &announce);
    check(RecordType::Engine, "", &EngineChange { version: 2 });
    check(RecordType::Tick, "", &Tick {});
    let organization = OrganizationPut {
        profile_id: OrgId::from_bytes([2; 16]).to_string(),
        name: text("Tienda"),
        organization_type: text("psp"),
        locale: text("es"),
        entity_key: Digest256([3; 32]).to_string(),
        allow_publishable_assess: true,
    };
    check(RecordType::Organization, "", &organization);
    check(RecordType::ApiKey, " whole", &key(true));
    check(RecordType::ApiKey, " least", &key(false));
    check(RecordType::Settings, " whole", &settings(true));
    check(RecordType::Settings, " least", &settings(false));
    let pack = PackPublish { flow: text("payin"), document: Some(text("pack: acme\n")) };
    check(RecordType::Pack, " whole", &pack);
    check(RecordType::Pack, " least", &PackPublish { document: None, ..pack });
    check(RecordType::List, " whole", &ListPut { name: text("vip"), values: Some(vec![text("a")]) });
    check(RecordType::List, " least", &ListPut { name: text("vip"), values: None });
    check(RecordType::Maintenance, "", &MaintenancePut { on: true });
    check(RecordType::Probe, "", &Probe { events: 2, panic: false });
}

/// An operator writes it; it lies in the log as it came.
#[test]
fn a_document_is_read_as_ever() {
    let document = apply::Document {
        organization: Some(text("acme")),
        scoring: Some(text("{\"weights\":{\"high_velocity\":50}}")),
        lists: [(text("vip"), Some(vec![text("a")])), (text("old"), None)].into(),
        pack: Some(Some(text("pack: acme\n"))),
    };
    let mut faults = Faults::strict();
    let stored = line(RecordType::Apply.text(), "");
    assert_eq!(apply::read(stored.as_bytes(), &mut faults), Some(document));
    assert!(faults.is_empty());
}

#[test]
fn records_of_the_product_have_their_headers_as_ever() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (org, body) = (OrgId::from_bytes([1; 16]), br#"{"on":true}"#);
    let plain = product_record(org, RecordType::Maintenance, body, "id-1").unwrap();
    let awaited = awaited_record(org, RecordType::Maintenance, body, "id-1").unwrap();
    for (begins, record, waits) in [("record", plain, false), ("record awaited", awaited, true)] {
        assert_eq!(hex(&record), line(&format!("{begins} of"), &hex(&record)), "{begins}");
        let content = Content::read(&record).unwrap();
        let envelope = Envelope::read(&content, true).unwrap();
        assert_eq!((content.key, content.value), (org.to_string().as_bytes(), Some(&body[..])));
        assert_eq!((envelope.kind, envelope.id, envelope.awaited), (RecordType::Maintenance, "id-1", waits));
    }
}

#[test]
fn every_type_has_a_sample() {
    let lines = || SAMPLES.lines().filter(|line| !line.starts_with('#') && !line.starts_with("record "));
    let known = |line: &str| RecordType::from_text(line.split(' ').next().unwrap());
    // Requests have theirs in `assess/full.canonical.json`.
    for kind in RecordType::ALL.iter().filter(|kind| **kind != RecordType::Assess) {
        assert!(lines().any(|line| known(line) == Some(*kind)), "{kind:?} has no sample");
    }
    assert!(lines().all(|line| known(line).is_some()), "a line nobody reads");
}
