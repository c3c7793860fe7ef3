//! How long a verdict takes; run by hand with `--ignored --nocapture`.

use super::sample::{catalogue, country, full, inputs};
use super::*;
use crate::base::clock::{Clock, SystemClock};
use crate::domain::settings::ScoringSettings;
use std::hint::black_box;
use std::time::Duration;

#[test]
#[ignore = "a measurement"]
fn a_verdict_of_the_shipped_pack() {
    let policy = catalogue().compile(None).unwrap();
    let settings = ScoringSettings::default();
    let quiet = full();
    let mut loud = full();
    loud.email = sample::email("ana@mailinator.xyz");
    loud.billing.country = country("US");
    loud.behavior.mouse_movements = Some(0);
    let calm = [1; 8].map(Some);
    let busy = [6, 6, 6, 6, 6, 6, 30, 6].map(Some);
    let mut limited = ScoringSettings::default();
    limited.amount_max.put("*", "10000.00").unwrap();
    let time = |request, computed: &[Option<i64>], settings| {
        best(|| drop(black_box(policy.decide(black_box(&inputs(request, computed, settings))))))
    };
    println!("nothing fires        {:?}", time(&quiet, &calm, &settings));
    println!("most signals fire    {:?}", time(&loud, &busy, &settings));
    println!("with a limit for *   {:?}", time(&quiet, &calm, &limited));
    println!("all features missing {:?}", time(&sample::bare(), &[], &settings));
    println!(
        "described            {:?}",
        best(|| drop(black_box(policy.describe_from(
            1,
            &busy,
            1_500,
            quiet.currency,
            crate::domain::access::Locale::En
        ))))
    );
    println!("catalogue            {:?}", best_of(2, || drop(black_box(catalogue()))));
    let rules: String = (0..1_000)
        .map(|n| format!("- {{id: r{n}, name: n, score: 1, when: 'amount > {n}00000 && payment_method.card_country == \"US\"'}}\n"))
        .collect();
    let document = format!("pack: p\nflow: payin\nextends: clausum/payin\nrules:\n{rules}");
    let catalogue = catalogue();
    println!(
        "pack of 1,000 rules  {:?} to check",
        best_of(2, || drop(black_box(catalogue.check(&document))))
    );
    let many = catalogue.compile(Some(&catalogue.check(&document).unwrap())).unwrap();
    println!(
        "1,000 rules          {:?}",
        best_of(200, || drop(black_box(many.decide(black_box(&inputs(&quiet, &calm, &settings))))))
    );
}

fn best(work: impl Fn()) -> Duration {
    best_of(20_000, work)
}

/// The best of many rounds, each long enough for the clock.
fn best_of(times: u32, work: impl Fn()) -> Duration {
    let round = || {
        let start = SystemClock.elapsed();
        (0..times).for_each(|_| work());
        (SystemClock.elapsed() - start) / times
    };
    (0..30).map(|_| round()).min().unwrap()
}
