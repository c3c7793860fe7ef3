//! `clausum load`: seeded traffic against a server or onto the log, with a table that grows while somebody
//! watches and one at the end.

mod files;
mod show;
mod switch;
#[cfg(test)]
mod tests;

use crate::base::clock::{Clock, SystemClock};
use crate::base::id::OrgId;
use crate::base::time::DAY_MS;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::cli::target;
use crate::load::{Mix, Options, Pace, Progress, Report, RunError, Scenario, Shape, Target, Traffic};
use crate::node::{Stop, duration};
use clap::{Args, ValueEnum};
use files::Files;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use switch::Switch;
use tokio::task::JoinHandle;

/// The route that is asked.
const ASSESS: &str = "/api/v1/assess";
/// An answer that takes longer counts as a timeout.
const LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked whether a second has ended.
const BEAT: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) target: target::Arguments,
    /// Brokers of the Kafka that holds the log, with commas between: produce requests there and read their decisions
    #[arg(long, value_name = "HOST:PORT", requires = "org", conflicts_with_all = ["url", "key", "threads"])]
    pub(super) kafka: Option<String>,
    /// Whose payments they are on Kafka, in turn if there are several
    #[arg(long, value_name = "ORG", requires = "kafka")]
    pub(super) org: Vec<OrgId>,
    /// Only produce so many, as fast as they are acknowledged, and wait for no decision
    #[arg(long, value_name = "COUNT", requires = "kafka", conflicts_with_all = ["rate", "duration", "ramp", "burst"])]
    pub(super) backlog: Option<NonZeroU64>,
    /// Requests a second on average, each sent when it is due; `max` asks again once answered
    #[arg(long, default_value = "100", value_parser = rate)]
    pub(super) rate: Rate,
    /// How long, such as 250ms, 30s, 5m, 1h; a day at most
    #[arg(long, default_value = "30s", value_parser = length)]
    pub(super) duration: Duration,
    /// Let the rate grow from nothing for this long
    #[arg(long, value_name = "DURATION", value_parser = length, conflicts_with = "burst")]
    pub(super) ramp: Option<Duration>,
    /// Let one second of ten have so many times the rate of the others, such as 14
    #[arg(long, value_name = "TIMES")]
    pub(super) burst: Option<NonZeroU32>,
    /// Decides who pays, how, and when
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Connections kept open, each with one request under way; on Kafka, requests under way at `--rate max`
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(super) connections: u16,
    /// Threads that send; one does for tens of thousands a second
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) threads: u8,
    /// What the fraudulent ones among the payments try
    #[arg(long, value_enum, default_value_t = Kind::Mixed)]
    pub(super) scenario: Kind,
    /// Distinct payers
    #[arg(long, default_value_t = Mix::default().payers, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) payers: u64,
    /// Say no more of a payment than whom it is counted by
    #[arg(long)]
    pub(super) lean: bool,
    /// Write the latencies as a percentile log of HdrHistogram (.hgrm), in milliseconds
    #[arg(long, value_name = "FILE")]
    pub(super) hdr: Option<PathBuf>,
    /// Write latencies and rate over time as a picture (.svg)
    #[arg(long, value_name = "FILE")]
    pub(super) plot: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// How many requests a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    Each(NonZeroU32),
    Max,
}

fn rate(text: &str) -> Result<Rate, String> {
    match text.parse::<u32>() {
        // Nothing a second is nothing to measure.
        Ok(rate) => {
            NonZeroU32::new(rate).map(Rate::Each).ok_or_else(|| "must be above zero, or `max`".to_owned())
        }
        Err(_) if text == "max" => Ok(Rate::Max),
        Err(_) => Err("must be a whole number, or `max`".to_owned()),
    }
}

/// What a run takes of memory grows with its seconds, if slowly.
fn length(text: &str) -> Result<Duration, String> {
    let given = duration(text)?;
    let within = given.as_millis() <= u128::from(DAY_MS.unsigned_abs());
    if within && !given.is_zero() {
        Ok(given)
    } else {
        Err("must be above zero, and a day at most".to_owned())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Kind {
    Mixed,
    CardTesting,
    AccountTakeover,
    Velocity,
    Bot,
    Mule,
}

impl Kind {
    fn scenario(self) -> Result<Scenario, Ending> {
        Ok(match self {
            Kind::Mixed => Scenario::Mixed,
            Kind::CardTesting => Scenario::CardTesting,
            Kind::AccountTakeover => Scenario::AccountTakeover,
            Kind::Velocity => Scenario::Velocity,
            Kind::Bot => Scenario::Bot,
            Kind::Mule => {
                return Err(Ending::usage(&"the scenario `mule` is one of payouts, which are yet to come"));
            }
        })
    }
}

impl Arguments {
    fn shape(&self) -> Shape {
        match (self.ramp, self.burst) {
            (Some(length), _) => Shape::Ramp(length),
            (None, Some(times)) => Shape::Burst(times),
            (None, None) => Shape::Steady,
        }
    }

    fn pace(&self) -> Result<Pace, Ending> {
        let shape = self.shape();
        match self.rate {
            Rate::Each(rate) => Ok(Pace::Open { rate, shape }),
            Rate::Max if shape == Shape::Steady => Ok(Pace::Closed),
            Rate::Max => Err(Ending::usage(&"--ramp and --burst change a rate, and `max` has none")),
        }
    }

    /// What was run, in a line.
    fn title(&self) -> String {
        let rate = match (self.rate, self.backlog) {
            (_, Some(count)) => format!("a backlog of {count}"),
            (Rate::Each(rate), None) => format!("{rate} requests a second"),
            (Rate::Max, None) => "as fast as answers come".to_owned(),
        };
        let shape = match (self.ramp, self.burst) {
            (Some(length), _) => format!(", ramp of {length:?}"),
            (None, Some(times)) => format!(", bursts of {times}:1"),
            (None, None) => String::new(),
        };
        let scenario = self.scenario.to_possible_value();
        let scenario = scenario.as_ref().map_or("", clap::builder::PossibleValue::get_name);
        let way = match (&self.kafka, self.rate) {
            (None, _) => format!("{} connections", self.connections),
            (Some(_), Rate::Max) => format!("on Kafka, {} under way", self.connections),
            (Some(_), Rate::Each(_)) => "on Kafka".to_owned(),
        };
        format!("clausum load: {rate}{shape}, {way}, {scenario}, seed {}", self.seed)
    }
}

/// Whom requests go to.
enum Way {
    Server(Target),
    Log(Switch),
}

impl Way {
    fn of(arguments: &Arguments, clock: &dyn Clock, place: &Place) -> Result<Self, Ending> {
        if arguments.kafka.is_some() {
            return Switch::open(arguments, clock, place).map(Way::Log);
        }
        let target = arguments.target.resolve(place)?;
        let target = Target::new(&target.url, &target.key, ASSESS);
        target.map(Way::Server).map_err(|error| Ending::usage(&error))
    }
}

pub(super) fn run(arguments: &Arguments, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let scenario = arguments.scenario.scenario()?;
    let pace = arguments.pace()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let way = Way::of(arguments, &*clock, place)?;
    let run = u64::try_from(clock.now().0).unwrap_or(0);
    let mix = Mix { scenario, payers: arguments.payers, lean: arguments.lean, ..Mix::default() };
    let traffic = Traffic::new(arguments.seed, run, mix).map_err(|error| Ending::usage(&error))?;
    let files = Files::open(arguments)?;
    let threads = usize::from(arguments.threads);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(|error| Ending::failed(&error))?;
    let progress = Arc::new(Progress::default());
    let running = match way {
        Way::Log(switch) => {
            let progress = Arc::clone(&progress);
            runtime.spawn_blocking(move || switch.run(traffic, &clock, &progress))
        }
        Way::Server(target) => {
            let options = Options {
                pace,
                duration: arguments.duration,
                requests: None,
                seed: arguments.seed,
                connections: usize::from(arguments.connections),
                limit: LIMIT,
            };
            runtime.spawn(crate::load::run(target, traffic, options, clock, Arc::clone(&progress)))
        }
    };
    let (report, interrupted) = runtime.block_on(drive(running, &progress, shell))?;
    if arguments.json {
        shell.json(&show::as_json(&report))?;
    } else {
        show::table(&report, arguments.rate, shell)?;
    }
    files.write(arguments, &report)?;
    if interrupted {
        return Ok(Exit::Interrupted);
    }
    match show::failure(&report) {
        None => Ok(Exit::Done),
        Some(why) => {
            if !arguments.json {
                shell.complain(why);
            }
            Ok(Exit::Failed)
        }
    }
}

/// Waits for a run, and meanwhile shows how it goes to whoever watches. Tells whether it was interrupted.
async fn drive(
    mut running: JoinHandle<Result<Report, RunError>>,
    progress: &Progress,
    shell: &mut Shell,
) -> Result<(Report, bool), Ending> {
    let mut stop = Stop::listen().map_err(|error| Ending::failed(&error))?;
    let mut beat = tokio::time::interval(BEAT);
    let (mut interrupted, mut shown) = (false, 0);
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
            _ = beat.tick(), if shell.is_watched() => for second in progress.seconds(shown) {
                if let Some(head) = show::live_head(shown) {
                    shell.note(head);
                }
                shell.note(&show::live(&second));
                shown += 1;
            },
        }
    }
}
