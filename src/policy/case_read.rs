//! Cases beside a pack: requests with the verdict they should get.

use crate::domain::decision::Decision;
use crate::domain::entity::EntityKind;
use crate::domain::fault::FieldCode;
use crate::policy::diagnostic::Faults;
use crate::policy::members::{Members, int, is_null, list, text};
use crate::policy::pack::{Case, Expectation, Preset, PresetFeature, read_title};
use crate::policy::velocity::{Aggregate, Velocity};
use crate::policy::yaml::{self, Data, Meaning, Node};
use crate::wire::assess;
use std::collections::BTreeSet;

pub(super) fn read_cases(nodes: &[Node], faults: &mut Faults) -> Vec<Case> {
    nodes.iter().filter_map(|node| read_case(node, faults)).collect()
}

fn read_case(node: &Node, faults: &mut Faults) -> Option<Case> {
    let members = Members::of(node, &["name", "request", "features", "expect"], faults)?;
    let name = members.required("name", faults).and_then(|node| read_title(node, faults));
    let mut json = String::new();
    let request = members.required("request", faults).filter(|node| Members::any(node, faults).is_some());
    if let Some(request) = request {
        write_json(request, &mut json);
    }
    let features = members.get("features").map_or_else(Vec::new, |node| read_features(node, faults));
    let expect = members.required("expect", faults).and_then(|node| read_expectation(node, faults));
    // With a fault there is no pack in the end; until then the rest is checked too.
    let (name, expect) = (name.unwrap_or_default(), expect.unwrap_or_default());
    Some(Case { name, request: json, written: request.cloned(), features, expect })
}

impl Case {
    /// Tells what keeps the request from being read, each at its place in the document.
    pub(super) fn check_request(&self, faults: &mut Faults) {
        let Some(written) = &self.written else { return };
        for fault in assess::read(self.request.as_bytes()).err().into_iter().flatten() {
            let field = &fault.field;
            // The reader of the document has told those.
            if fault.code == FieldCode::Duplicate && field.matches('/').count() == 1 {
                continue;
            }
            let message = format!("the request cannot be read: {field} {}", fault.message);
            faults.add(written.at_pointer(field), fault.code.text(), message);
        }
    }
}

fn read_features(node: &Node, faults: &mut Faults) -> Vec<PresetFeature> {
    let Data::Mapping(pairs) = &node.data else {
        faults.add(node.at, "type", format!("an object is due, not {}", node.noun()));
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let mut features = Vec::new();
    for (key, value) in pairs {
        let Data::Scalar(name) = &key.data else {
            faults.add(key.at, "type", "the name of a feature is a string");
            continue;
        };
        let Some(preset) = read_preset(&name.text) else {
            let message = "only `velocity.<entity>.<aggregate>` and `settings.<parameter>` can be set";
            faults.add(key.at, "reference", message);
            continue;
        };
        if !seen.insert(preset.clone()) {
            faults.add(key.at, "duplicate", format!("`{}` is given twice", name.text.escape_debug()));
        }
        let missing = is_null(value);
        let number = if missing { None } else { int(value, i64::MIN..=i64::MAX, faults) };
        if missing || number.is_some() {
            features.push(PresetFeature { at: key.at, preset, value: number });
        }
    }
    features
}

fn read_preset(name: &str) -> Option<Preset> {
    if let Some(parameter) = name.strip_prefix("settings.") {
        return Some(Preset::Setting(parameter.to_owned()));
    }
    let (entity, aggregate) = name.strip_prefix("velocity.")?.split_once('.')?;
    let entity = EntityKind::from_text(entity)?;
    let (aggregate, window) = Aggregate::parse(aggregate).ok()?;
    Some(Preset::Velocity(Velocity { entity, aggregate, window }))
}

fn read_expectation(node: &Node, faults: &mut Faults) -> Option<Expectation> {
    const KNOWN: [&str; 5] = ["decision", "risk_score", "signals", "rules", "blocked_by"];
    // An expected `blocked_by: null` says something, so nulls are looked for before they are dropped.
    let unblocked = match &node.data {
        Data::Mapping(pairs) => pairs.iter().any(|(key, value)| {
            matches!(&key.data, Data::Scalar(name) if name.text == "blocked_by") && is_null(value)
        }),
        Data::Scalar(_) | Data::Sequence(_) => false,
    };
    let members = Members::of(node, &KNOWN, faults)?;
    if members.all().is_empty() && !unblocked {
        faults.add(node.at, "required", "nothing is expected");
    }
    let decision = members.get("decision").and_then(|node| {
        let decision = Decision::from_text(text(node, faults)?);
        if decision.is_none() {
            faults.add(node.at, "enum", "one of `approve`, `review`, `challenge`, `decline` is due");
        }
        decision
    });
    let mut names = |name: &str| {
        let node = members.get(name)?;
        let mut names: Vec<String> =
            list(node, faults).iter().filter_map(|node| text(node, faults)).map(str::to_owned).collect();
        names.sort_unstable();
        Some(names)
    };
    let (signals, rules) = (names("signals"), names("rules"));
    let blocked_by = members.text("blocked_by", faults).map(|text| Some(text.to_owned()));
    Some(Expectation {
        decision,
        risk_score: members.int("risk_score", 0..=100, faults),
        signals,
        rules,
        blocked_by: blocked_by.or(unblocked.then_some(None)),
    })
}

/// The node as JSON; a document is at most [`super::yaml`]'s limit deep, so this ends.
fn write_json(node: &Node, out: &mut String) {
    match &node.data {
        Data::Sequence(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_json(item, out);
            }
            out.push(']');
        }
        Data::Mapping(pairs) => {
            out.push('{');
            for (place, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                match &key.data {
                    Data::Scalar(name) => write_text(&name.text, out),
                    Data::Sequence(_) | Data::Mapping(_) => write_text("", out),
                }
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
        Data::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => out.push_str("null"),
            Meaning::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Meaning::Number(_) => out.push_str(&scalar.text),
            Meaning::Text(text) => write_text(text, out),
        },
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A document that holds cases only.
pub(super) fn read_document(document: &str, faults: &mut Faults) -> Vec<Case> {
    let root = yaml::read(document, faults);
    let members = root.as_ref().and_then(|root| Members::of(root, &["cases"], faults));
    members.map_or_else(Vec::new, |members| read_cases(members.list("cases", faults), faults))
}
