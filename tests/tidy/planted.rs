//! Every planted bug still has its place: the text it replaces stands in its file exactly once.

use crate::source::Breach;
use crate::tree::Tree;

/// What is wrong with the bugs of `tests/planted`.
pub(crate) fn rotten(tree: &Tree) -> Vec<Breach> {
    let bugs = tree.texts("tests/planted/").filter(|(path, _)| path.ends_with(".bug"));
    let breaches = bugs.filter_map(|(path, bug)| {
        let text = |wanted: &str| tree.texts(wanted).find(|(path, _)| *path == wanted).map(|(_, text)| text);
        let what = fault(bug, &text)?;
        Some(Breach { path: path.to_owned(), line: 1, what })
    });
    breaches.collect()
}

fn fault<'a>(bug: &str, text: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    let member = |name: &str| bug.lines().find_map(|line| line.strip_prefix(name));
    let Some(file) = member("file: ") else { return Some("`file: ` is missing".to_owned()) };
    if member("caught by: ").is_none_or(|invariants| invariants.trim().is_empty()) {
        return Some("`caught by: ` names no invariant".to_owned());
    }
    let parts = bug.split_once("--- find\n").and_then(|(_, rest)| rest.split_once("--- replace\n"));
    let Some((find, replace)) = parts else {
        return Some("there is no `--- find` and `--- replace`".to_owned());
    };
    if find == replace {
        return Some("it changes nothing".to_owned());
    }
    let Some(text) = text(file) else { return Some(format!("there is no {file}")) };
    match text.matches(find).count() {
        1 => None,
        times => Some(format!("its text stands {times} times in {file}")),
    }
}

#[test]
fn a_bug_has_one_place() {
    let bug = |find: &str| format!("A bug.\nfile: a.rs\ncaught by: reply\n--- find\n{find}--- replace\nx\n");
    let check = |bug: &str| fault(bug, &|path| (path == "a.rs").then_some("one\ntwo\ntwo\n"));
    assert_eq!(check(&bug("one\n")), None);
    assert_eq!(check(&bug("two\n")).unwrap(), "its text stands 2 times in a.rs");
    assert_eq!(check(&bug("three\n")).unwrap(), "its text stands 0 times in a.rs");
    assert_eq!(check(&bug("x\n")).unwrap(), "it changes nothing");
    assert_eq!(check(&bug("one\n").replace("a.rs", "b.rs")).unwrap(), "there is no b.rs");
    assert_eq!(check(&bug("one\n").replace("reply", "")).unwrap(), "`caught by: ` names no invariant");
}
