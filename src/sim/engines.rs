//! Engine versions that differ as a release would: in weights, in texts, in the order of signals, in a
//! default, and in a signal that reads a window nobody read before.

use super::keeping::Keeping;
use crate::policy::Catalogue;
use crate::shard::engine::{Engine, Engines};
use std::sync::{Arc, OnceLock};

const PIPELINE: &str = include_str!("../../pipelines/payin.yaml");
const PACK: &str = include_str!("../../rules/payin.yaml");
const SIGNAL: &str = "  - code: ";

/// The newest version.
pub(super) const NEWEST: u32 = 3;

/// A signal that only the newest version has.
const BUSY_CUSTOMER: &str = "busy_customer
    weight: 7
    when: 'velocity.customer.count_10m >= 2'
    description:
      en: '{velocity.customer.count_10m} by this customer'
      es: '{velocity.customer.count_10m} de este cliente'
";

/// The pack with its signals in the opposite order, some of them changed.
fn second() -> String {
    let (head, signals) = PACK.split_once(SIGNAL).unwrap_or((PACK, ""));
    let signals: Vec<String> = signals.split(SIGNAL).map(changed).collect();
    signals.iter().rev().fold(head.to_owned(), |text, signal| text + SIGNAL + signal)
}

fn changed(signal: &str) -> String {
    match signal.split_once('\n').map(|split| split.0) {
        Some("velocity_burst") => signal.replace("weight: 20", "weight: 24"),
        Some("short_session") => signal.replace("'Very short session'", "'Hasty session'"),
        _ => signal.to_owned(),
    }
}

fn third() -> (String, String) {
    let pipeline = PIPELINE.replace("velocity_count_1h: 5", "velocity_count_1h: 4");
    (pipeline, second() + SIGNAL + BUSY_CUSTOMER)
}

/// The engines of a world, by what their pipelines say of keeping.
fn compile(keeping: usize) -> Result<Vec<Engine>, String> {
    let (pipeline, newest) = third();
    let documents = [(PIPELINE, PACK), (PIPELINE, &second()), (pipeline.as_str(), newest.as_str())];
    let mut engines = Vec::new();
    for (version, (pipeline, pack)) in (1..).zip(documents) {
        let catalogue = Catalogue::of(&Keeping::document(keeping, pipeline), pack);
        let catalogue = catalogue.map_err(|faults| format!("engine {version}: {faults:?}"))?;
        engines.push(Engine { version, catalogue: Arc::new(catalogue), probes: true });
    }
    Ok(engines)
}

/// A binary that supports the versions from `oldest` to `newest`.
pub(super) fn binary(oldest: u32, newest: u32, keeping: &Keeping) -> Result<Engines, String> {
    static ALL: [OnceLock<Result<Vec<Engine>, String>>; Keeping::PIPELINES] =
        [const { OnceLock::new() }; Keeping::PIPELINES];
    let all = ALL.get(keeping.pipeline).ok_or("there is no such pipeline")?;
    let all = all.get_or_init(|| compile(keeping.pipeline)).as_ref().map_err(Clone::clone)?;
    let of = |from: u32, to: u32| {
        let versions = all.iter().filter(move |engine| (from..=to).contains(&engine.version));
        versions.cloned().collect()
    };
    let engines = Engines::of(of(oldest, newest)).with_retired(of(1, oldest - 1));
    Ok(engines.with_retention(keeping.retention))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_differ() {
        assert!(second().contains("weight: 24") && second().contains("Hasty"));
        assert_eq!(second().matches(SIGNAL).count(), PACK.matches(SIGNAL).count());
        assert!(third().0.contains("velocity_count_1h: 4"));
        assert_eq!(binary(2, 3, &Keeping::default()).unwrap().versions(), [2, 3]);
    }

    #[test]
    fn pipelines_keep_what_they_are_said_to() {
        for pipeline in 0..Keeping::PIPELINES {
            let keeping = Keeping { pipeline, ..Keeping::default() };
            let engines = binary(1, 1, &keeping).unwrap();
            for (kind, kept) in engines.get(1).unwrap().catalogue.pipeline.retention() {
                assert_eq!(kept.ms(), keeping.counts_ms(kind.text(), 0), "{kind} of {pipeline}");
            }
        }
    }
}
