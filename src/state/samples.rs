//! A sample of every stored form ever written, with the value it must be read as. A line is never
//! changed: a new form gets a new version, and a line of its own.

use crate::base::country::Country;
use crate::base::currency::Currency;
use crate::base::hash::{Digest256, EntityKey, Hash128};
use crate::base::id::OrgId;
use crate::base::position::Offset;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, KeyState, KeyType, Locale, Organization, OrganizationKind, Permissions};
use crate::domain::decision::{Decision, Flow};
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::settings::{Parameter, ScoringSettings};
use crate::state::control_rows::{ActivePack, InstallationRow, ListsRow, SignatureRow};
use crate::state::decision_row::{Basis, Blocked, DecisionRow, Echo, Facts, VerdictPart};
use crate::state::event::{EventRow, ValueKind};
use crate::state::key::Kind;
use crate::state::row::Row;
use crate::state::session::{IdempotencyRow, SessionRow, TransactionId};
use crate::state::velocity::head::Head;
use crate::state::velocity::posting::{DistinctValue, Outcome, Posting, Run};

pub(super) const NOON: Ms = Ms(1_780_000_000_000);

fn mxn() -> Currency {
    Currency::from_code("MXN").unwrap()
}

fn hash(byte: u8) -> Hash128 {
    Hash128([byte; 16])
}

fn transaction() -> TransactionId {
    TransactionId { at: NOON, tail: [7; 10] }
}

fn entities() -> Vec<Entity> {
    vec![Entity { kind: EntityKind::Payer, hash: hash(1) }, Entity { kind: EntityKind::Card, hash: hash(2) }]
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn organization() -> Row {
    Row::Organization(Organization {
        id: OrgId::from_bytes([1; 16]),
        profile_id: OrgId::from_bytes([2; 16]),
        name: "Tienda".to_owned(),
        kind: OrganizationKind::Psp,
        locale: Locale::Es,
        entity_key: EntityKey::from_bytes([3; 32]),
        allow_publishable_assess: true,
    })
}

fn api_key() -> Row {
    Row::ApiKey(ApiKey {
        id: "key_1".to_owned(),
        digest: Digest256([4; 32]),
        kind: KeyType::Checkout,
        display: "clm_pub_ab…yz".to_owned(),
        name: "web".to_owned(),
        permissions: Permissions::of(KeyType::Checkout.permissions()),
        state: KeyState::Disabled,
        expires_at: Some(NOON),
        per_minute: Some(100),
        per_day: None,
        allowed_origins: vec!["https://a.example".to_owned()],
    })
}

fn settings() -> Row {
    let mut settings = ScoringSettings { version: 3, ..ScoringSettings::default() };
    settings.weights.insert("high_velocity".to_owned(), -5);
    settings.disabled_signals.insert("short_session".to_owned());
    settings.amount_max.put("*", "10000.00").unwrap();
    settings.amount_max.put("CLP", "9500000").unwrap();
    settings.parameters.insert("velocity_count_1h".to_owned(), Parameter::Int(9));
    settings.parameters.insert("probe_amount".to_owned(), Parameter::Amounts(settings.amount_max.clone()));
    Row::Settings(settings)
}

fn decision() -> Row {
    let verdict = VerdictPart {
        decision: Decision::Decline,
        risk_score: 100,
        sum: 147,
        blocked_by: Some(Blocked::Rule(2)),
        fired: vec![(0, 35), (3, -10)],
        matched: vec![2, 5],
        signal_errors: vec![1],
        rule_errors: vec![],
    };
    let basis = Basis {
        engine: 1,
        locale: Locale::En,
        shipped_pack: Digest256([5; 32]),
        pack: Some(Digest256([6; 32])),
        lists: None,
        settings: 3,
        computed: vec![Some(6), None, Some(-1)],
    };
    let facts = Facts {
        precheck: true,
        amount: 150_000,
        currency: mxn(),
        customer_id: text("cus_1"),
        transaction_type: "payment".to_owned(),
        payment_type: text("card"),
        card_bin: text("411111"),
        card_last4: None,
        card_country: Country::from_code("MX"),
        card_brand: text("visa"),
        billing_country: None,
        ip_country: Country::from_code("US"),
        email_domain: text("example.com"),
        entities: entities(),
    };
    Row::Decision(Box::new(DecisionRow {
        organization: OrgId::from_bytes([1; 16]),
        position: Offset(77),
        decided_at: NOON,
        event_time: NOON.plus(-5),
        latency_ms: 3,
        flow: Flow::Payin,
        session_id: "ps_1".to_owned(),
        attempt: 2,
        transaction: transaction(),
        verdict,
        basis,
        echo: Echo { order_id: text("ORD-1"), payment_id: None, idempotency_key: text("k") },
        facts,
    }))
}

fn event() -> Row {
    Row::Event(EventRow {
        at: NOON,
        flow: Flow::Payin,
        amount: 150_000,
        currency: mxn(),
        decision: Decision::Review,
        failed: true,
        session: hash(9),
        attempt: 1,
        entities: entities(),
        values: vec![(ValueKind::Bin, hash(8)), (ValueKind::Country, hash(7))],
    })
}

fn posting(at: i64, event: u64) -> Posting {
    let outcome = Outcome { decision: Decision::Approve, failed: event == 1 };
    Posting { at: NOON.plus(at), amount: 1_500, currency: mxn(), outcome, event: Offset(event) }
}

fn page() -> Row {
    let values = vec![DistinctValue { posting: 1, what: 4, hash: u64::MAX }];
    Row::Page(Run { postings: vec![posting(0, 1), posting(250, 2)], values })
}

/// A head with two pages and a tail, as it was before heads had a floor.
fn head() -> Head {
    struct Every(std::collections::BTreeMap<u64, Run>);
    impl crate::state::velocity::head::Pages for Every {
        fn page(&self, number: u64) -> Result<&Run, crate::state::velocity::head::Absent> {
            self.0.get(&number).ok_or(crate::state::velocity::head::Absent(number))
        }
    }
    let (mut head, mut pages) = (Head::default(), Every(std::collections::BTreeMap::new()));
    for event in 0..300 {
        let at = i64::try_from(event).unwrap() * 10;
        for write in head.insert(posting(at, event), &pages).unwrap() {
            pages.0.insert(write.number, write.run);
        }
    }
    head
}

/// The same without its first page.
fn pruned_head() -> Row {
    let mut head = head();
    assert_eq!(head.prune(NOON.plus(2_000)), [0]);
    Row::Head(head)
}

pub(super) fn samples() -> Vec<(Kind, u8, Row)> {
    let lists = [("vip".to_owned(), vec!["a".to_owned(), "b".to_owned()])].into();
    vec![
        (Kind::Organization, 1, organization()),
        (Kind::ApiKey, 1, api_key()),
        (Kind::Settings, 1, settings()),
        (
            Kind::ActivePack,
            1,
            Row::ActivePack(ActivePack { version: 2, pack: Some(Digest256([6; 32])), at: NOON }),
        ),
        (Kind::Pack, 1, Row::Pack("pack: acme\n".to_owned())),
        (Kind::Lists, 1, Row::Lists(ListsRow { digest: Digest256([8; 32]), lists })),
        (Kind::Installation, 1, Row::Installation(InstallationRow { maintenance: Some(NOON) })),
        (Kind::Signature, 1, Row::Signature(SignatureRow { applied_at: NOON })),
        (
            Kind::Idempotency,
            1,
            Row::Idempotency(IdempotencyRow {
                request: hash(3),
                session: hash(9),
                attempt: 1,
                decided_at: NOON,
            }),
        ),
        (
            Kind::Session,
            1,
            Row::Session(SessionRow { transaction: transaction(), attempts: 2, decided_at: NOON }),
        ),
        (Kind::Decision, 1, decision()),
        (Kind::Event, 1, event()),
        (Kind::Head, 1, Row::Head(head())),
        (Kind::Head, 2, pruned_head()),
        (Kind::Page, 1, page()),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_form_ever_written_is_read() {
    let stored = include_str!("samples.txt");
    let mut known = 0;
    for (kind, version, row) in samples() {
        let begins = format!("{kind:?} {version} ");
        let line = stored.lines().find_map(|line| line.strip_prefix(&begins));
        let line = line.unwrap_or_else(|| panic!("add the line\n{begins}{}", hex(&row.encode())));
        assert_eq!(Row::decode(kind, &unhex(line)).unwrap(), row, "{begins}");
        known += 1;
    }
    assert_eq!(stored.lines().filter(|line| !line.starts_with('#')).count(), known, "a line nobody reads");
    for kind in Kind::ALL {
        assert!(samples().iter().any(|sample| sample.0 == kind), "{kind:?} has no sample");
    }
}

/// The newest version of each form is what is written.
#[test]
fn what_is_written_is_the_newest_form() {
    let stored = include_str!("samples.txt");
    for (kind, version, row) in samples() {
        if samples().iter().any(|sample| sample.0 == kind && sample.1 > version) {
            continue;
        }
        assert_eq!(row.encode()[0], version);
        assert!(stored.contains(&format!("{kind:?} {version} {}", hex(&row.encode()))), "{kind:?}");
    }
}

#[test]
fn a_cut_or_longer_value_is_refused() {
    for (kind, _, row) in samples() {
        let mut bytes = row.encode();
        for end in 0..bytes.len() {
            assert!(Row::decode(kind, &bytes[..end]).is_err(), "{kind:?} cut at {end}");
        }
        bytes.push(0);
        assert!(Row::decode(kind, &bytes).is_err(), "{kind:?} with a byte more");
        bytes.pop();
        bytes[0] = 99;
        assert!(Row::decode(kind, &bytes).is_err(), "{kind:?} of a version to come");
    }
}
