//! What a stranger can write to a log in which the product signs what is its own.

use super::{NOON, REQUESTS, Site, org};
use crate::base::hash::sha256;
use crate::base::limits;
use crate::base::position::Topic;
use crate::domain::access::Organization;
use crate::shard::effects::Effects;
use crate::state::key::Key;
use crate::wire::envelope::RecordType;
use crate::wire::header;
use crate::wire::internal::{self, OrganizationPut};
use crate::wire::record::{Builder, Content};
use crate::wire::signature::{SigningKey, Trust};
use bytes::Bytes;

const PAYMENT: &str = r#"{"amount":100,"currency":"MXN","order_id":"o","payment_id":"p"}"#;

fn signed(byte: u8) -> Trust {
    Trust::Signed(SigningKey::new([byte; 32]))
}

/// The topics a record's outputs went to, and the code and message of its dead letter.
fn outcome(effects: Effects) -> (Vec<Topic>, Option<(String, String)>) {
    let topics = effects.outputs.iter().map(|output| output.topic).collect();
    let dead = effects.outputs.into_iter().find(|output| output.topic == Topic::DeadLetters);
    let dead = dead.map(|output| {
        let record = output.record.finish();
        let content = Content::read(&record).unwrap();
        let text = |name| content.text_header(name).unwrap().to_owned();
        (text(header::ERROR_CODE), text(header::ERROR_MESSAGE))
    });
    (topics, dead)
}

fn refused(effects: Effects, message: &str) {
    let (topics, dead) = outcome(effects);
    assert_eq!(topics, [Topic::DeadLetters], "and nothing else");
    assert_eq!(dead, Some(("reserved_type".to_owned(), message.to_owned())));
}

/// The record that gives the organization another name.
fn renaming(site: &mut Site, name: &str) -> Bytes {
    let organization: Organization = site.row(Key::Organization(org())).unwrap();
    let body =
        internal::write(&OrganizationPut { name: name.to_owned(), ..OrganizationPut::of(&organization) });
    site.record(org(), RecordType::Organization, std::str::from_utf8(&body).unwrap())
}

fn name(site: &mut Site) -> String {
    site.row::<Organization>(Key::Organization(org())).unwrap().name
}

#[test]
fn only_what_is_signed_with_the_key_changes_anything() {
    let mut site = Site::with(signed(1));
    assert_eq!(name(&mut site), "A");
    let record = renaming(&mut site, "B");
    let effects = site.take(&record);
    refused(effects, "the record is not signed");
    let other = signed(2).sign(REQUESTS, site.now(), record.clone()).unwrap();
    refused(site.take(&other), "the signature is not of this record and the installation's key");
    let late =
        signed(1).sign(REQUESTS, site.now().plus(-limits::SIGNED_WITHIN_MS - 1), record.clone()).unwrap();
    refused(site.take(&late), "the record came into the log too long after it was signed, or before");
    assert_eq!(name(&mut site), "A");
    let own = signed(1).sign(REQUESTS, site.now(), record).unwrap();
    assert_eq!(outcome(site.take(&own)), (vec![], None));
    assert_eq!(name(&mut site), "B");
}

#[test]
fn a_copy_counts_for_nothing() {
    let mut site = Site::with(signed(1));
    let (first, second) = (renaming(&mut site, "B"), renaming(&mut site, "C"));
    let [first, second] = [first, second].map(|record| signed(1).sign(REQUESTS, site.now(), record).unwrap());
    site.take(&first);
    site.take(&second);
    let copy = site.take(&first);
    refused(copy, "the record is a copy of one before it");
    assert_eq!(name(&mut site), "C");
    // Nor does a copy of what was refused: by now it might not be.
    let bad = site.record(org(), RecordType::List, r#"{"name":"no such list","values":["a"]}"#);
    let bad = signed(1).sign(REQUESTS, site.now(), bad).unwrap();
    assert_eq!(outcome(site.take(&bad)).0, [Topic::Decisions]);
    refused(site.take(&bad), "the record is a copy of one before it");
    // What is of the partition has no organization and no answer, and is as unique.
    let tick = site.record(crate::base::id::OrgId::INSTALLATION, RecordType::Tick, "{}");
    let tick = signed(1).sign(REQUESTS, site.now(), tick).unwrap();
    assert_eq!(outcome(site.take(&tick)), (vec![], None));
    refused(site.take(&tick), "the record is a copy of one before it");
}

#[test]
fn a_copied_announcement_takes_nothing() {
    let mut site = Site::with(signed(1));
    let body = r#"{"worker":"w","nonce":"n","engines":[1]}"#;
    let announce = site.record(crate::base::id::OrgId::INSTALLATION, RecordType::Announce, body);
    let announce = signed(1).sign(REQUESTS, site.now(), announce).unwrap();
    let is_copy = |site: &mut Site| {
        let planned =
            site.shard.decode(crate::base::position::Offset(99), crate::base::time::Ms(NOON), &announce);
        let mark = planned.signature.unwrap();
        site.shard.working().load(Key::Signature(mark), None).unwrap();
        (planned.announcement().map(str::to_owned), site.shard.is_copy(&planned).unwrap())
    };
    assert_eq!(is_copy(&mut site), (Some("n".to_owned()), false));
    site.take(&announce);
    assert_eq!(is_copy(&mut site), (Some("n".to_owned()), true));
}

#[test]
fn a_type_of_the_product_that_is_none_is_reserved_all_the_same() {
    for (trust, code) in [(Trust::Everyone, "unknown_type"), (signed(1), "reserved_type")] {
        let mut site = Site::with(trust);
        let mut record = Builder::new(org().to_string().as_bytes(), Some(b"{}")).unwrap();
        for (name, value) in [
            (header::CE_SPECVERSION, "1.0"),
            (header::CE_ID, "1"),
            (header::CE_SOURCE, "/switch"),
            (header::CE_TYPE, "clausum.internal.reset.v1"),
        ] {
            record.header(name, value.as_bytes()).unwrap();
        }
        assert_eq!(outcome(site.take(&record.finish())).1.unwrap().0, code);
    }
}

#[test]
fn headers_of_the_product_are_absent_unless_they_are_signed() {
    let mut answers = Vec::new();
    for sign in [false, true] {
        let mut site = Site::with(signed(1));
        let mut record =
            Builder::of(&Content::read(&site.record(org(), RecordType::Assess, PAYMENT)).unwrap()).unwrap();
        record.header(header::PRECHECK, b"true").unwrap();
        if !sign {
            // Given twice: what is absent cannot be wrong.
            record.header(header::PRECHECK, b"true").unwrap();
        }
        let mut record = record.finish();
        if sign {
            record = signed(1).sign(REQUESTS, site.now(), record).unwrap();
        }
        let effects = site.take(&record);
        let replies = effects.replies.len();
        let output = effects.outputs.into_iter().next().unwrap().record.finish();
        let content = Content::read(&output).unwrap();
        let body: serde_json::Value = serde_json::from_slice(content.value.unwrap()).unwrap();
        answers.push((replies, body["record"]["precheck"].clone()));
    }
    assert_eq!(
        answers,
        [(0, false.into()), (1, true.into())],
        "nobody waits for a stranger's, and no browser asked"
    );
}

/// Or a browser's call that waited for its log would be a payment.
#[test]
fn a_request_of_the_products_that_comes_too_late_is_no_strangers() {
    let mut site = Site::with(signed(1));
    let call = site.record(org(), RecordType::Assess, PAYMENT);
    let mut call = Builder::of(&Content::read(&call).unwrap()).unwrap();
    call.header(header::PRECHECK, b"true").unwrap();
    let made = site.now().plus(-limits::SIGNED_WITHIN_MS - 1);
    let late = signed(1).sign(REQUESTS, made, call.finish()).unwrap();
    refused(site.take(&late), "the record came into the log too long after it was signed, or before");
}

#[test]
fn a_strangers_genesis_begins_nothing() {
    let home = crate::shard::decode::Home { partition: REQUESTS.partition, partitions: 1, trust: signed(1) };
    let shard = crate::shard::Shard::new(
        home,
        crate::shard::engine::Engines::shipped().unwrap(),
        crate::shard::core::Core::default(),
    );
    let mut site = Site { shard, trust: signed(1), next: 0, changes: Vec::new() };
    let body = format!(
        r#"{{"installation":"i","topic":"t","partitions":1,"key_digest":"{}","engine":1}}"#,
        sha256(&[1; 32])
    );
    let genesis = site.record(crate::base::id::OrgId::INSTALLATION, RecordType::Genesis, &body);
    assert_eq!(outcome(site.take(&genesis)).1.unwrap().0, "bad_envelope", "it stands before genesis");
    assert_eq!(site.shard.core().genesis, None);
    let genesis = signed(1).sign(REQUESTS, site.now(), genesis).unwrap();
    assert_eq!(outcome(site.take(&genesis)), (vec![], None));
    assert!(site.shard.core().genesis.is_some());
}
