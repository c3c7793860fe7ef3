//! The verdict against section 8.1 written down a second time, step by step and without cunning, over
//! generated evidence.

use super::sample::{bare, catalogue, inputs};
use super::*;
use crate::domain::decision::Decision;
use crate::domain::payin::PayinRequest;
use crate::domain::settings::{ListWeights, ScoringSettings, Thresholds};

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn number(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.roll(usize::try_from(to - from + 1).unwrap())).unwrap()
    }
}

struct Made {
    id: String,
    priority: i64,
    score: Option<i64>,
    action: Option<&'static str>,
    overrides: bool,
    on: bool,
}

fn make(dice: &mut Dice, n: usize) -> Made {
    let action = [
        None,
        Some("approve"),
        Some("approve"),
        Some("review"),
        Some("challenge"),
        Some("decline"),
        Some("block"),
    ][dice.roll(7)];
    let score = (action.is_none() || dice.roll(2) == 0).then(|| dice.number(-100, 100));
    let overrides = action == Some("approve") && dice.roll(2) == 0;
    let id = format!("r{}_{n}", dice.roll(3));
    Made { id, priority: dice.number(1, 3), score, action, overrides, on: dice.roll(3) > 0 }
}

fn written(rule: &Made) -> String {
    let mut text = format!(
        "- {{id: {}, name: n, priority: {}, when: {}",
        rule.id,
        rule.priority,
        if rule.on { "amount >= 0" } else { "amount < 0" }
    );
    if let Some(score) = rule.score {
        text.push_str(&format!(", score: {score}"));
    }
    if let Some(action) = rule.action {
        text.push_str(&format!(", action: {action}"));
    }
    text.push_str(if rule.overrides { ", override: true}\n" } else { "}\n" });
    text
}

struct Told {
    decision: &'static str,
    risk_score: i64,
    sum: i64,
    blocked_by: Option<String>,
    signals: Vec<(i64, String)>,
    rules: Vec<String>,
}

struct Case {
    rules: Vec<Made>,
    hits: Vec<(usize, &'static str)>,
    weights: Vec<(String, i64)>,
    disabled: Vec<String>,
    thresholds: (i64, i64, i64),
    lists: (i64, i64),
    above: bool,
}

const TYPES: [&str; 15] = [
    "email",
    "email_domain",
    "ip_address",
    "ip_range",
    "device_fingerprint",
    "card_bin",
    "card_hash",
    "country",
    "phone",
    "customer_id",
    "clabe",
    "iban",
    "account_hash",
    "swift_bic",
    "beneficiary_id",
];

fn reason(case: &Case, rules: &[&Made]) -> Option<String> {
    let mut blocked_by = None;
    for rule in rules.iter().rev() {
        if rule.action == Some("block") {
            blocked_by = Some(format!("rule:{}", rule.id));
        }
    }
    if case.above {
        blocked_by = Some("amount_above_maximum".to_owned());
    }
    for kind in (0..15).rev() {
        if case.hits.contains(&(kind, "block")) {
            blocked_by = Some(format!("blocklist:{}", TYPES[kind]));
        }
    }
    blocked_by
}

fn judge(case: &Case) -> Told {
    let mut signals = Vec::new();
    if case.above {
        signals.push((100, "amount_above_maximum".to_owned()));
    }
    for (code, weight) in &case.weights {
        if !case.disabled.contains(code) {
            signals.push((*weight, code.clone()));
        }
    }
    let has = |kind: usize, severity: &str| case.hits.contains(&(kind, severity));
    let any = |severity: &str| (0..15).any(|kind| has(kind, severity));
    for (kind, name) in TYPES.iter().enumerate() {
        let code = format!("blocklist_{name}");
        if has(kind, "block") {
            signals.push((100, code));
        } else if has(kind, "flag") {
            signals.push((case.lists.0, code));
        } else if has(kind, "review") {
            signals.push((case.lists.1, code));
        }
    }
    signals.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut rules: Vec<&Made> = case.rules.iter().filter(|rule| rule.on).collect();
    rules.sort_by_key(|rule| (rule.priority, rule.id.clone()));
    let sum = signals.iter().map(|signal| signal.0).sum::<i64>()
        + rules.iter().filter_map(|rule| rule.score).sum::<i64>();
    let score = match sum {
        ..0 => 0,
        0..=100 => sum,
        101.. => 100,
    };
    let blocked_by = reason(case, &rules);
    let severity = |decision: &str| {
        ["approve", "review", "challenge", "decline"].iter().position(|d| *d == decision).unwrap()
    };
    let (review, challenge, decline) = case.thresholds;
    let mut decision = "approve";
    for (bound, name) in [(review, "review"), (challenge, "challenge"), (decline, "decline")] {
        if score >= bound {
            decision = name;
        }
    }
    let floor = if any("review") { "review" } else { "approve" };
    if severity(decision) < severity(floor) {
        decision = floor;
    }
    let forces = |name: &str| rules.iter().any(|rule| rule.action == Some(name));
    if let Some(force) = ["decline", "challenge", "review"].into_iter().find(|name| forces(name)) {
        decision = if severity(force) < severity(floor) { floor } else { force };
    } else if forces("approve") {
        let overridden = rules.iter().any(|rule| rule.overrides);
        if overridden || !(any("review") || any("flag")) {
            decision = "approve";
        }
    }
    let (decision, risk_score) = if blocked_by.is_some() { ("decline", 100) } else { (decision, score) };
    let rules = rules.into_iter().map(|rule| rule.id.clone()).collect();
    Told { decision, risk_score, sum, blocked_by, signals, rules }
}

fn generate(dice: &mut Dice) -> Case {
    let mut rules: Vec<Made> = Vec::new();
    for n in 0..dice.roll(6) {
        rules.push(make(dice, n));
    }
    // Blocks end everything else, so most cases have none.
    let block = dice.roll(4) == 0;
    if !block {
        rules.retain(|rule| rule.action != Some("block"));
    }
    let severities = if block { ["block", "flag", "review"] } else { ["review", "flag", "review"] };
    let hits = (0..dice.roll(4)).map(|_| (dice.roll(15), severities[dice.roll(3)])).collect();
    let weights = ["s0", "s1", "s2"].map(|code| (code.to_owned(), dice.number(-30, 45))).to_vec();
    let disabled = if dice.roll(3) == 0 { vec!["s1".to_owned()] } else { Vec::new() };
    let review = dice.number(1, 101);
    let challenge = dice.number(review, 101);
    let thresholds =
        if dice.roll(2) == 0 { (30, 50, 75) } else { (review, challenge, dice.number(challenge, 101)) };
    let lists = (dice.number(0, 100), dice.number(0, 40));
    Case { rules, hits, weights, disabled, thresholds, lists, above: block && dice.roll(2) == 0 }
}

#[test]
fn every_verdict_is_that_of_the_contract_written_down_twice() {
    let catalogue = catalogue();
    let mut dice = Dice(20_260_101);
    let mut seen = [0_usize; 4];
    for round in 0..4_000 {
        let case = generate(&mut dice);
        let rules: String = case.rules.iter().map(written).collect();
        let signals: String = ["s0", "s1", "s2"]
            .map(|code| format!("- {{code: {code}, weight: 1, when: amount >= 0, description: d}}\n"))
            .concat();
        let mut document = format!("pack: p\nflow: payin\nextends: clausum/payin\nsignals:\n{signals}");
        if !rules.is_empty() {
            document.push_str(&format!("rules:\n{rules}"));
        }
        let policy = catalogue.compile(Some(&catalogue.check(&document).unwrap())).unwrap();
        let (review, challenge, decline) = case.thresholds;
        let mut settings = ScoringSettings {
            thresholds: Thresholds { review, challenge, decline },
            weights: case.weights.iter().cloned().collect(),
            disabled_signals: case.disabled.iter().cloned().collect(),
            list_weights: ListWeights { flag: case.lists.0, review: case.lists.1 },
            ..ScoringSettings::default()
        };
        settings.amount_max.put("MXN", "100.00").unwrap();
        let hits: Vec<_> = case
            .hits
            .iter()
            .map(|(kind, severity)| ListHit {
                list_type: ListType::ALL[*kind],
                severity: HitSeverity::ALL.into_iter().find(|known| known.text() == *severity).unwrap(),
            })
            .collect();
        let request = PayinRequest { amount: if case.above { 10_001 } else { 10_000 }, ..bare() };
        let verdict = policy.decide(&Inputs { hits: &hits, ..inputs(&request, &[], &settings) });
        let told = judge(&case);
        let fired: Vec<_> = verdict
            .fired
            .iter()
            .map(|fired| (i64::from(fired.weight), policy.code(fired.signal).unwrap().to_owned()))
            .collect();
        let matched: Vec<_> =
            verdict.matched.iter().map(|matched| policy.rule(matched.rule).unwrap().id.clone()).collect();
        let blocked_by = verdict.blocked_by.map(|reason| policy.blocked_by(reason).into_owned());
        let place = format!("round {round}\n{document}{:?}\n{settings:?}", case.hits);
        assert_eq!(
            (verdict.decision.text(), i64::from(verdict.risk_score), verdict.sum),
            (told.decision, told.risk_score, told.sum),
            "{place}"
        );
        assert_eq!((blocked_by, fired, matched), (told.blocked_by, told.signals, told.rules), "{place}");
        seen[verdict.decision as usize] += 1;
    }
    let least = Decision::ALL.map(|decision| seen[decision as usize]);
    assert!(least.iter().all(|count| *count > 200), "too few of some decision: {least:?}");
}
