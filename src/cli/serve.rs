//! `clausum serve`: prints the bootstrap line on standard output and nothing else.

use crate::archive::object::Variables;
use crate::base::clock::SystemClock;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::node::{Failure, Flag, Notify, Start, check, serve};
use crate::telemetry::logging;
use clap::Args;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Address to serve HTTP at, 127.0.0.1:8080 unless configured; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<String>,
    /// Brokers of the Kafka that holds the log, with commas between; the embedded log without it
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) kafka: Option<String>,
    /// Send itself made-up payments and show their decisions
    #[arg(long)]
    pub(super) demo: bool,
}

pub(super) fn run(arguments: &Arguments, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let listen = arguments.listen.clone().map(|value| Flag { name: "--listen", key: "listen", value });
    let flags = listen.into_iter().chain(of_kafka(arguments.kafka.as_ref()));
    let resolved = place.resolve(flags).map_err(Ending::configuration)?;
    check(&resolved.config).map_err(Ending::configuration)?;
    let filter = std::env::var(logging::VARIABLE).ok();
    logging::start(filter.as_deref()).map_err(|error| Ending::input(&error))?;
    let named = |name| std::env::var(name).ok();
    let (usec, pid) = (named("WATCHDOG_USEC"), named("WATCHDOG_PID"));
    let notify = Notify::named(std::env::var_os("NOTIFY_SOCKET").as_deref(), usec.as_deref(), pid.as_deref());
    let notify = Arc::new(notify.unwrap_or_else(|error| {
        tracing::warn!(%error, "the service manager cannot be told anything");
        Notify::default()
    }));
    let (config, variables) = (resolved.config, Variables::of(std::env::vars()));
    let clock = Arc::new(SystemClock);
    let start = Start { config, demo: arguments.demo, clock, notify, variables };
    let mut announce = |line: &str| shell.line(line).and_then(|()| shell.flush());
    match serve(&start, &mut announce) {
        Ok(()) => Ok(Exit::Done),
        Err(failure @ Failure::Input(_)) => Err(Ending::input(&failure)),
        Err(failure @ Failure::Failed(_)) => Err(Ending::failed(&failure)),
    }
}

/// The flag that says where Kafka is.
pub(super) fn of_kafka(bootstrap: Option<&String>) -> Option<Flag> {
    bootstrap.map(|value| Flag { name: "--kafka", key: "kafka.bootstrap", value: value.clone() })
}
