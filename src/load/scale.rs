//! Axes of a plot: from values to places, and the round values worth a line.

/// Decades of a logarithmic axis at most.
const DECADES: i32 = 12;

/// A logarithmic axis over whole decades.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log {
    low: i32,
    high: i32,
}

impl Log {
    /// Around all of `values`; what is not above zero has no place on it.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Self {
        let exponents = values.filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) =
            exponents.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: -1, high: 1 };
        }
        #[expect(clippy::cast_possible_truncation, reason = "an exponent of a double")]
        let (low, high) = (low.floor() as i32, high.ceil() as i32);
        Self { low: low.max(high - DECADES), high: high.max(low + 1) }
    }

    /// From 0 at the lower end to 1 at the upper; what is below is at the end.
    pub(super) fn place(self, value: f64) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        ((value.max(f64::MIN_POSITIVE).log10() - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// The decades.
    pub(super) fn ticks(self) -> Vec<f64> {
        (self.low..=self.high).map(|exponent| 10_f64.powi(exponent)).collect()
    }
}

/// A linear axis from zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    step: f64,
    high: f64,
}

impl Linear {
    /// Up to `most`, in about `ticks` round steps.
    pub(super) fn up_to(most: f64, ticks: f64) -> Self {
        if most <= 0.0 {
            return Self { step: 1.0, high: 1.0 };
        }
        let raw = most / ticks;
        let decade = 10_f64.powf(raw.log10().floor());
        let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * decade >= raw * 0.999);
        let step = round.unwrap_or(10.0) * decade;
        Self { step, high: (most / step * 0.999).ceil() * step }
    }

    /// From 0 at zero to 1 at the upper end.
    pub(super) fn place(self, value: f64) -> f64 {
        (value / self.high).clamp(0.0, 1.0)
    }

    /// Round values from zero to the upper end.
    pub(super) fn ticks(self) -> Vec<f64> {
        let mut ticks = vec![0.0];
        while let Some(last) = ticks.last().copied().filter(|last| last + self.step / 2.0 < self.high) {
            ticks.push(last + self.step);
        }
        ticks
    }
}

/// A value without more digits than it needs.
pub(super) fn shown(value: f64) -> String {
    match value {
        value if value >= 1e6 && value % 1e5 == 0.0 => format!("{}M", value / 1e6),
        value if value >= 1e4 => format!("{}k", value / 1e3),
        value => format!("{}", (value * 1e6).round() / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_hold_all_values() {
        let axis = Log::around([0.0, 0.3, 4.0, 250.0].into_iter());
        assert_eq!(axis.ticks(), [0.1, 1.0, 10.0, 100.0, 1_000.0]);
        assert!((axis.place(10.0) - 0.5).abs() < 1e-9);
        assert!(axis.place(0.0).abs() < 1e-9, "what was not measured is at the foot");
        assert_eq!(Log::around(std::iter::empty()).ticks(), [0.1, 1.0, 10.0]);
        assert_eq!(Log::around([1.0].into_iter()).ticks().len(), 2, "one value has a decade");
    }

    #[test]
    fn steps_are_round() {
        let ticks = |most| Linear::up_to(most, 4.0).ticks().into_iter().map(shown).collect::<Vec<_>>();
        assert_eq!(ticks(5_030.0), ["0", "2000", "4000", "6000"]);
        assert_eq!(ticks(100.0), ["0", "50", "100"]);
        assert_eq!(ticks(61_000.0), ["0", "20k", "40k", "60k", "80k"]);
        assert_eq!(ticks(0.0), ["0", "1"]);
    }
}
