//! What a policy says of an event.

use crate::domain::decision::Decision;
use crate::expr::EvalError;
use crate::policy::hits::ListType;
use crate::policy::pack::Action;

/// The outcome for one event. Numbers of signals and rules are those of the policy that gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the caller should do.
    pub decision: Decision,
    /// Weights and scores added up, before clamping.
    pub sum: i64,
    /// 0 to 100; 100 on a hard block.
    pub risk_score: u8,
    /// The first reason of a hard block.
    pub blocked_by: Option<BlockedBy>,
    /// The signals that fired, by weight descending, then code.
    pub fired: Vec<Fired>,
    /// The rules that matched, by priority, then id.
    pub matched: Vec<Matched>,
    /// The conditions that ended in an error, signals first, each in the order of its numbers.
    pub errors: Vec<(Item, EvalError)>,
}

/// A signal that fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fired {
    /// Its number.
    pub signal: u16,
    /// The weight it counted with.
    pub weight: i16,
}

/// A rule that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    /// Its number.
    pub rule: u16,
    /// What it added to the sum.
    pub score: Option<i16>,
    /// What it did to the decision.
    pub action: Option<Action>,
}

/// A condition of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// Of the signal with this number.
    Signal(u16),
    /// Of the rule with this number.
    Rule(u16),
}

/// Why a payment was blocked, whatever its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockedBy {
    /// An entry of a blocklist.
    List(ListType),
    /// The limit `amount_max`.
    Amount,
    /// The rule with this number.
    Rule(u16),
}
