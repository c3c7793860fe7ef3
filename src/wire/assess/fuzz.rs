//! A short fuzz of the reader, in every run: bodies put together and bodies broken. Whatever comes, it is
//! read or refused with at least one fault, and what is read has one canonical form.

use super::{canonical, comparable, read};
use crate::base::limits;
use crate::domain::fault::FieldCode;

/// Numbers from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % bound
    }

    fn of<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Pieces that texts are made of: what is trimmed, dropped, lower-cased, mapped, escaped or refused.
const PIECES: &[&str] = &[
    "a",
    "Z",
    "9",
    "00",
    "+",
    "-",
    "_",
    ".",
    "/",
    "(",
    " ",
    "@",
    "@x.example",
    "xn--",
    "ß",
    "İ",
    "Σ",
    "ñ",
    "。",
    "＠",
    "e\u{301}",
    "\u{a0}",
    "\u{3000}",
    "\u{200d}",
    "\u{2028}",
    "😀",
    "\\\\",
    "\\\"",
    "\\/",
    "\\u0041",
    "\\u00a0",
    "\\ud83d\\ude00",
    "\\n",
    "\\t",
    "\\u0000",
    "\\ud800",
    "\u{85}",
    "\u{feff}",
];

const TEXTS: &[&str] = &[
    "MXN",
    "clp",
    "major",
    "minor",
    "Ana@Example.com",
    "ana@bücher.example",
    "0052 (55) 1234-5678",
    "203.0.113.7",
    "::ffff:10.0.0.1",
    "2001:DB8::1",
    "mx",
    "2026-05-29T12:30:00.5-06:00",
    "411111",
    "1111",
    "9f86d081884c7d659a2f",
    "4111111111111111",
    "America/Lima",
    "",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "1500.00",
    "1.5e3",
    "-0",
    "-1",
    "0.001",
    "9007199254740991",
    "9007199254740992",
    "1e400",
    "1E-400",
];

const MEMBERS: &[&str] = &[
    "transaction_type",
    "occurred_at",
    "session_id",
    "email",
    "phone",
    "customer_id",
    "order_id",
    "payment_id",
    "idempotency_key",
    "submerchant_id",
    "amount_unit",
    "unknown",
];

const OBJECTS: &[(&str, &[&str])] = &[
    (
        "payment_method",
        &[
            "type",
            "card_brand",
            "bank_code",
            "wallet_type",
            "card_bin",
            "card_last4",
            "card_hash",
            "card_country",
        ],
    ),
    ("device", &["ip", "ip_country", "fingerprint", "language", "user_agent", "timezone"]),
    ("behavior", &["session_duration_ms", "mouse_movements", "keystrokes", "copy_paste_events"]),
    ("billing", &["country", "city", "postal_code"]),
    ("shipping", &["country", "city", "postal_code"]),
    ("metadata", &["order_id", "a", "B", "ñ", "~/", "\\u0061", ""]),
];

fn text(dice: &mut Dice) -> String {
    if dice.below(3) > 0 {
        return format!("\"{}\"", dice.of(TEXTS));
    }
    let pieces: String = (0..dice.below(7)).map(|_| dice.of(PIECES)).collect();
    format!("\"{pieces}\"")
}

fn value(dice: &mut Dice) -> String {
    match dice.below(24) {
        0 => "null".to_owned(),
        1 => "true".to_owned(),
        2 => format!("[ {}, {{}} ]", text(dice)),
        3..6 => dice.of(NUMBERS).to_owned(),
        _ => text(dice),
    }
}

fn body(dice: &mut Dice) -> String {
    let mut members = vec![format!("\"amount\":{}", dice.of(NUMBERS)), "\"currency\":\"KWD\"".to_owned()];
    for _ in 0..dice.below(4) {
        members.push(format!("\"{}\":{}", dice.of(MEMBERS), value(dice)));
    }
    for _ in 0..dice.below(3) {
        let (name, inner) = OBJECTS[dice.below(OBJECTS.len())];
        let number = name == "behavior" && dice.below(4) > 0;
        let one = |dice: &mut Dice| {
            let json = if number { dice.of(NUMBERS).to_owned() } else { value(dice) };
            format!("\"{}\":{json}", dice.of(inner))
        };
        let inside: Vec<_> = (0..dice.below(3)).map(|_| one(dice)).collect();
        members.push(format!("\"{name}\":{{{}}}", inside.join(" , ")));
    }
    let turn = dice.below(members.len());
    members.rotate_left(turn);
    format!("{{{}}}", members.join(","))
}

/// Whether the body was read; stops if what was read is not the same read again.
fn settled(body: &[u8]) -> bool {
    match read(body) {
        Ok(request) => {
            let stored = canonical(&request);
            let again = read(&stored).unwrap_or_else(|faults| {
                panic!("{} is refused: {faults:?}", String::from_utf8_lossy(&stored))
            });
            assert_eq!(again, request, "{}", String::from_utf8_lossy(body));
            assert_eq!(canonical(&again), stored);
            assert_eq!(comparable(&again), comparable(&request));
            true
        }
        Err(faults) => {
            assert!((1..=limits::FAULTS).contains(&faults.len()), "{}", String::from_utf8_lossy(body));
            let unreadable = faults.iter().any(|f| matches!(f.code, FieldCode::Json | FieldCode::TooDeep));
            assert_eq!(unreadable, faults[0].place.is_some());
            assert!(!unreadable || faults.len() == 1);
            false
        }
    }
}

#[test]
fn what_is_read_is_read_again() {
    let mut dice = Dice(0x5eed_0001);
    let read = (0..30_000).filter(|_| settled(body(&mut dice).as_bytes())).count();
    assert!(read > 5_000, "only {read} were good bodies");
}

#[test]
fn broken_bodies_are_refused_or_read() {
    let mut dice = Dice(0x5eed_0002);
    let full = include_bytes!("full.json");
    let (mut good, mut bad) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = if round % 2 == 0 { full.to_vec() } else { body(&mut dice).into_bytes() };
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            let end = (at + 1 + dice.below(40)).min(bytes.len());
            match dice.below(5) {
                0 => bytes[at] ^= 1 << dice.below(8),
                1 => {
                    bytes[at] = *dice
                        .of(&[b"\"", b"\\", b"{", b"}", b"[", b",", b"0", b"\0", b"\xff"])
                        .first()
                        .unwrap()
                }
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    let to = dice.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        if settled(&bytes) { good += 1 } else { bad += 1 }
    }
    assert!(good > 500 && bad > 500, "{good} good, {bad} bad");
}
