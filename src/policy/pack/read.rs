//! From a document to a pack.

use super::{Action, Description, Pack, PackList, PackRule, PackSignal, Written};
use crate::base::hash::sha256;
use crate::base::limits::{PACK_LISTS, PACK_RULES, PACK_SIGNALS, STRING_CHARS};
use crate::base::time::Ms;
use crate::domain::decision::Decision;
use crate::policy::case_read::read_cases;
use crate::policy::diagnostic::{Faults, Place};
use crate::policy::members::{Members, int, is_code, list, meaning, text};
use crate::policy::pipeline::read_flow;
use crate::policy::yaml::{self, Data, Meaning, Node};

const LOWEST: i64 = -100;
const HIGHEST: i64 = 100;
const PRIORITIES: i64 = 10_000;
const DEFAULT_PRIORITY: u16 = 100;

/// Whose pack it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum Author {
    /// Ships with the product; there is nothing it could extend.
    Shipped,
    /// An organization's, on top of the pack of this name.
    Organization {
        /// The shipped pack.
        extends: &'static str,
    },
}

/// Reads a pack. What has a fault is told and left out, so that the rest can be checked too.
pub(in crate::policy) fn read(document: &str, author: Author, faults: &mut Faults) -> Option<Pack> {
    const KNOWN: [&str; 7] = ["pack", "flow", "extends", "lists", "signals", "rules", "cases"];
    let root = yaml::read(document, faults)?;
    let members = Members::of(&root, &KNOWN, faults)?;
    let name = members.required("pack", faults).and_then(|node| read_name(node, author, faults));
    let flow = members.required("flow", faults).and_then(|node| read_flow(node, faults));
    read_extends(&members, author, faults);
    let lists = members.get("lists").map_or_else(Vec::new, |node| read_lists(node, faults));
    let signals = read_each(&members, "signals", PACK_SIGNALS, read_signal, faults);
    let rules = read_each(&members, "rules", PACK_RULES, read_rule, faults);
    let cases = read_cases(members.list("cases", faults), faults);
    // With a fault there is no pack in the end; until then the rest is checked too.
    let (name, flow) = (name.unwrap_or_default(), flow.unwrap_or(crate::domain::decision::Flow::Payin));
    Some(Pack { name, flow, sha256: sha256(document.as_bytes()), lists, signals, rules, cases })
}

fn read_name(node: &Node, author: Author, faults: &mut Faults) -> Option<String> {
    let name = text(node, faults)?;
    let own = match author {
        Author::Shipped => name.strip_prefix("clausum/").unwrap_or(name),
        Author::Organization { .. } => name,
    };
    if !is_code(own, '-') {
        faults.add(node.at, "format", "a pack's name is 1 to 64 of a-z, 0-9 and `-`");
        return None;
    }
    Some(name.to_owned())
}

fn read_extends(members: &Members<'_>, author: Author, faults: &mut Faults) {
    match (author, members.get("extends")) {
        (Author::Shipped, None) => {}
        (Author::Shipped, Some(node)) => faults.add(node.at, "unknown_field", "a shipped pack extends none"),
        (Author::Organization { .. }, None) => {
            members.required("extends", faults);
        }
        (Author::Organization { extends }, Some(node)) => {
            if text(node, faults).is_some_and(|name| name != extends) {
                faults.add(node.at, "reference", format!("only `{extends}` can be extended"));
            }
        }
    }
}

/// Reads an item with its id; what is wrong with an id leaves none, and the rest is read all the same.
type ReadOne<T> = fn(&Node, &mut Faults) -> Option<(Option<String>, T)>;

/// The items of a list whose ids differ.
fn read_each<T>(
    members: &Members<'_>,
    name: &str,
    limit: usize,
    read_one: ReadOne<T>,
    faults: &mut Faults,
) -> Vec<T> {
    let nodes = members.list(name, faults);
    if let Some(beyond) = nodes.get(limit) {
        faults.add(beyond.at, "limit", format!("at most {limit} {name} are allowed, not {}", nodes.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut items = Vec::new();
    for node in nodes.iter().take(limit) {
        if let Some((id, item)) = read_one(node, faults) {
            if let Some(id) = id.filter(|id| !seen.insert(id.clone())) {
                faults.add(node.at, "duplicate", format!("`{id}` is declared twice"));
            }
            items.push(item);
        }
        faults.subject = None;
    }
    items
}

fn read_lists(node: &Node, faults: &mut Faults) -> Vec<PackList> {
    let Some(members) = Members::any(node, faults) else { return Vec::new() };
    if members.all().len() > PACK_LISTS {
        let message = format!("at most {PACK_LISTS} lists are allowed, not {}", members.all().len());
        faults.add(node.at, "limit", message);
    }
    let mut lists = Vec::new();
    for (name, node) in members.all().iter().take(PACK_LISTS) {
        if !is_code(name, '_') {
            faults.add(node.at, "format", "a list's name is 1 to 64 of a-z, 0-9 and `_`");
        }
        let entries = list(node, faults).iter().filter_map(|node| read_entry(node, faults)).collect();
        lists.push(PackList { name: (*name).to_owned(), entries });
    }
    lists
}

/// Entries are texts; a number counts as written, so that codes need no quotes.
fn read_entry(node: &Node, faults: &mut Faults) -> Option<String> {
    match (&node.data, meaning(node)) {
        (Data::Scalar(scalar), Some(Meaning::Text(_) | Meaning::Number(_))) => Some(scalar.text.clone()),
        _ => {
            faults.add(node.at, "type", format!("a string is due, not {}", node.noun()));
            None
        }
    }
}

/// The id of a rule or the code of a signal, which all faults behind it then name.
fn read_id(members: &Members<'_>, name: &str, faults: &mut Faults) -> Option<String> {
    let node = members.required(name, faults)?;
    let id = text(node, faults)?;
    if !is_code(id, '_') {
        faults.add(node.at, "format", format!("`{name}` is 1 to 64 of a-z, 0-9 and `_`"));
        return None;
    }
    faults.subject = Some(id.to_owned());
    Some(id.to_owned())
}

fn read_signal(node: &Node, faults: &mut Faults) -> Option<(Option<String>, PackSignal)> {
    let members = Members::of(node, &["code", "weight", "when", "description"], faults)?;
    let code = read_id(&members, "code", faults);
    if code.as_ref().is_some_and(|code| code.starts_with("blocklist_")) {
        faults.add(node.at, "reserved", "codes that begin with `blocklist_` belong to the blocklists");
    }
    let signal = PackSignal {
        at: node.at,
        code: code.clone().unwrap_or_default(),
        weight: weight(&members, "weight", faults),
        when: members.get("when").and_then(|node| written(node, faults)),
        description: members.get("description").and_then(|node| read_description(node, faults)),
    };
    Some((code, signal))
}

fn read_description(node: &Node, faults: &mut Faults) -> Option<Description> {
    if matches!(node.data, Data::Scalar(_)) {
        return Some(Description { en: written(node, faults), es: None });
    }
    let members = Members::of(node, &["en", "es"], faults)?;
    let mut language = |name| members.get(name).and_then(|node| written(node, faults));
    let description = Description { en: language("en"), es: language("es") };
    if members.all().is_empty() {
        faults.add(node.at, "required", "`en` or `es` is missing");
    }
    Some(description)
}

fn weight(members: &Members<'_>, name: &str, faults: &mut Faults) -> Option<i16> {
    i16::try_from(members.int(name, LOWEST..=HIGHEST, faults)?).ok()
}

fn written(node: &Node, faults: &mut Faults) -> Option<Written> {
    Some(Written { text: text(node, faults)?.to_owned(), node: node.clone() })
}

fn read_rule(node: &Node, faults: &mut Faults) -> Option<(Option<String>, PackRule)> {
    const KNOWN: [&str; 10] =
        ["id", "name", "when", "score", "action", "priority", "override", "notify", "enabled", "expires_at"];
    let members = Members::of(node, &KNOWN, faults)?;
    let id = read_id(&members, "id", faults);
    let name = members.required("name", faults).and_then(|node| read_title(node, faults));
    let when = members.required("when", faults).and_then(|node| written(node, faults));
    let score = weight(&members, "score", faults);
    let action = members.get("action").and_then(|node| read_action(node, faults));
    if members.get("score").is_none() && members.get("action").is_none() {
        faults.add(node.at, "required", "at least one of `score` and `action` is due");
    }
    let priority = match members.get("priority") {
        Some(node) => int(node, 0..=PRIORITIES, faults).and_then(|value| u16::try_from(value).ok()),
        None => None,
    };
    let overrides = members.flag("override", false, faults);
    if let Some(node) = members.get("override")
        && overrides
        && action != Some(Action::Force(Decision::Approve))
    {
        faults.add(node.at, "exclusive", "`override` goes only with the action `approve`");
    }
    let rule = PackRule {
        id: id.clone().unwrap_or_default(),
        name: name.unwrap_or_default(),
        when,
        score,
        action,
        priority: priority.unwrap_or(DEFAULT_PRIORITY),
        overrides,
        notify: members.flag("notify", false, faults),
        enabled: members.flag("enabled", true, faults),
        expires_at: members.get("expires_at").and_then(|node| read_time(node, faults)),
    };
    Some((id, rule))
}

pub(in crate::policy) fn read_title(node: &Node, faults: &mut Faults) -> Option<String> {
    let title = text(node, faults)?;
    let fits = (1..=STRING_CHARS).contains(&title.chars().count());
    if !fits || title.trim() != title || title.chars().any(char::is_control) {
        let message = format!("a name is 1 to {STRING_CHARS} characters, none of them control characters");
        faults.add(node.at, "format", message);
        return None;
    }
    Some(title.to_owned())
}

fn read_action(node: &Node, faults: &mut Faults) -> Option<Action> {
    let action = Action::from_text(text(node, faults)?);
    if action.is_none() {
        let all = Action::ALL.map(Action::text).join("`, `");
        faults.add(node.at, "enum", format!("one of `{all}` is due"));
    }
    action
}

fn read_time(node: &Node, faults: &mut Faults) -> Option<Ms> {
    let at: Place = node.at;
    let time = Ms::parse_rfc3339(text(node, faults)?);
    if time.is_none() {
        faults.add(at, "format", "a date-time of RFC 3339 is due");
    }
    time
}
