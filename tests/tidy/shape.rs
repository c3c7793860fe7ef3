//! Files and functions are short, names say what is inside, every module opens by saying what it is.

use crate::lexer::Token;
use crate::source::{Breach, Source, closing};

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;

/// Names that promise nothing and so collect everything.
const ATTICS: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types"];

pub(crate) fn long_files(source: &Source) -> Vec<Breach> {
    let lines = source.text.lines().count();
    let long = lines > FILE_LINES;
    long.then(|| source.breach(lines, format!("{lines} lines, {FILE_LINES} at most"))).into_iter().collect()
}

/// Counted from the line of `fn` to the line of the closing brace.
pub(crate) fn long_functions(source: &Source) -> Vec<Breach> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let name = source.tokens.get(at + 1).filter(|name| token.is("fn") && name.is_word());
        let (Some(name), Some(end)) = (name, body_end(&source.tokens, at)) else { continue };
        let lines = end + 1 - token.line;
        if lines > FUNCTION_LINES {
            let what = format!("`{}` has {lines} lines, {FUNCTION_LINES} at most", name.text);
            found.push(source.breach(token.line, what));
        }
    }
    found
}

/// The last line of the function whose `fn` stands at `at`, if it has a body.
fn body_end(tokens: &[Token], mut at: usize) -> Option<usize> {
    while let Some(token) = tokens.get(at) {
        if token.is(";") {
            return None;
        }
        if token.is("{") {
            return tokens.get(closing(tokens, at)).map(|brace| brace.line);
        }
        at = if token.is("(") || token.is("[") { closing(tokens, at) } else { at } + 1;
    }
    None
}

/// Files and folders of the whole tree.
pub(crate) fn attic_path(path: &str) -> Vec<Breach> {
    let attic = path.split('/').any(|part| {
        let stem = part.split('.').next().unwrap_or_default();
        ATTICS.contains(&stem)
    });
    let what = "a name that says nothing: call it by what is inside".to_owned();
    attic.then(|| Breach { path: path.to_owned(), line: 1, what }).into_iter().collect()
}

pub(crate) fn attic_modules(source: &Source) -> Vec<Breach> {
    let attics = source.tokens.windows(2).filter_map(|pair| match pair {
        [word, name] if word.is("mod") && ATTICS.contains(&&*name.text) => Some(
            source
                .breach(name.line, format!("module `{}` says nothing: call it by what is inside", name.text)),
        ),
        _ => None,
    });
    attics.collect()
}

pub(crate) fn headless(source: &Source) -> Vec<Breach> {
    let headless = source.path.starts_with("src/") && !source.text.starts_with("//! ");
    headless.then(|| source.breach(1, "begins without a module header (`//! …`)")).into_iter().collect()
}

/// Folders of `src` that hold Rust files but no `mod.rs` to open with.
pub(crate) fn folders_without_header<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<Breach> {
    let paths: Vec<_> = paths.filter(|path| path.starts_with("src/") && path.ends_with(".rs")).collect();
    let mut folders: Vec<_> = paths.iter().flat_map(|path| ancestors(path)).collect();
    folders.sort_unstable();
    folders.dedup();
    let bare = folders.into_iter().map(|folder| format!("{folder}/mod.rs"));
    let bare = bare.filter(|header| !paths.contains(&&**header));
    bare.map(|path| Breach { path, line: 1, what: "is missing: the folder has no header".to_owned() })
        .collect()
}

/// Folders around a file, but for `src` itself.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').skip(1);
    slashes.filter_map(|(at, _)| path.get(..at))
}

#[test]
fn a_long_file_is_seen() {
    assert_eq!(long_files(&Source::new("src/base/x.rs", &"\n".repeat(500))), []);
    assert_eq!(long_files(&Source::new("src/base/x.rs", &"\n".repeat(501))).len(), 1);
}

#[test]
fn a_long_function_is_seen() {
    let of = |lines: usize| {
        let text = format!(
            "fn short() {{}}\nfn long(a: [u8; 4]) -> fn() {{\n{}}}\nfn bare();\n",
            "\n".repeat(lines - 2)
        );
        long_functions(&Source::new("src/base/x.rs", &text))
            .into_iter()
            .map(|breach| breach.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(70), [0; 0]);
    assert_eq!(of(71), [2]);
}

#[test]
fn attics_are_seen() {
    for path in ["src/base/util.rs", "src/types/mod.rs", "web/helpers.test.ts", "tests/common/x.rs"] {
        assert_eq!(attic_path(path).len(), 1, "{path}");
    }
    assert_eq!(attic_path("src/domain/commonwealth.rs"), []);
    assert_eq!(attic_modules(&Source::new("src/base/x.rs", "mod utils {}\nmod fine;")).len(), 1);
}

#[test]
fn a_missing_header_is_seen() {
    assert_eq!(headless(&Source::new("src/base/x.rs", "use a::b;\n")).len(), 1);
    assert_eq!(headless(&Source::new("src/base/x.rs", "//!\n")).len(), 1);
    assert_eq!(headless(&Source::new("src/base/x.rs", "//! Words.\n")), []);
}

#[test]
fn a_folder_without_header_is_seen() {
    let paths = [
        "src/lib.rs",
        "src/log/mod.rs",
        "src/log/kafka/reader.rs",
        "src/base/tables/zones.csv",
        "tests/a/b.rs",
    ];
    let found = folders_without_header(paths.into_iter());
    assert_eq!(found.into_iter().map(|breach| breach.path).collect::<Vec<_>>(), ["src/log/kafka/mod.rs"]);
}
