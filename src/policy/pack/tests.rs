//! What is wrong with a pack is told all at once, where it is.

use crate::policy::Catalogue;

/// The diagnostics of a document, one a line.
fn faults(document: &str) -> Vec<String> {
    let told = Catalogue::payin().unwrap().check(document).err().unwrap_or_default();
    told.iter().map(ToString::to_string).collect()
}

/// A pack with these lines behind its head, which has three.
fn pack(rest: &str) -> String {
    format!("pack: acme-payin\nflow: payin\nextends: clausum/payin\n{rest}")
}

fn check(rest: &str, expected: &[&str]) {
    let found = faults(&pack(rest));
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
    assert!(fits, "{rest}\nfound {found:#?}\nexpected {expected:#?}");
}

const EXAMPLE: &str = r#"
lists: {vip: [cus_1, cus_2]}
signals:
  - {code: night_high_amount, weight: 12, when: 'amount > 500000 && has(metadata.night)', description: {en: High amount at night, es: Monto alto de noche}}
rules:
  - {id: vip_pass, name: VIP customers, priority: 10, when: customer_id in lists.vip, action: approve, override: false}
  - {id: us_cards, name: Foreign cards, when: payment_method.card_country == "US", score: 15, action: challenge, notify: true}
cases:
  - {name: vip passes, request: {amount: 1500, currency: MXN, customer_id: cus_1}, expect: {decision: approve, rules: [vip_pass]}}
"#;

#[test]
fn a_pack_in_the_contract_s_form_and_in_json() {
    check(EXAMPLE, &[]);
    let json = r#"{"pack":"acme-payin","flow":"payin","extends":"clausum/payin",
        "rules":[{"id":"r","name":"\u00c1 \"b\" \/","when":"customer_id == \"c\\\\d\"","score":-5,"expires_at":"2027-01-01T00:00:00Z","action":null}]}"#;
    assert_eq!(faults(json), Vec::<String>::new());
    let pack = Catalogue::payin().unwrap().check(json).unwrap();
    assert_eq!(pack.rules[0].name, "Á \"b\" /");
    assert_eq!(pack.rules[0].when.as_ref().unwrap().text, r#"customer_id == "c\\d""#);
}

#[test]
fn members_are_known_and_of_their_type() {
    check("rulez: []\n", &["4:8: unknown_field: `rulez` is no member here; did you mean `rules`?"]);
    check("flow: payin\n", &["4:1: duplicate: `flow` is given twice"]);
    check("rules: {}\n", &["4:8: type: a list is due, not an object"]);
    check("rules: [7]\n", &["4:9: type: an object is due, not a number"]);
    check(
        "rules:\n- {id: a, name: 7, when: true, score: 1.5, priority: x, notify: 1, flags: 2}\n",
        &[
            "5:17: type: a string is due, not a number: quote it (a)",
            "5:26: type: a string is due, not a bool: quote it (a)",
            "5:39: out_of_range: an integer from -100 to 100 is due (a)",
            "5:54: type: an integer is due, not a string (a)",
            "5:65: type: true or false is due, not a number (a)",
            "5:75: unknown_field: `flags` is no member here",
        ],
    );
    check(
        "rules:\n- {id: a}\n",
        &[
            "5:3: required: `name` is missing (a)",
            "5:3: required: `when` is missing (a)",
            "5:3: required: at least one of `score` and `action` is due (a)",
        ],
    );
    check("lists: {VIP: [a], b: [true, [1], 0123]}\n", &["4:14: format", "4:23: type", "4:29: type"]);
}

#[test]
fn the_head_is_checked() {
    let table = [
        ("flow: payin\nextends: clausum/payin\n", "1:1: required: `pack` is missing"),
        ("pack: Acme\nflow: payin\nextends: clausum/payin\n", "1:7: format"),
        ("pack: a/b\nflow: payin\nextends: clausum/payin\n", "1:7: format"),
        ("pack: a\nflow: payin\n", "1:1: required: `extends` is missing"),
        ("pack: a\nflow: payin\nextends: other\n", "3:10: reference: only `clausum/payin` can be extended"),
        ("pack: a\nflow: payout\nextends: clausum/payin\n", "2:7: unsupported: the flow `payout`"),
        ("pack: a\nflow: both\nextends: clausum/payin\n", "2:7: enum"),
        ("- a\n", "1:1: type: an object is due, not a list"),
        ("", "1:1: required: the document is empty"),
    ];
    for (document, expected) in table {
        let found = faults(document);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{document}: {found:?}");
    }
}

#[test]
fn values_have_their_bounds() {
    let rule = |members: &str| format!("rules:\n- {{id: a, name: n, when: precheck, {members}}}\n");
    let table = [
        ("score: 100", None),
        ("score: 101", Some("out_of_range")),
        ("score: -100", None),
        ("score: -101", Some("out_of_range")),
        ("score: 1, priority: 10000", None),
        ("score: 1, priority: 10001", Some("out_of_range")),
        ("score: 1, priority: -1", Some("out_of_range")),
        ("action: block", None),
        ("action: allow", Some("enum")),
        ("action: approve, override: true", None),
        ("action: review, override: true", Some("exclusive")),
        ("action: review, override: false", None),
        ("score: 5, override: true", Some("exclusive")),
        ("score: 5, expires_at: 2027-01-01T00:00:00Z", None),
        ("score: 5, expires_at: 2027-01-01", Some("format")),
    ];
    for (members, expected) in table {
        let found = faults(&pack(&rule(members)));
        match expected {
            None => assert_eq!(found, Vec::<String>::new(), "{members}"),
            Some(code) => assert!(found.len() == 1 && found[0].contains(code), "{members}: {found:?}"),
        }
    }
}

#[test]
fn ids_are_codes_and_unique() {
    check(
        "rules:\n- {id: A, name: n, when: precheck, score: 1}\n- {id: a, name: n, when: precheck, score: 1}\n- {id: a, name: n, when: precheck, score: 1}\n",
        &["5:8: format", "7:3: duplicate: `a` is declared twice (a)"],
    );
    check(
        "signals:\n- {code: blocklist_email, weight: 5}\n",
        &["5:3: reserved", "5:3: required", "5:3: required"],
    );
    let long = format!("rules:\n- {{id: {}, name: n, when: precheck, score: 1}}\n", "a".repeat(65));
    check(&long, &["5:8: format"]);
}

#[test]
fn expressions_tell_their_place_in_the_document() {
    check(
        "rules:\n- {id: a, name: n, score: 1, when: 'amont > 5 && amount > \"x\"'}\n- id: b\n  name: n\n  score: 1\n  when: |\n    amount > 5 &&\n    payer.count_90d > 3\n",
        &[
            "5:37: unknown_name: `amont` is not known; did you mean `amount`? (a)",
            "5:50: wrong_type",
            "11:5: refused: `payer` is not available in this version (b)",
        ],
    );
    check(
        "rules:\n- id: b\n  name: n\n  score: 1\n  when: >\n    amount > 5 &&\n    payer.count_90d > 3\n",
        &["9:5: refused: `payer` is not available in this version (line 1, column 15 of the text) (b)"],
    );
}

#[test]
fn what_windows_and_names_are_refused() {
    let table = [
        ("velocity.email.count_5s > 1", "a window is a whole number of s, m, h or d from 10s to 90d"),
        ("velocity.email.cont_1h > 1", "is no aggregate with its window"),
        ("velocity.mail.count_1h > 1", "did you mean `velocity.email`?"),
        ("velocity.card.distinct_emails_24h > 1", "`velocity.card.distinct_emails_24h` is not available"),
        ("velocity.card.min_1h > 1", "`velocity.card.min_1h` is not available"),
        ("velocity.submerchant.count_1h > 1", "`velocity.submerchant` is not available"),
        ("velocity.beneficiary.count_1h > 1", "`velocity.beneficiary` is not available"),
        ("network.match_count > 1", "`network` is not available"),
        ("submerchant.mcc == '1'", "`submerchant` is not available"),
        ("'email' in blocklist.hits", "`blocklist` is not available"),
        ("billing.country in device.timezone_countries", "`device.timezone_countries` is not available"),
        ("customer_id in lists.vipp", "`lists.vipp` is not known; did you mean `lists.vip`?"),
        ("amount > settings.amount_maximum", "`settings.amount_maximum` is not known"),
        ("amount in lists.vip", "integer"),
        ("payments > 1", "not known"),
    ];
    for (when, expected) in table {
        let rest = format!("lists: {{vip: [a]}}\nrules:\n- {{id: a, name: n, score: 1, when: \"{when}\"}}\n");
        let found = faults(&pack(&rest));
        assert!(found.len() == 1 && found[0].contains(expected), "{when}: {found:?}");
    }
}

#[test]
fn what_is_available_compiles() {
    let table = [
        "velocity.payer.count_45m > 1 && velocity.customer.sum_90d > 1 && velocity.card.avg_24h > 1",
        "velocity.email.count_approved_1h + velocity.email.count_declined_1h + velocity.email.count_failed_1h > 1",
        "velocity.ip.seconds_since_last < 5 || velocity.phone.first_seen_age == 0",
        "has(metadata.channel) && metadata['channel'] == 'app'",
        "amount < settings.amount_min || amount <= settings.probe_amount && settings.min_history == 5",
        "email.valid && email.local.startsWith('a') && email.tld == 'mx' && email.address != 'x'",
        "phone.valid || has(phone.number) || organization.type == 'psp' || simulation || precheck",
        "device.ip == '1.2.3.4' || device.timezone == 'UTC' || shipping.postal_code == '1'",
        "payment_method.card_country in lists.high_risk_countries && flow == 'payin'",
        "transaction_type == 'transfer' && order_id != payment_id && currency == 'MXN'",
    ];
    for when in table {
        check(&format!("rules:\n- {{id: a, name: n, score: 1, when: \"{when}\"}}\n"), &[]);
    }
}

#[test]
fn descriptions_print_what_the_trace_keeps_and_nothing_personal() {
    let signal =
        |text: &str| format!("signals:\n- {{code: a, weight: 1, when: precheck, description: '{text}'}}\n");
    let table = [
        ("{velocity.ip.count_1h} of {amount} {currency}", None),
        ("{{amount}}", None),
        ("{email.domain}", Some("`email.domain` is personal: a description may not print it")),
        ("{device.ip}", Some("personal")),
        ("{metadata.name}", Some("a description may print only")),
        ("{settings.amount_max}", Some("a description may print only")),
        ("{payment_method.card_country}", Some("a description may print only")),
        ("{amount", Some("`}` is missing")),
    ];
    for (text, expected) in table {
        let found = faults(&pack(&signal(text)));
        match expected {
            None => assert_eq!(found, Vec::<String>::new(), "{text}"),
            Some(message) => assert!(found.len() == 1 && found[0].contains(message), "{text}: {found:?}"),
        }
    }
}

#[test]
fn a_known_signal_needs_only_what_it_replaces() {
    check(
        "signals:\n- {code: high_velocity, weight: 10}\n- {code: ip_velocity, when: velocity.ip.count_1h >= 50}\n",
        &[],
    );
    check(
        "signals:\n- {code: brand_new, weight: 10}\n",
        &[
            "5:3: required: `when` is missing (brand_new)",
            "5:3: required: `description` is missing (brand_new)",
        ],
    );
    check("signals:\n- {code: amount_above_maximum, when: amount > 5}\n", &["5:38: reserved"]);
    check(
        "signals:\n- {code: high_velocity, description: {}}\n",
        &["5:38: required: `en` or `es` is missing"],
    );
}

#[test]
fn cases_are_checked() {
    check(
        "cases:\n- {name: c, request: 5, expect: {}}\n",
        &["5:22: type", "5:33: required: nothing is expected"],
    );
    check(
        "cases:\n- {name: c, request: {}, features: {velocity.ip.count_9h: 1, amount: 5, velocity.ip.count_1h: x, settings.nothing: 1}, expect: {blocked_by: null}}\n",
        &[
            "5:37: reference: no rule reads `velocity.ip.count_9h`",
            "5:62: reference: only",
            "5:95: type: an integer is due",
            "5:98: reference: there is no such setting",
        ],
    );
    check(
        "cases:\n- {name: c, request: {}, features: {velocity.ip.count_9h: 1, settings.nothing: 1}, expect: {blocked_by: null}}\n",
        &[
            "5:37: reference: no rule reads `velocity.ip.count_9h`",
            "5:62: reference: there is no such setting",
        ],
    );
}

/// Faults of every kind, none of which hides another.
#[test]
fn faults_of_form_of_expressions_and_of_cases_are_told_in_one_run() {
    let document = pack(
        "signals:
- {code: high_velocity, weight: 500, when: 'amont > 1'}
- {code: amount_above_maximum, when: amount > 5}
- {code: high_velocity, when: 'foo > 1'}
- {code: Bad-One, weight: x, when: 'amuont > 1'}
rules:
- {id: A, name: 7, when: 'amoutn > 1', score: 1, nope: 1}
- {name: n, when: 'bar > 1', score: 1}
- {id: b, name: n, when: &anchor 'amount >', score: 1}
- 7
cases:
- {name: c, request: {amount: x, currency: XXX}, expect: {decision: approve}}
- {request: {currency: MXN, payment_method: {card_bin: 1}}, features: {velocity.ip.count_9h: 1, settings.nothing: 1}, expect: {decision: maybe}}
",
    );
    let told = Catalogue::payin().unwrap().check_strictly(&document).unwrap_err();
    let told: Vec<_> = told.iter().map(ToString::to_string).collect();
    let expected = [
        "5:33: out_of_range: an integer from -100 to 100 is due (high_velocity)",
        "5:45: unknown_name: `amont`",
        "6:38: reserved: the condition of a limit",
        "7:3: duplicate: `high_velocity` is declared twice",
        "7:32: unknown_name: `foo`",
        "8:10: format: `code` is",
        "8:27: type: an integer is due",
        "8:37: unknown_name: `amuont`",
        "10:8: format: `id` is",
        "10:17: type: a string is due",
        "10:27: unknown_name: `amoutn`",
        "10:56: unknown_field: `nope`",
        "11:3: required: `id` is missing",
        "11:20: unknown_name: `bar`",
        "12:26: unsupported: anchors are not supported",
        "12:26: syntax: expected a value",
        "13:3: type: an object is due",
        "15:31: type: the request cannot be read: /amount must be a number",
        "15:44: unknown_currency: the request cannot be read: /currency",
        "16:3: required: `name` is missing",
        "16:13: required: the request cannot be read: /amount is required",
        "16:56: type: the request cannot be read: /payment_method/card_bin must be a string",
        "16:72: reference: no rule reads `velocity.ip.count_9h`",
        "16:97: reference: there is no such setting",
        "16:138: enum: one of `approve`",
    ];
    let fits = told.len() == expected.len()
        && told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected));
    assert!(fits, "found {told:#?}\nexpected {expected:#?}");
}

#[test]
fn what_a_faulty_rule_may_be_meant_to_read_is_not_said_to_be_read_by_none() {
    let case = "cases:\n- {name: c, request: {}, features: {velocity.ip.count_9h: 1}, expect: {decision: approve}}\n";
    let rule = |when: &str| format!("rules:\n- {{id: a, name: n, score: 1, {when}}}\n{case}");
    check(&rule("when: 'velocity.ip.cuont_9h > 1'"), &["5:"]);
    check(&rule("when: 7"), &["5:"]);
    check(&rule("when: 'amuont > 1'"), &["5:", "7:37: reference: no rule reads"]);
    check(&rule("when: 'velocity.ip.count_540m > amuont'"), &["5:"]);
}

#[test]
fn limits_hold() {
    let rules: String =
        (0..8_193).map(|n| format!("- {{id: r{n}, name: n, when: precheck, score: 1}}\n")).collect();
    check(&format!("rules:\n{rules}"), &["8197:3: limit: at most 8192 rules are allowed, not 8193"]);
    let lists: String = (0..257).map(|n| format!("  l{n}: [a]\n")).collect();
    check(&format!("lists:\n{lists}"), &["5:3: limit: at most 256 lists"]);
    let bad = "- {id: a, name: 5}\n".repeat(500);
    assert_eq!(faults(&pack(&format!("rules:\n{bad}"))).len(), crate::policy::MAX_DIAGNOSTICS);
}

#[test]
fn no_damage_to_a_document_makes_it_panic() {
    let catalogue = Catalogue::payin().unwrap();
    let whole = pack(EXAMPLE);
    let pieces = [
        "'",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\n",
        "  ",
        "&",
        "*",
        "!",
        "|",
        "99999999999999999999",
        "null",
        "é",
        "#",
        ",",
    ];
    let mut seed = 11_u64;
    let mut roll = |sides: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % sides
    };
    let mut accepted = 0;
    for _ in 0..3_000 {
        let mut text = whole.clone();
        for _ in 0..=roll(3) {
            let at = text.floor_char_boundary(roll(text.len()));
            let end = text.floor_char_boundary((at + roll(4)).min(text.len()));
            text.replace_range(at..end, pieces[roll(pieces.len())]);
        }
        match catalogue.check(&text) {
            Ok(pack) => {
                accepted += 1;
                assert!(catalogue.compile(Some(&pack)).is_ok(), "{text}");
            }
            Err(faults) => {
                let lines = u32::try_from(text.lines().count()).unwrap() + 1;
                assert!(!faults.is_empty() && faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
            }
        }
    }
    assert!(accepted > 100, "only {accepted} were still a pack");
}
