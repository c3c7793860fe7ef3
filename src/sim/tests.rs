//! A smoke length of simulations, and that the same seed is the same run.

use super::*;

#[test]
fn worlds_of_many_seeds_hold() {
    let told = many(1..=20, &Options::default(), |_| true);
    told.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    let options = Options { records: 200, ..Options::default() };
    for seed in 100..104 {
        run_twice(seed, &options).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let (one, two) = (run(100, &options).unwrap(), run(101, &options).unwrap());
    assert_ne!(one.digest, two.digest);
}

#[test]
#[ignore = "a long run, by hand: CLAUSUM_SIM_SEEDS=1..201"]
fn worlds_of_very_many_seeds_hold() {
    let range = std::env::var("CLAUSUM_SIM_SEEDS").unwrap_or("1..201".to_owned());
    let (from, to) = range.split_once("..").unwrap();
    let seeds = from.parse::<u64>().unwrap()..to.parse().unwrap();
    let mut total: BTreeMap<&'static str, u64> = BTreeMap::new();
    let told = many(seeds, &Options::default(), |outcome| {
        match outcome {
            Ok(report) => {
                for (fault, count) in &report.faults {
                    *total.entry(fault).or_default() += count;
                }
                for (name, count) in [
                    ("= steps", report.steps),
                    ("= records", report.records),
                    ("= decisions", report.decisions),
                    ("= outputs", report.outputs),
                    ("= duplicates", report.duplicates),
                    ("= taken", report.taken),
                    ("= replies", report.replies),
                    ("= checkpoints", report.checkpoints),
                    ("= snapshots", report.snapshots),
                    ("= restores", report.restores),
                    ("= poisoned", report.poisoned),
                ] {
                    *total.entry(name).or_default() += count;
                }
            }
            Err(failure) => println!("{failure}"),
        }
        std::env::var("CLAUSUM_SIM_STOP").is_err() || outcome.is_ok()
    });
    println!("{total:#?}");
    told.unwrap_or_else(|failure| panic!("{failure}"));
}
