//! The paths a file names: every leaf of every `use` tree, and every `a::b` in code.

use crate::lexer::Token;
use crate::source::Source;

#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// Index of the token that the path ends at.
    pub(crate) token: usize,
    /// How many inline modules stand around it.
    pub(crate) depth: usize,
    /// The name it brings into the file's scope, if it is an import.
    pub(crate) binds: Option<String>,
}

impl Path {
    pub(crate) fn first(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }

    pub(crate) fn starts_with(&self, prefix: &[&str]) -> bool {
        self.segments.len() >= prefix.len() && self.segments.iter().zip(prefix).all(|(a, b)| a == b)
    }

    pub(crate) fn text(&self) -> String {
        self.segments.join("::")
    }
}

/// All paths of a file.
pub(crate) fn paths(source: &Source) -> Vec<Path> {
    let tokens = &source.tokens;
    let depths = inline_depths(tokens);
    let mut paths = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let begin = paths.len();
        if is_import(tokens, at) {
            let mut walk = Walk { tokens, at: at + 1, found: &mut paths };
            walk.tree(&[]);
            at = walk.at;
        } else if token.is_word() && !continues(tokens, at) {
            let end = inline(tokens, at, &mut paths);
            at = end + 1;
        } else {
            at += 1;
        }
        for path in paths.iter_mut().skip(begin) {
            path.depth = depths.get(path.token).copied().unwrap_or(0);
        }
    }
    paths
}

/// All paths of a file, those that begin with an imported name spelled out: after `use std::io`, `io::stdin`
/// is `std::io::stdin`.
pub(crate) fn spelled_out(source: &Source) -> Vec<Path> {
    let mut paths = paths(source);
    let bound = |path: &Path| Some((path.binds.clone()?, path.segments.clone()));
    let imports: Vec<_> = paths.iter().filter_map(bound).collect();
    for path in paths.iter_mut().filter(|path| path.binds.is_none()) {
        if let Some((_, whole)) = imports.iter().find(|(name, _)| name == path.first()) {
            let whole = whole.iter().filter(|segment| *segment != "self");
            path.segments = whole.chain(path.segments.iter().skip(1)).cloned().collect();
        }
    }
    paths
}

/// Names of the file's own modules and imports: a path that begins with one names no outside library.
pub(crate) fn local_names(source: &Source, paths: &[Path]) -> Vec<String> {
    let modules = source.tokens.windows(2).filter_map(|pair| match pair {
        [word, name] if word.is("mod") && name.is_word() => Some(name.text.clone()),
        _ => None,
    });
    let bound = |path: &Path| path.binds.clone().filter(|name| name != path.first());
    modules.chain(paths.iter().filter_map(bound)).collect()
}

/// `use` as a keyword of an import, not of a captured lifetime (`impl Trait + use<'a>`).
fn is_import(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.is("use"))
        && !tokens.get(at + 1).is_some_and(|next| next.is("<"))
}

/// Whether the word at `at` is a later segment of a path, or a field or method.
fn continues(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|place| tokens.get(place));
    if before(1).is_some_and(|token| token.is(".")) {
        return !before(2).is_some_and(|token| token.is("."));
    }
    before(1).is_some_and(|token| token.is("::"))
        && before(2).is_some_and(|token| token.is_word() && !is_keyword(&token.text) || token.is(">"))
}

/// Keywords after which a path can begin with `::`.
fn is_keyword(word: &str) -> bool {
    matches!(word, "use" | "return" | "in" | "as" | "dyn" | "impl" | "mut" | "else" | "match" | "if" | "for")
}

/// Collects the path that begins at `at`; answers where it ends.
fn inline(tokens: &[Token], at: usize, paths: &mut Vec<Path>) -> usize {
    let mut segments = Vec::new();
    let mut end = at;
    while let Some(token) = tokens.get(end).filter(|token| token.is_word()) {
        segments.push(token.text.clone());
        let goes_on = tokens.get(end + 1).is_some_and(|next| next.is("::"))
            && tokens.get(end + 2).is_some_and(Token::is_word);
        if !goes_on {
            break;
        }
        end += 2;
    }
    if let Some(token) = tokens.get(at).filter(|_| segments.len() > 1) {
        paths.push(Path { segments, line: token.line, token: at, depth: 0, binds: None });
    }
    end
}

/// Descends one `use` tree.
struct Walk<'a> {
    tokens: &'a [Token],
    at: usize,
    found: &'a mut Vec<Path>,
}

impl Walk<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn tree(&mut self, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        while let Some(token) = self.peek() {
            if token.is("::") {
                self.at += 1;
            } else if token.is("{") {
                self.at += 1;
                return self.group(&segments);
            } else if token.is("as") {
                let name = self.tokens.get(self.at + 1).map(|name| name.text.clone());
                self.leaf(segments, name);
                self.at += 2;
                return;
            } else if token.is_word() || token.is("*") {
                segments.push(token.text.clone());
                self.at += 1;
            } else {
                break;
            }
        }
        let own = segments.last().filter(|last| *last != "self").or_else(|| segments.iter().nth_back(1));
        let name = own.filter(|name| *name != "*").cloned();
        self.leaf(segments, name);
    }

    fn group(&mut self, prefix: &[String]) {
        while let Some(token) = self.peek() {
            if token.is("}") {
                self.at += 1;
                return;
            }
            if token.is(",") {
                self.at += 1;
                continue;
            }
            let before = self.at;
            self.tree(prefix);
            if self.at == before {
                return;
            }
        }
    }

    fn leaf(&mut self, segments: Vec<String>, binds: Option<String>) {
        let token = self.at.saturating_sub(1);
        let line = self.tokens.get(token).map_or(0, |token| token.line);
        self.found.push(Path { segments, line, token, depth: 0, binds });
    }
}

/// For each token how many `mod name {` are open around it.
fn inline_depths(tokens: &[Token]) -> Vec<usize> {
    let mut open = Vec::new();
    let mut depths = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        if token.is("{") {
            open.push(at.checked_sub(2).and_then(|word| tokens.get(word)).is_some_and(|word| word.is("mod")));
        } else if token.is("}") {
            open.pop();
        }
        depths.push(open.iter().filter(|module| **module).count());
    }
    depths
}

fn texts(text: &str) -> Vec<String> {
    paths(&Source::new("src/base/x.rs", text)).iter().map(Path::text).collect()
}

#[test]
fn nested_imports_are_flattened() {
    let found = texts("pub(crate) use crate::{a, b::{self, c as d, e::*}};\nuse ::f::g;");
    assert_eq!(found, ["crate::a", "crate::b::self", "crate::b::c", "crate::b::e::*", "f::g"]);
}

#[test]
fn inline_paths_are_found_once() {
    let found = texts("fn f(x: crate::a::B<u8>) -> impl X + use<'_> { x.y::<c::D>(); ::e::f!(); 0..g::H }");
    assert_eq!(found, ["crate::a::B", "c::D", "e::f", "g::H"]);
}

#[test]
fn comments_and_strings_name_nothing() {
    assert_eq!(texts("// use crate::a;\n/* crate::b::c */ const T: &str = \"use crate::d;\";"), [""; 0]);
}

#[test]
fn an_import_tells_what_it_binds_and_where_it_stands() {
    let found = paths(&Source::new("src/base/x.rs", "mod t { use super::{a as b, c}; }"));
    let seen: Vec<_> = found.iter().map(|path| (path.binds.as_deref(), path.depth)).collect();
    assert_eq!(seen, [(Some("b"), 1), (Some("c"), 1)]);
}

#[test]
fn imported_names_are_spelled_out() {
    let text = "use std::{io::{self, Write}, time as t}; fn f() { io::stdin(); t::Instant::now(); a::b() }";
    let found: Vec<_> = spelled_out(&Source::new("src/base/x.rs", text)).iter().map(Path::text).collect();
    let expected =
        ["std::io::self", "std::io::Write", "std::time", "std::io::stdin", "std::time::Instant::now", "a::b"];
    assert_eq!(found, expected);
}
