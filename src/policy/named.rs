//! An organization's own values for shipped lists.

use crate::policy::catalogue::Catalogue;
use crate::policy::lists::List;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Catalogue {
    /// Whether a list of that name ships.
    #[must_use]
    pub fn has_list(&self, name: &str) -> bool {
        self.lists.iter().any(|(known, _)| known == name)
    }

    /// The catalogue with `lists` in place of the shipped ones of their names.
    #[must_use]
    pub fn with_lists(&self, lists: &BTreeMap<String, Vec<String>>) -> Catalogue {
        let replaced = self.lists.iter().map(|(name, shipped)| match lists.get(name) {
            Some(values) => (name.clone(), Arc::new(List::of(values.iter().map(String::as_str)))),
            None => (name.clone(), Arc::clone(shipped)),
        });
        Catalogue {
            pipeline: self.pipeline.clone(),
            sha256: self.sha256,
            lists: replaced.collect(),
            signals: self.signals.clone(),
            computed: self.computed.clone(),
        }
    }
}
