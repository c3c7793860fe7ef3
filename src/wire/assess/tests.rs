//! The contract's section 5.2, member by member: what is read, what is refused, and that a request has
//! one canonical form.

use super::{canonical, check_occurred_at, comparable, read, read_about};
use crate::base::limits;
use crate::base::time::Ms;
use crate::domain::fault::{FieldCode, FieldFault};
use crate::domain::payin::PayinRequest;

/// The faults as `pointer code` apart by `; `.
fn told(faults: &[FieldFault]) -> String {
    let told: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.field, fault.code)).collect();
    told.join("; ")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn good(body: &str) -> PayinRequest {
    let request = read(body.as_bytes()).unwrap_or_else(|faults| panic!("{body}: {}", told(&faults)));
    assert_eq!(read(&canonical(&request)).as_ref(), Ok(&request), "read again: {body}");
    request
}

#[track_caller]
fn bad(body: &str, expected: &str) {
    match read(body.as_bytes()) {
        Ok(request) => panic!("{body} was read: {}", text(canonical(&request))),
        Err(faults) => assert_eq!(told(&faults), expected, "{body}"),
    }
}

/// A body with the members every one needs, and `more`.
fn body(more: &str) -> String {
    format!("{{\"amount\":1,\"currency\":\"MXN\",{more}}}")
}

/// What the canonical body has besides what every one has; or the faults.
fn outcome(more: &str) -> String {
    match read(body(more).as_bytes()) {
        Err(faults) => told(&faults),
        Ok(_) => {
            let written = text(canonical(&good(&body(more))));
            let rest = written.strip_prefix(r#"{"amount":1,"currency":"MXN","transaction_type":"#).unwrap();
            let rest = rest.strip_prefix(r#""payment""#).unwrap_or(rest);
            rest.strip_suffix('}').unwrap().trim_start_matches(',').to_owned()
        }
    }
}

/// Rows of one member's JSON and either its JSON in the canonical body or the code of its fault.
#[track_caller]
fn member(path: &str, rows: &[(&str, &str)]) {
    for (json, expected) in rows {
        let (open, name, close) = match path.split_once('.') {
            Some((object, name)) => (format!("\"{object}\":{{"), name, "}"),
            None => (String::new(), path, ""),
        };
        let wrapped = |json: &str| format!("{open}\"{name}\":{json}{close}");
        let expected = match expected.as_bytes().first() {
            None => String::new(),
            Some(b'a'..=b'z') => format!("/{} {expected}", path.replace('.', "/")),
            Some(_) => wrapped(expected),
        };
        assert_eq!(outcome(&wrapped(json)), expected, "{path} {json}");
    }
}

fn quoted(char: &str, count: usize) -> String {
    format!("\"{}\"", char.repeat(count))
}

#[test]
fn the_smallest_body_and_a_full_one() {
    assert_eq!(
        text(canonical(&good(r#"{"amount":1,"currency":"mxn"}"#))),
        r#"{"amount":1,"currency":"MXN","transaction_type":"payment"}"#
    );
    let full = good(include_str!("full.json"));
    let written = format!("{}\n", text(canonical(&full)));
    expect_test::expect_file!["full.canonical.json"].assert_eq(&written);
}

#[test]
fn amounts_are_exact() {
    let amount = |json: &str, unit: &str, currency: &str, expected: &str| {
        let body = format!("{{\"amount\":{json},\"currency\":\"{currency}\",\"amount_unit\":\"{unit}\"}}");
        let found = read(body.as_bytes()).map_or_else(|faults| told(&faults), |r| r.amount.to_string());
        assert_eq!(found, expected, "{body}");
    };
    for same in ["1500", "1500.0", "1.5e3", "15000E-1"] {
        amount(same, "minor", "MXN", "1500");
    }
    amount("15.00", "major", "MXN", "1500");
    amount("25000.00", " major ", "MXN", "2500000");
    amount("1500.00", "major", "CLP", "1500");
    amount("0", "minor", "MXN", "0");
    amount("-0.0", "minor", "MXN", "0");
    amount("9007199254740991", "minor", "MXN", "9007199254740991");
    amount("1500.5", "minor", "MXN", "/amount not_integer");
    amount("0.001", "major", "MXN", "/amount precision");
    amount("1.5", "major", "CLP", "/amount precision");
    amount("9007199254740992", "minor", "MXN", "/amount out_of_range");
    amount("90071992547409.92", "major", "MXN", "/amount out_of_range");
    amount("1e999999999999", "minor", "MXN", "/amount out_of_range");
    amount("-1", "minor", "MXN", "/amount min");
    amount("-0.001", "major", "MXN", "/amount min");
    amount("\"1500\"", "minor", "MXN", "/amount type");
    amount("null", "minor", "MXN", "/amount required");
    amount("1", "cents", "MXN", "/amount_unit enum");
    amount("1.5", "", "MXN", "/amount not_integer");
    for unknown in ["XXX", "XAU", "CLF", "MX", "€"] {
        amount("1", "minor", unknown, "/currency unknown_currency");
    }
    amount("1.5", "minor", "XXX", "/currency unknown_currency; /amount not_integer");
    amount("-1", "major", "XXX", "/currency unknown_currency; /amount min");
    amount("1.555", "major", "XXX", "/currency unknown_currency");
    amount("1", "minor", " ", "/currency required");
    bad(r#"{"amount":1}"#, "/currency required");
    bad(r#"{"amount":1,"currency":5}"#, "/currency type");
}

#[test]
fn equal_requests_compare_equal() {
    let form = |body: &str| text(comparable(&good(body)));
    let first =
        form(r#"{"amount":1500,"currency":"MXN","email":"a@example.com","metadata":{"a":1,"b":[1,2]}}"#);
    for again in [
        r#"{"amount":1.5e3,"currency":"mxn","email":" A@EXAMPLE.com","metadata":{"b":[1, 2],"a":1}}"#,
        r#"{"metadata":{"a":7,"b":[1,2],"a":1},"amount":15.00,"amount_unit":"major","currency":"MXN","email":"a@example.com","else":1}"#,
        r#"{"amount":1500.0,"currency":"MXN","transaction_type":"Payment","email":"a@example.com","metadata":{"a":1,"b":[1,2]},"occurred_at":"2026-05-29T18:30:00Z","idempotency_key":"k","device":{},"phone":""}"#,
    ] {
        assert_eq!(form(again), first, "{again}");
    }
    for number in ["1", "1.0", "1e0", "10e-1", "0.1E+1"] {
        let again = format!(
            r#"{{"amount":1500,"currency":"MXN","email":"a@example.com","metadata":{{"a":{number},"b":[{number},2.0]}}}}"#
        );
        assert_eq!(form(&again), first, "{again}");
        // A rule reads it as it was written, so that is what a record carries.
        assert!(text(canonical(&good(&again))).contains(&format!("\"a\":{number},\"b\":[{number},2.0]")));
    }
    for other in [
        r#"{"amount":1500,"currency":"MXN","email":"a@example.com","metadata":{"a":1.01,"b":[1,2]}}"#,
        r#"{"amount":1500,"currency":"MXN","email":"a@example.com","metadata":{"a":1,"b":["1",2]}}"#,
        r#"{"amount":1501,"currency":"MXN","email":"a@example.com","metadata":{"a":1,"b":[1,2]}}"#,
        r#"{"amount":1500,"currency":"CLP","email":"a@example.com","metadata":{"a":1,"b":[1,2]}}"#,
        r#"{"amount":1500,"currency":"MXN","email":"a@example.com","metadata":{"a":"1","b":[1,2]}}"#,
        r#"{"amount":1500,"currency":"MXN","email":"a@example.com","metadata":{"a":1,"b":[1,2]},"session_id":"s"}"#,
    ] {
        assert_ne!(form(other), first, "{other}");
    }
}

#[test]
fn top_level_texts() {
    member("transaction_type", &[(r#""  ""#, ""), ("1", "type"), (&quoted("x", 65), "length")]);
    assert_eq!(outcome(r#""transaction_type":" Transfer ""#), r#""transfer""#);
    // The upper-case letter has a lower case of two characters.
    member("transaction_type", &[(&quoted("İ", 33), "length")]);
    for id in ["customer_id", "order_id", "payment_id"] {
        let long = quoted("é", 128);
        member(
            id,
            &[
                (r#"" A-1 ""#, r#""A-1""#),
                (&long, &long),
                (&quoted("é", 129), "length"),
                ("7", "type"),
                (r#""a\nb""#, "format"),
            ],
        );
    }
    member("submerchant_id", &[(&quoted("x", 256), &quoted("x", 256)), (&quoted("x", 257), "length")]);
    member(
        "session_id",
        &[
            (r#""ps_1-Z""#, r#""ps_1-Z""#),
            (r#""a b""#, "format"),
            (r#""é""#, "format"),
            (&quoted("a", 128), &quoted("a", 128)),
            (&quoted("a", 129), "length"),
            (r#""  ""#, ""),
        ],
    );
    member(
        "idempotency_key",
        &[
            (r#""a key ~!""#, r#""a key ~!""#),
            (r#""é""#, "format"),
            (&quoted("k", 255), &quoted("k", 255)),
            (&quoted("k", 256), "length"),
            ("1", "type"),
        ],
    );
}

#[test]
fn contacts_never_fail_but_by_their_length() {
    member(
        "email",
        &[
            (r#"" Ana@BÜCHER.example""#, r#""ana@xn--bcher-kva.example""#),
            (r#""No Body""#, r#""no body""#),
            (&quoted("x", 320), &quoted("x", 320)),
            (&quoted("x", 321), "length"),
            (&quoted("İ", 200), "length"),
            ("false", "type"),
            (r#""a\u0000""#, "format"),
        ],
    );
    assert!(good(&body(r#""email":"a@b.example""#)).email.unwrap().at.is_some());
    assert!(good(&body(r#""email":"a@b""#)).email.unwrap().at.is_none());
    member(
        "phone",
        &[
            (r#""0052 (55) 1234-5678""#, r#""+525512345678""#),
            (r#""call me""#, r#""callme""#),
            (&quoted("-", 32), &quoted("-", 32)),
            (&quoted("5", 33), "length"),
            ("5512345678", "type"),
        ],
    );
}

#[test]
fn times() {
    member(
        "occurred_at",
        &[
            (r#""2026-05-29T12:30:00-06:00""#, r#""2026-05-29T18:30:00.000Z""#),
            (r#""2026-05-29""#, "format"),
            ("1716998400", "type"),
            (r#""1969-12-31T23:59:59Z""#, "out_of_range"),
            (r#""0000-01-01T00:00:00+23:59""#, "out_of_range"),
            (r#""9999-06-01T00:00:00Z""#, "out_of_range"),
            (r#""9999-12-31T23:59:59.999Z""#, "out_of_range"),
            (r#""9999-12-31T23:59:60Z""#, "out_of_range"),
            (r#""9999-12-31T23:59:59-23:59""#, "out_of_range"),
            (r#""0000-01-01T00:00:00Z""#, "out_of_range"),
            (r#""9998-12-31T23:59:59.999Z""#, r#""9998-12-31T23:59:59.999Z""#),
            (r#""2016-12-31T23:59:60Z""#, r#""2016-12-31T23:59:59.000Z""#),
            (r#""2016-12-31T12:59:60Z""#, "format"),
            (r#""2026-02-29T00:00:00Z""#, "format"),
        ],
    );
    let at = Ms::parse_rfc3339("2026-05-29T18:30:00Z").unwrap();
    let request = good(&body(r#""occurred_at":"2026-05-29T18:30:00Z""#));
    let near = |log_time| check_occurred_at(&request, log_time);
    assert_eq!(near(at), None);
    assert_eq!(near(at.plus(limits::OCCURRED_BEFORE_MS)), None);
    assert_eq!(near(at.plus(-limits::OCCURRED_AFTER_MS)), None);
    for far in [limits::OCCURRED_BEFORE_MS + 1, -limits::OCCURRED_AFTER_MS - 1] {
        let fault = near(at.plus(far)).unwrap();
        assert_eq!((fault.field.as_str(), fault.code), ("/occurred_at", FieldCode::OutOfRange));
    }
    assert_eq!(check_occurred_at(&good(&body(r#""x":1"#)), Ms(0)), None);
}

#[test]
fn a_time_out_of_bounds_is_told_with_the_other_faults_and_alone_is_none_of_the_body() {
    let (long_ago, now) = (r#""occurred_at":"2020-01-01T00:00:00Z""#, Ms(1_780_000_000_000));
    let both = format!(r#"{{"amount":-1,"currency":"MXN",{long_ago}}}"#);
    let faults = read_about(both.as_bytes(), Some(now)).unwrap_err();
    assert_eq!(told(&faults), "/amount min; /occurred_at out_of_range");
    assert_eq!(told(&read(both.as_bytes()).unwrap_err()), "/amount min");
    assert!(
        read_about(body(long_ago).as_bytes(), Some(now)).is_ok(),
        "a repeat is one however late it comes"
    );
}

#[test]
fn an_order_id_of_metadata_is_one_id_however_its_number_is_spelled() {
    let order = |metadata: &str| good(&body(&format!(r#""metadata":{{"order_id":{metadata}}}"#))).order_id;
    for spelling in ["12", "12.0", "1.2e1", "\"12\""] {
        assert_eq!(order(spelling).as_deref(), Some("12"), "{spelling}");
    }
    for none in ["1.5", "true", "null", "[12]", "\" \""] {
        assert_eq!(order(none), None, "{none}");
    }
    let [one, other] =
        ["12", "12.0"].map(|id| comparable(&good(&body(&format!(r#""metadata":{{"order_id":{id}}}"#)))));
    assert_eq!(one, other);
}

#[test]
fn payment_methods() {
    for word in ["type", "card_brand", "bank_code", "wallet_type"] {
        member(
            &format!("payment_method.{word}"),
            &[
                (r#"" VISA ""#, r#""visa""#),
                (r#""Ñ""#, r#""ñ""#),
                (&quoted("x", 65), "length"),
                ("1", "type"),
            ],
        );
    }
    member(
        "payment_method.card_bin",
        &[
            (r#""411111""#, r#""411111""#),
            (r#""41111111""#, r#""41111111""#),
            (r#""41111""#, "format"),
            (r#""411111111""#, "format"),
            (r#""41111a""#, "format"),
            (r#""４１１１１１""#, "format"),
            ("411111", "type"),
        ],
    );
    member(
        "payment_method.card_last4",
        &[
            (r#""0042""#, r#""0042""#),
            (r#""042""#, "format"),
            (r#""00042""#, "format"),
            (r#""x042""#, "format"),
        ],
    );
    member(
        "payment_method.card_country",
        &[(r#""mx""#, r#""MX""#), (r#""UK""#, "unknown_country"), (r#""MEX""#, "unknown_country")],
    );
    member(
        "payment_method.card_hash",
        &[
            (r#""aB3+/=_:.-aB3+/=""#, r#""aB3+/=_:.-aB3+/=""#),
            (&quoted("a", 15), "format"),
            (&quoted("a", 16), &quoted("a", 16)),
            (&quoted("a", 128), &quoted("a", 128)),
            (&quoted("a", 129), "format"),
            (r#""aaaaaaaaaaaaaaa a""#, "format"),
            (&quoted("4", 11), "format"),
            (&quoted("4", 12), "pan_not_allowed"),
            (&quoted("4", 19), "pan_not_allowed"),
            (&quoted("4", 20), &quoted("4", 20)),
            (r#""4111 1111 1111 1111""#, "pan_not_allowed"),
            (r#""4111-1111-1111-1111""#, "pan_not_allowed"),
            (r#""4111:1111:1111:1111""#, "pan_not_allowed"),
            (r#""4111.1111_1111/1111=""#, "pan_not_allowed"),
            (r#""4111-1111-1111-111x""#, r#""4111-1111-1111-111x""#),
        ],
    );
    member("payment_method", &[(r#""card""#, "type"), ("{}", ""), ("null", "")]);
}

#[test]
fn card_numbers_are_refused_and_never_repeated() {
    for name in ["number", "card_number", "pan", "cvv", "cvc", "expiry"] {
        for value in ["\"4111111111111111\"", "4111111111111111", "{\"x\":4111111111111111}", "\"\""] {
            let faults =
                read(body(&format!("\"payment_method\":{{\"{name}\":{value}}}")).as_bytes()).unwrap_err();
            assert_eq!(told(&faults), format!("/payment_method/{name} pan_not_allowed"));
            assert!(!format!("{faults:?}").contains("4111"), "{faults:?}");
        }
        assert_eq!(outcome(&format!("\"payment_method\":{{\"{name}\":null}}")), "");
    }
    let pan = "\"4111111111111111\"";
    for name in [
        "currency",
        "session_id\":\"é\",\"currency",
        "occurred_at",
        "amount_unit",
        "payment_method",
        "device",
    ] {
        let faults = read(format!("{{\"{name}\":{pan}}}").as_bytes()).unwrap_err();
        assert!(!format!("{faults:?}").contains("4111"), "{faults:?}");
    }
    let cut = format!("{{\"payment_method\":{{\"number\":{pan}}}");
    assert!(!format!("{:?}", read(cut.as_bytes()).unwrap_err()).contains("4111"));
}

#[test]
fn devices_behaviour_and_places() {
    member(
        "device.ip",
        &[
            (r#""203.0.113.7""#, r#""203.0.113.7""#),
            (r#""::ffff:203.0.113.7""#, r#""203.0.113.7""#),
            (r#""2001:DB8:0::1""#, r#""2001:db8::1""#),
            (r#""203.0.113.07""#, "format"),
            (r#""203.0.113.7:80""#, "format"),
            (r#""fe80::1%eth0""#, "format"),
            (r#""localhost""#, "format"),
            ("1", "type"),
        ],
    );
    member("device.ip_country", &[(r#""de""#, r#""DE""#), (r#""XX""#, "unknown_country")]);
    member("device.fingerprint", &[(r#"" aB ""#, r#""aB""#), (&quoted("x", 129), "length")]);
    member("device.language", &[(r#""es-MX""#, r#""es-MX""#), (&quoted("x", 36), "length")]);
    member(
        "device.user_agent",
        &[(&quoted("x", 1_024), &quoted("x", 1_024)), (&quoted("x", 1_025), "length")],
    );
    member(
        "device.timezone",
        &[
            (r#""America/Mexico_City""#, r#""America/Mexico_City""#),
            (r#""Etc/GMT+5""#, r#""Etc/GMT+5""#),
            (r#""Mars/Olympus""#, r#""Mars/Olympus""#),
            (r#""America Mexico""#, "format"),
            (&quoted("x", 65), "length"),
        ],
    );
    for count in ["session_duration_ms", "mouse_movements", "keystrokes", "copy_paste_events"] {
        member(
            &format!("behavior.{count}"),
            &[
                ("0", "0"),
                ("2147483647", "2147483647"),
                ("3.0", "3"),
                ("2147483648", "max"),
                ("-1", "min"),
                ("1.5", "not_integer"),
                (r#""1""#, "type"),
            ],
        );
    }
    for place in ["billing", "shipping"] {
        member(&format!("{place}.country"), &[(r#""br""#, r#""BR""#), (r#""ZZ""#, "unknown_country")]);
        member(
            &format!("{place}.city"),
            &[(r#""São Paulo""#, r#""São Paulo""#), (&quoted("x", 129), "length")],
        );
        member(
            &format!("{place}.postal_code"),
            &[(r#""06600""#, r#""06600""#), (&quoted("x", 17), "length"), ("6600", "type")],
        );
    }
}
