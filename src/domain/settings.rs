//! Scoring settings of a flow: the contract's section 8.8.

use crate::base::money::AmountMap;
use crate::domain::decision::Decision;
use std::collections::{BTreeMap, BTreeSet};

/// Settings of one flow of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoringSettings {
    /// 0 for the defaults, then one more with each change.
    pub version: u64,
    /// Where the bands begin.
    pub thresholds: Thresholds,
    /// Weights over those of the packs, by signal code.
    pub weights: BTreeMap<String, i64>,
    /// Signals that do not fire.
    pub disabled_signals: BTreeSet<String>,
    /// Weight of a `flag` hit and of a `review` hit.
    pub list_weights: ListWeights,
    /// Below it `amount_below_minimum` fires.
    pub amount_min: AmountMap,
    /// Above it the payment is declined.
    pub amount_max: AmountMap,
    /// Parameters of signals that differ from the pipeline's defaults.
    pub parameters: BTreeMap<String, Parameter>,
}

/// Weights of list hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListWeights {
    /// Of a `flag` hit.
    pub flag: i64,
    /// Of a `review` hit.
    pub review: i64,
}

/// A parameter of signals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A whole number.
    Int(i64),
    /// An amount by currency.
    Amounts(AmountMap),
}

/// Where the bands begin: 1 ≤ review ≤ challenge ≤ decline ≤ 101.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// From this score on: review.
    pub review: i64,
    /// From this score on: challenge.
    pub challenge: i64,
    /// From this score on: decline.
    pub decline: i64,
}

impl Thresholds {
    /// The band of a score.
    #[must_use]
    pub const fn band(&self, score: i64) -> Decision {
        if score >= self.decline {
            Decision::Decline
        } else if score >= self.challenge {
            Decision::Challenge
        } else if score >= self.review {
            Decision::Review
        } else {
            Decision::Approve
        }
    }

    /// Whether the bounds are in order.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        1 <= self.review
            && self.review <= self.challenge
            && self.challenge <= self.decline
            && self.decline <= 101
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { review: 30, challenge: 50, decline: 75 }
    }
}

impl Default for ScoringSettings {
    fn default() -> Self {
        Self {
            version: 0,
            thresholds: Thresholds::default(),
            weights: BTreeMap::new(),
            disabled_signals: BTreeSet::new(),
            list_weights: ListWeights { flag: 40, review: 25 },
            amount_min: AmountMap::default(),
            amount_max: AmountMap::default(),
            parameters: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_begin_at_their_threshold() {
        let bands = Thresholds::default();
        let at = |score| bands.band(score);
        assert_eq!(
            [at(0), at(29), at(30), at(49)],
            [Decision::Approve, Decision::Approve, Decision::Review, Decision::Review]
        );
        assert_eq!(
            [at(50), at(74), at(75), at(100)],
            [Decision::Challenge, Decision::Challenge, Decision::Decline, Decision::Decline]
        );
        let off = Thresholds { review: 30, challenge: 30, decline: 101 };
        assert!(off.is_valid());
        assert_eq!([off.band(30), off.band(100)], [Decision::Challenge, Decision::Challenge]);
        assert!(!Thresholds { review: 0, challenge: 1, decline: 1 }.is_valid());
    }
}
