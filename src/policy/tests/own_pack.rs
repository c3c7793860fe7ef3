//! A pack on top of the shipped one.

use super::sample::{bare, catalogue, codes, country, full, inputs};
use super::*;
use crate::domain::access::Locale;
use crate::domain::payin::{MetadataValue, PayinRequest};
use crate::domain::settings::{Parameter, ScoringSettings};

fn compile(rest: &str) -> Policy {
    let catalogue = catalogue();
    let document = format!("pack: p\nflow: payin\nextends: clausum/payin\n{rest}");
    catalogue.compile(Some(&catalogue.check(&document).unwrap())).unwrap()
}

#[test]
fn postings_count_as_long_as_the_pipeline_says_and_any_window_reaches() {
    use crate::domain::entity::EntityKind;
    let days = |policy: &Policy, kind| policy.kept_ms(kind) / 86_400_000;
    let shipped = catalogue().compile(None).unwrap();
    assert_eq!(days(&shipped, EntityKind::Payer), 90);
    assert_eq!(days(&shipped, EntityKind::Email), 30);
    assert_eq!(days(&shipped, EntityKind::Beneficiary), 0, "no entity of this flow");
    let rule = |id, when| format!("- {{id: {id}, name: n, score: 1, when: \"{when}\"}}\n");
    let long = rule("a", "velocity.email.count_45d > 9 && velocity.email.sum_60d > 1");
    let short = rule("b", "velocity.payer.count_7d > 3 || velocity.ip.seconds_since_last > 9");
    let policy = compile(&format!("rules:\n{long}{short}"));
    assert_eq!(days(&policy, EntityKind::Email), 60);
    assert_eq!(days(&policy, EntityKind::Payer), 90);
    assert_eq!(days(&policy, EntityKind::Ip), 30);
}

/// Whether the condition holds for the request; `None` if it ends in an error.
fn holds(when: &str, request: &PayinRequest) -> Option<bool> {
    let policy = compile(&format!(
        "lists: {{vip: [cus_1, 007]}}\nrules:\n- {{id: a, name: n, score: 1, when: \"{when}\"}}\n"
    ));
    let settings = ScoringSettings::default();
    let verdict = policy.decide(&inputs(request, &[], &settings));
    let failed = verdict.errors.iter().any(|(item, _)| *item == Item::Rule(0));
    (!failed).then_some(!verdict.matched.is_empty())
}

#[test]
fn fields_read_as_the_contract_says() {
    let mut request = full();
    request.email = sample::email("ana.b+x@mail.example.co");
    request.metadata = vec![
        ("channel".to_owned(), MetadataValue::Text("app".to_owned())),
        ("deep".to_owned(), MetadataValue::Nested("{}".to_owned())),
        ("items".to_owned(), MetadataValue::Literal("3".to_owned())),
    ];
    let table = [
        ("email.address == 'ana.b+x@mail.example.co' && email.local == 'ana.b+x'", Some(true)),
        ("email.domain == 'mail.example.co' && email.tld == 'co' && email.valid", Some(true)),
        ("phone.number == '+525512345678' && phone.valid", Some(true)),
        ("device.ip == '201.141.19.7' && device.ip_country == 'MX'", Some(true)),
        ("customer_id in lists.vip && !('7' in lists.vip) && '007' in lists.vip", Some(true)),
        ("metadata.channel == 'app' && metadata['items'] == '3'", Some(true)),
        ("metadata.deep == ''", None),
        ("has(metadata.deep) || has(metadata.other)", Some(false)),
        ("payment_id == 'x'", None),
        ("payment_method.type == 'card' && payment_method.card_bin == '411111'", Some(true)),
        ("behavior.session_duration_ms == 60000 && behavior.copy_paste_events == 0", Some(true)),
        ("organization.type == 'comercio' && flow == 'payin' && currency == 'MXN'", Some(true)),
        ("amount == 1500 && !precheck && !simulation && transaction_type == 'payment'", Some(true)),
        ("amount <= settings.probe_amount", Some(true)),
        ("amount > settings.amount_max", None),
        ("has(settings.amount_max)", Some(false)),
        ("settings.short_session_ms == 5000 && settings.min_history == 5", Some(true)),
        ("velocity.email.count_1h > 0", None),
    ];
    for (when, expected) in table {
        assert_eq!(holds(when, &request), expected, "{when}");
    }
}

#[test]
fn what_is_not_an_address_has_no_parts() {
    let request = PayinRequest { email: sample::email("nobody"), ..bare() };
    assert_eq!(holds("!email.valid && email.address == 'nobody'", &request), Some(true));
    assert_eq!(holds("email.domain == ''", &request), None);
    assert_eq!(holds("email.valid", &bare()), None);
    assert_eq!(holds("has(email.address) || has(phone.valid)", &bare()), Some(false));
}

#[test]
fn numbers_go_on_behind_those_of_the_shipped_pack() {
    let catalogue = catalogue();
    let (shipped, own) = (
        catalogue.compile(None).unwrap(),
        compile(
            "signals:\n- {code: zz, weight: 1, when: velocity.customer.sum_24h > 5, description: '{velocity.payer.count_1h}'}\n- {code: high_velocity, weight: 99, when: velocity.email.count_60m >= 2}\n- {code: aa, weight: 2, when: velocity.customer.sum_1d > 7, description: d}\n",
        ),
    );
    let asked: Vec<_> =
        own.computed().iter().skip(shipped.computed().len()).map(ToString::to_string).collect();
    assert_eq!(asked, ["velocity.customer.sum_24h", "velocity.payer.count_1h"]);
    assert!(own.computed().starts_with(shipped.computed()));
    let names: Vec<_> = own.signals().skip(shipped.signals().count()).collect();
    assert_eq!(names, [("zz", 1), ("aa", 2)]);
    assert_eq!((own.code(1), own.code(0xffff)), (Some("high_velocity"), None));
    assert_eq!(own.shipped_sha256, shipped.shipped_sha256);
    assert!(own.own_sha256.is_some() && shipped.own_sha256.is_none());
}

#[test]
fn a_replaced_signal_keeps_what_is_not_given() {
    let policy = compile(
        "signals:\n- {code: high_velocity, when: velocity.email.count_1h >= 2}\n- {code: ip_velocity, description: {es: Muchas}}\n",
    );
    let (request, settings) = (full(), ScoringSettings::default());
    let computed = [2, 1, 1, 1, 1, 1, 20, 1].map(Some);
    let verdict = policy.decide(&inputs(&request, &computed, &settings));
    assert_eq!(codes(&policy, &verdict), ["high_velocity", "ip_velocity"]);
    assert_eq!(verdict.sum, 35 + 15);
    let text = |signal: u16, locale| policy.describe_from(signal, &computed, 1, request.currency, locale);
    assert_eq!(text(1, Locale::En), "2 transactions in the last hour");
    assert_eq!((text(5, Locale::En), text(5, Locale::Es)), ("Muchas".to_owned(), "Muchas".to_owned()));
}

#[test]
fn a_list_of_a_shipped_name_takes_its_place() {
    let policy = compile("lists: {disposable_domains: [example.com]}\n");
    let settings = ScoringSettings::default();
    let fired = |address: &str| {
        let request = PayinRequest { email: sample::email(address), ..bare() };
        codes(&policy, &policy.decide(&inputs(&request, &[], &settings)))
    };
    assert_eq!(fired("a@example.com"), ["disposable_email"]);
    assert_eq!(fired("a@mailinator.com"), Vec::<String>::new());
}

#[test]
fn parameters_and_limits_are_those_of_the_currency() {
    let policy = compile(
        "rules:\n- {id: small, name: n, score: 1, when: amount <= settings.probe_amount}\n- {id: low, name: n, score: 1, when: amount < settings.amount_min}\n",
    );
    let mut settings = ScoringSettings::default();
    settings.amount_min.put("*", "1.00").unwrap();
    let matched = |amount: i64, code: &str, settings: &ScoringSettings| {
        let request = PayinRequest { amount, currency: sample::currency(code), ..bare() };
        let verdict = policy.decide(&inputs(&request, &[], settings));
        let ids = verdict.matched.iter().map(|matched| policy.rule(matched.rule).unwrap().id.as_str());
        ids.collect::<Vec<_>>().join(" ")
    };
    for (amount, code, expected) in [
        (5_000, "MXN", "small"),
        (5_001, "MXN", ""),
        (99, "USD", "low small"),
        (500, "USD", "small"),
        (3_000, "CLP", "small"),
        (0, "CLP", "low small"),
    ] {
        assert_eq!(matched(amount, code, &settings), expected, "{amount} {code}");
    }
    let mut none = crate::base::money::AmountMap::default();
    none.put("USD", "1.00").unwrap();
    settings.parameters.insert("probe_amount".to_owned(), Parameter::Amounts(none));
    assert_eq!(matched(1_000, "MXN", &settings), "", "a currency the map does not have has no value");
}

#[test]
fn a_changed_parameter_changes_the_shipped_signal() {
    let policy = compile("");
    let request = full();
    let mut settings = ScoringSettings::default();
    let computed = [3, 1, 1, 1, 1, 1, 1, 1].map(Some);
    let fired =
        |settings: &ScoringSettings| codes(&policy, &policy.decide(&inputs(&request, &computed, settings)));
    assert_eq!(fired(&settings), Vec::<String>::new());
    settings.parameters.insert("velocity_count_1h".to_owned(), Parameter::Int(3));
    settings.parameters.insert("short_session_ms".to_owned(), Parameter::Int(60_001));
    assert_eq!(fired(&settings), ["high_velocity", "short_session"]);
}

#[test]
fn a_greatest_of_several_prints_those_present() {
    let policy = compile("");
    let mut computed = vec![None, Some(9), None, Some(2), None, Some(5)];
    let text = |computed: &[Option<i64>], signal| {
        policy.describe_from(signal, computed, 1, sample::currency("MXN"), Locale::En)
    };
    assert_eq!(text(&computed, 1), "9 transactions in the last hour");
    assert_eq!(text(&computed, 4), "5 transactions in the last minute");
    computed.clear();
    assert_eq!(text(&computed, 1), " transactions in the last hour");
    assert_eq!(text(&computed, 999), "");
    let hit = ListHit { list_type: ListType::CardBin, severity: HitSeverity::Flag };
    assert_eq!(text(&computed, hit.signal()), "Matches the card_bin blocklist (flag)");
}

#[test]
fn countries_differ_only_when_both_are_given() {
    let policy = compile("");
    let settings = ScoringSettings::default();
    let fired = |card: &str, billing: &str, shipping: &str| {
        let mut request = bare();
        let given = |code: &str| if code.is_empty() { None } else { country(code) };
        request.payment_method.card_country = given(card);
        request.billing.country = given(billing);
        request.shipping.country = given(shipping);
        codes(&policy, &policy.decide(&inputs(&request, &[], &settings))).join(" ")
    };
    assert_eq!(fired("MX", "MX", "MX"), "");
    assert_eq!(fired("MX", "", "US"), "");
    assert_eq!(fired("MX", "US", ""), "card_billing_country_mismatch");
    assert_eq!(fired("MX", "US", "CL"), "card_billing_country_mismatch billing_shipping_country_mismatch");
}
