//! Measures the decision path: windows, step, log, recovery. Every figure comes with a digest of what was
//! computed, so that nobody makes it faster by changing what it means. Without `--bench` it runs in a tiny
//! length, to see that it still runs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints, looks at the clock and stops at a surprise"
)]

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

fn main() {
    let full = std::env::args().any(|argument| argument == "--bench");
    let scale = Scale { events: if full { 200_000 } else { 2_000 } };
    println!("{:<52} {:>12} {:>14}  digest", "what", "each", "a second");
    windows::run(scale);
    step::run(scale);
    load::run(scale);
    log::run(scale);
    worker::run(scale);
}

/// Prints a figure: `count` of something took `spent`.
fn report(what: &str, count: usize, spent: Duration, digest: &[u8]) {
    let each = spent.as_nanos() / u128::try_from(count.max(1)).unwrap();
    let rate = u128::try_from(count).unwrap() * 1_000_000_000 / spent.as_nanos().max(1);
    let digest = sha256(digest).to_string();
    println!("{what:<52} {:>9}.{:02} µs {rate:>12}/s  {}", each / 1_000, each % 1_000 / 10, &digest[..12]);
}
