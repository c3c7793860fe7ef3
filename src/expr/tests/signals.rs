//! The conditions of the shipped packs: each checks, and fires where it should and nowhere else.

use super::*;

/// Condition, and the least that makes it fire.
const SIGNALS: [(&str, &str); 57] = [
    ("amount > settings.amount_max", "amount=11 settings.amount_max=10"),
    ("payer.prior_fraud_count >= 1", "payer.prior_fraud_count=1"),
    (
        "amount <= settings.probe_amount && (velocity.device.distinct_cards_1h >= 3 || velocity.email.distinct_cards_1h >= 3 || velocity.ip.distinct_cards_1h >= 5)",
        "amount=5 settings.probe_amount=5 velocity.ip.distinct_cards_1h=5",
    ),
    (
        "velocity.email.count_1h >= settings.velocity_count_1h || velocity.device.count_1h >= settings.velocity_count_1h",
        "settings.velocity_count_1h=5 velocity.device.count_1h=5",
    ),
    ("network.match_count >= 1", "network.match_count=1"),
    (
        "payer.count_90d >= 3 && !payer.known_device && !payer.known_ip && amount > 2 * payer.amount_mean_90d",
        "payer.count_90d=3 payer.known_device=false payer.known_ip=false amount=201 payer.amount_mean_90d=100",
    ),
    ("velocity.device.distinct_cards_24h >= 4", "velocity.device.distinct_cards_24h=4"),
    ("velocity.device.distinct_emails_24h >= 4", "velocity.device.distinct_emails_24h=4"),
    ("velocity.email.distinct_cards_24h >= 4", "velocity.email.distinct_cards_24h=4"),
    ("velocity.card.distinct_emails_24h >= 3", "velocity.card.distinct_emails_24h=3"),
    ("velocity.card.count_1h >= 5", "velocity.card.count_1h=5"),
    (
        "payer.prior_dispute_count >= 1 && payer.prior_fraud_count == 0",
        "payer.prior_dispute_count=1 payer.prior_fraud_count=0",
    ),
    (
        "email.domain in lists.disposable_domains",
        "email.domain=mail.test lists.disposable_domains=[mail.test,x.test]",
    ),
    ("velocity.payer.distinct_emails_24h >= 3", "velocity.payer.distinct_emails_24h=3"),
    (
        "velocity.email.count_1m >= 3 || velocity.device.count_1m >= 3 || velocity.card.count_1m >= 3",
        "velocity.email.count_1m=3",
    ),
    ("velocity.ip.distinct_cards_1h >= 8", "velocity.ip.distinct_cards_1h=8"),
    (
        "velocity.email.count_declined_1h >= 3 || velocity.device.count_declined_1h >= 3 || velocity.card.count_declined_1h >= 3",
        "velocity.device.count_declined_1h=3",
    ),
    (
        "payer.amount_count_90d >= settings.min_history && amount > payer.amount_mean_90d + 3 * payer.amount_stddev_90d && amount > 2 * payer.amount_mean_90d",
        "payer.amount_count_90d=5 settings.min_history=5 amount=131 payer.amount_mean_90d=40 payer.amount_stddev_90d=30",
    ),
    (
        "behavior.session_duration_ms < 2000 && behavior.mouse_movements == 0 && (!has(behavior.keystrokes) || behavior.keystrokes == 0)",
        "behavior.session_duration_ms=1999 behavior.mouse_movements=0",
    ),
    (
        "payment_method.card_country in lists.high_risk_countries || billing.country in lists.high_risk_countries || device.ip_country in lists.high_risk_countries",
        "device.ip_country=KP lists.high_risk_countries=[KP]",
    ),
    ("velocity.ip.count_1h >= 20", "velocity.ip.count_1h=20"),
    ("velocity.phone.count_1h >= 5", "velocity.phone.count_1h=5"),
    ("velocity.card.distinct_devices_24h >= 4", "velocity.card.distinct_devices_24h=4"),
    ("velocity.card.distinct_submerchants_1h >= 4", "velocity.card.distinct_submerchants_1h=4"),
    (
        "payer.amount_count_90d >= settings.min_history && velocity.payer.sum_24h > 10 * payer.amount_mean_90d",
        "payer.amount_count_90d=5 settings.min_history=5 velocity.payer.sum_24h=1001 payer.amount_mean_90d=100",
    ),
    ("email.tld in lists.suspicious_tlds", "email.tld=xyz lists.suspicious_tlds=[xyz,top]"),
    ("payment_method.card_country != billing.country", "payment_method.card_country=US billing.country=MX"),
    ("!email.valid", "email.valid=false"),
    (
        "device.ip_country != payment_method.card_country && (!has(billing.country) || device.ip_country != billing.country)",
        "device.ip_country=BR payment_method.card_country=MX",
    ),
    ("amount < settings.amount_min", "amount=9 settings.amount_min=10"),
    (
        "behavior.session_duration_ms < settings.short_session_ms",
        "behavior.session_duration_ms=4999 settings.short_session_ms=5000",
    ),
    (
        r#"behavior.mouse_movements == 0 && (!has(device.user_agent) || !device.user_agent.lowerAscii().contains("mobi"))"#,
        "behavior.mouse_movements=0 device.user_agent=Firefox",
    ),
    (
        "!(billing.country in device.timezone_countries)",
        "billing.country=MX device.timezone_countries=[US,CA]",
    ),
    ("billing.country != shipping.country", "billing.country=MX shipping.country=US"),
    ("submerchant.mcc in lists.high_risk_mccs", "submerchant.mcc=7995 lists.high_risk_mccs=[7995]"),
    ("payer.count_90d >= 3 && !payer.known_device", "payer.count_90d=3 payer.known_device=false"),
    ("behavior.copy_paste_events >= 3", "behavior.copy_paste_events=3"),
    (
        "payer.approved_count_90d >= 10 && payer.prior_fraud_count == 0 && payer.prior_dispute_count == 0 && payer.known_device",
        "payer.approved_count_90d=10 payer.prior_fraud_count=0 payer.prior_dispute_count=0 payer.known_device=true",
    ),
    ("beneficiary.prior_fraud_count >= 1", "beneficiary.prior_fraud_count=1"),
    (
        "velocity.beneficiary.distinct_origin_accounts_24h >= settings.fan_in_24h",
        "velocity.beneficiary.distinct_origin_accounts_24h=5 settings.fan_in_24h=5",
    ),
    (
        "beneficiary.country in lists.high_risk_countries",
        "beneficiary.country=KP lists.high_risk_countries=[KP]",
    ),
    (
        "amount < settings.structuring_amount && velocity.beneficiary.count_24h >= 3 && velocity.beneficiary.max_24h < settings.structuring_amount && velocity.beneficiary.sum_24h >= settings.structuring_amount",
        "amount=9 settings.structuring_amount=10 velocity.beneficiary.count_24h=3 velocity.beneficiary.max_24h=9 velocity.beneficiary.sum_24h=10",
    ),
    ("beneficiary.id_seen_with_other_account", "beneficiary.id_seen_with_other_account=true"),
    (
        "origin.country != beneficiary.country && amount > settings.cross_border_amount",
        "origin.country=MX beneficiary.country=US amount=11 settings.cross_border_amount=10",
    ),
    ("velocity.device.distinct_origin_accounts_24h >= 3", "velocity.device.distinct_origin_accounts_24h=3"),
    (
        "(has(payout.first_to_beneficiary) ? payout.first_to_beneficiary : beneficiary.prior_payout_count == 0) && amount > settings.high_payout_amount",
        "payout.first_to_beneficiary=true beneficiary.prior_payout_count=3 amount=11 settings.high_payout_amount=10",
    ),
    (
        "origin_account.amount_count_90d >= settings.min_history && amount > origin_account.amount_mean_90d + 3 * origin_account.amount_stddev_90d && amount > 2 * origin_account.amount_mean_90d",
        "origin_account.amount_count_90d=5 settings.min_history=5 amount=131 origin_account.amount_mean_90d=40 origin_account.amount_stddev_90d=30",
    ),
    ("velocity.beneficiary.count_24h >= 10", "velocity.beneficiary.count_24h=10"),
    (
        "velocity.origin_account.distinct_beneficiaries_1h >= 15 && !has(payout.batch_id)",
        "velocity.origin_account.distinct_beneficiaries_1h=15",
    ),
    (
        "has(payout.first_to_beneficiary) ? payout.first_to_beneficiary : beneficiary.prior_payout_count == 0",
        "beneficiary.prior_payout_count=0",
    ),
    (
        "!has(payout.initiated_by) || payout.initiator_generic",
        "payout.initiated_by=bot payout.initiator_generic=true",
    ),
    (
        "velocity.beneficiary.count_10m >= 2 && velocity.beneficiary.min_10m == velocity.beneficiary.max_10m",
        "velocity.beneficiary.count_10m=2 velocity.beneficiary.min_10m=7 velocity.beneficiary.max_10m=7",
    ),
    (
        "velocity.origin_account.count_10m >= settings.origin_count_10m && !has(payout.batch_id)",
        "velocity.origin_account.count_10m=20 settings.origin_count_10m=20",
    ),
    (
        "origin_account.amount_count_90d >= settings.min_history && velocity.origin_account.sum_24h > 10 * origin_account.amount_mean_90d && !has(payout.batch_id)",
        "origin_account.amount_count_90d=5 settings.min_history=5 velocity.origin_account.sum_24h=1001 origin_account.amount_mean_90d=100",
    ),
    (
        "origin_account.count_90d >= settings.min_history && !origin_account.known_initiator",
        "origin_account.count_90d=5 settings.min_history=5 origin_account.known_initiator=false",
    ),
    ("velocity.beneficiary.distinct_names_90d >= 2", "velocity.beneficiary.distinct_names_90d=2"),
    (
        "beneficiary.prior_payout_count >= 10 && beneficiary.prior_fraud_count == 0 && origin_account.known_beneficiary",
        "beneficiary.prior_payout_count=10 beneficiary.prior_fraud_count=0 origin_account.known_beneficiary=true",
    ),
];

/// Names have no declaration here, so their last word says what they hold.
fn type_of(name: &str) -> Type {
    let last = name.rsplit('.').next().unwrap();
    if last.starts_with("known_")
        || ["valid", "initiator_generic", "first_to_beneficiary", "id_seen_with_other_account"]
            .contains(&last)
    {
        return Type::Bool;
    }
    let text = ["domain", "tld", "mcc", "user_agent", "batch_id", "initiated_by"].contains(&last);
    if text || last.ends_with("country") { Type::String } else { Type::Int }
}

fn is_list(name: &str) -> bool {
    name.starts_with("lists.") || name == "device.timezone_countries"
}

/// Every name of `source`, with the values of `given` and the others missing.
fn world_of(source: &str, given: &str) -> World {
    let mut world = World::default();
    for pair in given.split_whitespace() {
        let (name, value) = pair.split_once('=').unwrap();
        world = if is_list(name) {
            let members: Vec<&str> = value.trim_matches(['[', ']']).split(',').collect();
            world.list(name, Some(&members))
        } else {
            match type_of(name) {
                Type::Bool => world.bool(name, value.parse().unwrap()),
                Type::Int => world.int(name, value.parse().unwrap()),
                Type::String | Type::Timestamp | Type::Duration => world.text(name, value),
            }
        };
    }
    for word in source.split(|c: char| !(c == '.' || c == '_' || c.is_ascii_alphanumeric())) {
        let name = word.split(".lowerAscii").next().unwrap();
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase());
        if is_name && !["in", "has", "mobi"].contains(&name) && world.find(name).is_none() {
            world = if is_list(name) { world.list(name, None) } else { world.missing(name, type_of(name)) };
        }
    }
    world
}

fn outcome(source: &str, world: &World) -> Outcome {
    let condition = check_condition(source, &mut world.clone());
    condition.unwrap_or_else(|faults| panic!("{source}: {faults:?}")).compile().test(world)
}

#[test]
fn every_signal_fires_on_its_case() {
    for (source, given) in SIGNALS {
        assert_eq!(outcome(source, &world_of(source, given)), Outcome::True, "{source}");
    }
}

#[test]
fn nothing_fires_on_nothing_but_the_absent_initiator() {
    for (source, _) in SIGNALS {
        let fired = outcome(source, &world_of(source, "")) == Outcome::True;
        assert_eq!(fired, source.starts_with("!has(payout.initiated_by)"), "{source}");
    }
}

#[test]
fn one_step_short_does_not_fire() {
    for (source, given) in SIGNALS {
        for (at, pair) in given.split_whitespace().enumerate() {
            let (name, value) = pair.split_once('=').unwrap();
            if is_list(name) || !source.starts_with(name) {
                continue;
            }
            let changed = match type_of(name) {
                Type::Bool => (!value.parse::<bool>().unwrap()).to_string(),
                Type::Int if source.contains(&format!("{name} <")) => {
                    (value.parse::<i64>().unwrap() + 1).to_string()
                }
                Type::Int => (value.parse::<i64>().unwrap() - 1).to_string(),
                Type::String | Type::Timestamp | Type::Duration => continue,
            };
            let mut pairs: Vec<String> = given.split_whitespace().map(ToOwned::to_owned).collect();
            pairs[at] = format!("{name}={changed}");
            assert_ne!(outcome(source, &world_of(source, &pairs.join(" "))), Outcome::True, "{source}");
        }
    }
}

#[test]
fn patterns_and_clock_times_come_later() {
    for source in [
        r#"device.user_agent.lowerAscii().matches("headlesschrome|curl/")"#,
        r#"amount > 500000 && event_time.getHours("America/Mexico_City") < 6"#,
    ] {
        let faults =
            check_condition(source, &mut world_of(source, "device.user_agent=x amount=1 event_time=1"));
        assert_eq!(faults.unwrap_err()[0].code, FaultCode::UnknownFunction);
    }
}
