//! The name that was likely meant.

/// Longer words are not compared: the effort grows with the product of both lengths.
const MAX_WORD_BYTES: usize = 128;

/// The candidate nearest to `word`, if any is near enough to be a slip of the pen: at most a third of the
/// word's letters differ, case counting for nothing. Of equally near ones the first.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > MAX_WORD_BYTES {
        return None;
    }
    let folded = word.to_ascii_lowercase();
    let near = candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_WORD_BYTES)
        .map(|candidate| (distance(&folded, &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let allowed = (word.chars().count() / 3).max(1);
    (near.0 <= allowed).then_some(near.1)
}

/// The least number of letters to insert, delete or replace (Levenshtein), one row of the table at a time.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (taken, a) in from.chars().enumerate() {
        let mut diagonal = taken;
        let mut left = taken + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, b) in cells.zip(to.chars()) {
            let above = *cell;
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let names = ["amount", "currency", "customer_id", "startsWith"];
        for (word, expected) in [
            ("amuont", Some("amount")),
            ("startswith", Some("startsWith")),
            ("costumer_id", Some("customer_id")),
            ("amount", Some("amount")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(10_000), names), None);
    }
}
