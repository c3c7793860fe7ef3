//! Finds what is compiled for tests only: items behind `#[cfg(test)]` and the files they stand for.

use crate::lexer::Token;
use crate::source::{Source, closing};

/// Files that hold tests by their name: everything outside `src`, `tests.rs`, and folders called `tests`.
pub(crate) fn is_test_path(path: &str) -> bool {
    let Some(inside) = path.strip_prefix("src/") else { return true };
    inside.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// For each token whether it belongs to an item behind `#[cfg(test)]`.
pub(crate) fn marks(tokens: &[Token]) -> Vec<bool> {
    let mut marks = vec![false; tokens.len()];
    let mut at = 0;
    while at < tokens.len() {
        let Some(end) = test_attribute(tokens, at) else {
            at += 1;
            continue;
        };
        let end = item_end(tokens, end + 1);
        for mark in marks.iter_mut().take(end + 1).skip(at) {
            *mark = true;
        }
        at = end + 1;
    }
    marks
}

/// Names declared by `mod name;` among the tokens marked as test code.
pub(crate) fn modules(tokens: &[Token], test: &[bool]) -> Vec<String> {
    let declared = tokens.windows(3).zip(test).filter_map(|(window, test)| match window {
        [word, name, end] if *test && word.is("mod") && end.is(";") => Some(name.text.clone()),
        _ => None,
    });
    declared.collect()
}

/// Marks the files of modules that another file declares for tests only.
pub(crate) fn spread(sources: &mut [Source]) {
    let mut places = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        let folder = source.module().join("/");
        let prefix = if folder.is_empty() { "src".to_owned() } else { format!("src/{folder}") };
        places.extend(source.test_modules.iter().map(|name| format!("{prefix}/{name}")));
    }
    for source in sources {
        let stem = source.path.trim_end_matches(".rs");
        if places.iter().any(|place| crate::source::covers(place, stem)) {
            source.become_test();
        }
    }
}

/// The end of the attribute that begins at `at`, if it is a `cfg` that only a test build satisfies.
fn test_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    let [hash, open, cfg] = tokens.get(at..at + 3)? else { return None };
    if !(hash.is("#") && open.is("[") && cfg.is("cfg")) {
        return None;
    }
    let end = closing(tokens, at + 1);
    let inside = tokens.get(at + 3..end)?;
    let tests = inside.iter().any(|token| token.is("test"));
    let weaker = inside.iter().any(|token| token.is("not") || token.is("any"));
    (tests && !weaker).then_some(end)
}

/// The last token of the item, field or statement that begins at `at`.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.is("#")) {
        at = closing(tokens, at + 1) + 1;
    }
    let is_item = tokens.get(at).is_some_and(|token| ITEM_WORDS.contains(&&*token.text));
    while let Some(token) = tokens.get(at) {
        if token.is(";") || (!is_item && token.is(",")) {
            return at;
        }
        if token.is("{") {
            return closing(tokens, at);
        }
        if token.is("(") || token.is("[") {
            at = closing(tokens, at);
        } else if token.is("}") || token.is(")") || token.is("]") {
            return at - 1;
        }
        at += 1;
    }
    tokens.len()
}

/// Words an item can begin with; a field or a match arm begins with none of them but for `pub`.
const ITEM_WORDS: &[&str] = &[
    "pub",
    "fn",
    "mod",
    "impl",
    "struct",
    "enum",
    "use",
    "const",
    "static",
    "trait",
    "type",
    "unsafe",
    "async",
    "extern",
    "let",
    "macro_rules",
    "union",
];

#[test]
fn items_behind_cfg_test_are_test_code() {
    let text = "fn a() {}\n#[cfg(test)]\n#[x]\nfn b<S, T>() { c() }\n#[cfg(all(test, unix))] use d::{e};\n\
                #[cfg(not(test))] fn f() {}\nS { #[cfg(test)] g: 1, h: 2 }";
    let source = Source::new("src/base/x.rs", text);
    let shipped: Vec<_> =
        source.shipped().filter(|(_, token)| token.is_word()).map(|(_, t)| &*t.text).collect();
    assert_eq!(shipped, ["fn", "a", "cfg", "not", "test", "fn", "f", "S", "h"]);
}

#[test]
fn files_of_test_modules_are_test_code() {
    let mut sources = [
        Source::new("src/state/mod.rs", "#[cfg(test)] mod naive; mod pages;"),
        Source::new("src/state/naive.rs", "fn a() {}"),
        Source::new("src/state/naive/deep.rs", "fn a() {}"),
        Source::new("src/state/pages.rs", "fn a() {}"),
        Source::new("src/state/tests/mod.rs", "fn a() {}"),
    ];
    spread(&mut sources);
    let test: Vec<_> = sources.iter().skip(1).map(|source| source.is_test(0)).collect();
    assert_eq!(test, [true, true, false, true]);
}
