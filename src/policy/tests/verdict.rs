//! The contract's section 8.1, row by row. One signal, `s`, weighs what the sum should be.

use super::sample::{bare, catalogue, inputs};
use super::*;
use crate::base::time::Ms;
use crate::domain::decision::Decision::{self, Approve, Challenge, Decline, Review};
use crate::domain::settings::{ListWeights, ScoringSettings, Thresholds};

/// The policy of a pack with these rules; each rule matches.
fn policy(rules: &str) -> Policy {
    let rules: String =
        rules.lines().map(|rule| format!("- {{name: n, when: amount >= 0, {rule}}}\n")).collect();
    let document = format!(
        "pack: p\nflow: payin\nextends: clausum/payin\nsignals:\n- {{code: s, weight: 0, when: amount >= 0, description: d}}\nrules:\n{rules}"
    );
    let catalogue = catalogue();
    let pack = catalogue.check(&document).unwrap();
    catalogue.compile(Some(&pack)).unwrap()
}

fn settings(weight: i64) -> ScoringSettings {
    let list_weights = ListWeights { flag: 0, review: 0 };
    let weights = [("s".to_owned(), weight)].into();
    ScoringSettings { list_weights, weights, ..ScoringSettings::default() }
}

fn hits(text: &str) -> Vec<ListHit> {
    let hit = |word: &str| {
        let (list, severity) = word.split_once(':').unwrap();
        ListHit {
            list_type: ListType::ALL.into_iter().find(|known| known.text() == list).unwrap(),
            severity: HitSeverity::ALL.into_iter().find(|known| known.text() == severity).unwrap(),
        }
    };
    text.split_whitespace().map(hit).collect()
}

fn judge(weight: i64, listed: &str, rules: &str) -> (Decision, u8, Option<String>) {
    let (policy, settings, request, hits) = (policy(rules), settings(weight), bare(), hits(listed));
    let verdict = policy.decide(&Inputs { hits: &hits, ..inputs(&request, &[], &settings) });
    let reason = verdict.blocked_by.map(|reason| policy.blocked_by(reason).into_owned());
    (verdict.decision, verdict.risk_score, reason)
}

fn check(weight: i64, listed: &str, rules: &str, decision: Decision, risk_score: u8) {
    assert_eq!(judge(weight, listed, rules), (decision, risk_score, None), "{weight} {listed} {rules}");
}

fn blocked(weight: i64, listed: &str, rules: &str, reason: &str) {
    assert_eq!(judge(weight, listed, rules), (Decline, 100, Some(reason.to_owned())), "{listed} {rules}");
}

#[test]
fn bands_begin_at_their_threshold_and_the_score_is_clamped() {
    for (weight, decision, risk_score) in [
        (-100, Approve, 0),
        (-1, Approve, 0),
        (0, Approve, 0),
        (29, Approve, 29),
        (30, Review, 30),
        (49, Review, 49),
        (50, Challenge, 50),
        (74, Challenge, 74),
        (75, Decline, 75),
        (100, Decline, 100),
    ] {
        check(weight, "", "", decision, risk_score);
    }
    check(100, "", "id: a, score: 100", Decline, 100);
    check(-100, "", "id: a, score: 100\nid: b, score: 31", Review, 31);
    check(20, "", "id: a, score: -100", Approve, 0);
}

#[test]
fn a_review_hit_is_a_floor() {
    check(0, "email:review", "", Review, 0);
    check(0, "email:flag", "", Approve, 0);
    check(55, "email:review", "", Challenge, 55);
    check(80, "ip_range:review", "", Decline, 80);
}

#[test]
fn the_most_severe_force_wins_whatever_the_band_but_not_below_the_floor() {
    check(0, "", "id: a, action: review", Review, 0);
    check(0, "", "id: a, action: review\nid: b, action: challenge", Challenge, 0);
    check(0, "", "id: a, action: decline\nid: b, action: approve, override: true", Decline, 0);
    check(80, "", "id: a, action: review", Review, 80);
    check(80, "", "id: a, action: challenge\nid: b, action: approve", Challenge, 80);
    check(80, "email:review", "id: a, action: review", Review, 80);
    check(80, "", "id: a, action: approve", Approve, 80);
    check(0, "", "id: a, score: 5", Approve, 5);
}

#[test]
fn approve_yields_to_review_and_flag_hits_unless_it_overrides() {
    check(80, "email:review", "id: a, action: approve", Decline, 80);
    check(80, "email:flag", "id: a, action: approve", Decline, 80);
    check(0, "email:review", "id: a, action: approve", Review, 0);
    check(0, "email:flag", "id: a, action: approve", Approve, 0);
    check(80, "email:review", "id: a, action: approve, override: true", Approve, 80);
    check(80, "email:flag", "id: a, action: approve, override: true", Approve, 80);
    check(80, "email:flag", "id: a, action: approve\nid: b, action: approve, override: true", Approve, 80);
    check(0, "email:review", "id: a, action: review\nid: b, action: approve, override: true", Review, 0);
}

#[test]
fn a_hard_block_names_its_first_reason() {
    blocked(0, "phone:block email:block", "id: a, action: block", "blocklist:email");
    blocked(0, "customer_id:block", "", "blocklist:customer_id");
    blocked(0, "email:review", "id: b, action: block\nid: a, action: block", "rule:a");
    blocked(0, "", "id: b, action: block, priority: 5\nid: a, action: block", "rule:b");
    blocked(0, "", "id: a, action: approve, override: true\nid: b, action: block, score: -100", "rule:b");
}

#[test]
fn an_amount_above_the_maximum_blocks_before_rules_and_behind_lists() {
    let policy = policy("id: a, action: block");
    let mut settings = settings(0);
    settings.amount_max.put("MXN", "15.00").unwrap();
    settings.disabled_signals.insert("amount_above_maximum".to_owned());
    let judge = |amount: i64, listed: &str| {
        let request = crate::domain::payin::PayinRequest { amount, ..bare() };
        let hits = hits(listed);
        let verdict = policy.decide(&Inputs { hits: &hits, ..inputs(&request, &[], &settings) });
        (
            verdict.blocked_by.map(|reason| policy.blocked_by(reason).into_owned()),
            sample::codes(&policy, &verdict),
        )
    };
    let told = |reason: &str, codes: &[&str]| {
        (Some(reason.to_owned()), codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(judge(1_500, ""), told("rule:a", &["s"]));
    assert_eq!(judge(1_501, ""), told("amount_above_maximum", &["amount_above_maximum", "s"]));
    assert_eq!(
        judge(1_501, "phone:block"),
        told("blocklist:phone", &["amount_above_maximum", "blocklist_phone", "s"])
    );
}

#[test]
fn settings_move_bands_weights_and_signals() {
    let (policy, request) = (policy(""), bare());
    let decide = |settings: &ScoringSettings| policy.decide(&inputs(&request, &[], settings));
    let mut changed = settings(60);
    changed.thresholds = Thresholds { review: 60, challenge: 61, decline: 101 };
    assert_eq!(decide(&changed).decision, Review);
    changed.weights.insert("s".to_owned(), 0);
    let quiet = decide(&changed);
    assert_eq!((quiet.decision, quiet.fired.len()), (Approve, 1), "a weight of 0 keeps a signal visible");
    changed.disabled_signals.insert("s".to_owned());
    assert_eq!(decide(&changed).fired, []);
}

#[test]
fn list_hits_count_with_their_weights_by_weight_then_code() {
    let (policy, request) = (policy(""), bare());
    let settings = ScoringSettings { list_weights: ListWeights { flag: 40, review: 25 }, ..settings(40) };
    let hits = hits("phone:review email:flag email:review customer_id:flag");
    let verdict = policy.decide(&Inputs { hits: &hits, ..inputs(&request, &[], &settings) });
    let told: Vec<_> =
        verdict.fired.iter().map(|fired| (policy.code(fired.signal).unwrap(), fired.weight)).collect();
    let expected =
        [("blocklist_customer_id", 40), ("blocklist_email", 40), ("s", 40), ("blocklist_phone", 25)];
    assert_eq!(told, expected);
    assert_eq!((verdict.sum, verdict.risk_score, verdict.decision), (145, 100, Decline));
}

#[test]
fn rules_match_by_priority_then_id_while_they_are_in_force() {
    let policy = policy(
        "id: c, score: 1\nid: b, score: 2, priority: 100\nid: a, score: 3, priority: 101\nid: z, score: 4, priority: 0\nid: off, score: 5, enabled: false\nid: gone, score: 6, expires_at: 2026-01-01T12:00:00Z\nid: soon, score: 7, expires_at: 2026-01-01T12:00:00.001Z",
    );
    let (request, settings) = (bare(), settings(0));
    let matched = |now: i64| {
        let verdict = policy.decide(&Inputs { now: Ms(now), ..inputs(&request, &[], &settings) });
        let ids = verdict.matched.iter().map(|matched| policy.rule(matched.rule).unwrap().id.clone());
        (ids.collect::<Vec<_>>().join(" "), verdict.sum)
    };
    assert_eq!(matched(1_767_268_800_000), ("z b c soon a".to_owned(), 17));
    assert_eq!(matched(1_767_268_800_001), ("z b c a".to_owned(), 10));
    assert_eq!(matched(1_767_268_799_999), ("z b c gone soon a".to_owned(), 23));
}

#[test]
fn a_condition_that_ends_in_an_error_is_told_and_does_not_match() {
    let catalogue = catalogue();
    let document = "pack: p\nflow: payin\nextends: clausum/payin\nrules:\n- {id: a, name: n, score: 50, when: customer_id == 'x'}\n- {id: b, name: n, score: 50, when: customer_id == 'x' || amount > 0}\n";
    let policy = catalogue.compile(Some(&catalogue.check(document).unwrap())).unwrap();
    let (request, settings) = (bare(), ScoringSettings::default());
    let verdict = policy.decide(&inputs(&request, &[], &settings));
    assert_eq!(verdict.matched.len(), 1);
    assert_eq!((verdict.decision, verdict.risk_score), (Challenge, 50));
    let told: Vec<_> = verdict.errors.iter().map(|(item, _)| *item).collect();
    assert!(told.contains(&Item::Rule(0)) && !told.contains(&Item::Rule(1)), "{told:?}");
    assert!(told.contains(&Item::Signal(0)), "without a maximum its signal has nothing to compare with");
    assert!(told.is_sorted());
}
