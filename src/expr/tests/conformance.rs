//! The CEL conformance suite, where its file is at hand: right or refused with a place, never wrong.

use crate::base::shared;
use serde_json::Value as Json;

use super::*;

fn cases() -> Option<Vec<Json>> {
    let text = std::fs::read_to_string(shared::file("cel/conformance.jsonl")?).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A value of ours, if it is one.
fn held(value: &Json) -> Option<(Type, Held)> {
    let (kind, value) = value.as_object()?.iter().next()?;
    match kind.as_str() {
        "int64_value" => Some((Type::Int, Held::Int(value.as_str()?.parse().ok()?))),
        "bool_value" => Some((Type::Bool, Held::Bool(value.as_bool()?))),
        "string_value" => Some((Type::String, Held::Str(value.as_str()?.into()))),
        _ => None,
    }
}

/// The bindings this language can hold; the others stay unknown names.
fn bound(case: &Json) -> World {
    let mut world =
        World { container: case["container"].as_str().unwrap_or_default().into(), ..World::default() };
    for (name, binding) in case["bindings"].as_object().into_iter().flatten() {
        let value = &binding["value"];
        if let Some((ty, held)) = held(value) {
            world = world.field(name, ty, true, held);
        } else if let Some(entries) = value["map_value"]["entries"].as_array() {
            let text = |side: &Json| side["string_value"].as_str().map(ToOwned::to_owned);
            let pairs: Option<Vec<_>> =
                entries.iter().map(|entry| Some((text(&entry["key"])?, text(&entry["value"])?))).collect();
            world.maps.extend(pairs.map(|pairs| (name.clone(), pairs)));
        }
    }
    world
}

/// What the suite expects; `None` for a value this language cannot even hold.
fn expected(case: &Json) -> Option<Held> {
    match case["kind"].as_str().unwrap() {
        "true" => Some(Held::Bool(true)),
        "typed_result" => held(&case["typed_result"]["result"]).map(|(_, held)| held),
        _ => held(&case["value"]).map(|(_, held)| held),
    }
}

#[test]
fn conformance_suite() {
    let Some(cases) = cases() else { return };
    let mut right = 0;
    for case in &cases {
        let source = case["expr"].as_str().unwrap();
        let world = bound(case);
        let checked = match check(source, &mut world.clone()) {
            Ok(checked) => checked,
            Err(faults) => {
                assert!(faults.iter().all(|fault| fault.span.line > 0 && fault.span.column > 0), "{source}");
                continue;
            }
        };
        let answer = checked.compile().eval(&world);
        if case["kind"] == "eval_error" {
            assert!(answer.is_err(), "{source}: {answer:?}");
        } else {
            let found = match answer.clone() {
                Ok(Answer::Bool(value)) => Some(Held::Bool(value)),
                Ok(Answer::Int(value)) => Some(Held::Int(value)),
                Ok(Answer::Str(text)) => Some(Held::Str(text)),
                Ok(Answer::Time(_) | Answer::Span(_)) | Err(_) => None,
            };
            assert!(found.is_some() && found == expected(case), "{source}: {answer:?}");
        }
        right += 1;
    }
    println!("{right} of {} cases right, the others refused", cases.len());
    assert!(right >= 120, "fewer cases pass than once did: {right}");
}
