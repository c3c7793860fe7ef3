//! One event to its verdict: steps 2 to 8 of the contract's section 8.1.

use crate::expr::{EvalError, Outcome};
use crate::policy::event::Event;
use crate::policy::hits;
use crate::policy::inputs::Inputs;
use crate::policy::policy::Policy;
use crate::policy::score::{Acting, Evidence};
use crate::policy::signal::is_limit;
use crate::policy::verdict::{Fired, Item, Matched, Verdict};
use std::cmp::Reverse;

impl Policy {
    /// Judges one event. Every signal and every rule is evaluated, whatever the others say.
    #[must_use]
    pub fn decide(&self, inputs: &Inputs<'_>) -> Verdict {
        let event = Event::new(self, inputs);
        let mut errors = Vec::new();
        let fired = self.fire(&event, inputs, &mut errors);
        let matched = self.matched(&event, inputs, &mut errors);
        let weights: i64 = fired.iter().map(|fired| i64::from(fired.weight)).sum();
        let scores: i64 = matched.iter().filter_map(|matched| matched.score).map(i64::from).sum();
        let evidence = Evidence {
            sum: weights + scores,
            thresholds: inputs.settings.thresholds,
            hits: inputs.hits,
            above_maximum: event.amount_max.is_some_and(|most| inputs.request.amount > most),
        };
        let conclusion = evidence.conclude(matched.iter().filter_map(|matched| self.acting(matched)));
        Verdict {
            decision: conclusion.decision,
            sum: evidence.sum,
            risk_score: conclusion.risk_score,
            blocked_by: conclusion.blocked_by,
            fired,
            matched,
            errors,
        }
    }

    fn fire(
        &self,
        event: &Event<'_>,
        inputs: &Inputs<'_>,
        errors: &mut Vec<(Item, EvalError)>,
    ) -> Vec<Fired> {
        let settings = inputs.settings;
        let mut fired = Vec::new();
        for (number, signal) in (0..).zip(&self.signals) {
            if settings.disabled_signals.contains(&signal.code) && !is_limit(&signal.code) {
                continue;
            }
            match signal.condition.test(event) {
                Outcome::True => {
                    let changed = settings.weights.get(&signal.code).and_then(|w| i16::try_from(*w).ok());
                    fired.push(Fired { signal: number, weight: changed.unwrap_or(signal.weight) });
                }
                Outcome::False => {}
                Outcome::Error(error) => errors.push((Item::Signal(number), error)),
            }
        }
        hits::fire(inputs.hits, settings.list_weights, &mut fired);
        fired.sort_by_key(|fired| (Reverse(fired.weight), self.code(fired.signal), fired.signal));
        fired
    }

    fn matched(
        &self,
        event: &Event<'_>,
        inputs: &Inputs<'_>,
        errors: &mut Vec<(Item, EvalError)>,
    ) -> Vec<Matched> {
        let mut matched = Vec::new();
        for (number, rule) in (0..).zip(&self.rules) {
            if !rule.enabled || rule.expires_at.is_some_and(|end| inputs.now >= end) {
                continue;
            }
            match rule.condition.test(event) {
                Outcome::True => {
                    matched.push(Matched { rule: number, score: rule.score, action: rule.action });
                }
                Outcome::False => {}
                Outcome::Error(error) => errors.push((Item::Rule(number), error)),
            }
        }
        matched
    }

    fn acting(&self, matched: &Matched) -> Option<Acting> {
        let overrides = self.rule(matched.rule).is_some_and(|rule| rule.overrides);
        Some(Acting { rule: matched.rule, action: matched.action?, overrides })
    }
}
