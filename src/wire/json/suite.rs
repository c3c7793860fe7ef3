//! The JSON parsing suite, where its file is at hand: what it says is JSON is read, what it says is none
//! is refused with its place, and nothing of it stops the program.

use super::{Faults, members, read};
use crate::base::shared;
use crate::domain::fault::{FieldCode, FieldFault};

members! {
    struct Nothing { no_such_member, }
}

/// The fault of a body, if the JSON layer has one.
fn fault(body: &[u8]) -> Option<FieldFault> {
    let mut faults = Faults::lenient();
    read(body, &mut faults, |members: &Nothing<'_>, _| assert!(!members.no_such_member.is_null()));
    assert!(faults.total() <= 1);
    faults.into_vec().pop()
}

fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no digit of base 64"),
    };
    let digits = text.trim_end_matches('=').bytes().map(value);
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff).try_into().unwrap());
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[test]
fn the_parsing_suite() {
    assert_eq!(base64("WzEsMl0="), b"[1,2]");
    let Some(cases) = shared::unzipped("json-parsing/cases.jsonl.gz") else { return };
    let mut seen = [0; 3];
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let [name, expect, body] = ["name", "expect", "base64"].map(|key| case[key].as_str().unwrap());
        let body = base64(body);
        let fault = fault(&body);
        let unreadable = fault.as_ref().filter(|fault| fault.code != FieldCode::Type);
        match expect {
            "accept" => assert_eq!(unreadable, None, "{name}"),
            "reject" => {
                let fault = unreadable.unwrap_or_else(|| panic!("{name} was read"));
                let place = fault.place.unwrap_or_else(|| panic!("{name} has no place"));
                assert!(matches!(fault.code, FieldCode::Json | FieldCode::TooDeep), "{name}: {fault:?}");
                assert!(fault.field.is_empty(), "{name}: {fault:?}");
                assert!(
                    place.offset <= body.len() && place.line > 0 && place.column > 0,
                    "{name}: {place:?}"
                );
            }
            "either" => {}
            other => panic!("{name}: {other}"),
        }
        seen[["accept", "reject", "either"].iter().position(|word| *word == expect).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}

#[test]
fn levels_are_counted_and_no_more_than_counted() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(fault(nested(32).as_bytes()), None);
    let deep = fault(nested(33).as_bytes()).unwrap();
    assert_eq!((deep.code, deep.place.unwrap().offset), (FieldCode::TooDeep, 36));
    let siblings = format!("{{\"a\":[{}[]]}}", "[],{},".repeat(300));
    assert_eq!(fault(siblings.as_bytes()), None);
    let quoted = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(100));
    assert_eq!(fault(quoted.as_bytes()), None);
    assert_eq!(fault(&b"[".repeat(1_000_000)).unwrap().code, FieldCode::TooDeep);
}
