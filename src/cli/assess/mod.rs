//! `clausum assess`: decides one request or those of a file, through a server or by a private shard.

mod local;
mod map;
mod members;
mod outcome;
mod remote;
mod rows;
#[cfg(test)]
mod tests;

use crate::base::time::Ms;
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::cli::target;
use crate::domain::fault::FieldFault;
use crate::wire::assess;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use local::Private;
use map::Map;
use outcome::{Outcome, Summary};
use remote::Server;
use rows::{Format, Row, Rows};
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::{Path, PathBuf};

/// Rows in a row that could not be sent, after which the rest is not tried.
const GIVE_UP: u64 = 10;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// JSON, NDJSON or CSV with a head; standard input without it
    pub(super) file: Option<PathBuf>,
    /// Which column is which member of a request, YAML such as `amount: order_price`
    #[arg(long, value_name = "FILE")]
    pub(super) map: Option<PathBuf>,
    #[command(flatten)]
    pub(super) target: target::Arguments,
    /// Decide on the spot, by a private shard that keeps nothing, instead of a server
    #[arg(long, conflicts_with_all = ["url", "key"])]
    pub(super) local: bool,
    /// Sort by `occurred_at` and let the clock follow the file; only with --local
    #[arg(long, requires = "local")]
    pub(super) event_time: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    // Parsing lets it through where another flag excludes the one that it requires.
    if arguments.event_time && !arguments.local {
        return Err(Ending::usage(&"--event-time goes with --local only"));
    }
    let rows = open(arguments)?.map(Request::read);
    if arguments.event_time {
        return by_event_time(rows, arguments.json, shell);
    }
    let mut way = if arguments.local {
        Way::Private(Box::new(Private::new(None).map_err(|error| Ending::failed(&error))?))
    } else {
        let target = arguments.target.resolve(place)?;
        Way::Server(Box::new(Server::new(&target).map_err(|error| Ending::usage(&error))?))
    };
    let mut run = Run::new(arguments.json, shell);
    for row in rows {
        let going_on = match row? {
            Ok(request) => {
                let outcome = way.decide(&request)?;
                run.tell(request.line, &outcome)?
            }
            Err((line, why)) => run.tell(line, &Outcome::Refused(why))?,
        };
        if !going_on {
            break;
        }
    }
    run.end()
}

/// Who decides.
enum Way {
    Private(Box<Private>),
    Server(Box<Server>),
}

impl Way {
    fn decide(&mut self, request: &Request) -> Result<Outcome, Ending> {
        match self {
            Way::Private(shard) => {
                shard.decide(request.line, &request.body, None).map_err(|error| Ending::failed(&error))
            }
            Way::Server(server) => Ok(server.decide(&request.body)),
        }
    }
}

/// Everything is read before the first row is decided: sorting needs all of them.
fn by_event_time(
    rows: impl Iterator<Item = Result<Result<Request, (u64, String)>, Ending>>,
    json: bool,
    shell: &mut Shell,
) -> Result<Exit, Ending> {
    let mut run = Run::new(json, shell);
    let mut requests = Vec::new();
    for row in rows {
        match row? {
            Ok(request) => match request.at {
                Some(at) => requests.push((at, request)),
                None => drop(
                    run.tell(request.line, &Outcome::Refused("/occurred_at is required here".to_owned()))?,
                ),
            },
            Err((line, why)) => drop(run.tell(line, &Outcome::Refused(why))?),
        }
    }
    requests.sort_by_key(|(at, request)| (*at, request.line));
    if let Some((first, _)) = requests.first() {
        let mut shard = Private::new(Some(*first)).map_err(|error| Ending::failed(&error))?;
        for (at, request) in &requests {
            let outcome = shard.decide(request.line, &request.body, Some(*at));
            run.tell(request.line, &outcome.map_err(|error| Ending::failed(&error))?)?;
        }
    }
    run.end()
}

/// A row that is a valid request.
#[derive(Debug)]
struct Request {
    line: u64,
    /// Canonical.
    body: Vec<u8>,
    at: Option<Ms>,
}

impl Request {
    /// The request of a row, or the row's line and why it is none.
    fn read(row: std::io::Result<Row>) -> Result<Result<Self, (u64, String)>, Ending> {
        let Row { line, body } = row.map_err(|error| Ending::input(&error))?;
        Ok(body
            .and_then(|body| assess::read(&body).map_err(|faults| told(&faults)))
            .map(|request| Self { line, body: assess::canonical(&request), at: request.occurred_at })
            .map_err(|why| (line, why)))
    }
}

fn told(faults: &[FieldFault]) -> String {
    let each = faults.iter().map(|fault| match fault.place {
        Some(place) => format!("{} at byte {} of it", fault.message, place.offset),
        None => format!("{} {}", fault.field, fault.message),
    });
    each.collect::<Vec<_>>().join("; ")
}

fn open(arguments: &Arguments) -> Result<Rows, Ending> {
    let named =
        |path: &Path, error: &dyn std::fmt::Display| Ending::input(&format!("{}: {error}", path.display()));
    let map = match &arguments.map {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| named(path, &error))?;
            let name = path.display();
            let read = Map::read(&text);
            Some(read.map_err(|faults| {
                Ending::inputs(&faults.iter().map(|fault| format!("{name}:{fault}")).collect::<Vec<_>>())
            })?)
        }
        None => None,
    };
    let mut input: Box<dyn BufRead> = match &arguments.file {
        Some(path) => Box::new(BufReader::new(File::open(path).map_err(|error| named(path, &error))?)),
        None => Box::new(BufReader::new(stdin())),
    };
    let name = arguments.file.as_deref().unwrap_or(Path::new("standard input"));
    let format = Format::of(arguments.file.as_deref(), &mut *input).map_err(|error| named(name, &error))?;
    rows::open(format, input, map).map_err(|faults| {
        Ending::inputs(&faults.iter().map(|fault| format!("{}: {fault}", name.display())).collect::<Vec<_>>())
    })
}

/// Tells what comes of each row, and counts.
struct Run<'s> {
    summary: Summary,
    json: bool,
    unsent_in_a_row: u64,
    progress: ProgressBar,
    shell: &'s mut Shell,
}

impl<'s> Run<'s> {
    fn new(json: bool, shell: &'s mut Shell) -> Self {
        let target =
            if shell.wants_progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let progress = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} requests, {per_sec}") {
            progress.set_style(style);
        }
        Self { summary: Summary::default(), json, unsent_in_a_row: 0, progress, shell }
    }

    /// Tells one; says whether it makes sense to go on.
    fn tell(&mut self, line: u64, outcome: &Outcome) -> Result<bool, Ending> {
        outcome.print(line, self.json, self.shell)?;
        self.summary.count(outcome);
        self.progress.inc(1);
        self.unsent_in_a_row = match outcome {
            Outcome::Unsent(_) => self.unsent_in_a_row + 1,
            Outcome::Barred(_) => GIVE_UP,
            Outcome::Decided(..) | Outcome::Refused(_) => 0,
        };
        Ok(self.unsent_in_a_row < GIVE_UP)
    }

    fn end(self) -> Result<Exit, Ending> {
        self.progress.finish_and_clear();
        self.summary.print(self.json, self.shell)?;
        if self.unsent_in_a_row >= GIVE_UP {
            self.shell.complain("the rest was not tried");
        }
        Ok(match &self.summary {
            summary if summary.unsent > 0 => Exit::Failed,
            summary if summary.refused > 0 => Exit::Input,
            _ => Exit::Done,
        })
    }
}
