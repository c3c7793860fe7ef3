//! What the checker and the parser say, and where.

use super::*;

fn check_rows(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        assert_eq!(faults_of(source), *expected, "{source}");
    }
}

#[test]
fn tokens() {
    check_rows(&[
        (
            "n.one > 1.5",
            "line 1, column 9: numbers with a fraction or an exponent are not supported: write a whole number",
        ),
        ("n.one > 5u", "line 1, column 9: unsigned integers are not supported: drop the `u`"),
        (
            "n.one > 1e3",
            "line 1, column 9: numbers with a fraction or an exponent are not supported: write a whole number",
        ),
        ("n.one > 12abc", "line 1, column 9: a number may not run into a name"),
        ("n.one > 0x", "line 1, column 9: `0x` needs hexadecimal digits"),
        ("n.one > 9223372036854775808", "line 1, column 9: the integer does not fit 64 bits"),
        ("n.one > 99999999999999999999", "line 1, column 9: the integer does not fit 64 bits"),
        ("n.one > -9223372036854775809", "line 1, column 10: the integer does not fit 64 bits"),
        ("-(9223372036854775808) == 1", "line 1, column 3: the integer does not fit 64 bits"),
        ("s.name == 'x", "line 1, column 11: the string is not closed: `'` is missing"),
        ("s.name == '''x", "line 1, column 11: the string is not closed: `'''` is missing"),
        (r"s.name == 'a\qb'", r"line 1, column 13: `\q` is not an escape"),
        (r"s.name == '\u12'", "line 1, column 12: the escape needs 4 hexadecimal digits"),
        (r"s.name == '\ud800'", "line 1, column 12: the escape is not a Unicode character"),
        (r"s.name == '\08'", "line 1, column 12: the escape needs 2 octal digits"),
        ("s.name == b'x'", "line 1, column 11: bytes are not supported"),
        ("n.one = 1", "line 1, column 7: `=` is not an operator: write `==` to compare"),
        (
            "b.yes & b.no | b.no",
            "line 1, column 7: `&` is not an operator: write `&&`\nline 1, column 14: `|` is not an operator: write `||`",
        ),
        ("n.one # 1", "line 1, column 7: `#` has no meaning here\nline 1, column 9: unexpected `1`"),
        ("n.`one` == 1", "line 1, column 3: names in backquotes are not supported"),
    ]);
}

#[test]
fn grammar() {
    check_rows(&[
        ("", "line 1, column 1: expected a value, found the end"),
        ("n.one >", "line 1, column 8: expected a value, found the end"),
        ("(n.one > 1", "line 1, column 11: expected `)`, found the end"),
        ("n.one > 1)", "line 1, column 10: unexpected `)`"),
        (
            "n.one > 1 and b.yes or b.no",
            "line 1, column 11: `and` is written `&&`\nline 1, column 21: `or` is written `||`",
        ),
        (
            "b.yes ? b.no ? 1 : 2 : 3",
            "line 1, column 14: put a `?:` that stands between `?` and `:` in parentheses",
        ),
        ("b.yes ? 1", "line 1, column 10: expected `:`, found the end"),
        ("n.one > && b.yes", "line 1, column 9: expected a value, found `&&`"),
        ("n. > 1", "line 1, column 4: expected a name behind the dot, found `>`"),
        ("for > 1", "line 1, column 1: `for` is a reserved word"),
        ("s.name.?x", "line 1, column 8: optional selection with `.?` is not supported"),
        (
            "n.one > 1 ) && n.three > 1",
            "line 1, column 11: unexpected `)`\nline 1, column 16: `n.three` is not known",
        ),
    ]);
}

#[test]
fn outside_the_subset() {
    check_rows(&[
        ("[1].all(x, x > 0)", "line 1, column 5: `all` is not supported"),
        ("lists.vip.exists(v, v == s.name)", "line 1, column 11: `exists` is not supported"),
        ("{'a': 1}['a'] == 1", "line 1, column 1: map and message literals are not supported"),
        ("Some.Type{a: 1} == 1", "line 1, column 10: map and message literals are not supported"),
        ("s.name == null", "line 1, column 11: `null` is not supported: test with `has()`"),
        (".n.one == 1", "line 1, column 1: a name may not begin with a dot"),
        ("dyn(n.one) == 1", "line 1, column 1: function `dyn` is not supported"),
        ("s.name.matches('a')", "line 1, column 1: function `matches` is not supported"),
        ("t.now.getHours('UTC') < 6", "line 1, column 1: function `getHours` is not supported"),
        (
            "s.name.startswith('a')",
            "line 1, column 1: function `startswith` is not supported; did you mean `startsWith`?",
        ),
        ("contains(s.name, 'a')", "line 1, column 1: `contains` is a method: write `x.contains(…)`"),
        ("s.name + 'x' == 'x'", "line 1, column 1: joining strings with `+` is not supported"),
        ("n.one in []", "line 1, column 10: an empty list is not supported"),
        (
            "n.one in [n.two]",
            "line 1, column 11: a list may hold only integers and strings that are constant",
        ),
        ("n.one in [1, 'a']", "line 1, column 10: the elements of a list must be of one type"),
        (
            "[1] == [1]",
            "line 1, column 1: a list may only stand to the right of `in`\nline 1, column 8: a list may only stand to the right of `in`",
        ),
        ("metadata[s.name] == 'x'", "line 1, column 10: a key must be a constant string"),
    ]);
}

#[test]
fn names_and_types() {
    check_rows(&[
        ("amuont > 1", "line 1, column 1: `amuont` is not known; did you mean `amount`?"),
        (
            "b.yes &&\n  n.on > 1 &&\n\tunknown.zzz",
            "line 2, column 3: `n.on` is not known; did you mean `n.one`?\nline 3, column 2: `unknown.zzz` is not known",
        ),
        ("secret == 1", "line 1, column 1: `secret` may not be read"),
        ("n.one.x == 1", "line 1, column 1: `n.one` is an integer and has no member `x`"),
        ("metadata.a.b == ''", "line 1, column 1: `metadata` is an entry of a map and has no member `a`"),
        ("lists.vip.x", "line 1, column 1: `lists.vip` is a list and has no member `x`"),
        ("s.name.lowerAscii().x == 1", "line 1, column 1: a string has no member `x`"),
        ("n == 1", "line 1, column 1: an object is no value: select one of its members"),
        ("metadata == 'x'", "line 1, column 1: a map is no value: select one of its entries"),
        ("lists.vip == 'x'", "line 1, column 1: a list may only stand to the right of `in`"),
        ("s.name['x'] == 'x'", "line 1, column 1: only a map has entries"),
        ("n.one == 'x'", "line 1, column 1: an integer cannot be compared with a string"),
        (
            "'é' < t.now && n.one == b.yes",
            "line 1, column 1: a string cannot be compared with a timestamp\nline 1, column 16: an integer cannot be compared with a bool",
        ),
        ("1 < 2 < 3", "line 1, column 1: a bool cannot be compared with an integer"),
        (
            "t.now - t.then == d.hour",
            "line 1, column 1: arithmetic needs two integers, not a timestamp and a timestamp",
        ),
        ("!n.one", "line 1, column 2: expected a bool, found an integer"),
        ("-s.name == 1", "line 1, column 2: expected an integer, found a string"),
        (
            "n.one && 'x'",
            "line 1, column 1: expected a bool, found an integer\nline 1, column 10: expected a bool, found a string",
        ),
        (
            "b.yes ? 1 : 'x'",
            "line 1, column 1: both branches must be of one type, not an integer and a string",
        ),
        ("n.one in s.name", "line 1, column 10: the right side of `in` must be a list or a map"),
        (
            "n.one in lists.vip",
            "line 1, column 1: an integer is sought among elements each of which is a string",
        ),
        ("s.name.contains(1)", "line 1, column 17: expected a string, found an integer"),
        ("s.name.contains()", "line 1, column 1: arguments of `contains`: 1 expected, 0 given"),
        ("has(amount)", "line 1, column 5: this is always present"),
        ("has(n)", "line 1, column 5: an object is always present: ask for one of its members"),
        ("has(n.one + 1)", "line 1, column 5: `has` takes a field"),
        ("has()", "line 1, column 1: `has` takes one field"),
    ]);
}

#[test]
fn a_condition_is_a_bool() {
    let faults = check_condition("n.one + 1", &mut world()).unwrap_err();
    assert_eq!(faults[0].to_string(), "line 1, column 1: the expression must be a bool, but is an integer");
    assert_eq!(faults[0].code.as_str(), "wrong_type");
}

#[test]
fn limits() {
    let code =
        |source: &str| check(source, &mut world()).map_or_else(|faults| Some(faults[0].code), |_| None);
    let parens = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(code(&parens(32)), None);
    assert_eq!(code(&parens(33)), Some(FaultCode::TooDeep));
    assert_eq!(code(&format!("{}true", "!".repeat(32))), None);
    assert_eq!(code(&format!("{}true", "!".repeat(4000))), Some(FaultCode::TooDeep));
    assert_eq!(code(&format!("{}1", "b.yes ? 1 : ".repeat(33))), Some(FaultCode::TooDeep));
    assert_eq!(code(&"[".repeat(4096)), Some(FaultCode::TooDeep));
    assert_eq!(code(&format!("{}1", "1+".repeat(2000))), None);
    assert_eq!(code(&" ".repeat(4097)), Some(FaultCode::TooLong));
    assert_eq!(code(&vec!["s.name.contains('a')"; 62].join("||")), None);
    assert_eq!(code(&vec!["s.name.contains('a')"; 63].join("||")), Some(FaultCode::TooCostly));
    let waiting = |levels: usize| {
        let level = "(b.yes || b.yes && n.one == n.one + n.one * ";
        format!("{}n.one{}", level.repeat(levels), " ? 1 : 2)".repeat(levels))
    };
    assert_eq!(code(&waiting(12)), None, "each level lets five values wait");
    assert_eq!(code(&waiting(13)), Some(FaultCode::TooDeep));
    assert_eq!(check(&"#".repeat(4096), &mut world()).unwrap_err().len(), MAX_FAULTS);
}
