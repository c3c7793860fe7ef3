//! Log lines: compact, on standard error, chosen by a filter in the language of `RUST_LOG`.
//!
//! No line of ours holds a body, a key or a query string. Libraries that would print headers and frames at
//! their finer levels are held to warnings, whatever the filter says.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// The environment variable with the filter.
pub const VARIABLE: &str = "CLAUSUM_LOG";

/// Libraries that see requests in clear.
const TALKATIVE: &[&str] = &["h2=warn", "hyper=warn", "hyper_util=warn", "axum=warn", "tower=warn"];

/// Starts log lines for the process; `filter` is what [`VARIABLE`] holds, without it `info`.
///
/// # Errors
/// The filter is not one, or log lines were started before.
pub fn start(filter: Option<&str>) -> Result<(), String> {
    let subscriber = tracing_subscriber::fmt()
        .compact()
        .with_env_filter(read(filter.unwrap_or_default())?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    subscriber.try_init().map_err(|error| format!("log lines: {error}"))
}

fn read(text: &str) -> Result<EnvFilter, String> {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let mut filter = builder.parse(text).map_err(|error| format!("{VARIABLE}: {error}"))?;
    for directive in TALKATIVE {
        let directive: Directive = directive.parse().map_err(|error| format!("{directive}: {error}"))?;
        filter = filter.add_directive(directive);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_may_not_make_libraries_talk() {
        let filter = read("trace,h2=trace").unwrap().to_string();
        assert!(filter.contains("h2=warn") && !filter.contains("h2=trace"), "{filter}");
        assert!(read("").unwrap().to_string().contains("info"));
        assert!(read("clausum=loud").is_err());
    }
}
