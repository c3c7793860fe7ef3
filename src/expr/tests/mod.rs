//! Tests of the language as its users see it: source in, outcome or faults out.

mod conformance;
mod faults;
mod fuzz;
mod operators;
mod oracle;
mod signals;
mod templates;

use super::*;

/// A value the fixture owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Missing,
    Bool(bool),
    Int(i64),
    Str(String),
    Time(i64),
    Span(i64),
}

impl Held {
    fn borrowed(&self) -> Value<'_> {
        match self {
            Held::Missing => Value::Missing,
            Held::Bool(value) => Value::Bool(*value),
            Held::Int(value) => Value::Int(*value),
            Held::Str(text) => Value::Str(text),
            Held::Time(millis) => Value::Time(*millis),
            Held::Span(millis) => Value::Span(*millis),
        }
    }
}

/// Schema and environment in one; slots and list numbers are places in its vectors, maps begin at 1000.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    fields: Vec<(String, Type, bool, Held)>,
    lists: Vec<(String, Type, bool, Option<Vec<Held>>)>,
    maps: Vec<(String, Vec<(String, String)>)>,
    /// Names are looked up in here first, as CEL does with a container.
    container: String,
}

const FIRST_MAP: u32 = 1000;

impl World {
    fn field(mut self, name: &str, ty: Type, optional: bool, held: Held) -> Self {
        self.fields.push((name.into(), ty, optional, held));
        self
    }

    fn int(self, name: &str, value: i64) -> Self {
        self.field(name, Type::Int, true, Held::Int(value))
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.field(name, Type::String, true, Held::Str(value.into()))
    }

    fn bool(self, name: &str, value: bool) -> Self {
        self.field(name, Type::Bool, true, Held::Bool(value))
    }

    fn missing(self, name: &str, ty: Type) -> Self {
        self.field(name, ty, true, Held::Missing)
    }

    fn list(mut self, name: &str, members: Option<&[&str]>) -> Self {
        let held = members.map(|members| members.iter().map(|text| Held::Str((*text).into())).collect());
        self.lists.push((name.into(), Type::String, true, held));
        self
    }

    fn map(mut self, name: &str, entries: &[(&str, &str)]) -> Self {
        let entries = entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        self.maps.push((name.into(), entries));
        self
    }

    fn find(&self, name: &str) -> Option<Resolved> {
        let number = |at: usize| u32::try_from(at).unwrap();
        if let Some(at) = self.fields.iter().position(|field| field.0 == name) {
            let (_, ty, optional, _) = &self.fields[at];
            return Some(Resolved::Value { slot: number(at), ty: *ty, optional: *optional });
        }
        if let Some(at) = self.lists.iter().position(|list| list.0 == name) {
            let (_, of, optional, _) = &self.lists[at];
            return Some(Resolved::List { id: number(at), of: *of, optional: *optional });
        }
        if let Some(at) = self.maps.iter().position(|map| map.0 == name) {
            return Some(Resolved::Map { slot: FIRST_MAP + number(at) });
        }
        let inside = format!("{name}.");
        self.names().any(|known| known.starts_with(&inside)).then_some(Resolved::Object)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().map(|field| field.0.as_str());
        let lists = self.lists.iter().map(|list| list.0.as_str());
        fields.chain(lists).chain(self.maps.iter().map(|map| map.0.as_str()))
    }
}

impl Schema for World {
    fn resolve(&mut self, path: &[&str]) -> Resolved {
        let name = path.join(".");
        if name == "secret" {
            return Resolved::Refused { message: "`secret` may not be read".into() };
        }
        let inside = (!self.container.is_empty()).then(|| format!("{}.{name}", self.container));
        let found = inside.and_then(|inside| self.find(&inside)).or_else(|| self.find(&name));
        found
            .unwrap_or_else(|| Resolved::Unknown { suggestion: nearest(&name, self.names()).map(Into::into) })
    }
}

impl Env for World {
    fn value(&self, slot: u32) -> Value<'_> {
        self.fields[slot as usize].3.borrowed()
    }

    fn entry(&self, slot: u32, key: &str) -> Value<'_> {
        let (_, entries) = &self.maps[(slot - FIRST_MAP) as usize];
        let found = entries.iter().find(|(known, _)| known == key);
        found.map_or(Value::Missing, |(_, value)| Value::Str(value))
    }

    fn contains(&self, list: u32, value: &Value<'_>) -> Option<bool> {
        let members = self.lists[list as usize].3.as_ref()?;
        Some(members.iter().any(|member| member.borrowed() == *value))
    }

    fn has_list(&self, list: u32) -> bool {
        self.lists[list as usize].3.is_some()
    }
}

/// What most tests read.
fn world() -> World {
    World::default()
        .field("amount", Type::Int, false, Held::Int(1500))
        .int("n.one", 1)
        .int("n.two", 2)
        .missing("n.gone", Type::Int)
        .text("s.name", "Mobile Safari")
        .text("s.empty", "")
        .missing("s.gone", Type::String)
        .bool("b.yes", true)
        .bool("b.no", false)
        .missing("b.gone", Type::Bool)
        .field("t.now", Type::Timestamp, true, Held::Time(2_000))
        .field("t.then", Type::Timestamp, true, Held::Time(1_000))
        .field("d.hour", Type::Duration, true, Held::Span(3_600_000))
        .field("d.liar", Type::Int, true, Held::Str("not an integer".into()))
        .list("lists.vip", Some(&["cus_1", "mobile safari"]))
        .list("lists.gone", None)
        .map("metadata", &[("channel", "web"), ("strange key", "x")])
}

/// The value of a source that must pass the checker.
fn eval_in(source: &str, world: &World) -> Result<Answer, EvalError> {
    let checked = check(source, &mut world.clone()).unwrap_or_else(|faults| panic!("{source}: {faults:?}"));
    checked.compile().eval(world)
}

/// The value as a table of expectations writes it.
fn shown(result: &Result<Answer, EvalError>) -> String {
    match result {
        Ok(Answer::Bool(value)) => value.to_string(),
        Ok(Answer::Int(value)) => value.to_string(),
        Ok(Answer::Str(text)) => format!("{text:?}"),
        Ok(Answer::Time(millis)) => format!("time {millis}"),
        Ok(Answer::Span(millis)) => format!("span {millis}"),
        Err(EvalError::Missing { slot }) => format!("missing {}", world().fields[*slot as usize].0),
        Err(error) => error.to_string(),
    }
}

/// The faults of a source, one a line.
fn faults_of(source: &str) -> String {
    match check(source, &mut world()) {
        Ok(_) => "none".into(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}
