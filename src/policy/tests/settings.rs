//! Settings from JSON, as a merge patch.

use super::sample::catalogue;
use crate::base::currency::Currency;
use crate::domain::settings::{ListWeights, Parameter, ScoringSettings, Thresholds};

fn patch(current: &ScoringSettings, body: &str) -> Result<ScoringSettings, Vec<String>> {
    let catalogue = catalogue();
    let policy = catalogue.compile(None).unwrap();
    let told = |fault: &crate::domain::fault::FieldFault| format!("{} {}", fault.field, fault.code);
    catalogue
        .patch_settings(&policy, current, body.as_bytes())
        .map_err(|faults| faults.iter().map(told).collect())
}

fn settings(body: &str) -> ScoringSettings {
    patch(&ScoringSettings::default(), body).unwrap()
}

#[test]
fn an_empty_patch_changes_nothing() {
    let current = ScoringSettings { version: 9, ..settings(r#"{"weights":{"high_velocity":5}}"#) };
    assert_eq!(patch(&current, "{}"), Ok(current.clone()));
    assert_eq!(patch(&current, r#"{"weights":{},"thresholds":{},"parameters":{}}"#), Ok(current));
}

#[test]
fn members_merge_and_null_brings_back_the_default() {
    let first = settings(
        r#"{"thresholds":{"decline":101},"weights":{"high_velocity":5,"ip_velocity":-5},"disabled_signals":["short_session"],
            "list_weights":{"flag":0},"amount_max":{"*":"100.00","clp":"9500"},"amount_min":{"*":"1"},
            "parameters":{"min_history":7,"probe_amount":{"USD":"1.00","CLP":null}}}"#,
    );
    let get = |map: &crate::base::money::AmountMap, code| map.get(Currency::from_code(code).unwrap());
    assert_eq!(first.thresholds, Thresholds { review: 30, challenge: 50, decline: 101 });
    assert_eq!(first.list_weights, ListWeights { flag: 0, review: 25 });
    assert_eq!((get(&first.amount_max, "CLP"), get(&first.amount_max, "MXN")), (Some(9_500), Some(10_000)));
    let Some(Parameter::Amounts(probe)) = first.parameters.get("probe_amount") else { panic!() };
    assert_eq!([get(probe, "USD"), get(probe, "CLP"), get(probe, "MXN")], [Some(100), Some(5), Some(5_000)]);
    let second = patch(
        &first,
        r#"{"weights":{"high_velocity":null},"amount_max":{"CLP":null},"list_weights":{"flag":null},"disabled_signals":["ip_velocity"]}"#,
    )
    .unwrap();
    assert_eq!(second.weights, [("ip_velocity".to_owned(), -5)].into());
    assert_eq!(get(&second.amount_max, "CLP"), Some(100));
    assert_eq!(second.list_weights.flag, 40);
    assert_eq!(second.disabled_signals, ["ip_velocity".to_owned()].into());
    let cleared = patch(
        &second,
        r#"{"thresholds":null,"weights":null,"disabled_signals":null,"list_weights":null,"amount_min":null,"amount_max":null,"parameters":null}"#,
    );
    assert_eq!(cleared, Ok(ScoringSettings::default()));
}

#[test]
fn what_is_not_valid_is_told_with_its_place() {
    let table = [
        (r#"{"threshold":{}}"#, "/threshold unknown_field"),
        (r#"{"thresholds":{"review":0}}"#, "/thresholds/review min"),
        (r#"{"thresholds":{"decline":102}}"#, "/thresholds/decline max"),
        (r#"{"thresholds":{"review":60}}"#, "/thresholds out_of_range"),
        (r#"{"thresholds":{"low":60}}"#, "/thresholds/low unknown_field"),
        (r#"{"weights":{"nothing":1}}"#, "/weights/nothing unknown_field"),
        (r#"{"weights":{"blocklist_email":1}}"#, "/weights/blocklist_email unknown_field"),
        (r#"{"weights":{"high_velocity":101}}"#, "/weights/high_velocity max"),
        (r#"{"weights":{"high_velocity":1.5}}"#, "/weights/high_velocity not_integer"),
        (r#"{"weights":{"high_velocity":1,"high_velocity":2}}"#, "/weights/high_velocity duplicate"),
        (r#"{"disabled_signals":["amount_above_maximum"]}"#, "/disabled_signals/0 enum"),
        (r#"{"disabled_signals":["high_velocity","nothing"]}"#, "/disabled_signals/1 unknown_field"),
        (r#"{"list_weights":{"flag":-1}}"#, "/list_weights/flag min"),
        (r#"{"list_weights":{"flag":101}}"#, "/list_weights/flag max"),
        (r#"{"amount_max":{"XXX":"1"}}"#, "/amount_max/XXX unknown_currency"),
        (r#"{"amount_max":{"CLP":"1.5"}}"#, "/amount_max/CLP precision"),
        (r#"{"amount_max":{"CLP":5}}"#, "/amount_max/CLP type"),
        (r#"{"amount_max":{"*":"5"},"amount_min":{"*":"6"}}"#, "/amount_min max"),
        (r#"{"amount_max":{"*":"5"},"amount_min":{"CLP":"6"}}"#, "/amount_min max"),
        (r#"{"parameters":{"min_histori":5}}"#, "/parameters/min_histori unknown_field"),
        (r#"{"parameters":{"min_history":0}}"#, "/parameters/min_history min"),
        (r#"{"parameters":{"min_history":{"*":"5"}}}"#, "/parameters/min_history type"),
        (r#"{"parameters":{"probe_amount":5}}"#, "/parameters/probe_amount type"),
        (r#"{"parameters":{"probe_amount":{"CLP":"0"}}}"#, "/parameters/probe_amount min"),
        ("[]", " type"),
        ("{", " json"),
    ];
    for (body, expected) in table {
        assert_eq!(patch(&ScoringSettings::default(), body), Err(vec![expected.to_owned()]), "{body}");
    }
    let several = patch(&ScoringSettings::default(), r#"{"weights":{"a":1},"disabled_signals":["b"]}"#);
    assert_eq!(several.unwrap_err().len(), 2);
    let order = "/thresholds out_of_range";
    for (body, expected) in [
        (
            r#"{"thresholds":{"review":90,"challenge":20,"bogus":1}}"#,
            &["/thresholds/bogus unknown_field", order][..],
        ),
        (r#"{"bogus":1,"thresholds":{"review":90,"challenge":20}}"#, &["/bogus unknown_field", order]),
        // The two that can be read are out of order whatever the third is.
        (r#"{"thresholds":{"review":"x","challenge":90,"decline":20}}"#, &["/thresholds/review type", order]),
        (r#"{"thresholds":{"review":0,"challenge":90}}"#, &["/thresholds/review min", order]),
        (r#"{"thresholds":{"challenge":"x","review":60}}"#, &["/thresholds/challenge type"]),
        (
            r#"{"amount_min":{"*":"6","XXX":"1"},"amount_max":{"*":"5"},"list_weights":{"flag":101,"x":1}}"#,
            &[
                "/list_weights/x unknown_field",
                "/list_weights/flag max",
                "/amount_min/XXX unknown_currency",
                "/amount_min max",
            ],
        ),
    ] {
        let expected: Vec<_> = expected.iter().map(|told| (*told).to_owned()).collect();
        assert_eq!(patch(&ScoringSettings::default(), body), Err(expected), "{body}");
    }
}
