//! The pure half sees values only: no file, socket, thread, clock, log line or metric, and no fraction
//! where sums must be exact.

use crate::lexer::{Kind, Token};
use crate::paths::{Path, spelled_out};
use crate::source::{Breach, Source};
use std::collections::BTreeSet;

const PURE: &[&str] = &[
    "src/base",
    "src/domain",
    "src/expr",
    "src/wire",
    "src/policy",
    "src/state",
    "src/control",
    "src/shard",
];

/// The doors through which time and randomness enter, each a seam with a simulated twin.
const DOORS: &[&str] = &["src/base/clock.rs", "src/base/clock"];

const INTEGERS_ONLY: &[&str] =
    &["src/state", "src/shard", "src/policy", "src/expr", "src/base/money.rs", "src/base/money"];

/// What reaches outside the process, or differs from one run to the next.
const OUTSIDE: &[&[&str]] = &[
    &["std", "*"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "thread"],
    &["std", "process"],
    &["std", "env"],
    &["std", "os"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "io", "stderr"],
    &["std", "io", "*"],
    &["tokio"],
    &["tracing"],
    &["metrics"],
];

/// A test may read public data.
const TEST_DATA: &[&[&str]] = &[&["std", "fs"], &["std", "env"]];

/// Addresses are values; only what can be connected to is outside.
const ADDRESSES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr", "AddrParseError"];

pub(crate) fn reaches_outside(source: &Source) -> Vec<Breach> {
    if !source.under(PURE) || source.under(DOORS) {
        return vec![];
    }
    let shipped: BTreeSet<usize> = source.shipped().map(|(_, token)| token.line).collect();
    let read_by_a_test =
        |path: &&Path| TEST_DATA.iter().any(|data| path.starts_with(data)) && !shipped.contains(&path.line);
    let mut found = Vec::new();
    for path in spelled_out(source).iter().filter(|path| !is_address(path) && !read_by_a_test(path)) {
        if OUTSIDE.iter().any(|outside| path.starts_with(outside)) {
            found.push(source.breach(path.line, format!("`{}` in the pure half", path.text())));
        }
    }
    for token in &source.tokens {
        if token.is("Instant") || token.is("SystemTime") {
            found.push(
                source.breach(token.line, format!("`{}` in the pure half: time is an argument", token.text)),
            );
        }
    }
    found
}

fn is_address(path: &Path) -> bool {
    path.starts_with(&["std", "net"]) && path.segments.get(2).is_some_and(|name| ADDRESSES.contains(&&**name))
}

pub(crate) fn uses_fractions(source: &Source) -> Vec<Breach> {
    if !source.under(INTEGERS_ONLY) {
        return vec![];
    }
    let fractions = source.shipped().filter(|(_, token)| is_fraction(token));
    fractions
        .map(|(_, token)| source.breach(token.line, format!("`{}`: integers only", token.text)))
        .collect()
}

fn is_fraction(token: &Token) -> bool {
    let text = &*token.text;
    match token.kind {
        Kind::Word => matches!(text, "f32" | "f64"),
        Kind::Number => {
            let decimal = !text.starts_with("0x");
            decimal && (text.contains(['.', 'e', 'E']) || text.ends_with("f32") || text.ends_with("f64"))
        }
        Kind::Quoted | Kind::Lifetime | Kind::Mark => false,
    }
}

/// A check that only some build profiles make would let profiles decide differently.
pub(crate) fn differs_by_profile(source: &Source) -> Vec<Breach> {
    if !source.under(PURE) {
        return vec![];
    }
    let differs = |token: &&Token| {
        token.is_word() && (token.text.starts_with("debug_assert") || token.text == "debug_assertions")
    };
    let found = source.tokens.iter().filter(differs);
    found
        .map(|token| source.breach(token.line, format!("`{}` differs by build profile", token.text)))
        .collect()
}

fn lines(found: &[Breach]) -> Vec<usize> {
    found.iter().map(|breach| breach.line).collect()
}

#[test]
fn the_outside_is_seen_in_every_spelling() {
    let text = "use std::fs;\nuse std::{net::TcpStream, fmt};\nfn f() { std::thread::yield_now() }\n\
                use std::time::Instant;\nfn g() { time::SystemTime::now() }\nuse std::io::{self, Write, stdin};\n\
                fn h() { tracing::info!() }\nuse ::metrics::counter;";
    assert_eq!(lines(&reaches_outside(&Source::new("src/shard/x.rs", text))), [1, 2, 3, 6, 7, 8, 4, 5]);
    assert_eq!(lines(&reaches_outside(&Source::new("src/worker/x.rs", text))), [0; 0]);
    assert_eq!(lines(&reaches_outside(&Source::new("src/base/clock.rs", text))), [0; 0]);
}

#[test]
fn a_detour_is_seen() {
    let text =
        "use std::{io, net};\nfn f() { io::stdin(); }\nfn g() { net::TcpStream::connect() }\nuse std::*;";
    assert_eq!(lines(&reaches_outside(&Source::new("src/shard/x.rs", text))), [1, 2, 3, 4]);
}

#[test]
fn values_are_not_outside() {
    let text = "use std::net::{IpAddr, Ipv4Addr};\nuse std::{fmt, io::Write, time::Duration};";
    assert_eq!(lines(&reaches_outside(&Source::new("src/domain/x.rs", text))), [0; 0]);
}

#[test]
fn fractions_are_seen_but_in_tests() {
    let text = "fn f(x: f64) {}\nconst A: u8 = 1e3;\nconst B: u8 = 1.5;\nconst C: u8 = 2_f32;\n\
                const D: u8 = 0x1e + x.0.1 + 0;\n#[cfg(test)] mod t { const E: f64 = 1.0; }";
    assert_eq!(lines(&uses_fractions(&Source::new("src/state/x.rs", text))), [1, 2, 3, 4]);
    assert_eq!(lines(&uses_fractions(&Source::new("src/base/money.rs", text))), [1, 2, 3, 4]);
    assert_eq!(lines(&uses_fractions(&Source::new("src/telemetry/x.rs", text))), [0; 0]);
}

#[test]
fn checks_of_one_profile_are_seen() {
    let text = "fn f() { debug_assert!(x); }\nfn g() { debug_assert_eq!(x, y); }\n#[cfg(debug_assertions)] fn h() {}";
    assert_eq!(lines(&differs_by_profile(&Source::new("src/expr/x.rs", text))), [1, 2, 3]);
    assert_eq!(lines(&differs_by_profile(&Source::new("src/worker/x.rs", text))), [0; 0]);
}
