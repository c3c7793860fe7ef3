//! From evidence to a decision: steps 3 to 8 of the contract's section 8.1, knowing no signal and no rule.

use crate::domain::decision::Decision;
use crate::domain::settings::Thresholds;
use crate::policy::hits::{HitSeverity, ListHit};
use crate::policy::pack::Action;
use crate::policy::verdict::BlockedBy;

/// What was found.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// Weights and scores added up.
    pub(super) sum: i64,
    pub(super) thresholds: Thresholds,
    pub(super) hits: &'a [ListHit],
    /// Whether the amount exceeds `amount_max`.
    pub(super) above_maximum: bool,
}

/// A matched rule that has an action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acting {
    pub(super) rule: u16,
    pub(super) action: Action,
    pub(super) overrides: bool,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conclusion {
    pub(super) decision: Decision,
    pub(super) risk_score: u8,
    pub(super) blocked_by: Option<BlockedBy>,
}

impl Evidence<'_> {
    /// The conclusion; `rules` come by priority, then id.
    pub(super) fn conclude(&self, mut rules: impl Iterator<Item = Acting> + Clone) -> Conclusion {
        if let Some(reason) = self.blocked_by(rules.clone()) {
            return Conclusion { decision: Decision::Decline, risk_score: 100, blocked_by: Some(reason) };
        }
        let score = self.sum.clamp(0, 100);
        let band = self.thresholds.band(score);
        let floor = if self.has(HitSeverity::Review) { Decision::Review } else { Decision::Approve };
        let forced = rules.clone().filter_map(|rule| match rule.action {
            Action::Force(decision) => Some(decision),
            Action::Block => None,
        });
        let decision = match forced.max() {
            None => band.max(floor),
            Some(Decision::Approve) => {
                let listed = self.has(HitSeverity::Review) || self.has(HitSeverity::Flag);
                let overridden = rules.any(|rule| rule.overrides);
                if listed && !overridden { band.max(floor) } else { Decision::Approve }
            }
            Some(force) => force.max(floor),
        };
        Conclusion { decision, risk_score: u8::try_from(score).unwrap_or(100), blocked_by: None }
    }

    fn has(&self, severity: HitSeverity) -> bool {
        self.hits.iter().any(|hit| hit.severity == severity)
    }

    /// Lists in the order of their types, the amount, rules in their order.
    fn blocked_by(&self, mut rules: impl Iterator<Item = Acting>) -> Option<BlockedBy> {
        let blocking = self.hits.iter().filter(|hit| hit.severity == HitSeverity::Block);
        let list = blocking.map(|hit| hit.list_type).min();
        let amount = self.above_maximum.then_some(BlockedBy::Amount);
        let mut rule =
            || rules.find(|rule| rule.action == Action::Block).map(|rule| BlockedBy::Rule(rule.rule));
        list.map(BlockedBy::List).or(amount).or_else(&mut rule)
    }
}
