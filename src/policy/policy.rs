//! A compiled policy. What its numbers name follows from its documents alone: signals are numbered in the
//! order of the shipped pack, then of the own one; rules by priority, then id; computed features in the
//! order of their first reading, the shipped pack's first. Stored decisions rely on that, so a number is
//! only read together with the two hashes.

use crate::base::currency::Currency;
use crate::base::hash::Digest256;
use crate::domain::access::Locale;
use crate::domain::entity::EntityKind;
use crate::domain::settings::Parameter;
use crate::policy::describe::Trace;
use crate::policy::hits::ListHit;
use crate::policy::lists::List;
use crate::policy::signal::{Rule, Signal};
use crate::policy::velocity::Velocity;
use crate::policy::verdict::BlockedBy;
use std::borrow::Cow;
use std::sync::Arc;

/// The signals and rules of one organization and flow, ready to run.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The shipped documents.
    pub shipped_sha256: Digest256,
    /// The organization's pack, if there is one.
    pub own_sha256: Option<Digest256>,
    pub(super) parameters: Vec<(String, Parameter)>,
    pub(super) lists: Vec<Arc<List>>,
    pub(super) signals: Vec<Arc<Signal>>,
    pub(super) rules: Vec<Rule>,
    pub(super) computed: Vec<Velocity>,
    /// How long the postings of each kind of entity count.
    pub(super) kept: Vec<(EntityKind, i64)>,
    /// Whether any condition asks for the text of the IP address, which is made only then.
    pub(super) reads_ip: bool,
}

/// How much evaluating may cost; a unit is about one integer comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Of the costliest expression.
    pub max_per_expression: u64,
    /// Of all expressions.
    pub total: u64,
}

impl Policy {
    /// The features that must be supplied with each event, in the order of its trace.
    #[must_use]
    pub fn computed(&self) -> &[Velocity] {
        &self.computed
    }

    /// For how many milliseconds the postings of an entity count: as long as the pipeline says, and never
    /// less than the longest window that is read of its kind.
    #[must_use]
    pub fn kept_ms(&self, kind: EntityKind) -> i64 {
        self.kept.iter().find(|kept| kept.0 == kind).map_or(0, |kept| kept.1)
    }

    /// The code and the pack's weight of each signal, by number; those of lists are not among them.
    pub fn signals(&self) -> impl Iterator<Item = (&str, i16)> {
        self.signals.iter().map(|signal| (signal.code.as_str(), signal.weight))
    }

    /// The code of a signal, also of one of a list.
    #[must_use]
    pub fn code(&self, signal: u16) -> Option<&str> {
        if let Some(hit) = ListHit::of_signal(signal) {
            return Some(hit.list_type.code());
        }
        self.signals.get(usize::from(signal)).map(|signal| signal.code.as_str())
    }

    /// A rule by number.
    #[must_use]
    pub fn rule(&self, rule: u16) -> Option<&Rule> {
        self.rules.get(usize::from(rule))
    }

    /// The rules, by number.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The reason of a block as the contract writes it.
    #[must_use]
    pub fn blocked_by(&self, reason: BlockedBy) -> Cow<'static, str> {
        match reason {
            BlockedBy::List(list_type) => format!("blocklist:{}", list_type.text()).into(),
            BlockedBy::Amount => "amount_above_maximum".into(),
            BlockedBy::Rule(rule) => format!("rule:{}", self.rule(rule).map_or("", |rule| &rule.id)).into(),
        }
    }

    /// The description of a signal that fired, from what a stored decision keeps.
    #[must_use]
    pub fn describe_from(
        &self,
        signal: u16,
        computed: &[Option<i64>],
        amount: i64,
        currency: Currency,
        locale: Locale,
    ) -> String {
        if let Some(hit) = ListHit::of_signal(signal) {
            return hit.description(locale);
        }
        let Some(signal) = self.signals.get(usize::from(signal)) else { return String::new() };
        signal.description.get(locale).render(&Trace { computed, amount, currency })
    }

    /// The static cost bound of its expressions.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let signals = self.signals.iter().map(|signal| signal.cost);
        let costs = signals.chain(self.rules.iter().map(|rule| rule.cost)).map(u64::from);
        Cost { max_per_expression: costs.clone().max().unwrap_or(0), total: costs.sum() }
    }
}
