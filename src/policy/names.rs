//! Names of expressions and descriptions to slots. Slots of fields and settings are fixed; those of windows
//! are given in the order in which a policy first reads them, which makes the order of its trace.

use crate::base::collections::Map;
use crate::domain::entity::EntityKind;
use crate::domain::settings::Parameter;
use crate::expr::{Resolved, Schema, Type, nearest};
use crate::policy::field::{FIELDS, Field, NOT_YET, OBJECTS};
use crate::policy::pipeline::Pipeline;
use crate::policy::velocity::{Aggregate, BadVelocity, Velocity};

pub(super) const METADATA: u32 = 0x100;
pub(super) const SETTINGS: u32 = 0x1000;
pub(super) const VELOCITY: u32 = 0x1_0000;

/// Slots of the two limits; behind them come the parameters of the pipeline, in its order.
pub(super) const AMOUNT_MAX: u32 = SETTINGS;
pub(super) const AMOUNT_MIN: u32 = SETTINGS + 1;
pub(super) const PARAMETERS: u32 = SETTINGS + 2;

/// Features a policy may compute.
pub(super) const MAX_COMPUTED: usize = 1_024;

/// What the names are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Condition,
    /// A description is rendered again from the stored trace, so it may print only what the trace keeps,
    /// and nothing personal.
    Description,
}

/// The names of one policy.
#[derive(Debug)]
pub(super) struct Names<'p> {
    pub(super) pipeline: &'p Pipeline,
    /// By the number under which the environment knows a list.
    pub(super) lists: Vec<String>,
    pub(super) computed: Vec<Velocity>,
    slots: Map<Velocity, u32>,
    pub(super) purpose: Purpose,
}

impl<'p> Names<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, lists: Vec<String>, computed: Vec<Velocity>) -> Self {
        let slots = (VELOCITY..).zip(&computed).map(|(slot, velocity)| (*velocity, slot)).collect();
        Self { pipeline, lists, computed, slots, purpose: Purpose::Condition }
    }

    fn value(&self, slot: u32, ty: Type, optional: bool) -> Resolved {
        if self.purpose == Purpose::Condition {
            return Resolved::Value { slot, ty, optional };
        }
        let row = usize::try_from(slot).ok().and_then(|slot| FIELDS.get(slot));
        let message = match row {
            _ if slot >= VELOCITY => return Resolved::Value { slot, ty, optional },
            Some(row) if matches!(row.field, Field::Amount | Field::Currency) => {
                return Resolved::Value { slot, ty, optional };
            }
            Some(row) if row.personal => {
                format!("`{}` is personal: a description may not print it", row.path)
            }
            _ => "a description may print only `velocity.…`, `amount` and `currency`".to_owned(),
        };
        Resolved::Refused { message }
    }

    fn list(&self, name: &str) -> Resolved {
        if let Some((id, _)) = (0..).zip(&self.lists).find(|(_, known)| *known == name) {
            return Resolved::List { id, of: Type::String, optional: false };
        }
        let near = nearest(name, self.lists.iter().map(String::as_str));
        Resolved::Unknown { suggestion: near.map(|near| format!("lists.{near}")) }
    }

    fn setting(&self, name: &str) -> Resolved {
        let limit = match name {
            "amount_max" => Some(AMOUNT_MAX),
            "amount_min" => Some(AMOUNT_MIN),
            _ => None,
        };
        if let Some(slot) = limit {
            return self.value(slot, Type::Int, true);
        }
        let parameters = &self.pipeline.parameters;
        if let Some((slot, (_, default))) = (PARAMETERS..).zip(parameters).find(|(_, known)| known.0 == name)
        {
            return self.value(slot, Type::Int, matches!(default, Parameter::Amounts(_)));
        }
        let known = ["amount_max", "amount_min"];
        let near = nearest(name, known.into_iter().chain(parameters.iter().map(|known| known.0.as_str())));
        Resolved::Unknown { suggestion: near.map(|near| format!("settings.{near}")) }
    }

    /// What is wrong with an entity, if anything.
    fn entity(&self, name: &str) -> Result<EntityKind, Resolved> {
        let Some(kind) = EntityKind::from_text(name) else {
            let near = nearest(name, EntityKind::ALL.iter().map(|kind| kind.text()));
            return Err(Resolved::Unknown { suggestion: near.map(|near| format!("velocity.{near}")) });
        };
        if self.pipeline.retention().any(|(known, _)| known == kind) {
            return Ok(kind);
        }
        let message = format!("`velocity.{kind}` is not available in this version of the flow");
        Err(Resolved::Refused { message })
    }

    fn velocity(&mut self, entity: &str, aggregate: &str) -> Resolved {
        let entity = match self.entity(entity) {
            Ok(entity) => entity,
            Err(refusal) => return refusal,
        };
        let refused = |message: String| Resolved::Refused { message };
        let (aggregate, window) = match Aggregate::parse(aggregate) {
            Ok(parsed) => parsed,
            Err(BadVelocity::Window) => {
                return refused(format!(
                    "`{aggregate}`: a window is a whole number of s, m, h or d from 10s to 90d"
                ));
            }
            Err(BadVelocity::Aggregate) => {
                return refused(format!(
                    "`{aggregate}` is no aggregate with its window, such as `count_1h` or `distinct_cards_24h`"
                ));
            }
        };
        let velocity = Velocity { entity, aggregate, window };
        if !aggregate.is_available() {
            return refused(format!("`{velocity}` is not available in this version"));
        }
        match self.intern(velocity) {
            Some(slot) => self.value(slot, Type::Int, true),
            None => refused(format!("a policy may read at most {MAX_COMPUTED} different windows")),
        }
    }

    fn intern(&mut self, velocity: Velocity) -> Option<u32> {
        if let Some(slot) = self.slots.get(&velocity) {
            return Some(*slot);
        }
        if self.computed.len() >= MAX_COMPUTED {
            return None;
        }
        let slot = VELOCITY + u32::try_from(self.computed.len()).ok()?;
        self.computed.push(velocity);
        self.slots.insert(velocity, slot);
        Some(slot)
    }
}

impl Schema for Names<'_> {
    fn resolve(&mut self, path: &[&str]) -> Resolved {
        match path {
            ["metadata"] if self.purpose == Purpose::Condition => return Resolved::Map { slot: METADATA },
            ["metadata"] => return self.value(METADATA, Type::String, true),
            ["velocity"] => return Resolved::Object,
            ["velocity", entity] => return self.entity(entity).map_or_else(|no| no, |_| Resolved::Object),
            ["velocity", entity, aggregate] => return self.velocity(entity, aggregate),
            ["lists", name] => return self.list(name),
            ["settings", name] => return self.setting(name),
            [name] if OBJECTS.contains(name) => return Resolved::Object,
            _ => {}
        }
        let name = path.join(".");
        if let Some((slot, row)) = (0..).zip(&FIELDS).find(|(_, row)| row.path == name) {
            return self.value(slot, row.ty, row.optional);
        }
        let not_yet = NOT_YET.iter().find(|known| {
            name.strip_prefix(**known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if let Some(known) = not_yet {
            return Resolved::Refused { message: format!("`{known}` is not available in this version") };
        }
        let near = nearest(&name, FIELDS.iter().map(|row| row.path));
        Resolved::Unknown { suggestion: near.map(str::to_owned) }
    }
}
