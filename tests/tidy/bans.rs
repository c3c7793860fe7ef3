//! Words and constructs that may not stay in Rust code.

use crate::paths::spelled_out;
use crate::source::{Breach, Source, closing};

const REMINDERS: &[&str] = &["FIXME", "TODO", "XXX"];

/// A reminder in a remark; a word in backticks or quotes is spoken of (`XXX` is a currency code).
pub(crate) fn reminders(source: &Source) -> Vec<Breach> {
    let mut found = Vec::new();
    for comment in &source.comments {
        for (offset, line) in comment.text.lines().enumerate() {
            for word in REMINDERS.iter().filter(|word| speaks(line, word)) {
                found.push(source.breach(comment.line + offset, format!("{word}: do it or leave it")));
            }
        }
    }
    found
}

fn speaks(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|head| head.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|tail| tail.chars().next());
        let joined = |letter: char| letter.is_alphanumeric() || letter == '_';
        !before.is_some_and(|letter| joined(letter) || letter == '`' || letter == '"')
            && !after.is_some_and(joined)
    })
}

pub(crate) fn placeholder_macros(source: &Source) -> Vec<Breach> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let banned = ["todo", "unimplemented", "dbg"].iter().any(|name| token.is(name));
        if banned && source.follows(at, "!") {
            found.push(source.breach(token.line, format!("`{}!` may not stay", token.text)));
        }
    }
    found
}

/// `matches!(…);` computes an answer and drops it: an assertion that asserts nothing.
pub(crate) fn idle_matches(source: &Source) -> Vec<Breach> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| source.tokens.get(before));
        let opens_statement = before.is_none_or(|mark| [";", "{", "}"].iter().any(|text| mark.is(text)));
        if token.is("matches") && source.follows(at, "!") && opens_statement {
            let end = closing(&source.tokens, at + 2);
            if source.follows(end, ";") {
                found.push(source.breach(token.line, "`matches!(…);` drops its answer: assert it"));
            }
        }
    }
    found
}

/// `#[allow(…)]` without a reason, also inside `cfg_attr`.
pub(crate) fn unexplained_allows(source: &Source) -> Vec<Breach> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let open = if source.follows(at, "!") { at + 2 } else { at + 1 };
        if !token.is("#") || !source.tokens.get(open).is_some_and(|bracket| bracket.is("[")) {
            continue;
        }
        let attribute = open..closing(&source.tokens, open);
        for place in attribute.filter(|place| source.follows(*place, "(")) {
            let allow = source.tokens.get(place).filter(|word| word.is("allow"));
            let list = place + 1..closing(&source.tokens, place + 1);
            let mut list = list.clone().zip(source.tokens.get(list).unwrap_or_default());
            if let Some(allow) = allow
                && !list.any(|(word, token)| token.is("reason") && source.follows(word, "="))
            {
                found.push(source.breach(allow.line, "`allow` without a reason"));
            }
        }
    }
    found
}

pub(crate) fn default_hashes(source: &Source) -> Vec<Breach> {
    let banned = |name: &str| matches!(name, "HashMap" | "HashSet" | "hash_map" | "hash_set");
    let found = spelled_out(source).into_iter().filter(|path| {
        path.starts_with(&["std", "collections"]) && path.segments.get(2).is_some_and(|name| banned(name))
    });
    found
        .map(|path| source.breach(path.line, format!("`{}`: its order differs by run", path.text())))
        .collect()
}

/// `env!("CARGO_MANIFEST_DIR")`: one folder of build products may serve several checkouts, and what one of them
/// built would read the tree of another. Tests run in the root of their package.
pub(crate) fn baked_folders(source: &Source) -> Vec<Breach> {
    let tokens = source.tokens.iter().filter(|token| token.text == "\"CARGO_MANIFEST_DIR\"");
    tokens.map(|token| source.breach(token.line, "the folder of the build is not that of the run")).collect()
}

fn lines(rule: fn(&Source) -> Vec<Breach>, text: &str) -> Vec<usize> {
    rule(&Source::new("src/base/x.rs", text)).into_iter().map(|breach| breach.line).collect()
}

#[test]
fn reminders_are_seen_in_remarks_only() {
    let text = "// FIXME: soon\n/* a\n TODO(b) */\n/// `XXX` is a currency, XXXL a size.\nconst A: &str = \"TODO\";\n//XXX";
    assert_eq!(lines(reminders, text), [1, 3, 6]);
}

#[test]
fn placeholder_macros_are_seen() {
    let text =
        "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\nfn c() { dbg!(x); }\nfn todo() { d.dbg() }";
    assert_eq!(lines(placeholder_macros, text), [1, 2, 3]);
}

#[test]
fn an_idle_match_is_seen() {
    let text =
        "fn a() {\nmatches!(x, A | B);\nlet y = matches!(x, A);\nassert!(matches!(x, A));\nmatches!(x, A) }";
    assert_eq!(lines(idle_matches, text), [2]);
}

#[test]
fn an_allow_needs_a_reason() {
    let text = "#![allow(dead_code)]\n#[cfg_attr(test, allow(unused))]\nfn a() {}\n\
                #[allow(unused, reason = \"why\")]\n#[expect(unused)]\nfn allow(x: u8) {}";
    assert_eq!(lines(unexplained_allows, text), [1, 2]);
}

#[test]
fn the_default_hash_map_is_seen() {
    let text = "use std::collections::{BTreeMap, HashMap};\nfn a() -> std::collections::HashSet<u8> {}\n\
                use crate::base::collections::Map;\nuse std::collections;\nfn b() { collections::HashMap::new() }";
    assert_eq!(lines(default_hashes, text), [1, 2, 5]);
}

#[test]
fn a_baked_folder_is_seen() {
    let text = "// CARGO_MANIFEST_DIR\nfn a() { join(env!(\"CARGO_MANIFEST_DIR\")) }\nfn b() { env!(\"CARGO_PKG_VERSION\") }";
    assert_eq!(lines(baked_folders, text), [2]);
}
