//! The toolkit's own behaviour, over a small table that stands for any body.

use super::*;
use crate::base::limits;
use crate::domain::fault::{FieldCode, FieldFault};

members! {
    struct Sample { name, level, on, kind = "type", inner, list, free, }
}

members! {
    struct Inner { deep, }
}

fn sample(members: &Sample<'_>, faults: &mut Faults) -> String {
    let name = members.name.text(Text::upto(5), faults);
    let level = members.level.integer(-5..=10, faults);
    let on = members.on.flag(faults);
    let kind = members.kind.choice(&[("a", 1), ("b", 2)], faults);
    let inner = members
        .inner
        .object(faults, |inner: &Inner<'_>, faults| inner.deep.required().integer(0..=9, faults))
        .flatten();
    let list = members.list.items(3, faults, |item, faults| item.integer(0..=9, faults));
    let free = members.free.entries(faults).map(|entries| {
        entries.iter().map(|(name, raw)| format!("{name}={raw}")).collect::<Vec<_>>().join(",")
    });
    format!("{name:?} {level:?} {on:?} {kind:?} {inner:?} {list:?} {free:?}")
}

fn read_with(mut faults: Faults, body: &str) -> Result<String, Vec<FieldFault>> {
    let result = read(body.as_bytes(), &mut faults, sample);
    if faults.is_empty() { Ok(result.unwrap()) } else { Err(faults.into_vec()) }
}

/// Reads a body and tells the result, or each fault as `pointer code` apart by `; `.
fn told(faults: Faults, body: &str) -> String {
    match read_with(faults, body) {
        Ok(text) => text,
        Err(faults) => {
            let told: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.field, fault.code)).collect();
            told.join("; ")
        }
    }
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(told(Faults::lenient(), body), expected, "{body}");
}

const NONE: &str = "None None None None None None None";

#[test]
fn members_are_read_by_name() {
    check("{}", NONE);
    check(" \t\r\n{ } \n", NONE);
    check(r#"{"name":null,"level":null,"on":null,"type":null,"inner":null,"list":null,"free":null}"#, NONE);
    check(
        r#"{"free":{"x":1,"x":[ 2 ]},"list":[1,2],"inner":{"deep":3,"else":[]},"type":"b","on":false,"level":-5,"name":"n","unknown":"\ud800"}"#,
        r#"Some("n") Some(-5) Some(false) Some(2) Some(3) Some([1, 2]) Some("x=1,x=[ 2 ]")"#,
    );
    check(r#"{"\u006eame":"n"}"#, r#"Some("n") None None None None None None"#);
}

#[test]
fn texts() {
    let text = |json: &str, expected: &str| {
        let body = format!("{{\"name\":{json}}}");
        match read_with(Faults::lenient(), &body) {
            Ok(told) => {
                assert_eq!(told.strip_suffix(" None None None None None None"), Some(expected), "{json}")
            }
            Err(faults) => assert_eq!(faults[0].code.text(), expected, "{json}"),
        }
    };
    text(r#""  n  ""#, r#"Some("n")"#);
    text(r#""\u0020\u00a0n\n""#, r#"Some("n")"#);
    text("\"\u{3000}n\u{a0}\"", r#"Some("n")"#);
    text(r#""""#, "None");
    text(r#"" \t ""#, "None");
    text(r#""12345""#, r#"Some("12345")"#);
    text(r#""  12345  ""#, r#"Some("12345")"#);
    text(r#""ñññññ""#, r#"Some("ñññññ")"#);
    text(r#""\ud83d\ude00""#, r#"Some("😀")"#);
    text(r#""a\"\\\/b""#, r#"Some("a\"\\/b")"#);
    text(r#""123456""#, "length");
    text(r#""ññññññ""#, "length");
    text(r#""a\nb""#, "format");
    text(r#""a\u0000b""#, "format");
    text(r#""a\u007fb""#, "format");
    text("\"a\u{7f}b\"", "format");
    text("\"a\u{85}b\"", "format");
    text(r#""\ud800""#, "format");
    text(r#""\udc00\ud800""#, "format");
    text("1", "type");
    text("{}", "type");
    let lines = Text::upto(9).lines();
    assert_eq!(lines.check("a\r\nb"), Ok(()));
    assert_eq!(lines.check("a\tb").unwrap_err().code, FieldCode::Format);
}

#[test]
fn numbers_flags_and_words() {
    for (json, expected) in [
        ("10.0", "None Some(10) None"),
        ("1e1", "None Some(10) None"),
        ("-0", "None Some(0) None"),
        ("10.5", "/level not_integer"),
        ("11", "/level max"),
        ("-6", "/level min"),
        ("1e400", "/level max"),
        ("-1e400", "/level min"),
        ("1e-400", "/level not_integer"),
        ("\"1\"", "/level type"),
        ("true", "/level type"),
        ("[]", "/level type"),
    ] {
        let told = told(Faults::lenient(), &format!("{{\"level\":{json}}}"));
        assert_eq!(told.strip_suffix(" None None None None").unwrap_or(&told), expected, "{json}");
    }
    check(
        r#"{"on":"true","type":"B","list":{},"free":[],"inner":"x"}"#,
        "/on type; /type enum; /inner type; /list type; /free type",
    );
}

#[test]
fn every_fault_has_its_pointer() {
    check(
        r#"{"inner":{"deep":10},"list":[1,10,"x"],"level":1.5}"#,
        "/level not_integer; /inner/deep max; /list/1 max; /list/2 type",
    );
    check(r#"{"inner":{}}"#, "/inner/deep required");
    check(r#"{"list":[1,2,3,4]}"#, "/list max");
    check(r#"{"inner":{"\ud800":1}}"#, "/inner format");
    check(r#"{"free":{"\ud800":1}}"#, "/free format");
    let mut pointer = String::new();
    pointer_segment(&mut pointer, "a/b~c");
    pointer_segment(&mut pointer, "");
    assert_eq!(pointer, "/a~1b~0c/");
    pointer.clear();
    pointer_segment(&mut pointer, &"é".repeat(100));
    assert_eq!(pointer, format!("/{}…", "é".repeat(64)));
}

#[test]
fn a_known_member_is_given_once() {
    check(r#"{"level":1,"level":1}"#, "/level duplicate");
    check(r#"{"level":null,"level":1}"#, "/level duplicate");
    check(r#"{"level":1,"lev\u0065l":2,"level":3}"#, "/level duplicate; /level duplicate");
    check(r#"{"inner":{"deep":1,"deep":1}}"#, "/inner/deep duplicate");
    check(r#"{"else":1,"else":2}"#, NONE);
}

#[test]
fn configuration_knows_all_its_members() {
    let strict = |body: &str| told(Faults::strict(), body);
    assert_eq!(strict("{}"), NONE);
    assert_eq!(
        strict(r#"{"else":1,"inner":{"deep":1,"x/y":2}}"#),
        "/else unknown_field; /inner/x~1y unknown_field"
    );
    assert_eq!(strict(r#"{"else":null}"#), "/else unknown_field");
    assert_eq!(strict(r#"{"free":{"any":1}}"#), r#"None None None None None None Some("any=1")"#);
}

#[test]
fn only_so_many_faults_are_kept() {
    let body = format!("{{{}\"level\":1}}", "\"level\":1,".repeat(limits::FAULTS + 9));
    let mut faults = Faults::lenient();
    read(body.as_bytes(), &mut faults, sample);
    assert_eq!(faults.total(), limits::FAULTS + 9);
    assert_eq!(faults.into_vec().len(), limits::FAULTS);
}

#[test]
fn what_is_no_json_is_one_fault_with_its_place() {
    for (body, place) in [
        (&b""[..], (1, 1, 0)),
        (b"{", (1, 2, 1)),
        (b"{\"a\":1}x", (1, 8, 7)),
        (b"{\"a\":1}\n}", (2, 1, 8)),
        (b"\xef\xbb\xbf{}", (1, 1, 0)),
        (b"{\"a\":\n\n  tru}", (3, 6, 12)),
        (b"{\"a\":\"\xff\"}", (1, 7, 6)),
        (b"{\"level\":1,\"level\":2,}", (1, 22, 21)),
        // Of a bare control character in a string serde_json tells the byte before it.
        (b"{\"a\":\"x\ny\"}", (1, 7, 6)),
        (b"{\"a\":01}", (1, 7, 6)),
        (b"{\"\\ud800\":1}", (1, 9, 8)),
        (b"\x0c{}", (1, 1, 0)),
        (b"[1,]", (1, 4, 3)),
        (b"nul", (1, 4, 3)),
    ] {
        let mut faults = Faults::lenient();
        assert_eq!(read(body, &mut faults, sample), None);
        assert_eq!(faults.total(), 1);
        let fault = faults.into_vec().pop().unwrap();
        let text = String::from_utf8_lossy(body);
        assert_eq!((fault.field.as_str(), fault.code), ("", FieldCode::Json), "{text}");
        let found = fault.place.unwrap();
        assert_eq!((found.line, found.column, found.offset), place, "{text}");
    }
    for body in ["[]", "1", "\"x\"", "null", " true "] {
        check(body, " type");
    }
}

#[test]
fn whatever_is_written_is_json() {
    let texts = (0..0x250_u32).chain([0x2028, 0xfffd, 0xffff, 0x1_f600]).filter_map(char::from_u32);
    for char in texts {
        let text = format!("{char}x{char}{char}");
        let written = object(|object| object.text(&text, &text));
        let back: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(back[&text], text, "{char:?}");
    }
    let written = object(|object| {
        object.null("n");
        object.flag("f", true);
        object.integer("i", i64::MIN);
        object.count("c", 7);
        object.optional("o", None);
        object.json("j", "[1.50]");
        object.object("e", |_| ());
        object.array("a", |array| {
            array.integer(1);
            array.text("é/\"\\\n\u{1}");
            array.object(|object| object.text("k", ""));
            array.json("{}");
        });
        object.array("z", |_| ());
    });
    let expected = r#"{"n":null,"f":true,"i":-9223372036854775808,"c":7,"j":[1.50],"e":{},"a":[1,"é/\"\\\n\u0001",{"k":""},{}],"z":[]}"#;
    assert_eq!(std::str::from_utf8(&written).unwrap(), expected);
    assert_eq!(array(|_| ()), b"[]");
}

#[test]
fn a_special_byte_is_escaped_wherever_it_stands() {
    for length in [1, 7, 8, 9, 17] {
        for (at, byte) in (0..length).flat_map(|at| (0..128_u8).map(move |byte| (at, byte))) {
            for filler in ["x", "é"] {
                let mut text = filler.repeat(length);
                text.insert(at * filler.len(), char::from(byte));
                let written = object(|object| {
                    object.text("t", &text);
                    object.shown("s", &text);
                });
                let read: serde_json::Value = serde_json::from_slice(&written).unwrap();
                assert_eq!(read, serde_json::json!({"t": text, "s": text}), "{at} {byte}");
            }
        }
    }
}
