//! What ships with the product, as the contract has it.

use super::sample::{catalogue, codes, full, inputs};
use super::*;
use crate::domain::access::Locale;
use crate::domain::decision::Decision;
use crate::domain::settings::ScoringSettings;

#[test]
fn the_shipped_pack_asks_for_its_windows_in_the_order_it_reads_them() {
    let policy = catalogue().compile(None).unwrap();
    let asked: Vec<_> = policy.computed().iter().map(|velocity| velocity.to_string()).collect();
    let expected = [
        "velocity.email.count_1h",
        "velocity.device.count_1h",
        "velocity.card.count_1h",
        "velocity.email.count_1m",
        "velocity.device.count_1m",
        "velocity.card.count_1m",
        "velocity.ip.count_1h",
        "velocity.phone.count_1h",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn the_contract_s_example() {
    let policy = catalogue().compile(None).unwrap();
    let mut request = full();
    request.email = sample::email("ana@mailinator.com");
    let computed = [6, 1, 1, 1, 1, 1, 1, 1].map(Some);
    let settings = ScoringSettings::default();
    let verdict = policy.decide(&inputs(&request, &computed, &settings));
    assert_eq!((verdict.decision, verdict.risk_score), (Decision::Challenge, 55));
    assert_eq!(codes(&policy, &verdict), ["high_velocity", "disposable_email"]);
    let texts = verdict.fired.iter().map(|fired| {
        policy.describe_from(fired.signal, &computed, request.amount, request.currency, Locale::En)
    });
    assert_eq!(texts.collect::<Vec<_>>(), ["6 transactions in the last hour", "Disposable email detected"]);
    let spanish = policy.describe_from(1, &computed, request.amount, request.currency, Locale::Es);
    assert_eq!(spanish, "6 transacciones en la última hora");
}

#[test]
fn the_pipeline_starts_with_the_settings_of_the_contract() {
    let pipeline = catalogue().pipeline;
    assert_eq!(pipeline.settings(), ScoringSettings::default());
    let retention: Vec<_> =
        pipeline.retention().map(|(kind, kept)| format!("{kind} {}", kept.ms() / 86_400_000)).collect();
    assert_eq!(
        retention,
        ["payer 90", "email 30", "phone 30", "customer 30", "device 30", "ip 30", "card 90"]
    );
}

#[test]
fn a_pipeline_s_faults_are_told_at_once() {
    let document = "pipeline: Payin\nflow: payin\nthresholds: {review: 50, challenge: 40, decline: 75}\nentities:\n- {entity: mail, key: [email.address], retention: 30d}\n- {entity: ip, key: [ip], retention: 1y}\n- {entity: card, key: [payment_method.card_hash], retention: 90d}\n- {entity: card, key: [payment_method.card_hash], retention: 90d}\nparameters: {a: 0, b: {XXX: '1'}, C: 1}\noutputs: []\n";
    let told = Pipeline::read(document).unwrap_err();
    let told: Vec<_> =
        told.iter().map(|fault| format!("{}:{} {}", fault.line, fault.column, fault.code)).collect();
    let expected = [
        "1:11 format",
        "3:13 out_of_range",
        "5:12 enum",
        "6:22 enum",
        "6:38 format",
        "8:3 duplicate",
        "9:17 out_of_range",
        "9:29 format",
        "9:38 format",
        "10:10 unknown_field",
    ];
    assert_eq!(told, expected);
}
