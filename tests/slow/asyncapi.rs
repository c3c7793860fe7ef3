//! `docs/asyncapi.yaml` says what the code does: names, codes, shapes, and examples that are what they claim.

use clausum::base::limits;
use clausum::base::position::Topic;
use clausum::domain::decision::Decision;
use clausum::wire::envelope::{DeadCode, RecordType};
use clausum::wire::{assess, header};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;

/// The document, as JSON.
pub(crate) struct Document(Value);

/// Keywords of a schema that ask nothing of a value here.
const ANNOTATIONS: [&str; 3] = ["description", "format", "default"];

impl Document {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string("docs/asyncapi.yaml").unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        assert_eq!(documents.len(), 1);
        Self(json(&documents[0]))
    }

    /// What a pointer names, through references on its way.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        let mut found = &self.0;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            found = self.resolved(found).get(&part).unwrap_or_else(|| panic!("{part} of {pointer}"));
        }
        self.resolved(found)
    }

    fn resolved<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(to) => self.at(to.strip_prefix('#').expect(to)),
            None => value,
        }
    }

    /// Everything in which a value is not as a schema says. Members that no schema names are told too: a
    /// reader may get them, but then the document lacks them.
    pub(crate) fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.resolved(schema);
        for (keyword, due) in schema.as_object().expect("a schema is an object") {
            let holds = match keyword.as_str() {
                "type" => types(due).any(|kind| is_of(kind, value)),
                "const" => value == due,
                "enum" => due.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|number| number >= due.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= due.as_f64().unwrap()),
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= count(due)),
                "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= count(due)),
                "maxItems" => value.as_array().is_none_or(|items| items.len() <= count(due)),
                "required" => due.as_array().unwrap().iter().all(|name| {
                    value.as_object().is_none_or(|members| members.contains_key(name.as_str().unwrap()))
                }),
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(due, item, &format!("{at}/{index}"), faults);
                    }
                    true
                }
                "properties" | "additionalProperties" => true,
                annotation => {
                    assert!(ANNOTATIONS.contains(&annotation), "{annotation} is not understood");
                    true
                }
            };
            if !holds {
                faults.push(format!("{at}: {keyword} {due}: {value}"));
            }
        }
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(schema), _) => self.check(schema, member, &at, faults),
                (None, Some(Value::Object(_))) => {
                    self.check(&schema["additionalProperties"], member, &at, faults);
                }
                (None, Some(Value::Bool(true))) => {}
                (None, _) => faults.push(format!("{at}: is not named")),
            }
        }
    }

    /// The names of a schema's properties, those of objects in it with a dot.
    fn names(&self, schema: &Value, before: &str, into: &mut BTreeSet<String>) {
        for (name, schema) in self.resolved(schema)["properties"].as_object().into_iter().flatten() {
            let name = format!("{before}{name}");
            self.names(schema, &format!("{name}."), into);
            into.insert(name);
        }
    }

    fn names_of(&self, pointer: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.names(self.at(pointer), "", &mut names);
        names
    }

    fn texts(&self, pointer: &str) -> BTreeSet<&str> {
        self.at(pointer).as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
    }
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Mapping(members) => Value::Object(
            members
                .iter()
                .map(|(name, member)| (name.as_str().unwrap().to_owned(), json(member)))
                .collect::<Map<_, _>>(),
        ),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::Number(Number::from(*value)),
        Yaml::Value(Scalar::String(text)) => Value::String(text.to_string()),
        Yaml::Value(Scalar::FloatingPoint(_))
        | Yaml::Representation(..)
        | Yaml::Tagged(..)
        | Yaml::Alias(_)
        | Yaml::BadValue => panic!("{yaml:?} has no place in the document"),
    }
}

fn count(due: &Value) -> usize {
    usize::try_from(due.as_u64().unwrap()).unwrap()
}

fn types(due: &Value) -> impl Iterator<Item = &str> {
    let several = due.as_array().into_iter().flatten();
    several.chain(due.is_string().then_some(due)).map(|kind| kind.as_str().unwrap())
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other} is no type"),
    }
}

/// Every value of the document, from the top.
fn walk<'v>(value: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(value);
    let members = value.as_object().into_iter().flatten().map(|(_, member)| member);
    members.chain(value.as_array().into_iter().flatten()).for_each(|inner| walk(inner, visit));
}

fn set<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeSet<&'t str> {
    texts.into_iter().collect()
}

#[test]
fn every_reference_leads_somewhere() {
    let document = Document::read();
    let mut references = 0;
    walk(&document.0, &mut |value| {
        if let Some(to) = value.get("$ref").and_then(Value::as_str) {
            document.at(to.strip_prefix('#').expect("references stay in the document"));
            references += 1;
        }
    });
    assert!(references > 30, "{references}");
    // A message of an operation is one of its channel, and is named there.
    for (name, operation) in document.at("/operations").as_object().unwrap() {
        let channel = operation["channel"]["$ref"].as_str().unwrap();
        for message in operation["messages"].as_array().unwrap() {
            let message = message["$ref"].as_str().unwrap();
            assert!(message.starts_with(&format!("{channel}/messages/")), "{name}: {message}");
        }
    }
}

#[test]
fn examples_are_what_they_are_examples_of() {
    let document = Document::read();
    let mut seen = 0;
    for (name, message) in document.at("/components/messages").as_object().unwrap() {
        for example in message["examples"].as_array().unwrap() {
            for part in ["headers", "payload"] {
                let faults = document.faults(&message[part], &example[part]);
                assert_eq!(faults, Vec::<String>::new(), "{part} of {} of {name}", example["name"]);
            }
            let kind = example["headers"]["ce_type"].as_str().unwrap();
            assert!(message["name"] == kind || name == "deadLetter", "{kind} is an example of {name}");
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
    for example in document.at("/components/messages/assess/examples").as_array().unwrap() {
        let body = example["payload"].to_string();
        assert!(assess::read(body.as_bytes()).is_ok(), "{body}");
    }
}

#[test]
fn a_schema_refuses_what_it_must() {
    let document = Document::read();
    let schema = document.at("/components/schemas/AssessRequest");
    let told = |body: &str| document.faults(schema, &serde_json::from_str(body).unwrap()).join("; ");
    assert_eq!(told(r#"{"amount": 1, "currency": "CLP"}"#), "");
    for (body, fault) in [
        (r#"{"currency": "CLP"}"#, "required"),
        (r#"{"amount": -1, "currency": "CLP"}"#, "/amount: minimum 0"),
        (r#"{"amount": "1", "currency": "CLP"}"#, "/amount: type"),
        (r#"{"amount": 1, "currency": "CL"}"#, "/currency: minLength 3"),
        (r#"{"amount": 1, "currency": "CLP", "amount_unit": "cents"}"#, "/amount_unit: enum"),
        (r#"{"amount": 1, "currency": "CLP", "device": {"ipp": ""}}"#, "/device/ipp: is not named"),
        (
            r#"{"amount": 1, "currency": "CLP", "behavior": {"keystrokes": 0.5}}"#,
            "/behavior/keystrokes: type",
        ),
    ] {
        assert!(told(body).contains(fault), "{body}: {}", told(body));
    }
}

#[test]
fn a_request_has_the_members_that_are_read() {
    let document = Document::read();
    let mut full: Value = serde_json::from_str(include_str!("../../src/wire/assess/full.json")).unwrap();
    full.as_object_mut().unwrap().remove("unknown").unwrap();
    // It has the one in `metadata`, over which this one wins.
    full["order_id"] = "O-1".into();
    let due = document.faults(document.at("/components/schemas/AssessRequest"), &full);
    assert_eq!(due, Vec::<String>::new(), "the fullest request of the tests is one of the document");
    let mut members = BTreeSet::new();
    for (name, member) in full.as_object().unwrap() {
        let inner = member.as_object().filter(|_| name != "metadata").into_iter().flatten();
        members.extend(inner.map(|(inner, _)| format!("{name}.{inner}")));
        members.insert(name.clone());
    }
    assert_eq!(document.names_of("/components/schemas/AssessRequest"), members);
    for (pointer, limit) in
        [("idempotency_key", limits::IDEMPOTENCY_KEY_CHARS), ("submerchant_id", limits::STRING_CHARS)]
    {
        let most = document.at(&format!("/components/schemas/AssessRequest/properties/{pointer}/maxLength"));
        assert_eq!(count(most), limit);
    }
}

#[test]
fn names_are_those_of_the_code() {
    let document = Document::read();
    let topics: BTreeSet<&str> = document
        .at("/channels")
        .as_object()
        .unwrap()
        .values()
        .map(|channel| {
            let [address, topic] = [&channel["address"], &channel["bindings"]["kafka"]["topic"]];
            assert_eq!(address, topic);
            address.as_str().unwrap()
        })
        .collect();
    assert_eq!(topics, Topic::ALL.map(Topic::name).into());
    let asked = RecordType::ALL.iter().filter(|kind| !kind.is_internal()).map(|kind| kind.text());
    assert_eq!(document.texts("/components/schemas/RequestHeaders/properties/ce_type/enum"), asked.collect());
    assert_eq!(
        document.texts("/components/schemas/DeadLetterHeaders/properties/clausum-error-code/enum"),
        DeadCode::ALL.iter().map(|code| code.text()).collect()
    );
    let decisions = document.texts("/components/schemas/Decision/properties/decision/enum");
    assert_eq!(decisions, Decision::ALL.map(Decision::text).into());
    let answers = document.texts("/components/schemas/AnswerHeaders/properties/ce_type/enum");
    assert_eq!(
        answers,
        ["decision", "rejection"]
            .map(|name| document.at(&format!("/components/messages/{name}/name")).as_str().unwrap())
            .into()
    );
    assert_eq!(document.at("/components/schemas/AnswerHeaders/properties/ce_source/const"), header::SOURCE);
}

#[test]
fn headers_are_those_of_the_code() {
    let document = Document::read();
    let source = include_str!("../../src/wire/header.rs");
    let all: BTreeSet<&str> =
        source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1)).collect();
    let inside = [
        header::RESERVED_PREFIX,
        header::RENAMED_PREFIX,
        header::HEADERS_CUT,
        header::VALUE_CUT,
        header::RECEIVED,
        header::REPLY_TO,
        header::PRECHECK,
        header::PEER_IP,
        header::PEER_AGENT,
        header::ISSUED,
        header::SIGNATURE,
        header::SOURCE,
    ];
    let mut named = BTreeSet::new();
    for who in ["RequestHeaders", "AnswerHeaders", "DeadLetterHeaders"] {
        named.extend(document.names_of(&format!("/components/schemas/{who}")));
    }
    let public: BTreeSet<&str> = all.difference(&set(inside)).copied().collect();
    assert_eq!(set(named.iter().map(String::as_str)), public);
}
