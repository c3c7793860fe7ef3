//! Holds the structure of the code: reads every file of the tree and fails with a list of all breaches.
//!
//! One crate has no Cargo to forbid import circles, so these tests do. It links nothing but the standard
//! library. Each rule is one function beside its own tests, which show that it fails on a bad snippet; what
//! a rule permits stands in a table at the head of its file, with the reason.

#[path = "tidy/bans.rs"]
mod bans;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/libraries.rs"]
mod libraries;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/purity.rs"]
mod purity;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/test_code.rs"]
mod test_code;
#[path = "tidy/tree.rs"]
mod tree;

use std::path::Path;
use std::sync::LazyLock;

use source::{Breach, Source};
use tree::{File, Tree};

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read(Path::new(".")));

fn hold(mut breaches: Vec<Breach>) {
    breaches.sort();
    let lines: Vec<_> = breaches.iter().map(|b| format!("{}:{}: {}", b.path, b.line, b.what)).collect();
    assert!(lines.is_empty(), "breaches: {}\n{}\n", lines.len(), lines.join("\n"));
}

fn in_sources(rule: impl Fn(&Source) -> Vec<Breach>) -> Vec<Breach> {
    TREE.sources.iter().flat_map(rule).collect()
}

fn in_files(rule: impl Fn(&File) -> Vec<Breach>) -> Vec<Breach> {
    TREE.files.iter().flat_map(rule).collect()
}

#[test]
fn the_tree_is_read() {
    for path in ["src/lib.rs", "src/main.rs", "src/base/mod.rs", "tests/tidy/floors.rs"] {
        assert!(TREE.sources.iter().any(|source| source.path == path), "{path} is not among the sources");
    }
    assert!(TREE.files.iter().any(|file| file.path == "Cargo.toml"));
    assert!(TREE.texts("tests/planted/").any(|(path, _)| path.ends_with(".bug")));
}

#[test]
fn imports_point_to_lower_floors() {
    hold(in_sources(floors::breaches));
}

#[test]
fn the_map_shows_the_floors() {
    hold(floors::drifted(include_str!("../ARCHITECTURE.md")));
}

#[test]
fn a_heavy_library_enters_through_one_folder() {
    hold(in_sources(libraries::strays));
}

#[test]
fn every_dependency_has_a_place() {
    let manifest = include_str!("../Cargo.toml");
    assert!(manifest.contains("[dependencies]\n"));
    hold(libraries::homeless(manifest));
}

#[test]
fn the_pure_half_touches_nothing_outside() {
    hold(in_sources(purity::reaches_outside));
}

#[test]
fn sums_are_integers() {
    hold(in_sources(purity::uses_fractions));
}

#[test]
fn the_pure_half_is_the_same_in_every_profile() {
    hold(in_sources(purity::differs_by_profile));
}

#[test]
fn files_are_short() {
    hold(in_sources(shape::long_files));
}

#[test]
fn functions_are_short() {
    hold(in_sources(shape::long_functions));
}

#[test]
fn names_say_what_is_inside() {
    hold([in_files(|file| shape::attic_path(&file.path)), in_sources(shape::attic_modules)].concat());
}

#[test]
fn every_module_opens_with_a_header() {
    let bare = shape::folders_without_header(TREE.sources.iter().map(|source| &*source.path));
    hold([in_sources(shape::headless), bare].concat());
}

#[test]
fn planted_bugs_have_their_places() {
    hold(planted::rotten(&TREE));
}

#[test]
fn no_reminder_is_left() {
    hold(in_sources(bans::reminders));
}

#[test]
fn no_placeholder_is_left() {
    hold(in_sources(bans::placeholder_macros));
}

#[test]
fn no_match_drops_its_answer() {
    hold(in_sources(bans::idle_matches));
}

#[test]
fn no_folder_is_built_in() {
    hold(in_sources(bans::baked_folders));
}

#[test]
fn every_allow_has_a_reason() {
    hold(in_sources(bans::unexplained_allows));
}

#[test]
fn no_hash_order_differs_by_run() {
    hold(in_sources(bans::default_hashes));
}

#[test]
fn white_space_is_tidy() {
    hold(in_files(tree::untidy_space));
}

#[test]
fn files_are_small_texts() {
    hold([in_files(tree::too_large), in_files(tree::binary_or_generated)].concat());
}

#[test]
fn files_speak_of_the_project_alone() {
    hold(in_files(tree::traces));
}
