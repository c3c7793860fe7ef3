//! Files of requests, good and bad.

use super::*;
use crate::base::shared;
use crate::cli::tests::run_line;
use std::io::Cursor;

fn rows(format: Format, text: &str, map: Option<&str>) -> Vec<String> {
    let map = map.map(|map| Map::read(map).unwrap());
    let rows = match rows::open(format, Box::new(Cursor::new(text.to_owned().into_bytes())), map) {
        Ok(rows) => rows,
        Err(faults) => return faults,
    };
    let told = rows.map(|row| {
        let Row { line, body } = row.unwrap();
        let body = body.map(|body| String::from_utf8_lossy(&body).trim().to_owned());
        format!("{line}: {}", body.unwrap_or_else(|why| format!("({why})")))
    });
    told.collect()
}

#[test]
fn json_objects_come_alone_in_a_row_or_in_an_array() {
    let table: [(&str, &[&str]); 13] = [
        ("", &[]),
        (r#"{"a":1}"#, &[r#"1: {"a":1}"#]),
        ("\n {\"a\":\n\"}\\\"{\"}\n{\"b\":[{}]}", &["2: {\"a\":\n\"}\\\"{\"}", r#"4: {"b":[{}]}"#]),
        ("[]", &[]),
        ("[\n{\"a\":1},\n{\"b\":2}\n]\n", &[r#"2: {"a":1}"#, r#"3: {"b":2}"#]),
        ("[{\"a\":1}", &[r#"1: {"a":1}"#, "1: (the array ends too early)"]),
        ("[{\"a\":1},]", &[r#"1: {"a":1}"#, "1: (is no JSON object, alone or in an array)"]),
        (
            "[{\"a\":1}]\n{}",
            &[r#"1: {"a":1}"#, "2: (nothing is due behind the array; the rest was not read)"],
        ),
        ("{\"a\":1", &["1: (the object ends too early)"]),
        ("{}\n17", &["1: {}", "2: (is no JSON object, alone or in an array)"]),
        // What is no object is one row, and those behind it are read.
        (
            "[5,{\"a\":1},\n[\"],{\", {}],{\"b\":2} {\"c\":3},{\"d\":4}]",
            &[
                "1: (is no JSON object, alone or in an array)",
                r#"1: {"a":1}"#,
                "2: (is no JSON object, alone or in an array)",
                r#"2: {"b":2}"#,
                "2: (is no JSON object, alone or in an array)",
                r#"2: {"d":4}"#,
            ],
        ),
        (
            "{\"a\":1}\nnot json {\n{\"b\":2}\n",
            &[r#"1: {"a":1}"#, "2: (is no JSON object, alone or in an array)", r#"3: {"b":2}"#],
        ),
        ("5", &["1: (is no JSON object, alone or in an array)"]),
    ];
    for (text, expected) in table {
        assert_eq!(rows(Format::Json, text, None), expected, "{text}");
    }
}

#[test]
fn an_object_that_is_too_long_is_passed_over() {
    let long = format!("[{{\"a\":\"{}\"}},{{\"b\":2}}]", "x".repeat(1 << 20));
    assert_eq!(rows(Format::Json, &long, None), ["1: (is longer than 262144 bytes)", r#"1: {"b":2}"#]);
}

#[test]
fn a_column_that_decides_stands_once() {
    let told = rows(Format::Csv, "amount,currency,amount\n100,MXN,999999\n", None);
    assert_eq!(told, ["the column `amount` stands twice, at 1 and 3"]);
    let map = Some("amount: a\ncurrency: {value: MXN}\n");
    assert_eq!(rows(Format::Csv, "a,b,b\n1,2,3\n", map).len(), 1, "one that nobody asks for may");
    assert_eq!(rows(Format::Ndjson, "{\"a\":1,\"a\":2}\n", map), ["1: (gives `a` twice)"]);
}

#[test]
fn a_bad_line_of_ndjson_is_told_and_the_next_is_read() {
    let long = format!("{{\"a\":\"{}\"}}\n{{\"b\":2}}\n", "x".repeat(1 << 20));
    assert_eq!(rows(Format::Ndjson, "{\"a\":1\n\n{\"b\":2}\n", None), ["1: {\"a\":1", r#"3: {"b":2}"#]);
    assert_eq!(rows(Format::Ndjson, &long, None), ["1: (is longer than 262144 bytes)", r#"2: {"b":2}"#]);
}

#[test]
fn an_item_of_an_array_has_the_line_it_begins_in() {
    let map = "amount: a\ncurrency: {value: MXN}\n";
    let array = "\n[ {\"a\":\n1},\n\n  {\"a\":2}, {\n\"a\":3},\n{\"a\":4}\n]\n";
    for text in [array.to_owned(), array.replace('\n', "\r\n")] {
        let told = rows(Format::Json, &text, Some(map));
        let lines: Vec<_> = told.iter().map(|row| row.split(',').next().unwrap()).collect();
        assert_eq!(
            lines,
            [r#"2: {"amount":1"#, r#"5: {"amount":2"#, r#"5: {"amount":3"#, r#"7: {"amount":4"#]
        );
    }
}

#[test]
fn a_row_has_the_line_it_begins_in_however_lines_end() {
    let bytes =
        b"amount,currency,email\n\n1,MXN,\"a\n\nb\"\n2,MXN,\n\n\n3,MXN\n4,MXN,\xff\n5,MXN,\"x\n\"\n6,MXN,";
    let bytes = bytes.to_vec();
    let crlf: Vec<u8> =
        bytes.iter().flat_map(|byte| if *byte == b'\n' { b"\r\n".to_vec() } else { vec![*byte] }).collect();
    let marked: Vec<u8> = b"\xef\xbb\xbf".iter().chain(&crlf).copied().collect();
    for bytes in [bytes, crlf, marked] {
        let rows = rows::open(Format::Csv, Box::new(Cursor::new(bytes)), None).unwrap();
        let told = rows.map(|row| row.map(|row| (row.line, row.body.is_ok())).unwrap());
        let expected = [(3, true), (6, true), (9, false), (10, false), (11, true), (13, true)];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn lines_of_a_long_file_are_counted_through() {
    let rows: String = (0..20_000).map(|n| format!("{n},MXN,\"two\r\nlines\"\r\n")).collect();
    let text = format!("amount,currency,email\r\n{rows}");
    let rows = rows::open(Format::Csv, Box::new(Cursor::new(text.into_bytes())), None).unwrap();
    let last = rows.map(|row| row.unwrap().line).enumerate().inspect(|(at, line)| {
        assert_eq!(*line, *at as u64 * 2 + 2);
    });
    assert_eq!(last.count(), 20_000);
}

#[test]
fn columns_called_like_members_need_no_map() {
    let text =
        "amount,currency,email,device.ip,comment\n1500,MXN,ana@example.com,203.0.113.7,x\n,MXN\n7,USD,,,\n";
    assert_eq!(
        rows(Format::Csv, text, None),
        [
            r#"2: {"amount":1500,"currency":"MXN","email":"ana@example.com","device":{"ip":"203.0.113.7"}}"#,
            "3: (has 2 columns, the head has 5)",
            r#"4: {"amount":7,"currency":"USD","device":{}}"#,
        ]
    );
    let nameless = rows(Format::Csv, "price,currency\n1,MXN\n", None);
    assert!(nameless[0].contains("no column `amount`"), "{nameless:?}");
}

const MAP: &str = "amount: {column: price, format: major}\ncurrency: {value: USD}\n\
                   occurred_at: {column: when, format: '%d/%m/%Y %H:%M'}\nmetadata.shop: shop\nbehavior.keystrokes: keys\n";

#[test]
fn a_map_says_which_column_is_which() {
    let text = "price,when,shop,keys\n7.53,29/05/2026 18:30,\"Pérez, hijos\",12\nmany,yesterday,,few\n";
    assert_eq!(
        rows(Format::Csv, text, Some(MAP)),
        [
            r#"2: {"amount":7.53,"currency":"USD","occurred_at":"2026-05-29T18:30:00.000Z","metadata":{"shop":"Pérez, hijos"},"behavior":{"keystrokes":12},"amount_unit":"major"}"#,
            "3: (/occurred_at `when` is no time of the form %d/%m/%Y %H:%M)",
        ]
    );
    assert_eq!(
        rows(Format::Csv, "price,keys\n1,2\n", Some(MAP)),
        [
            "there is no column `when`, which the map names at 3:23",
            "there is no column `shop`, which the map names at 4:16",
        ]
    );
    let nested = "amount: {column: pay.price, format: major}\ncurrency: pay.in\n";
    assert_eq!(
        rows(Format::Ndjson, "{\"pay\":{\"price\":\"7.53\",\"in\":\"MXN\"}}\nno\n", Some(nested)),
        [
            r#"1: {"amount":7.53,"currency":"MXN","amount_unit":"major"}"#,
            "2: (is not JSON: expected ident at line 1 column 2)",
        ]
    );
}

#[test]
fn every_fault_of_a_map_is_told_with_its_place() {
    let table: [(&str, &[&str]); 10] = [
        ("- amount\n", &["1:1: a map is an object from members to columns"]),
        ("amount: a\n", &["1:1: `currency` is missing: no request goes without it"]),
        (
            "amuont: a\ncurrency: 1\namount: {columm: a}\n",
            &[
                "1:1: `amuont` is no member of a request; did you mean `amount`?",
                "2:11: currency: a column, {column, format} or {value} is due, not a number",
                "3:10: amount: `columm` is no member here: a column, {column, format} or {value} is due",
            ],
        ),
        (
            "amount: {column: a, format: cents}\ncurrency: {column: c, format: x}\noccurred_at: {column: t, format: iso}\n",
            &[
                "1:29: amount: the only format of an amount is `major`",
                "2:31: currency: only `amount` and `occurred_at` have formats",
                "3:34: occurred_at: a time's format is one such as `%Y-%m-%d %H:%M:%S`",
            ],
        ),
        (
            "amount: {column: a, value: 1}\ncurrency: {value: [MXN]}\n",
            &[
                "1:9: amount: a column, {column, format} or {value} is due",
                "2:19: currency: a string, a number or a bool is due, not a list",
            ],
        ),
        (
            "amount: {column: a, format: major}\namount_unit: u\ncurrency: c\n",
            &["2:14: `amount_unit` and `format: major` exclude each other"],
        ),
        ("amount: a\namount: b\ncurrency: c\n", &["2:1: duplicate: `amount` is given twice"]),
        (
            "nope: 1\namount: {column: 7, format: cents, x: 1, y: 2}\namount: [b]\nphone: {value: {}, value: ~}\ncurrenzy: c\namount_unit: &u u\n",
            &[
                "1:1: `nope` is no member of a request",
                "2:18: amount: the name of a column is a string",
                "2:29: amount: the only format of an amount is `major`",
                "2:36: amount: `x` is no member here: a column, {column, format} or {value} is due",
                "2:42: amount: `y` is no member here: a column, {column, format} or {value} is due",
                "3:1: duplicate: `amount` is given twice",
                "3:9: amount: a column, {column, format} or {value} is due, not a list",
                "4:16: phone: a string, a number or a bool is due, not an object",
                "4:20: duplicate: `value` is given twice",
                "5:1: `currenzy` is no member of a request; did you mean `currency`?",
                "6:14: unsupported: anchors are not supported",
            ],
        ),
        (
            "email: 7\namount_unit: u\n",
            &[
                "1:1: `amount` is missing: no request goes without it",
                "1:1: `currency` is missing: no request goes without it",
                "1:8: email: a column, {column, format} or {value} is due, not a number",
            ],
        ),
        (
            "amount: a\ncurrency: c\nmetadata.: x\nmetadata: y\n",
            &["3:1: `metadata.` is no member of a request", "4:1: `metadata` is no member of a request"],
        ),
    ];
    for (map, expected) in table {
        assert_eq!(Map::read(map).unwrap_err(), expected, "{map}");
    }
}

#[test]
fn the_maps_that_ship_are_maps() {
    let folder = Path::new("deploy/maps");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(Map::read(&std::fs::read_to_string(&path).unwrap()).is_ok(), "{}", path.display());
    }
}

#[test]
fn the_format_of_an_input_is_seen() {
    let table = [
        (Some("x.csv"), "{", Format::Csv),
        (Some("X.JSONL"), "[", Format::Ndjson),
        (Some("x.json"), "a", Format::Json),
        (Some("x.txt"), " \n[", Format::Json),
        (None, "{", Format::Json),
        (None, "", Format::Json),
        (None, "amount,currency", Format::Csv),
    ];
    for (name, text, expected) in table {
        let format = Format::of(name.map(Path::new), &mut Cursor::new(text)).unwrap();
        assert_eq!(format, expected, "{name:?} {text}");
    }
}

fn assess(name: &str, text: &str, flags: &[&str]) -> (u8, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let mut line = vec!["assess", path.to_str().unwrap(), "--local"];
    line.extend_from_slice(flags);
    run_line(&line)
}

#[test]
fn a_private_shard_decides_and_what_is_none_is_refused_with_its_line() {
    let text = "{\"amount\":1500,\"currency\":\"MXN\",\"email\":\"a@mailinator.com\"}\n{\"amount\":-1,\"currency\":\"XXX\"}\n{\"amount\":1\n";
    let (exit, out, _) = assess("x.ndjson", text, &[]);
    assert_eq!(exit, 3, "{out}");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], "line 1      approve    20  disposable_email");
    assert!(lines[1].starts_with("line 2      refused        /currency "), "{}", lines[1]);
    assert!(lines[1].contains("; /amount "), "{}", lines[1]);
    assert!(
        lines[2].starts_with("line 3      refused        is not JSON: ends too early at byte "),
        "{}",
        lines[2]
    );
    assert!(out.contains(" disposable_email         1  100.0 %"), "{out}");
    assert!(out.ends_with("2 refused, 0 not sent\n"), "{out}");
}

#[test]
fn by_event_time_the_file_is_sorted_and_windows_follow_it() {
    let row = |at: &str| format!("1500,MXN,hot@example.com,{at}\n");
    let mut text = "amount,currency,email,occurred_at\n".to_owned();
    for at in [
        "2020-01-01T00:40:00Z",
        "2020-01-01T00:00:00Z",
        "2020-01-01T00:10:00Z",
        "2020-01-01T00:20:00Z",
        "2020-01-01T00:30:00Z",
        "2020-01-01T05:00:00Z",
    ] {
        text.push_str(&row(at));
    }
    text.push_str("1500,MXN,hot@example.com,\n");
    let (exit, out, _) = assess("x.csv", &text, &["--event-time", "--json"]);
    assert_eq!(exit, 3, "{out}");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines[0], r#"{"line":8,"refused":"/occurred_at is required here"}"#);
    let order: Vec<_> = lines[1..7].iter().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(
        order,
        [r#"{"line":3"#, r#"{"line":4"#, r#"{"line":5"#, r#"{"line":6"#, r#"{"line":2"#, r#"{"line":7"#]
    );
    let fired: Vec<_> = lines[1..7].iter().map(|line| line.contains("high_velocity")).collect();
    assert_eq!(fired, [false, false, false, false, true, false]);
    assert!(lines[7].starts_with(r#"{"summary":{"decided":6,"refused":1,"not_sent":0"#), "{}", lines[7]);
    // By the machine's clock a file this old is out of bounds.
    let (exit, out, _) = assess("x.csv", &text, &[]);
    assert_eq!(exit, 3);
    assert!(out.contains("6 refused"), "{out}");
}

#[test]
fn a_server_that_is_not_there_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ndjson");
    std::fs::write(&path, "{\"amount\":1,\"currency\":\"MXN\"}\n".repeat(30)).unwrap();
    let path = path.to_str().unwrap();
    let (exit, out, err) = run_line(&["assess", path, "--url", "http://127.0.0.1:1", "--key", "clm_sk_x"]);
    assert_eq!(exit, 1, "{out}{err}");
    assert!(out.ends_with("0 refused, 10 not sent\n"), "{out}");
    assert_eq!(err, "clausum: the rest was not tried\n");
}

#[test]
fn public_payments_of_another_author_all_go_through() {
    let root = Path::new(".");
    let Some(file) = shared::file("aws-fraud-detector/transaction_data_2K_coldstart.csv") else { return };
    let map = root.join("deploy/maps/aws-fraud-detector.yaml");
    let (file, map) = (file.to_str().unwrap(), map.to_str().unwrap());
    let (exit, out, err) = run_line(&["assess", file, "--map", map, "--local", "--event-time"]);
    assert_eq!(exit, 0, "{err}");
    let sum = out.lines().find_map(|line| line.trim().strip_prefix("all ")).map(str::trim);
    assert_eq!(sum, Some("1611"), "{out}");
}
