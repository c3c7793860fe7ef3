//! What every operator gives, errors included.

use super::*;

fn check_rows(rows: &[(&str, &str)]) {
    let world = world();
    for (source, expected) in rows {
        assert_eq!(shown(&eval_in(source, &world)), *expected, "{source}");
    }
}

#[test]
fn literals() {
    check_rows(&[
        ("0x7fffffffffffffff", "9223372036854775807"),
        ("-0x8000000000000000", "-9223372036854775808"),
        ("-9223372036854775808", "-9223372036854775808"),
        (r#""a\"b" == 'a"b'"#, "true"),
        (r#"'\x41\u0042\U00000043\104\n' == "ABCD\n""#, "true"),
        (r"r'\d' == '\\d'", "true"),
        ("'''it's\n'' two lines''' == \"it's\\n'' two lines\"", "true"),
        ("\"\"\"\"\"\" == ''", "true"),
        ("1 // one\n + 2", "3"),
    ]);
}

#[test]
fn precedence_is_that_of_cel() {
    check_rows(&[
        ("1 + 2 * 3 - 4 / 2 % 2", "7"),
        ("-2 * 3 == -6", "true"),
        ("10 - 4 - 3", "3"),
        ("true || false && false", "true"),
        ("1 + 1 == 2 && 2 < 3", "true"),
        ("1 < 2 == true", "true"),
        ("'a' in ['a'] == true", "true"),
        ("false ? 1 : true ? 2 : 3", "2"),
        ("false ? 1 : 2 == 2 ? 3 : 4", "3"),
        ("!false && !!true", "true"),
        ("-(-(3))", "3"),
        ("--3", "3"),
        ("!(b.yes && b.no)", "true"),
    ]);
}

#[test]
fn integers_fail_instead_of_wrapping() {
    let overflow = "the result does not fit 64 bits";
    check_rows(&[
        ("9223372036854775807 + n.one", overflow),
        ("-9223372036854775808 - n.one", overflow),
        ("-(-9223372036854775808 * n.one)", overflow),
        ("-9223372036854775808 / -n.one", overflow),
        ("-9223372036854775808 % -n.one", overflow),
        ("9223372036854775807 * n.two", overflow),
        ("n.one / 0", "division by zero"),
        ("1 % (n.one - 1)", "division by zero"),
        ("-7 / n.two", "-3"),
        ("-7 % n.two", "-1"),
        ("1 / 0", "division by zero"),
        ("n.gone + 1 / 0", "missing n.gone"),
        ("1 / 0 + n.gone", "division by zero"),
    ]);
}

#[test]
fn errors_are_absorbed_from_both_sides() {
    let gone = "missing b.gone";
    check_rows(&[
        ("b.gone && b.no", "false"),
        ("b.no && b.gone", "false"),
        ("b.gone && b.yes", gone),
        ("b.yes && b.gone", gone),
        ("b.gone || b.yes", "true"),
        ("b.yes || b.gone", "true"),
        ("b.gone || b.no", gone),
        ("b.no || b.gone", gone),
        ("b.gone || false", gone),
        ("true && b.gone", gone),
        ("b.gone && false", "false"),
        ("true || b.gone", "true"),
        ("b.gone || n.gone == 1", gone),
        ("n.gone == 1 && b.gone", "missing n.gone"),
        ("b.no || b.gone || b.no || b.yes", "true"),
        ("b.gone && b.yes && b.yes && b.no", "false"),
        ("b.no && b.gone || b.yes", "true"),
        ("(b.gone || b.no) && b.no", "false"),
        ("!b.gone", gone),
        ("b.gone ? 1 : 2", gone),
        ("b.yes ? 1 : n.gone", "1"),
        ("b.no ? n.gone : 2", "2"),
        ("(b.no ? n.gone : 2) + (b.yes ? 3 : n.gone)", "5"),
        ("b.gone == b.gone", gone),
        ("d.liar == 1", "a value has another type than declared"),
        ("d.liar + n.one == 1 || b.yes", "true"),
    ]);
}

#[test]
fn comparisons() {
    check_rows(&[
        ("n.one < 2", "true"),
        ("2 < n.one", "false"),
        ("2 >= n.two && 2 <= n.two && !(2 > n.two)", "true"),
        ("n.one != n.two", "true"),
        ("s.name == 'Mobile Safari'", "true"),
        ("'a' < 'b' && 'Z' < 'a' && 'z' < '\u{e9}'", "true"),
        ("s.empty < s.name", "true"),
        ("b.no < b.yes", "true"),
        ("t.then < t.now", "true"),
        ("t.now == t.then", "false"),
        ("d.hour <= d.hour", "true"),
        ("t.now", "time 2000"),
        ("d.hour", "span 3600000"),
        ("n.gone > 1", "missing n.gone"),
        ("1 > n.gone", "missing n.gone"),
        ("n.gone > n.one", "missing n.gone"),
    ]);
}

#[test]
fn a_constant_may_stand_on_either_side() {
    for (op, below, equal, above) in [
        ("==", false, true, false),
        ("!=", true, false, true),
        ("<", true, false, false),
        ("<=", true, true, false),
        (">", false, false, true),
        (">=", false, true, true),
    ] {
        for (constant, expected) in [(1, below), (2, equal), (3, above)] {
            let world = world();
            for field in ["n.two", "(n.two + 0)"] {
                let source = format!("{constant} {op} {field}");
                assert_eq!(eval_in(&source, &world), Ok(Answer::Bool(expected)), "{source}");
            }
            let source = format!("n.two {op} {}", 4 - constant);
            assert_eq!(eval_in(&source, &world), Ok(Answer::Bool(expected)), "{source}");
        }
    }
}

#[test]
fn texts() {
    check_rows(&[
        ("s.name.lowerAscii().contains('mobi')", "true"),
        ("s.name.contains('mobi')", "false"),
        ("s.name.upperAscii().startsWith('MOBILE')", "true"),
        ("s.name.lowerAscii().endsWith(s.name.lowerAscii())", "true"),
        ("s.name.upperAscii().lowerAscii() == 'mobile safari'", "true"),
        ("s.name.lowerAscii() > s.name", "true"),
        ("s.name.lowerAscii()", "\"mobile safari\""),
        ("s.name.contains('') && s.empty.contains('')", "true"),
        ("s.empty.contains(s.name)", "false"),
        ("s.empty.lowerAscii().contains(s.name)", "false"),
        ("s.name.lowerAscii().contains('')", "true"),
        ("s.name.size() + size('p\u{e9}')", "15"),
        ("'TacoC\u{e6}t'.lowerAscii()", "\"tacoc\u{e6}t\""),
        ("s.gone.lowerAscii().contains('x')", "missing s.gone"),
        ("s.name.contains(s.gone)", "missing s.gone"),
    ]);
}

#[test]
fn membership() {
    check_rows(&[
        ("n.two in [3, 2, -1, 2]", "true"),
        ("n.two in [1, 3]", "false"),
        ("s.name.lowerAscii() in ['x', 'mobile safari']", "true"),
        ("s.name in ['x', 'mobile safari']", "false"),
        ("s.name in lists.vip", "false"),
        ("s.name.lowerAscii() in lists.vip", "true"),
        ("!('cus_2' in lists.vip)", "true"),
        ("s.gone in lists.vip", "missing s.gone"),
        ("s.gone in ['a']", "missing s.gone"),
        ("s.name in lists.gone", "list 1 is missing"),
        ("has(lists.gone) || has(lists.vip)", "true"),
        ("'channel' in metadata && !('other' in metadata)", "true"),
        ("metadata['channel'] == 'web' && metadata.channel == 'web'", "true"),
        ("metadata['strange key']", "\"x\""),
        ("metadata['other'] == 'x'", "map 1000 has no such entry"),
        ("has(metadata.channel) && !has(metadata.other) && has(metadata['channel'])", "true"),
    ]);
}

#[test]
fn has_never_fails() {
    check_rows(&[
        ("has(n.one)", "true"),
        ("has(n.gone)", "false"),
        ("!has(b.gone) || b.gone", "true"),
        ("has(n.gone) ? n.gone : -1", "-1"),
    ]);
}

#[test]
fn reports_what_it_reads() {
    let mut world = world();
    let source = "n.two > 1 && (n.one > 1 || s.name in lists.gone) && metadata['a'] == 'b' || false && b.yes";
    let program = check(source, &mut world).unwrap().compile();
    assert_eq!(program.slots(), [1, 2, 4, FIRST_MAP], "what folding removed is not read");
    assert_eq!(program.lists(), [1]);
}

#[test]
fn a_chain_needs_the_small_stack() {
    let chain = vec!["n.one == 2"; 290].join(" || ");
    let condition = check_condition(&chain, &mut world()).unwrap().compile();
    assert_eq!(condition.program().waiting(), 2);
    assert_eq!(condition.test(&world()), Outcome::False);
    let nested = format!("{}n.one{}", "n.one + (".repeat(32), ")".repeat(32));
    assert_eq!(shown(&eval_in(&nested, &world())), "33", "this one needs the large stack");
}

#[test]
fn top_level_conjuncts_are_indexable() {
    let conjuncts = |source: &str| {
        let found = check_condition(source, &mut world()).unwrap().indexable();
        let shown: Vec<String> = found
            .conjuncts
            .iter()
            .map(|it| format!("{} {:?} {:?}", it.slot, it.comparison, it.constant))
            .collect();
        (shown.join(", "), found.complete)
    };
    for (source, expected, complete) in [
        ("n.one > 1", "1 Greater Int(1)", true),
        (
            "5 >= n.one && (s.name == 'x' && b.yes)",
            "1 LessEqual Int(5), 4 Equal Str(\"x\"), 7 Equal Bool(true)",
            true,
        ),
        ("!b.yes && n.one < 24 * 60", "7 Equal Bool(false), 1 Less Int(1440)", true),
        ("n.one > 1 && n.one > n.two", "1 Greater Int(1)", false),
        ("n.one > 1 || b.yes", "", false),
        ("n.one + 1 > 1 && !(b.yes && b.no)", "", false),
        ("true", "", false),
    ] {
        assert_eq!(conjuncts(source), (expected.into(), complete), "{source}");
    }
}
