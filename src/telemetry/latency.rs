//! Latencies in a histogram of bounded size: three digits of every value from a microsecond to ten
//! minutes, whatever their number.

use hdrhistogram::Histogram;
use std::time::Duration;

const LOWEST_US: u64 = 1;
const HIGHEST_US: u64 = 600_000_000;
const DIGITS: u8 = 3;
/// Lines of a percentile log for each halving of the distance to 100 %.
const TICKS: u32 = 5;
/// A percentile log is in milliseconds.
const US_PER_MS: f64 = 1_000.0;

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

    /// Forgets all.
    pub fn clear(&mut self) {
        if let Some(histogram) = &mut self.us {
            histogram.reset();
        }
    }

    /// The percentile log (`.hgrm`) that every tool of HdrHistogram reads and writes, in milliseconds: value,
    /// percentile, count up to it, and how rare what is longer is; then three lines of totals.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts and microseconds for people")]
    pub fn percentile_log(&self) -> String {
        let mut log = format!(
            "{:>12} {:>14} {:>10} {:>14}\n\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        );
        let Some(histogram) = &self.us else { return log };
        let mut add = |line: std::fmt::Arguments<'_>| log.push_str(&line.to_string());
        let mut total = 0_u64;
        for step in histogram.iter_quantiles(TICKS) {
            total += step.count_since_last_iteration();
            let (value, quantile) =
                (step.value_iterated_to() as f64 / US_PER_MS, step.quantile_iterated_to());
            if quantile < 1.0 {
                add(format_args!(
                    "{value:12.3} {quantile:14.12} {total:10} {:14.2}\n",
                    1.0 / (1.0 - quantile)
                ));
            } else {
                add(format_args!("{value:12.3} {quantile:14.12} {total:10}\n"));
            }
        }
        let (mean, deviation) = (histogram.mean() / US_PER_MS, histogram.stdev() / US_PER_MS);
        let (max, count) = (histogram.max() as f64 / US_PER_MS, histogram.len());
        // As many as the bounds and digits above make.
        let (buckets, halves) = (histogram.buckets(), 2 * 10_u32.pow(u32::from(DIGITS)).next_power_of_two());
        add(format_args!("#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n"));
        add(format_args!("#[Max     = {max:12.3}, Total count    = {count:12}]\n"));
        add(format_args!("#[Buckets = {buckets:12}, SubBuckets     = {halves:12}]\n"));
        log
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
        latencies.clear();
        assert_eq!((latencies.count(), latencies.max()), (0, Duration::ZERO));
    }

    #[test]
    fn a_percentile_log_is_one_that_tools_read() {
        let mut latencies = Latencies::default();
        for ms in 1..=1_000 {
            latencies.record(Duration::from_millis(ms));
        }
        let log = latencies.percentile_log();
        let mut lines = log.lines();
        assert_eq!(lines.next(), Some("       Value     Percentile TotalCount 1/(1-Percentile)"));
        assert_eq!(lines.next(), Some(""));
        assert_eq!(lines.next(), Some("       1.000 0.000000000000          1           1.00"));
        let (totals, rows): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('#'));
        let median = rows.iter().find(|row| row.contains(" 0.500000000000 ")).unwrap();
        assert_eq!(
            median.split_whitespace().collect::<Vec<_>>(),
            ["500.223", "0.500000000000", "500", "2.00"]
        );
        let last: Vec<_> = rows.last().unwrap().split_whitespace().collect();
        assert_eq!(last[1..], ["1.000000000000", "1000"], "the last has no rarity");
        let columns = |row: &&str| row.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap();
        assert!(rows.iter().map(columns).is_sorted());
        assert_eq!(totals.len(), 3);
        assert!(totals[1].ends_with("Total count    =         1000]"), "{totals:?}");
    }
}
