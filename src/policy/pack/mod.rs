//! A pack as its author wrote it: the contract's section 8.9. Reading finds every fault of form; what an
//! expression or a description says is checked when it is compiled against a catalogue.

mod read;

use crate::base::hash::Digest256;
use crate::base::time::Ms;
use crate::domain::decision::{Decision, Flow};
use crate::policy::diagnostic::Place;
use crate::policy::velocity::Velocity;
use crate::policy::yaml::Node;

pub(super) use read::{Author, read, read_title};

/// A pack of signals, rules, lists and cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// The flow it judges.
    pub flow: Flow,
    /// SHA-256 of the document.
    pub sha256: Digest256,
    pub(super) lists: Vec<PackList>,
    pub(super) signals: Vec<PackSignal>,
    pub(super) rules: Vec<PackRule>,
    /// Requests with the verdict they should get.
    pub cases: Vec<Case>,
}

/// A named list of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackList {
    pub(super) name: String,
    pub(super) entries: Vec<String>,
}

/// A signal; one that a catalogue knows replaces the members it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackSignal {
    pub(super) at: Place,
    /// Empty where it has a fault, as the id of a rule is then.
    pub(super) code: String,
    pub(super) weight: Option<i16>,
    pub(super) when: Option<Written>,
    pub(super) description: Option<Description>,
}

/// A description by language; at least one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) en: Option<Written>,
    pub(super) es: Option<Written>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackRule {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) when: Option<Written>,
    pub(super) score: Option<i16>,
    pub(super) action: Option<Action>,
    pub(super) priority: u16,
    pub(super) overrides: bool,
    pub(super) notify: bool,
    pub(super) enabled: bool,
    pub(super) expires_at: Option<Ms>,
}

/// A text that is compiled later, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) node: Node,
}

/// What a matching rule does to the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Makes it this one, within the limits of the contract's section 8.1.
    Force(Decision),
    /// Blocks the payment.
    Block,
}

impl Action {
    /// Every action as rules write it.
    pub const ALL: [Action; 5] = [
        Action::Force(Decision::Approve),
        Action::Force(Decision::Review),
        Action::Force(Decision::Challenge),
        Action::Force(Decision::Decline),
        Action::Block,
    ];

    /// As rules write it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Action::Force(decision) => decision.text(),
            Action::Block => "block",
        }
    }

    /// The action as rules write it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.text() == text)
    }
}

/// A request and the verdict it should get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The request as JSON text.
    pub request: String,
    /// The request in the document; none where it is no object.
    pub(super) written: Option<Node>,
    pub(super) features: Vec<PresetFeature>,
    pub(super) expect: Expectation,
}

/// A value that a case sets; none is a missing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PresetFeature {
    pub(super) at: Place,
    pub(super) preset: Preset,
    pub(super) value: Option<i64>,
}

/// A feature whose value a case sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Preset {
    Velocity(Velocity),
    /// In minor units of the request's currency where it is an amount.
    Setting(String),
}

/// A verdict as cases tell it; what is absent is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The decision.
    pub decision: Option<Decision>,
    /// 0 to 100.
    pub risk_score: Option<i64>,
    /// The codes that fired, sorted.
    pub signals: Option<Vec<String>>,
    /// The ids that matched, sorted.
    pub rules: Option<Vec<String>>,
    /// The reason of a hard block, or that there is none.
    pub blocked_by: Option<Option<String>>,
}

#[cfg(test)]
mod tests;
