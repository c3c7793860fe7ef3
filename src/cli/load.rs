//! `clausum load`: seeded traffic against a server, with a live line and a table at the end.

use crate::base::clock::{Clock, SystemClock};
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::cli::target;
use crate::domain::decision::Decision;
use crate::http::Client;
use crate::load::run::Progress;
use crate::load::{Mix, Options, Report, Scenario, Traffic};
use crate::node::{Stop, duration};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// An answer that takes longer counts as a timeout.
const LIMIT: Duration = Duration::from_secs(10);
const BEAT: Duration = Duration::from_millis(500);
const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) target: target::Arguments,
    /// Requests a second
    #[arg(long, default_value = "100")]
    pub(super) rate: NonZeroU32,
    /// How long, such as 250ms, 30s, 5m, 1h
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(super) duration: Duration,
    /// Decides who pays, how, and when
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Requests under way at once, at most
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) connections: u16,
    /// What the fraudulent ones among the payments try
    #[arg(long, value_enum, default_value_t = Kind::Mixed)]
    pub(super) scenario: Kind,
    /// Distinct payers
    #[arg(long, default_value_t = Mix::default().payers, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) payers: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Kind {
    Mixed,
    CardTesting,
    AccountTakeover,
    Velocity,
    Bot,
}

impl Kind {
    const fn scenario(self) -> Scenario {
        match self {
            Kind::Mixed => Scenario::Mixed,
            Kind::CardTesting => Scenario::CardTesting,
            Kind::AccountTakeover => Scenario::AccountTakeover,
            Kind::Velocity => Scenario::Velocity,
            Kind::Bot => Scenario::Bot,
        }
    }
}

pub(super) fn run(arguments: &Arguments, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let target = arguments.target.resolve(place)?;
    let connections = usize::from(arguments.connections);
    let client = Client::new(&target.url, Some(&target.key), connections, LIMIT);
    let client = client.map_err(|error| Ending::usage(&error))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let run = u64::try_from(clock.now().0).unwrap_or(0);
    let mix = Mix { scenario: arguments.scenario.scenario(), payers: arguments.payers, ..Mix::default() };
    let traffic = Traffic::new(arguments.seed, run, mix).map_err(|error| Ending::usage(&error))?;
    let options = Options {
        rate: arguments.rate,
        duration: arguments.duration,
        requests: None,
        seed: arguments.seed,
        connections,
        grace: LIMIT,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Ending::failed(&error))?;
    let progress = Arc::new(Progress::default());
    let driven = drive(client, traffic, options, clock, Arc::clone(&progress), shell);
    let (report, interrupted) = runtime.block_on(driven)?;
    if shell.is_watched() {
        shell.live("");
    }
    if arguments.json {
        shell.json(&as_json(&report))?;
    } else {
        show(&report, arguments.rate, shell)?;
    }
    Ok(match report.answered() {
        _ if interrupted => Exit::Interrupted,
        0 => Exit::Failed,
        _ => Exit::Done,
    })
}

/// Runs, and meanwhile shows how it goes to whoever watches. Tells whether it was interrupted.
async fn drive(
    client: Client,
    traffic: Traffic,
    options: Options,
    clock: Arc<dyn Clock>,
    progress: Arc<Progress>,
    shell: &mut Shell,
) -> Result<(Report, bool), Ending> {
    let mut stop = Stop::listen().map_err(|error| Ending::failed(&error))?;
    let mut running = tokio::spawn(crate::load::run(client, traffic, options, clock, Arc::clone(&progress)));
    let mut beat = tokio::time::interval(BEAT);
    let mut interrupted = false;
    loop {
        tokio::select! {
            ended = &mut running => {
                let report = ended.map_err(|error| Ending::failed(&error))?;
                return Ok((report.map_err(|error| Ending::failed(&error))?, interrupted));
            }
            _ = stop.asked(), if !interrupted => {
                interrupted = true;
                progress.stop();
            }
            _ = beat.tick() => if shell.is_watched() {
                shell.live(&live(&progress.report()));
            },
        }
    }
}

fn live(report: &Report) -> String {
    format!(
        "{:>6.1} s  {} answered, {:.0}/s  p50 {}  p99 {}  max {}  {} failed",
        report.elapsed.as_secs_f64(),
        report.answered(),
        report.rate(),
        shown(report.latencies.quantile(0.5)),
        shown(report.latencies.quantile(0.99)),
        shown(report.latencies.max()),
        report.failed() + report.shed,
    )
}

fn show(report: &Report, rate: NonZeroU32, shell: &mut Shell) -> std::io::Result<()> {
    let mut rows: Vec<(String, String)> = vec![
        ("due".to_owned(), report.due.to_string()),
        ("answered".to_owned(), report.answered().to_string()),
        (format!("rate (wanted {rate}/s)"), format!("{:.1}/s", report.rate())),
    ];
    let latencies = QUANTILES.iter().map(|(name, quantile)| (*name, report.latencies.quantile(*quantile)));
    let latencies = latencies.chain([("max", report.latencies.max())]);
    rows.extend(latencies.map(|(name, latency)| (name.to_owned(), shown(latency))));
    rows.extend(report.statuses.iter().map(|(status, count)| (format!("HTTP {status}"), count.to_string())));
    rows.extend(report.failures.iter().map(|(kind, count)| ((*kind).to_owned(), count.to_string())));
    if report.shed > 0 {
        rows.push(("not sent: the queue was full".to_owned(), report.shed.to_string()));
    }
    let decisions = Decision::ALL.iter().zip(report.decisions);
    rows.extend(decisions.map(|(decision, count)| (decision.to_string(), count.to_string())));
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name, value]).collect();
    shell.table(&["load", ""], &rows)
}

fn as_json(report: &Report) -> Value {
    let us = |latency: Duration| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let mut latencies: serde_json::Map<_, _> = QUANTILES
        .iter()
        .map(|(name, quantile)| ((*name).to_owned(), us(report.latencies.quantile(*quantile)).into()))
        .collect();
    latencies.insert("max".to_owned(), us(report.latencies.max()).into());
    let statuses: serde_json::Map<_, _> =
        report.statuses.iter().map(|(status, count)| (status.to_string(), (*count).into())).collect();
    let decisions: serde_json::Map<_, _> = Decision::ALL
        .iter()
        .zip(report.decisions)
        .map(|(name, count)| (name.to_string(), count.into()))
        .collect();
    json!({"due": report.due, "answered": report.answered(), "failed": report.failed(), "not_sent": report.shed,
        "elapsed_ms": us(report.elapsed) / 1_000, "rate": report.rate(), "latency_us": latencies,
        "statuses": statuses, "failures": report.failures, "decisions": decisions})
}

fn shown(latency: Duration) -> String {
    format!("{:.2} ms", latency.as_secs_f64() * 1_000.0)
}
