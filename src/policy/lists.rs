//! Lists of texts that conditions ask with `in`, and those that ship with the product.

use crate::base::collections::Set;

/// The shipped lists by name; one entry a line, `#` begins a comment.
pub(super) const SHIPPED: [(&str, &str); 6] = [
    ("disposable_domains", include_str!("../../rules/lists/disposable_domains.txt")),
    ("suspicious_tlds", include_str!("../../rules/lists/suspicious_tlds.txt")),
    ("high_risk_countries", include_str!("../../rules/lists/high_risk_countries.txt")),
    ("high_risk_mccs", include_str!("../../rules/lists/high_risk_mccs.txt")),
    ("generic_initiators", include_str!("../../rules/lists/generic_initiators.txt")),
    ("generic_mailboxes", include_str!("../../rules/lists/generic_mailboxes.txt")),
];

/// A list.
#[derive(Debug, Default)]
pub(super) struct List(Set<Box<str>>);

impl List {
    pub(super) fn shipped(text: &str) -> Self {
        Self::of(text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')))
    }

    pub(super) fn of<'t>(entries: impl IntoIterator<Item = &'t str>) -> Self {
        List(entries.into_iter().map(Box::from).collect())
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_lists_hold_what_the_contract_names() {
        let sizes: Vec<_> = SHIPPED.iter().map(|(name, text)| (*name, List::shipped(text).len())).collect();
        let expected = [
            ("disposable_domains", 8_335),
            ("suspicious_tlds", 17),
            ("high_risk_countries", 25),
            ("high_risk_mccs", 11),
            ("generic_initiators", 25),
            ("generic_mailboxes", 8),
        ];
        assert_eq!(sizes, expected);
        let domains = List::shipped(SHIPPED[0].1);
        assert!(domains.holds("mailinator.com") && !domains.holds("gmail.com") && !domains.holds(""));
        for (name, text) in SHIPPED {
            assert!(text.starts_with("# "), "{name} tells where it is from");
            assert!(!text.contains('\r'));
        }
    }
}
