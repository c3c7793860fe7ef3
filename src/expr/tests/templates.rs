//! Descriptions with values in them.

use super::*;

fn render(source: &str) -> String {
    match Template::parse(source, &mut world()) {
        Ok(template) => template.render(&world()),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn values_are_printed() {
    for (source, expected) in [
        ("Amount is low", "Amount is low"),
        ("{n.one|n.two} in the last hour", "2 in the last hour"),
        ("{n.gone|n.one}", "1"),
        ("{n.gone|n.gone}!", "!"),
        ("{ n.one | n.gone }", "1"),
        ("{n.gone} fraud reports", " fraud reports"),
        ("{s.name}: {b.yes}, {metadata.channel}, {metadata.other}.", "Mobile Safari: true, web, ."),
        ("{{{n.one}}}", "{1}"),
        ("", ""),
    ] {
        assert_eq!(render(source), expected, "{source}");
    }
}

#[test]
fn faults_have_places() {
    for (source, expected) in [
        ("é {n.on}", "line 1, column 4: `n.on` is not known; did you mean `n.one`?"),
        ("a\n{n.one|s.name}", "line 2, column 8: alternatives must all be integers"),
        ("{\n  n.on}", "line 2, column 3: `n.on` is not known; did you mean `n.one`?"),
        ("{lists.vip}", "line 1, column 2: only bools, integers and strings can be printed"),
        ("{t.now}", "line 1, column 2: only bools, integers and strings can be printed"),
        ("{n}", "line 1, column 2: only bools, integers and strings can be printed"),
        ("{n.one", "line 1, column 1: the placeholder is not closed: `}` is missing"),
        ("a } b", "line 1, column 3: a single `}`: write `}}` for a brace"),
        ("{}", "line 1, column 2: `` is not a name"),
        (
            "{n.one + 1} {a b}",
            "line 1, column 2: `n.one + 1` is not a name\nline 1, column 14: `a b` is not a name",
        ),
    ] {
        assert_eq!(render(source), expected, "{source}");
    }
    assert!(render(&"{".repeat(5000)).contains("the limit is 4096"));
}

#[test]
fn long_texts_are_cut_at_a_character() {
    let world = World::default().text("s", &"é".repeat(400));
    let template = Template::parse("x{s}{s}", &mut world.clone()).unwrap();
    assert_eq!(template.render(&world), format!("x{}", "é".repeat(255)));
    assert_eq!(template.slots(), [0]);
}
