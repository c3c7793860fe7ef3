//! A flow as a document declares it: entities, packs, and the values it starts with.

use crate::base::money::AmountMap;
use crate::base::time::Window;
use crate::domain::decision::Flow;
use crate::domain::entity::EntityKind;
use crate::domain::settings::{Parameter, ScoringSettings, Thresholds};
use crate::policy::diagnostic::{Diagnostic, Faults};
use crate::policy::entities::KeyPart;
use crate::policy::members::{Members, int, is_code, list, text};
use crate::policy::yaml::{self, Node};

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// What it decides.
    pub flow: Flow,
    /// The shipped packs that apply.
    pub packs: Vec<String>,
    /// Where the bands begin unless settings say otherwise.
    pub thresholds: Thresholds,
    pub(super) entities: Vec<PipelineEntity>,
    /// The parameters of its signals by name, with what they are unless settings say otherwise; in the
    /// order of the document.
    pub parameters: Vec<(String, Parameter)>,
}

/// An entity of a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PipelineEntity {
    pub(super) kind: EntityKind,
    /// The first that is given forms the key.
    pub(super) key: Vec<KeyPart>,
    pub(super) retention: Window,
}

impl Pipeline {
    /// The kinds of entities it counts by and how long their events stay countable.
    pub fn retention(&self) -> impl Iterator<Item = (EntityKind, Window)> {
        self.entities.iter().map(|entity| (entity.kind, entity.retention))
    }

    /// The settings of an organization that has changed none.
    #[must_use]
    pub fn settings(&self) -> ScoringSettings {
        ScoringSettings { thresholds: self.thresholds, ..ScoringSettings::default() }
    }

    /// Reads a pipeline.
    ///
    /// # Errors
    /// Every fault found, in the order of the document.
    pub fn read(document: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Faults::default();
        let pipeline = yaml::read(document, &mut faults).and_then(|node| read_pipeline(&node, &mut faults));
        match pipeline {
            Some(pipeline) if faults.is_empty() => Ok(pipeline),
            Some(_) | None => Err(faults.into_sorted()),
        }
    }
}

fn read_pipeline(node: &Node, faults: &mut Faults) -> Option<Pipeline> {
    const KNOWN: [&str; 6] = ["pipeline", "flow", "packs", "thresholds", "entities", "parameters"];
    let members = Members::of(node, &KNOWN, faults)?;
    let name = members.required("pipeline", faults).and_then(|node| read_name(node, faults));
    let flow = members.required("flow", faults).and_then(|node| read_flow(node, faults));
    let packs = members.list("packs", faults).iter().filter_map(|node| text(node, faults));
    let packs = packs.map(str::to_owned).collect();
    let thresholds = match members.get("thresholds") {
        Some(node) => read_thresholds(node, faults),
        None => Some(Thresholds::default()),
    };
    let entities = read_entities(members.list("entities", faults), faults);
    let parameters = members.get("parameters").map_or_else(Vec::new, |node| read_parameters(node, faults));
    Some(Pipeline { name: name?, flow: flow?, packs, thresholds: thresholds?, entities, parameters })
}

fn read_name(node: &Node, faults: &mut Faults) -> Option<String> {
    let name = text(node, faults)?;
    if !is_code(name, '-') {
        faults.add(node.at, "format", "a name is 1 to 64 of a-z, 0-9 and `-`");
        return None;
    }
    Some(name.to_owned())
}

/// A flow that has a pipeline in this version.
pub(super) fn read_flow(node: &Node, faults: &mut Faults) -> Option<Flow> {
    match Flow::from_text(text(node, faults)?) {
        Some(Flow::Payin) => Some(Flow::Payin),
        Some(Flow::Payout) => {
            faults.add(node.at, "unsupported", "the flow `payout` is not available in this version");
            None
        }
        None => {
            faults.add(node.at, "enum", "`payin` or `payout` is due");
            None
        }
    }
}

fn read_thresholds(node: &Node, faults: &mut Faults) -> Option<Thresholds> {
    let members = Members::of(node, &["review", "challenge", "decline"], faults)?;
    let mut bound = |name| members.required(name, faults).and_then(|node| int(node, 1..=101, faults));
    let (review, challenge, decline) = (bound("review"), bound("challenge"), bound("decline"));
    let thresholds = Thresholds { review: review?, challenge: challenge?, decline: decline? };
    if !thresholds.is_valid() {
        faults.add(node.at, "out_of_range", "1 ≤ review ≤ challenge ≤ decline ≤ 101 is due");
        return None;
    }
    Some(thresholds)
}

fn read_entities(nodes: &[Node], faults: &mut Faults) -> Vec<PipelineEntity> {
    let mut entities: Vec<PipelineEntity> = Vec::new();
    for node in nodes {
        let Some(entity) = read_entity(node, faults) else { continue };
        if entities.iter().any(|known| known.kind == entity.kind) {
            faults.add(node.at, "duplicate", format!("`{}` is declared twice", entity.kind));
        } else {
            entities.push(entity);
        }
    }
    entities
}

fn read_entity(node: &Node, faults: &mut Faults) -> Option<PipelineEntity> {
    let members = Members::of(node, &["entity", "key", "retention"], faults)?;
    let kind = members.required("entity", faults).and_then(|node| {
        let kind = EntityKind::from_text(text(node, faults)?);
        if kind.is_none() {
            faults.add(node.at, "enum", "there is no such entity");
        }
        kind
    });
    let parts = members.required("key", faults).map_or(&[][..], |node| list(node, faults));
    let key = parts.iter().filter_map(|node| {
        let name = text(node, faults)?;
        let part = KeyPart::ALL.into_iter().find(|part| part.0 == name);
        if part.is_none() {
            faults.add(node.at, "enum", "this member cannot be a key");
        }
        part.map(|part| part.1)
    });
    let key = key.collect();
    let retention = members.required("retention", faults).and_then(|node| {
        let window = text(node, faults)?.parse();
        window
            .map_err(|bad: crate::base::time::BadWindow| faults.add(node.at, "format", bad.to_string()))
            .ok()
    });
    Some(PipelineEntity { kind: kind?, key, retention: retention? })
}

fn read_parameters(node: &Node, faults: &mut Faults) -> Vec<(String, Parameter)> {
    let Some(members) = Members::any(node, faults) else { return Vec::new() };
    let mut parameters = Vec::new();
    for (name, node) in members.all() {
        if !is_code(name, '_') {
            faults.add(node.at, "format", "a name is 1 to 64 of a-z, 0-9 and `_`");
        }
        let value = if matches!(node.data, yaml::Data::Mapping(_)) {
            read_amounts(node, faults).map(Parameter::Amounts)
        } else {
            int(node, 1..=i64::MAX, faults).map(Parameter::Int)
        };
        parameters.extend(value.map(|value| ((*name).to_owned(), value)));
    }
    parameters
}

fn read_amounts(node: &Node, faults: &mut Faults) -> Option<AmountMap> {
    let mut map = AmountMap::default();
    for (key, node) in Members::any(node, faults)?.all() {
        let Some(value) = text(node, faults) else { continue };
        if map.put(key, value).is_err() {
            let message = "a currency or `*`, and a decimal of its major unit as a string, are due";
            faults.add(node.at, "format", message);
        }
    }
    Some(map)
}
