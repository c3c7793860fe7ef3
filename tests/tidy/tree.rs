//! The files of the tree: everything `.gitignore` lets in, read once, and what no file may be.

use std::fs;
use std::path::Path;

use crate::source::{Breach, Source, covers};
use crate::test_code;

const MOST_BYTES: usize = 512 * 1024;

/// Stored forms of every version ever written are bytes by nature.
const BYTES_ALLOWED: &[&str] = &["tests/samples"];

/// Endings of what a tool leaves behind.
const GENERATED: &[&str] = &[
    "a", "bak", "class", "d", "dll", "dylib", "exe", "log", "o", "orig", "profdata", "profraw", "pyc", "rej",
    "rlib", "rmeta", "so", "swp", "tmp",
];

/// Texts whose white space is ours to keep; `Makefile` needs its tabs.
const WRITTEN: &[&str] = &["rs", "toml", "md", "sh", "yaml", "yml", "sql", "ts", "css", "html", "json"];

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    fn breach(&self, line: usize, what: impl Into<String>) -> Breach {
        Breach { path: self.path.clone(), line, what: what.into() }
    }
}

#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
    /// Rust files, with test modules spread.
    pub(crate) sources: Vec<Source>,
}

impl Tree {
    /// Reads everything below `root`; a file that cannot be read ends the run.
    pub(crate) fn read(root: &Path) -> Self {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut files = Vec::new();
        collect(root, "", &ignored, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let rust = files.iter().filter(|file| file.extension() == "rs");
        let mut sources: Vec<_> =
            rust.map(|file| Source::new(&file.path, &String::from_utf8_lossy(&file.bytes))).collect();
        test_code::spread(&mut sources);
        Self { files, sources }
    }

    /// The texts whose path begins with `prefix`, with their paths.
    pub(crate) fn texts<'t>(&'t self, prefix: &str) -> impl Iterator<Item = (&'t str, &'t str)> {
        let files = self.files.iter().filter(move |file| file.path.starts_with(prefix));
        files.filter_map(|file| Some((&*file.path, file.text()?)))
    }
}

fn collect(folder: &Path, prefix: &str, ignored: &str, files: &mut Vec<File>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path == ".git" || is_ignored(ignored, &path) {
            continue;
        }
        let place = entry.path();
        if place.is_dir() {
            collect(&place, &format!("{path}/"), ignored, files);
        } else {
            let bytes = fs::read(&place).unwrap_or_else(|error| panic!("{path}: {error}"));
            files.push(File { path, bytes });
        }
    }
}

/// The three forms our `.gitignore` uses: `/path`, `*.ending` and a bare name.
fn is_ignored(ignored: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let patterns = ignored.lines().map(|line| line.trim().trim_end_matches('/'));
    let mut patterns = patterns.filter(|pattern| !pattern.is_empty() && !pattern.starts_with('#'));
    patterns.any(|pattern| match (pattern.strip_prefix('/'), pattern.strip_prefix('*')) {
        (Some(rooted), _) => rooted == path,
        (None, Some(ending)) => name.ends_with(ending),
        (None, None) => pattern == name,
    })
}

pub(crate) fn too_large(file: &File) -> Vec<Breach> {
    let bytes = file.bytes.len();
    let large = bytes > MOST_BYTES;
    large.then(|| file.breach(1, format!("{bytes} bytes, {MOST_BYTES} at most"))).into_iter().collect()
}

pub(crate) fn binary_or_generated(file: &File) -> Vec<Breach> {
    let mut found = Vec::new();
    let text = file.text().is_some_and(|text| !text.contains('\0'));
    if !text && !BYTES_ALLOWED.iter().any(|folder| covers(folder, &file.path)) {
        found.push(file.breach(1, "is not text"));
    }
    if GENERATED.contains(&file.extension()) || file.name().ends_with('~') || file.name() == ".DS_Store" {
        found.push(file.breach(1, "is left behind by a tool"));
    }
    found
}

pub(crate) fn untidy_space(file: &File) -> Vec<Breach> {
    let script = matches!(file.name(), "Makefile" | "run" | ".gitignore");
    let Some(text) = file.text().filter(|_| script || WRITTEN.contains(&file.extension())) else {
        return vec![];
    };
    let mut found = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let (bare, carriage) = line.strip_suffix('\r').map_or((line, false), |bare| (bare, true));
        let mut add = |what| found.push(file.breach(number + 1, what));
        if carriage {
            add("ends in CR LF");
        }
        if bare.ends_with([' ', '\t']) {
            add("ends in white space");
        }
        if bare.contains('\t') && file.extension() == "rs" {
            add("holds a tab");
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        found.push(file.breach(text.lines().count(), "ends without a line break"));
    }
    found
}

/// Paths of the machine a file was written at; split here, so that this list is not one.
const TRACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tm", "p/wt"),
];

/// The project's files speak of the project alone.
pub(crate) fn traces(file: &File) -> Vec<Breach> {
    let mut found = Vec::new();
    for (number, line) in file.text().unwrap_or_default().lines().enumerate() {
        for trace in TRACES {
            if line.match_indices(trace).any(|(at, _)| stands_alone(line, at)) {
                found.push(file.breach(number + 1, format!("`{trace}` names a machine, not the project")));
            }
        }
    }
    found
}

/// Not in the middle of a word or of a relative path.
fn stands_alone(line: &str, at: usize) -> bool {
    let before = line.get(..at).and_then(|head| head.chars().next_back());
    !before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '}' | '*'))
}

fn file(path: &str, bytes: &[u8]) -> File {
    File { path: path.to_owned(), bytes: bytes.to_vec() }
}

#[test]
fn ignored_paths_are_left_out() {
    let ignored = "/target\n*.profraw\nnode_modules/\n# not/this\n";
    for path in ["target", "a/b.profraw", "web/node_modules"] {
        assert!(is_ignored(ignored, path), "{path}");
    }
    assert!(!is_ignored(ignored, "src/target"));
    assert!(!is_ignored(ignored, "src/profraw.rs"));
}

#[test]
fn a_large_file_is_seen() {
    assert_eq!(too_large(&file("a.csv", &vec![b'a'; MOST_BYTES])), []);
    assert_eq!(too_large(&file("a.csv", &vec![b'a'; MOST_BYTES + 1])).len(), 1);
}

#[test]
fn bytes_and_leftovers_are_seen() {
    assert_eq!(binary_or_generated(&file("docs/a.png", &[0xff, 0xd8])).len(), 1);
    assert_eq!(binary_or_generated(&file("docs/a.txt", b"a\0b")).len(), 1);
    assert_eq!(binary_or_generated(&file("src/base/mod.rs.orig", b"")).len(), 1);
    assert_eq!(binary_or_generated(&file("src/base/mod.rs~", b"")).len(), 1);
    assert_eq!(binary_or_generated(&file("tests/samples/head.1", &[0xff])), []);
}

#[test]
fn untidy_space_is_seen() {
    let lines = |path: &str, text: &str| {
        let found = untidy_space(&file(path, text.as_bytes()));
        found.into_iter().map(|breach| breach.line).collect::<Vec<_>>()
    };
    assert_eq!(lines("src/a.rs", "a\nb \n\tc\nd\r\n e"), [2, 3, 4, 5]);
    assert_eq!(lines("Makefile", "a:\n\tb\n\tc \n"), [3]);
    assert_eq!(lines("tests/a.csv", "a \n"), [0; 0]);
}

#[test]
fn traces_are_seen() {
    let of = |text: &str| traces(&file("README.md", text.as_bytes())).len();
    for (trace, suffix) in TRACES.iter().zip(["a", "a", "a", "a", "a", "", "", "", "", ""]) {
        assert_eq!(of(&format!("see {trace}{suffix}.")), 1, "{trace}");
        assert_eq!(of(&format!("`{trace}{suffix}`")), 1, "{trace}");
    }
    assert_eq!(of("$HOME/.cache, a/work/b, network/"), 0);
}
