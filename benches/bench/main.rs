//! Measures the decision path.

fn main() {}
