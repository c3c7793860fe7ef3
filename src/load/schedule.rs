//! When requests are due: independent of each other at a rate that may change with time. Pure: a seed
//! decides all of it.
//!
//! Times come from a process of rate one, whose count is stretched over the rate's integral; so every shape
//! has the same number of requests a run on average, and those of a busy second are as ragged as in life.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};
use std::num::NonZeroU32;
use std::time::Duration;

/// Seconds from burst to burst.
const PERIOD: f64 = 10.0;
/// Seconds of them that a burst takes, the last ones.
const BURST: f64 = 1.0;

/// How the rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// The same all the time.
    #[default]
    Steady,
    /// From nothing to the whole rate, evenly, for so long; the whole rate from then on.
    Ramp(Duration),
    /// One second of ten at so many times the rate of the others; the rate is the mean of all ten.
    Burst(NonZeroU32),
}

/// An endless sequence of times.
#[derive(Debug)]
pub(super) struct Schedule {
    rate: f64,
    shape: Shape,
    rng: ChaCha8Rng,
    /// Requests the rate's integral comes to at the time given last.
    count: f64,
}

impl Schedule {
    pub(super) fn new(seed: u64, rate: NonZeroU32, shape: Shape) -> Self {
        // A stream of its own: the rate must not change who pays.
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x9ace);
        Self { rate: f64::from(rate.get()), shape, rng, count: 0.0 }
    }

    /// When the next request is due, behind the begin of the run.
    pub(super) fn next(&mut self) -> Duration {
        let gap: f64 = Exp1.sample(&mut self.rng);
        self.count += gap;
        Duration::try_from_secs_f64(self.seconds(self.count)).unwrap_or(Duration::MAX)
    }

    /// When the rate's integral has come to `count`.
    fn seconds(&self, count: f64) -> f64 {
        match self.shape {
            Shape::Steady => count / self.rate,
            Shape::Ramp(length) => {
                let length = length.as_secs_f64();
                let ramp = self.rate * length / 2.0;
                if count < ramp {
                    (2.0 * length * count / self.rate).sqrt()
                } else {
                    length + (count - ramp) / self.rate
                }
            }
            Shape::Burst(ratio) => {
                let ratio = f64::from(ratio.get());
                let calm = self.rate * PERIOD / (PERIOD - BURST + BURST * ratio);
                let periods = (count / (self.rate * PERIOD)).floor();
                let rest = count - periods * self.rate * PERIOD;
                let before = calm * (PERIOD - BURST);
                let within = if rest < before {
                    rest / calm
                } else {
                    PERIOD - BURST + (rest - before) / (calm * ratio)
                };
                periods * PERIOD + within
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests due in each of the first seconds at a thousand a second.
    fn seconds(shape: Shape, seconds: usize) -> Vec<u32> {
        let mut schedule = Schedule::new(3, NonZeroU32::new(1_000).unwrap(), shape);
        let mut counts = vec![0; seconds];
        loop {
            let at = usize::try_from(schedule.next().as_secs()).unwrap();
            match counts.get_mut(at) {
                Some(count) => *count += 1,
                None => return counts,
            }
        }
    }

    fn check(counts: &[u32], expected: &[u32]) {
        for (second, (count, expected)) in counts.iter().zip(expected).enumerate() {
            // Five times the spread of such a count.
            let spread = 5 * expected.isqrt() + 5;
            assert!(count.abs_diff(*expected) <= spread, "second {second}: {count}, not {expected}");
        }
    }

    #[test]
    fn a_steady_rate_is_steady() {
        check(&seconds(Shape::Steady, 30), &[1_000; 30]);
    }

    #[test]
    fn a_ramp_grows_evenly_and_ends() {
        check(&seconds(Shape::Ramp(Duration::from_secs(4)), 6), &[125, 375, 625, 875, 1_000, 1_000]);
    }

    #[test]
    fn a_burst_is_so_many_times_the_rest_and_the_mean_is_the_rate() {
        let counts = seconds(Shape::Burst(NonZeroU32::new(14).unwrap()), 40);
        let calm = 10_000 / 23;
        for ten in counts.chunks(10) {
            check(ten, &[calm, calm, calm, calm, calm, calm, calm, calm, calm, 14 * calm]);
        }
        check(&[counts.iter().sum()], &[40_000]);
    }

    #[test]
    fn the_same_seed_is_the_same_times() {
        let times = |seed| {
            let mut schedule = Schedule::new(seed, NonZeroU32::MIN, Shape::Steady);
            std::array::from_fn::<_, 20, _>(|_| schedule.next())
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }
}
