//! Measures the decision path: windows, step, log, recovery. Every figure comes with a digest of what was
//! computed, so that nobody makes it faster by changing what it means. Without `--bench` it runs in a tiny
//! length, to see that it still runs. Words among the arguments choose benches by their name; the day is
//! long only if it is chosen.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints, looks at the clock and stops at a surprise"
)]

mod day;
mod load;
mod log;
mod step;
mod windows;
mod worker;

use clausum::base::hash::sha256;
use mimalloc::MiMalloc;
use std::time::Duration;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long a bench runs.
#[derive(Clone, Copy)]
struct Scale {
    /// Events of the longest runs.
    events: usize,
}

type Bench = fn(Scale);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--bench");
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let named = |name: &str| words.iter().any(|word| *word == name);
    let scale = Scale { events: if full { 200_000 } else { 2_000 } };
    println!("{:<52} {:>12} {:>14}  digest", "what", "each", "a second");
    let benches: [(&str, Bench); 5] = [
        ("windows", windows::run),
        ("step", step::run),
        ("load", load::run),
        ("log", log::run),
        ("worker", worker::run),
    ];
    for (name, run) in benches {
        if words.is_empty() || named(name) {
            run(scale);
        }
    }
    if words.is_empty() || named("day") {
        day::run(full && named("day"));
    }
}

/// Prints a figure: `count` of something took `spent`.
fn report(what: &str, count: usize, spent: Duration, digest: &[u8]) {
    let each = spent.as_nanos() / u128::try_from(count.max(1)).unwrap();
    let rate = u128::try_from(count).unwrap() * 1_000_000_000 / spent.as_nanos().max(1);
    let digest = sha256(digest).to_string();
    println!("{what:<52} {:>9}.{:02} µs {rate:>12}/s  {}", each / 1_000, each % 1_000 / 10, &digest[..12]);
}
