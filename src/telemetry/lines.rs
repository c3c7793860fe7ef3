//! Log lines on standard error.

use tracing_subscriber::EnvFilter;

/// The variable that says what is logged, in the syntax of `tracing-subscriber`.
pub const FILTER: &str = "CLAUSUM_LOG";

/// Begins to write log lines to standard error; `usual` is what is logged unless [`FILTER`] says other.
/// A second call does nothing.
pub fn begin(usual: &str) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(usual));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .try_init();
    // It fails when lines are written already, as in a test.
    drop(lines);
}
