//! Commands of the product's own, one record after the other.

mod signatures;

use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::domain::access::KeyState;
use crate::domain::decision::Flow;
use crate::domain::settings::ScoringSettings;
use crate::shard::core::Core;
use crate::shard::decode::Home;
use crate::shard::effects::{DirectoryChange, Effects, Reply};
use crate::shard::engine::Engines;
use crate::shard::{Shard, Stepped};
use crate::state::control_rows::{ActivePack, InstallationRow, ListsRow};
use crate::state::key::Key;
use crate::state::row::FromRow;
use crate::wire::envelope::RecordType;
use crate::wire::header;
use crate::wire::record::Builder;
use crate::wire::signature::Trust;
use bytes::Bytes;
use expect_test::{Expect, expect};

const NOON: i64 = 1_780_000_000_000;
const REQUESTS: TopicPartition = TopicPartition::new(Topic::Requests, Partition(0));

fn org() -> OrgId {
    OrgId::from_bytes([0x11; 16])
}

/// A shard with one organization, and what its records led to.
struct Site {
    shard: Shard,
    /// How the product's own records are signed.
    trust: Trust,
    next: u64,
    changes: Vec<DirectoryChange>,
}

impl Site {
    fn new() -> Self {
        Self::with(Trust::Everyone)
    }

    fn with(trust: Trust) -> Self {
        let home = Home { partition: Partition(0), partitions: 1, trust: trust.clone() };
        let shard = Shard::new(home, Engines::shipped().unwrap(), Core::default());
        let mut site = Self { shard, trust, next: 0, changes: Vec::new() };
        let genesis = r#"{"installation":"i","topic":"t","partitions":1,"key_digest":"","engine":1}"#;
        site.step(OrgId::INSTALLATION, RecordType::Genesis, genesis);
        let put = format!(
            r#"{{"profile_id":"{}","name":"A","organization_type":"psp","locale":"en","entity_key":"{}","allow_publishable_assess":true}}"#,
            org(),
            sha256(b"")
        );
        assert_eq!(site.step(org(), RecordType::Organization, &put).unwrap().status, 200);
        site
    }

    /// Applies a record that somebody waits for; its answer, if it has one.
    fn step(&mut self, org: OrgId, kind: RecordType, body: &str) -> Option<Reply> {
        let record = self.record(org, kind, body);
        let content = self.trust.sign(REQUESTS, self.now(), record).unwrap();
        self.take(&content).replies.pop()
    }

    /// The time of the next record.
    fn now(&self) -> Ms {
        Ms(NOON + i64::try_from(self.next).unwrap())
    }

    /// The next record of the product's own, for whose answer somebody waits.
    fn record(&self, org: OrgId, kind: RecordType, body: &str) -> Bytes {
        let mut record = Builder::new(org.to_string().as_bytes(), Some(body.as_bytes())).unwrap();
        let id = self.next.to_string();
        for (name, value) in [
            (header::CE_SPECVERSION, "1.0"),
            (header::CE_ID, &*id),
            (header::CE_SOURCE, "clausum"),
            (header::CE_TYPE, kind.text()),
            (header::REPLY_TO, "me"),
        ] {
            record.header(name, value.as_bytes()).unwrap();
        }
        record.finish()
    }

    /// Applies a record.
    fn take(&mut self, content: &[u8]) -> Effects {
        let planned = self.shard.decode(Offset(self.next), self.now(), content);
        self.next += 1;
        let mut effects = Effects::default();
        let mut unread = 0;
        while let Stepped::Unread(key) = self.shard.step(&planned, &mut effects).unwrap() {
            self.shard.working().load(key, None).unwrap();
            unread += 1;
            assert!(unread < 20, "{key:?} is read again and again");
        }
        self.changes.append(&mut effects.directory);
        effects
    }

    fn row<T: FromRow + Clone>(&mut self, key: Key) -> Option<T> {
        self.shard.working().load(key, None).unwrap();
        self.shard.working().get::<T>(&key).unwrap().cloned()
    }

    fn apply(&mut self, document: &str, status: u16, expected: &Expect) {
        let reply = self.step(org(), RecordType::Apply, document).unwrap();
        assert_eq!(reply.status, status, "{:?}", reply.body);
        expected.assert_eq(std::str::from_utf8(&reply.body).unwrap());
    }

    fn in_force(&mut self) -> (Option<ScoringSettings>, Option<ActivePack>, Option<ListsRow>) {
        (
            self.row(Key::Settings(org(), Flow::Payin)),
            self.row(Key::ActivePack(org(), Flow::Payin)),
            self.row(Key::Lists(org())),
        )
    }
}

const PACK: &str = r#"pack: acme\nflow: payin\nextends: clausum/payin\nsignals:\n  - {code: big, weight: 12, when: 'amount > 5', description: Big}\n"#;

#[test]
fn a_document_is_applied_in_one_step() {
    let mut site = Site::new();
    let document = format!(
        r#"{{"organization":"{}","scoring":{{"payin":{{"thresholds":{{"review":20}},"weights":{{"big":50}}}}}},"lists":{{"suspicious_tlds":["zip","xyz","zip"],"disposable_domains":null}},"packs":{{"payin":"{PACK}"}}}}"#,
        org()
    );
    let told = expect![[
        r#"{"organization_id":"11111111-1111-1111-1111-111111111111","scoring":{"payin":{"version":1}},"packs":{"payin":{"version":1,"sha256":"017532d945b8ba1146dc59864f2f38dde164f24d84e34d8aceca7037f1fee2d0"}},"lists":{"disposable_domains":null,"suspicious_tlds":3}}"#
    ]];
    site.apply(&document, 200, &told);
    let (settings, pack, lists) = site.in_force();
    let settings = settings.unwrap();
    // The weight is of a signal that came with the same document.
    assert_eq!((settings.version, settings.thresholds.review, settings.weights["big"]), (1, 20, 50));
    assert_eq!(settings.thresholds.challenge, 50, "what is not named stays");
    assert!(pack.unwrap().pack.is_some());
    assert_eq!(lists.unwrap().lists["suspicious_tlds"], ["xyz", "zip"]);
    site.apply(
        r#"{"packs":{"payin":null}}"#,
        200,
        &expect![[
            r#"{"organization_id":"11111111-1111-1111-1111-111111111111","scoring":{},"packs":{"payin":{"version":2,"sha256":null}},"lists":{}}"#
        ]],
    );
    assert_eq!(site.in_force().0.unwrap().version, 1, "what is not named stays");
}

#[test]
fn one_fault_keeps_all_of_a_document_out_and_all_faults_are_told() {
    let mut site = Site::new();
    site.apply(
        &format!(
            r#"{{"organization":"o","scoring":{{"payin":{{"thresholds":{{"review":80}},"weights":{{"big":101,"small":1}}}}}},"lists":{{"shoes":["a"],"suspicious_tlds":["zip"]}},"packs":{{"payin":"{PACK}"}},"members":[]}}"#
        ),
        400,
        &expect![[r#"{"error":{"code":"VALIDATION_ERROR","message":"6 fields are not valid","details":{"fields":[{"field":"/members","code":"unknown_field","message":"cannot be applied by this version"},{"field":"/organization","code":"reference","message":"is another organization"},{"field":"/lists/shoes","code":"unknown_field","message":"is no list of this version"},{"field":"/scoring/payin/thresholds","code":"out_of_range","message":"must be 1 ≤ review ≤ challenge ≤ decline ≤ 101"},{"field":"/scoring/payin/weights/big","code":"max","message":"must be at most 100"},{"field":"/scoring/payin/weights/small","code":"unknown_field","message":"is no signal of this flow"}]}}}"#]],
    );
    // What a broken pack would have brought is not held against the rest.
    site.apply(
        &format!(
            r#"{{"scoring":{{"payin":{{"weights":{{"big":50}},"amount_min":{{"MXN":"x"}}}}}},"packs":{{"payin":"{}"}}}}"#,
            PACK.replace("amount >", "amout >")
        ),
        400,
        &expect![[r#"{"error":{"code":"VALIDATION_ERROR","message":"2 fields are not valid","details":{"fields":[{"field":"/packs/payin","code":"format","message":"5:36: unknown_name: `amout` is not known; did you mean `amount`? (big)"},{"field":"/scoring/payin/amount_min/MXN","code":"format","message":"must be a decimal in major units"}]}}}"#]],
    );
    site.apply("no", 400, &expect![[r#"{"error":{"code":"VALIDATION_ERROR","message":"1 field is not valid","details":{"fields":[{"field":"","code":"json","message":"is not JSON"}],"position":{"line":1,"column":2,"offset":1}}}}"#]]);
    assert_eq!(site.in_force(), (None, None, None));
}

#[test]
fn a_document_beyond_its_limit_is_refused() {
    let mut site = Site::new();
    let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(crate::base::limits::APPLY_BYTES));
    let reply = site.step(org(), RecordType::Apply, &long).unwrap();
    assert_eq!(reply.status, 413);
}

#[test]
fn a_revoked_key_stays_revoked() {
    let mut site = Site::new();
    let put = |state: &str| {
        let digest = sha256(b"key");
        format!(
            r#"{{"id":"key_1","digest":"{digest}","type":"server","display":"d","name":"n","permissions":1,"state":"{state}"}}"#
        )
    };
    let mut state = |state: &str, status: u16| {
        let reply = site.step(org(), RecordType::ApiKey, &put(state)).unwrap();
        assert_eq!(reply.status, status, "{state}");
        let key = site.row::<crate::domain::access::ApiKey>(Key::ApiKey(org(), sha256(b"key")));
        (key.unwrap().state, site.changes.len())
    };
    assert_eq!(state("active", 200), (KeyState::Active, 2));
    assert_eq!(state("disabled", 200), (KeyState::Disabled, 3));
    assert_eq!(state("active", 200), (KeyState::Active, 4));
    assert_eq!(state("revoked", 200), (KeyState::Revoked, 5));
    for other in ["active", "disabled"] {
        assert_eq!(state(other, 409), (KeyState::Revoked, 5), "nobody is told anything");
    }
    assert_eq!(state("revoked", 200), (KeyState::Revoked, 6));
}

#[test]
fn maintenance_is_the_installations_and_knows_since_when() {
    let mut site = Site::new();
    let mut put = |org: OrgId, on: bool| {
        let reply = site.step(org, RecordType::Maintenance, &format!(r#"{{"on":{on}}}"#)).unwrap();
        let row = site.row::<InstallationRow>(Key::Installation);
        (reply.status, row.and_then(|row| row.maintenance), site.changes.last().cloned())
    };
    let changed = |since| Some(DirectoryChange::Maintenance(since));
    let since = Some(Ms(NOON + 2));
    assert_eq!(put(OrgId::INSTALLATION, true), (200, since, changed(since)));
    assert_eq!(put(OrgId::INSTALLATION, true), (200, since, changed(since)));
    assert_eq!(put(org(), false), (400, since, changed(since)));
    assert_eq!(put(OrgId::INSTALLATION, false), (200, None, changed(None)));
}
