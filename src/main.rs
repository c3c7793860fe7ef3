//! The `clausum` binary: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(clausum::cli::run(std::env::args_os()))
}
