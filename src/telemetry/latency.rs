//! Latencies in a histogram of bounded size: three digits of every value from a microsecond to ten
//! minutes, whatever their number.

use hdrhistogram::Histogram;
use std::time::Duration;

const LOWEST_US: u64 = 1;
const HIGHEST_US: u64 = 600_000_000;
const DIGITS: u8 = 3;

/// Latencies that were recorded.
#[derive(Debug, Clone)]
pub struct Latencies {
    us: Option<Histogram<u64>>,
}

impl Default for Latencies {
    fn default() -> Self {
        // The bounds above are ones the histogram takes.
        Self { us: Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, DIGITS).ok() }
    }
}

impl Latencies {
    /// Counts one; what lies outside of the bounds counts as the bound.
    pub fn record(&mut self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(HIGHEST_US);
        if let Some(histogram) = &mut self.us {
            histogram.saturating_record(us.clamp(LOWEST_US, HIGHEST_US));
        }
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.us.as_ref().map_or(0, Histogram::len)
    }

    /// The latency that a share of `quantile` (0 to 1) does not exceed.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.us.as_ref().map_or(0, |histogram| histogram.value_at_quantile(quantile)))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.us.as_ref().map_or(0, Histogram::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_what_they_say() {
        let mut latencies = Latencies::default();
        for ms in 1..=1_000 {
            latencies.record(Duration::from_millis(ms));
        }
        latencies.record(Duration::from_secs(86_400));
        let close =
            |found: Duration, ms: u64| found.as_millis().abs_diff(u128::from(ms)) <= u128::from(ms) / 500 + 1;
        assert!(close(latencies.quantile(0.5), 501), "{:?}", latencies.quantile(0.5));
        assert!(close(latencies.quantile(0.99), 991), "{:?}", latencies.quantile(0.99));
        assert!(close(latencies.max(), 600_000), "{:?}", latencies.max());
        assert_eq!(latencies.count(), 1_001);
    }
}
