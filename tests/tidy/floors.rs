//! Imports point to a lower floor only: never up, never sideways between components of one floor.

use crate::paths::{Path, paths};
use crate::source::{Breach, Source};

/// The building, from the top. One component each is a folder of `src` (or a file, while it is small).
const FLOORS: [&[&str]; 11] = [
    &["main"],
    &["cli"],
    &["node"],
    &["gateway", "load", "sim"],
    &["worker", "rollup", "dispatch"],
    &["log", "store", "archive", "http"],
    &["shard"],
    &["policy", "state", "control"],
    &["expr", "wire"],
    &["domain", "telemetry"],
    &["base"],
];

/// The floor of a component; `base` is 0.
pub(crate) fn floor(component: &str) -> Option<usize> {
    FLOORS.iter().rev().position(|floor| floor.contains(&component))
}

pub(crate) fn breaches(source: &Source) -> Vec<Breach> {
    let Some(component) = source.component().filter(|component| *component != "lib") else { return vec![] };
    let Some(own) = floor(component) else {
        return vec![
            source.breach(1, format!("`{component}` is on no floor: give it one in tests/tidy/floors.rs")),
        ];
    };
    let complaint = |path: Path| {
        let target = root_relative(source, &path)?;
        let complaint = match target {
            Err(what) => what,
            Ok(target) => refusal(component, own, &target)?,
        };
        Some(source.breach(path.line, format!("`{}`: {complaint}", path.text())))
    };
    let renamed = source.tokens.windows(2).filter_map(|pair| match pair {
        [first, second] if first.is("extern") && second.is("crate") => {
            Some(source.breach(first.line, "`extern crate` hides where an import points"))
        }
        _ => None,
    });
    paths(source).into_iter().filter_map(complaint).chain(renamed).collect()
}

fn refusal(component: &str, own: usize, target: &str) -> Option<String> {
    if target == component {
        return None;
    }
    let Some(other) = floor(target) else {
        return Some(format!("`{target}` is no component: name the one that owns it"));
    };
    if component == "main" && target != "cli" {
        return Some("main uses cli only".to_owned());
    }
    match other.cmp(&own) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => {
            Some(format!("{component} may not look sideways at {target} (both on floor {own})"))
        }
        std::cmp::Ordering::Greater => {
            Some(format!("{component} (floor {own}) may not look up at {target} (floor {other})"))
        }
    }
}

/// The component a path reaches from the root of the crate, if it leaves its own module at all.
fn root_relative(source: &Source, path: &Path) -> Option<Result<String, String>> {
    let steps = match path.first() {
        "crate" | "clausum" => 1,
        "super" | "self" => {
            let own = usize::from(path.first() == "self");
            let supers = path.segments.iter().skip(own).take_while(|segment| *segment == "super").count();
            if supers < source.module().len() + path.depth || supers == 0 {
                return None;
            }
            own + supers
        }
        _ => return None,
    };
    let Some(target) = path.segments.get(steps) else {
        return Some(Err("the root itself is imported: name a component".to_owned()));
    };
    if target == "*" || target == "self" {
        return Some(Err("the root itself is imported: name a component".to_owned()));
    }
    Some(Ok(target.clone()))
}

/// Rows of the table in the map that name another building than this one.
pub(crate) fn drifted(map: &str) -> Vec<Breach> {
    let at = |line, what| Breach { path: "ARCHITECTURE.md".to_owned(), line, what };
    let mut drawn = [false; FLOORS.len()];
    let mut found = Vec::new();
    for (number, line) in map.lines().enumerate() {
        let row = line.strip_prefix("| ").and_then(|row| row.split_once(" | "));
        let Some((height, components)) = row.and_then(|(cell, rest)| Some((cell.parse().ok()?, rest))) else {
            continue;
        };
        let components: Vec<_> = components.split('`').skip(1).step_by(2).collect();
        let floor = FLOORS.iter().nth_back(height);
        if floor.is_none_or(|floor| **floor != *components) {
            found
                .push(at(number + 1, format!("floor {height} differs from tests/tidy/floors.rs: {floor:?}")));
        }
        drawn.iter_mut().skip(height).take(1).for_each(|drawn| *drawn = true);
    }
    let missing = drawn.iter().enumerate().filter(|(_, drawn)| !**drawn);
    found.extend(missing.map(|(height, _)| at(1, format!("floor {height} is not on the map"))));
    found
}

fn found(path: &str, text: &str) -> Vec<String> {
    let mut found: Vec<_> =
        breaches(&Source::new(path, text)).into_iter().map(|breach| breach.what).collect();
    found.sort();
    found
}

#[test]
fn the_way_down_is_open() {
    let text = "use crate::{base::ids, log::{self, Log}};\npub(crate) use crate::shard::Shard;\n\
                use super::turn; use crate::worker::outbox; fn f() { crate::state::g(); }";
    assert_eq!(found("src/worker/turn.rs", text), [""; 0]);
}

#[test]
fn up_and_sideways_are_closed() {
    let text = "use crate::{base::ids, gateway::Reply};\nfn f() { crate::rollup::g(); }";
    let expected = [
        "`crate::gateway::Reply`: worker (floor 6) may not look up at gateway (floor 7)",
        "`crate::rollup::g`: worker may not look sideways at rollup (both on floor 6)",
    ];
    assert_eq!(found("src/worker/turn.rs", text), expected);
}

#[test]
fn no_disguise_helps() {
    assert_eq!(found("src/store/rocks/mod.rs", "use super::super::log::Log;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "mod tests { use super::super::worker::Turn; }").len(), 1);
    assert_eq!(found("src/store/mod.rs", "mod tests { use super::worker; }").len(), 0);
    assert_eq!(found("src/store/mod.rs", "use self::super::worker::Turn;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "pub(crate) use crate::worker::Turn as Base;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "use crate as root;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "use crate::*;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "use crate::{self as root};").len(), 1);
    assert_eq!(found("src/store/mod.rs", "extern crate self as root;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "macro_rules! m { () => { $crate::worker::f() } }").len(), 1);
}

#[test]
fn test_code_obeys_too() {
    assert_eq!(found("src/state/tests.rs", "use crate::shard::Shard;").len(), 1);
    assert_eq!(found("src/state/x.rs", "#[cfg(test)] mod tests { use crate::shard::Shard; }").len(), 1);
}

#[test]
fn main_uses_cli_only() {
    assert_eq!(found("src/main.rs", "use clausum::cli; fn main() { clausum::cli::run() }"), [""; 0]);
    assert_eq!(
        found("src/main.rs", "use clausum::node::Node;"),
        ["`clausum::node::Node`: main uses cli only"]
    );
}

#[test]
fn a_component_without_a_floor_is_refused() {
    assert_eq!(found("src/attic/mod.rs", "").len(), 1);
    assert_eq!(found("src/cli/mod.rs", "use crate::Attic;").len(), 1);
}

#[test]
fn a_map_of_another_building_is_seen() {
    let mut rows: Vec<_> = FLOORS
        .iter()
        .rev()
        .enumerate()
        .map(|(height, floor)| format!("| {height} | `{}` |", floor.join("`, `")))
        .collect();
    assert_eq!(drifted(&rows.join("\n")), []);
    let base = rows.swap_remove(0);
    assert_eq!(drifted(&rows.join("\n")).len(), 1);
    rows.push(base.replace("base", "attic"));
    assert_eq!(drifted(&rows.join("\n")).len(), 1);
}
