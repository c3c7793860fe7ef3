//! The `clausum` binary: parse, run, exit code.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A decision makes and drops many small things, some of them on other threads than they came from.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(clausum::cli::run(std::env::args_os()))
}
