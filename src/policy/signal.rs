//! Signals and rules as they run.

use crate::base::time::Ms;
use crate::domain::access::Locale;
use crate::expr::{Predicate, Template};
use crate::policy::pack::Action;

/// A signal.
#[derive(Debug, Clone)]
pub(super) struct Signal {
    pub(super) code: String,
    pub(super) weight: i16,
    pub(super) condition: Predicate,
    pub(super) description: Texts,
    pub(super) cost: u32,
}

/// Signals that show a hard limit: their condition is the product's, and they cannot be disabled.
const LIMITS: [&str; 2] = ["amount_above_maximum", "amount_below_minimum"];

pub(super) fn is_limit(code: &str) -> bool {
    LIMITS.contains(&code)
}

/// A description in each language.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    pub(super) en: Template,
    pub(super) es: Template,
}

impl Texts {
    pub(super) fn get(&self, locale: Locale) -> &Template {
        match locale {
            Locale::En => &self.en,
            Locale::Es => &self.es,
        }
    }
}

/// A rule of an organization's pack.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, unique in the pack.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What a match adds to the sum.
    pub score: Option<i16>,
    /// What a match does to the decision.
    pub action: Option<Action>,
    /// Lower comes first.
    pub priority: u16,
    /// Whether a match is an event of its own.
    pub notify: bool,
    /// From when on it matches no more.
    pub expires_at: Option<Ms>,
    pub(super) overrides: bool,
    pub(super) enabled: bool,
    pub(super) condition: Predicate,
    pub(super) cost: u32,
}
