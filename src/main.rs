//! The `clausum` binary: parse, run, exit code.

fn main() {}
