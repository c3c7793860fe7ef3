//! Trees and places of documents, and what is refused before it can grow.

use super::*;
use crate::policy::diagnostic::Diagnostic;

fn tree(document: &str) -> Result<Node, Vec<Diagnostic>> {
    let mut faults = Faults::default();
    let node = read(document, &mut faults);
    match node {
        Some(node) if faults.is_empty() => Ok(node),
        _ => Err(faults.into_sorted()),
    }
}

/// The tree on one line, each scalar with the kind it stands for.
fn shown(node: &Node) -> String {
    match &node.data {
        Data::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => "null".to_owned(),
            Meaning::Bool(value) => format!("{value}"),
            Meaning::Number(_) => format!("#{}", scalar.text),
            Meaning::Text(text) => format!("{text:?}"),
        },
        Data::Sequence(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Data::Mapping(items) => {
            let pairs: Vec<_> = items.iter().map(|(k, v)| format!("{}:{}", shown(k), shown(v))).collect();
            format!("{{{}}}", pairs.join(" "))
        }
    }
}

#[test]
fn yaml_and_json_give_the_same_tree() {
    let table = [
        ("a: 1\nb: [x, 'y', \"z\"]\n", r#"{"a":#1 "b":["x" "y" "z"]}"#),
        (r#"{"a":1,"b":["x","y","z"]}"#, r#"{"a":#1 "b":["x" "y" "z"]}"#),
        ("{\n\t\"a\": 1.50,\n\t\"b\": \"\\u00e9\\/\\\"\"\n}", r#"{"a":#1.50 "b":"é/\""}"#),
        (
            "a: ~\nb: true\nc: 1e3\nd: 0x1f\ne: NO\nf: '1'\n",
            r#"{"a":null "b":true "c":#1e3 "d":"0x1f" "e":"NO" "f":"1"}"#,
        ),
        ("a: |\n  x && y\n  z\n", r#"{"a":"x && y\nz\n"}"#),
        ("a: >-\n  x\n  && y\n", r#"{"a":"x && y"}"#),
        ("a: 1\na: 2\n", r#"{"a":#1 "a":#2}"#),
    ];
    for (document, expected) in table {
        assert_eq!(tree(document).map(|node| shown(&node)).as_deref(), Ok(expected), "{document}");
    }
}

#[test]
fn what_could_grow_or_run_deep_is_refused() {
    let deep_block = "- ".repeat(400_000);
    let deep_flow = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let open_flow = "[".repeat(400_000);
    let steps: String = (0..600).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let table = [
        ("a: *x\n", "1:4: syntax"),
        ("a: &x [1]\n", "1:4: unsupported: anchors are not supported"),
        ("a: !!str 1\n", "1:4: unsupported: tags are not supported"),
        ("a: 1\n---\nb: 2\n", "2:1: unsupported: one document is due"),
        ("", "1:1: required: the document is empty"),
        (&deep_block, "1:65: unsupported: nested too deep"),
        (&deep_flow, "1:33: unsupported: nested too deep"),
        (&open_flow, "1:256: syntax: recursion limit exceeded"),
        (&steps, "33:33: unsupported: nested too deep"),
        ("a: [1\n", "2:1: syntax"),
        ("a: 'x\n", ": syntax"),
    ];
    for (document, expected) in table {
        let faults = tree(document).unwrap_err();
        assert_eq!(faults.len(), 1);
        let text = faults[0].to_string();
        assert!(text.contains(expected), "{:.40}: {text}", document);
    }
    assert!(tree(&"#".repeat(PACK_BYTES + 1)).unwrap_err()[0].to_string().contains("too_long"));
}

#[test]
fn what_yaml_can_say_and_packs_may_not_is_told_all_at_once() {
    let told = |document: &str| {
        let mut faults = Faults::default();
        let node = read(document, &mut faults).map(|node| shown(&node));
        let told: Vec<_> = faults.into_sorted().iter().map(ToString::to_string).collect();
        (node, told.join(", "))
    };
    let (node, faults) = told("a: &x 1\nb: *x\nc: !!str 1\n");
    assert_eq!(
        faults,
        "1:4: unsupported: anchors are not supported, 2:4: unsupported: aliases are not supported, \
         3:4: unsupported: tags are not supported"
    );
    assert_eq!(node, None, "nobody knows what the alias stands for");
    let (node, faults) = told("a: &x 1\nb: !!map {c: &y d}\n");
    assert_eq!(faults.matches("unsupported").count(), 3, "{faults}");
    assert_eq!(node.as_deref(), Some(r#"{"a":#1 "b":{"c":"d"}}"#));
}

#[test]
fn a_json_pointer_finds_what_it_names_or_what_is_around_it() {
    let node = tree("a:\n  b/~: [x, {c: 1}]\n").unwrap();
    let table =
        [("", (1, 1)), ("/a/b~1~0/1/c", (2, 16)), ("/a/b~1~0/7", (2, 8)), ("/a/x/y", (2, 3)), ("/z", (1, 1))];
    for (pointer, (line, column)) in table {
        assert_eq!(node.at_pointer(pointer), Place { line, column }, "{pointer}");
    }
}

#[test]
fn a_place_in_a_text_is_found_in_the_document() {
    let place = |line, column| Some(Place { line, column });
    let table = [
        ("when: amount > x\n", (1, 10), place(1, 16)),
        ("when: 'amount > x'\n", (1, 10), place(1, 17)),
        ("when: \"amount > x\"\n", (1, 1), place(1, 8)),
        ("when: 'it''s'\n", (1, 3), None),
        ("when: |\n    a\n    b > x\n", (2, 5), place(3, 9)),
        ("when: >\n  a\n  && b\n", (1, 3), None),
        ("{\"when\": \"ä > x\"}", (1, 5), place(1, 15)),
    ];
    for (document, (line, column), expected) in table {
        let node = tree(document).unwrap();
        let Data::Mapping(members) = &node.data else { panic!("{document}") };
        assert_eq!(members[0].1.place_of(line, column), expected, "{document}");
    }
}

#[test]
fn no_text_makes_it_panic() {
    let pieces = [
        "- ", "a: ", "[", "]", "{", "}", "\n", "  ", "|", ">", "'", "\"", "&a ", "*a", "!x ", "?", ",", "é",
        "\t", "%", "---",
    ];
    let mut seed = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(seed >> 33).unwrap() % pieces.len()]);
        }
        let told = tree(&text);
        assert!(told.is_ok() || !told.unwrap_err().is_empty());
    }
}

#[test]
fn a_long_line_is_walked_once() {
    let scalars: String = (0..150_000).map(|n| if n % 2 == 0 { "é, " } else { "'b', " }).collect();
    let node = tree(&format!("[{scalars}end]")).unwrap();
    let Data::Sequence(items) = &node.data else { panic!("a list") };
    let far = items[100_001].place_of(1, 1).unwrap();
    assert_eq!((far.line, far.column), (1, 1 + 50_000 * (3 + 5) + 3 + 1 + 1));
    assert!(items.iter().all(|item| item.place_of(1, 1).is_some()));
}
