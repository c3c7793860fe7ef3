//! Distributions: an HDR histogram a stripe, so that threads seldom meet, merged when somebody asks and
//! shown in the fixed buckets of Prometheus.
//!
//! The recorders of `hdrhistogram` itself are not used: refreshing them waits for every idle thread.

use crate::telemetry::metric::Metric;
use hdrhistogram::Histogram;
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

const STRIPES: usize = 8;
/// 1 % of a value: the buckets shown are further apart.
const DIGITS: u8 = 2;
/// An hour in microseconds.
const HIGHEST: u64 = 3_600_000_000;

/// Upper bounds of durations in microseconds: what budgets speak of lies on a bound.
const MICROSECONDS: &[u64] = &[
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 15_000, 25_000, 50_000, 100_000, 250_000,
    500_000, 1_000_000, 1_500_000, 2_500_000, 5_000_000, 10_000_000,
];
const COUNTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

thread_local! {
    /// Which stripe this thread records in; none yet is the number of stripes.
    static STRIPE: Cell<usize> = const { Cell::new(STRIPES) };
}

#[derive(Debug)]
pub(super) struct Distribution {
    metric: Metric,
    /// Values are this many to the unit of the metric.
    scale: u64,
    bounds: &'static [u64],
    stripes: Vec<Mutex<Stripe>>,
}

#[derive(Debug)]
struct Stripe {
    values: Histogram<u64>,
    /// The histogram rounds; the sum does not.
    sum: u64,
}

impl Distribution {
    /// Of durations, recorded in microseconds.
    pub(super) fn of_durations(metric: Metric) -> Option<Self> {
        Self::new(metric, 1_000_000, MICROSECONDS)
    }

    /// Of counts.
    pub(super) fn of_counts(metric: Metric) -> Option<Self> {
        Self::new(metric, 1, COUNTS)
    }

    /// None only if the constants above are no range for a histogram.
    fn new(metric: Metric, scale: u64, bounds: &'static [u64]) -> Option<Self> {
        let stripe = || Some(Mutex::new(Stripe { values: empty()?, sum: 0 }));
        let stripes = (0..STRIPES).map(|_| stripe()).collect::<Option<_>>()?;
        Some(Self { metric, scale, bounds, stripes })
    }

    pub(super) fn record(&self, value: u64, times: u64) {
        let Some(stripe) = self.stripes.get(stripe()) else { return };
        let mut stripe = lock(stripe);
        stripe.values.saturating_record_n(value, times);
        stripe.sum = stripe.sum.saturating_add(value.saturating_mul(times));
    }

    pub(super) fn render(&self, page: &mut String) {
        let (mut cumulative, mut count, mut sum) = (vec![0_u64; self.bounds.len()], 0, 0_u64);
        for stripe in &self.stripes {
            let stripe = lock(stripe);
            sum = sum.saturating_add(stripe.sum);
            for step in stripe.values.iter_recorded() {
                let here = step.count_at_value();
                count += here;
                let upper = step.value_iterated_to();
                let holds = self.bounds.iter().zip(&mut cumulative).filter(|(bound, _)| upper <= **bound);
                holds.for_each(|(_, total)| *total += here);
            }
        }
        let name = self.metric.name();
        let mut line = |text: std::fmt::Arguments<'_>| page.push_str(&text.to_string());
        line(format_args!("# HELP {name} {}\n# TYPE {name} histogram\n", self.metric.help()));
        for (bound, total) in self.bounds.iter().zip(&cumulative) {
            line(format_args!("{name}_bucket{{le=\"{}\"}} {total}\n", self.in_units(*bound)));
        }
        line(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}\n"));
        line(format_args!("{name}_sum {}\n{name}_count {count}\n\n", self.in_units(sum)));
    }

    /// Exact decimal text of `value` over the scale, without trailing zeros.
    fn in_units(&self, value: u64) -> String {
        let (whole, rest) = (value / self.scale, value % self.scale);
        if rest == 0 {
            return whole.to_string();
        }
        let text = format!("{whole}.{rest:06}");
        text.trim_end_matches('0').to_owned()
    }
}

fn empty() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, HIGHEST, DIGITS).ok()
}

fn lock(stripe: &Mutex<Stripe>) -> MutexGuard<'_, Stripe> {
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stripe() -> usize {
    STRIPE.with(|own| {
        if own.get() == STRIPES {
            let mut hasher = DefaultHasher::new();
            std::thread::current().id().hash(&mut hasher);
            own.set(usize::try_from(hasher.finish() % 8).unwrap_or(0));
        }
        own.get()
    })
}

const _: () = assert!(STRIPES == 8, "the remainder above");
