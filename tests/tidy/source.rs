//! One Rust file as the rules see it: tokens, which of them are test code, and the paths they name.

use crate::lexer::{Comment, Token, lex};
use crate::test_code;

/// A breach of a rule: where, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the tree, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    /// For each token: whether it stands in test code.
    test: Vec<bool>,
    /// Names of the modules that this file declares for tests only, without a body.
    pub(crate) test_modules: Vec<String>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (tokens, comments) = lex(text);
        let mut test = test_code::marks(&tokens);
        if test_code::is_test_path(path) {
            test.fill(true);
        }
        let test_modules = test_code::modules(&tokens, &test);
        Self { path: path.to_owned(), text: text.to_owned(), tokens, comments, test, test_modules }
    }

    pub(crate) fn become_test(&mut self) {
        self.test.fill(true);
    }

    pub(crate) fn is_test(&self, token: usize) -> bool {
        self.test.get(token).copied().unwrap_or(false)
    }

    pub(crate) fn breach(&self, line: usize, what: impl Into<String>) -> Breach {
        Breach { path: self.path.clone(), line, what: what.into() }
    }

    /// The component under `src`: `worker` of `src/worker/turn.rs`, `main` of `src/main.rs`.
    pub(crate) fn component(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(folder, _)| folder))
    }

    /// The module path of the file: `[worker, turn]` of `src/worker/turn.rs`.
    pub(crate) fn module(&self) -> Vec<&str> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let mut segments: Vec<_> = inside.trim_end_matches(".rs").split('/').collect();
        if segments.last().is_some_and(|last| matches!(*last, "mod" | "lib" | "main")) {
            segments.pop();
        }
        segments
    }

    /// Tokens outside test code, with their places.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &Token)> {
        self.tokens.iter().enumerate().filter(|(at, _)| !self.is_test(*at))
    }

    pub(crate) fn follows(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at + 1).is_some_and(|token| token.is(text))
    }

    pub(crate) fn under(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| covers(prefix, &self.path))
    }
}

/// Whether `path` is `place` itself or lies under it; `place` names a file or a folder without a slash.
pub(crate) fn covers(place: &str, path: &str) -> bool {
    path.strip_prefix(place).is_some_and(|left| left.is_empty() || left.starts_with('/'))
}

/// Index of the bracket that closes the one at `open`, or the end of the file.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is("(") || token.is("[") || token.is("{") {
            depth += 1;
        } else if token.is(")") || token.is("]") || token.is("}") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len()
}

#[test]
fn a_file_knows_its_component_and_module() {
    let source = Source::new("src/worker/turn.rs", "");
    assert_eq!((source.component(), source.module()), (Some("worker"), vec!["worker", "turn"]));
    let source = Source::new("src/store/mod.rs", "");
    assert_eq!((source.component(), source.module()), (Some("store"), vec!["store"]));
    assert_eq!(Source::new("src/main.rs", "").component(), Some("main"));
    assert_eq!(Source::new("tests/tidy.rs", "").component(), None);
}

#[test]
fn a_place_covers_its_own_path_only() {
    assert!(covers("src/log", "src/log/kafka/mod.rs"));
    assert!(!covers("src/log", "src/logic.rs"));
}
