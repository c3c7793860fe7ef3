//! The shipped cases, and how cases are told.

use super::sample::catalogue;
use super::*;
use crate::domain::settings::ScoringSettings;
use crate::policy::diagnostic::Faults;

fn run(document: &str) -> Vec<CaseResult> {
    let catalogue = catalogue();
    let pack = catalogue.check(document).unwrap();
    let policy = catalogue.compile(Some(&pack)).unwrap();
    catalogue.run_cases(&policy, &pack.cases, &ScoringSettings::default())
}

#[test]
fn the_shipped_cases_pass_and_show_each_signal_fired_and_silent() {
    let catalogue = catalogue();
    let policy = catalogue.compile(None).unwrap();
    let cases = catalogue.cases().unwrap();
    let mut faults = Faults::default();
    catalogue.check_cases(&policy, &cases, false, &mut faults);
    cases.iter().for_each(|case| case.check_request(&mut faults));
    assert_eq!(faults.into_sorted(), []);
    let results = catalogue.run_cases(&policy, &cases, &ScoringSettings::default());
    for result in &results {
        assert!(result.passed, "{result:#?}");
    }
    for (code, _) in policy.signals() {
        let alone = |result: &&CaseResult| {
            result.expected.signals.as_ref().is_some_and(|signals| signals.iter().any(|fired| fired == code))
        };
        assert!(results.iter().any(|result| alone(&result)), "{code} fires in no case");
        assert!(results.iter().filter(|result| !alone(result)).count() > 1);
    }
}

#[test]
fn what_differs_is_told() {
    let results = run(
        "pack: p\nflow: payin\nextends: clausum/payin\nrules:\n- {id: vip, name: n, when: customer_id == 'cus_1', action: approve}\ncases:\n- {name: good, request: {amount: 1, currency: MXN, customer_id: cus_1}, expect: {decision: approve, rules: [vip], signals: []}}\n- {name: other set, request: {amount: 1, currency: MXN, customer_id: cus_1}, expect: {rules: []}}\n- {name: other score, request: {amount: 1, currency: MXN}, features: {velocity.email.count_1h: 5}, expect: {risk_score: 34}}\n- {name: not blocked, request: {amount: 1, currency: MXN}, features: {settings.amount_max: 0}, expect: {blocked_by: null}}\n- {name: unreadable, request: {currency: MXN}, expect: {decision: approve}}\n",
    );
    let passed: Vec<_> = results.iter().map(|result| (result.name.as_str(), result.passed)).collect();
    let expected = [
        ("good", true),
        ("other set", false),
        ("other score", false),
        ("not blocked", false),
        ("unreadable", false),
    ];
    assert_eq!(passed, expected);
    assert_eq!(results[1].found.as_ref().unwrap().rules, Some(vec!["vip".to_owned()]));
    assert_eq!(results[2].found.as_ref().unwrap().risk_score, Some(35));
    let reason = results[3].found.as_ref().unwrap().blocked_by.clone();
    assert_eq!(reason, Some(Some("amount_above_maximum".to_owned())));
    assert_eq!(results[4].found, Err("/amount: is required".to_owned()));
}

#[test]
fn sets_are_compared_in_any_order_and_a_null_preset_is_missing() {
    let results = run(
        "pack: p\nflow: payin\nextends: clausum/payin\nrules:\n- {id: b, name: n, when: amount > 0, score: 1}\n- {id: a, name: n, when: amount > 0, score: 1}\n- {id: c, name: n, when: has(velocity.email.count_1h), score: 1}\ncases:\n- {name: sets, request: {amount: 1, currency: MXN}, expect: {rules: [b, a]}}\n- {name: missing, request: {amount: 1, currency: MXN, email: a@b.co}, features: {velocity.email.count_1h: null}, expect: {rules: [a, b]}}\n- {name: first, request: {amount: 1, currency: MXN, email: a@b.co}, expect: {rules: [a, b, c]}}\n",
    );
    for result in results {
        assert!(result.passed, "{result:?}");
    }
}

#[test]
fn a_request_reaches_the_reader_as_it_was_written() {
    let catalogue = catalogue();
    let pack = catalogue.check("pack: p\nflow: payin\nextends: clausum/payin\ncases:\n- name: n\n  request: {amount: 15.00, currency: MXN, a: \"q\\\"\\\\\\n\\u0001é\", b: [1e3, ~, true, 0x10, '5'], c: {d: -0}}\n  expect: {risk_score: 0}\n").unwrap();
    let expected = r#"{"amount":15.00,"currency":"MXN","a":"q\"\\\u000a\u0001é","b":[1e3,null,true,"0x10","5"],"c":{"d":-0}}"#;
    assert_eq!(pack.cases[0].request, expected);
}
