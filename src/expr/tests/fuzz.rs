//! Smoke length: no soup panics, and what the checker accepts evaluates as the oracle says.

use super::*;

/// A seeded generator (SplitMix64); a failing case prints its source, which is enough to repeat it.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const INTS: [&str; 12] = [
    "0",
    "1",
    "-1",
    "7",
    "9223372036854775807",
    "-9223372036854775808",
    "n.one",
    "n.two",
    "n.gone",
    "amount",
    "s.name.size()",
    "size(s.empty)",
];
const TEXTS: [&str; 8] =
    ["''", "'Mobi'", "'safari'", "s.name", "s.empty", "s.gone", "metadata['channel']", "metadata.other"];
const BOOLS: [&str; 9] = [
    "true",
    "false",
    "b.yes",
    "b.no",
    "b.gone",
    "has(n.gone)",
    "has(metadata.channel)",
    "'channel' in metadata",
    "has(lists.gone)",
];
const SOUP: [&str; 44] = [
    "&&",
    "||",
    "!",
    "?",
    ":",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "+",
    "-",
    "*",
    "/",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "=",
    "&",
    "1",
    "0x1F",
    "1.5",
    "9u",
    "'a'",
    "\"",
    "'''",
    "\\",
    "true",
    "null",
    "has",
    "size",
    "n.one",
    "s.name",
    "lists.vip",
    "é",
    "\n",
];

fn int(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.pick(&INTS).into();
    }
    match dice.roll(6) {
        0 => format!("-({})", int(dice, depth - 1)),
        1 => format!("({} ? {} : {})", bool(dice, depth - 1), int(dice, depth - 1), int(dice, depth - 1)),
        2 => format!("size({})", text(dice, depth - 1)),
        _ => {
            let op = dice.pick(&["+", "-", "*", "/", "%"]);
            format!("({} {op} {})", int(dice, depth - 1), int(dice, depth - 1))
        }
    }
}

fn text(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.pick(&TEXTS).into();
    }
    match dice.roll(3) {
        0 => format!("({} ? {} : {})", bool(dice, depth - 1), text(dice, depth - 1), text(dice, depth - 1)),
        1 => format!("{}.lowerAscii()", text(dice, depth - 1)),
        _ => format!("{}.upperAscii()", text(dice, depth - 1)),
    }
}

fn bool(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.pick(&BOOLS).into();
    }
    let below = depth - 1;
    match dice.roll(10) {
        0 => format!("!{}", bool(dice, 0)),
        1 => format!("({} ? {} : {})", bool(dice, below), bool(dice, below), bool(dice, below)),
        2 => format!(
            "{}.{}({})",
            text(dice, below),
            dice.pick(&["contains", "startsWith", "endsWith"]),
            text(dice, below)
        ),
        3 => format!(
            "{} in {}",
            text(dice, below),
            dice.pick(&["lists.vip", "lists.gone", "['safari', 'Mobi', '']"])
        ),
        4 => format!("{} in [-1, 7, 0x0]", int(dice, below)),
        5 => format!(
            "{} {} {}",
            int(dice, below),
            dice.pick(&["==", "!=", "<", "<=", ">", ">="]),
            int(dice, below)
        ),
        6 => format!("({} {} {})", text(dice, below), dice.pick(&["==", "!=", "<", ">="]), text(dice, below)),
        _ => format!("({} {} {})", bool(dice, below), dice.pick(&["&&", "||"]), bool(dice, below)),
    }
}

/// Takes, doubles or replaces some characters.
fn mutated(dice: &mut Dice, source: &str) -> String {
    let mut characters: Vec<char> = source.chars().collect();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(characters.len().max(1)).min(characters.len().saturating_sub(1));
        match dice.roll(3) {
            0 if !characters.is_empty() => drop(characters.remove(at)),
            1 if !characters.is_empty() => characters.insert(at, characters[at]),
            _ => {
                let piece: Vec<char> = dice.pick(&SOUP).chars().collect();
                characters.splice(at..at, piece);
            }
        }
    }
    characters.into_iter().collect()
}

/// True if the checker took it; then both evaluations agree, in a full world and in a bare one.
fn agrees(source: &str, worlds: &[World]) -> bool {
    let checked = match check(source, &mut worlds[0].clone()) {
        Ok(checked) => checked,
        Err(faults) => {
            assert!(!faults.is_empty() && faults.iter().all(|fault| fault.span.line > 0), "{source}");
            return false;
        }
    };
    let program = checked.compile();
    for world in worlds {
        assert_eq!(program.eval(world), oracle::eval(source, world), "{source}");
    }
    true
}

fn worlds() -> [World; 2] {
    let mut bare = world();
    for field in &mut bare.fields {
        if field.2 {
            field.3 = Held::Missing;
        }
    }
    [world(), bare]
}

#[test]
fn accepted_expressions_agree_with_the_oracle() {
    let worlds = worlds();
    let mut dice = Dice(1);
    let mut accepted = 0;
    for round in 0..4000 {
        let depth = round % 6;
        let source = match dice.roll(4) {
            0 => int(&mut dice, depth),
            1 => text(&mut dice, depth),
            _ => bool(&mut dice, depth),
        };
        accepted += usize::from(agrees(&source, &worlds));
        agrees(&mutated(&mut dice, &source), &worlds);
    }
    assert!(accepted > 3000, "only limits may refuse a generated one: {accepted}");
}

#[test]
fn soups_are_refused_in_peace() {
    let worlds = worlds();
    let mut dice = Dice(2);
    for _ in 0..4000 {
        let length = dice.roll(24);
        let glue = if dice.roll(2) == 0 { " " } else { "" };
        let pieces: Vec<&str> = (0..length).map(|_| dice.pick(&SOUP)).collect();
        let source = pieces.join(glue);
        agrees(&source, &worlds);
        if let Ok(template) = Template::parse(&source, &mut worlds[0].clone()) {
            assert!(template.render(&worlds[0]).len() <= MAX_RENDERED_BYTES);
        }
    }
}
