//! `clausum log`: looks into the log of a data folder. It takes no lock and changes nothing, so the server
//! may be running.

use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::cli::Place;
use crate::cli::ending::{Ending, Exit};
use crate::cli::replay;
use crate::cli::serve::of_kafka;
use crate::cli::shell::Shell;
use crate::log::embedded::{Counts, Report, scan, verify};
use crate::log::{LogError, Stored};
use crate::node::{Data, Standing, standing};
use crate::wire::header;
use crate::wire::record::Content;
use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the records of a topic
    Cat(Cat),
    /// Decide every request again and compare what comes of it with what the log holds
    Replay(replay::Arguments),
    /// Tell what each partition of each topic holds, from reading all of it
    Topics {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read every byte, and compare with the states beside the log; tell everything that is damaged
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Cat {
    #[arg(value_parser = topic, help = "requests, decisions, events or dead_letters")]
    pub(super) topic: Topic,
    /// One partition by its number, from 0; all, one after the other, without it
    #[arg(long, value_name = "NUMBER")]
    pub(super) partition: Option<u16>,
    /// Begin at this offset; at the first record kept without it
    #[arg(long, value_name = "OFFSET")]
    pub(super) from: Option<u64>,
    /// Records at most, over all partitions; all without it
    #[arg(long, value_name = "RECORDS")]
    pub(super) limit: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn topic(text: &str) -> Result<Topic, String> {
    let found = Topic::ALL.into_iter().find(|topic| {
        let name = topic.name();
        name == text || name.strip_prefix("clausum.") == Some(text)
    });
    found.ok_or_else(|| "there are requests, decisions, events and dead_letters".to_owned())
}

pub(super) fn run(command: &Command, place: &Place, shell: &mut Shell) -> Result<Exit, Ending> {
    let bootstrap = if let Command::Replay(arguments) = command { arguments.kafka.as_ref() } else { None };
    let config = place.resolve(of_kafka(bootstrap)).map_err(Ending::configuration)?.config;
    let data = Data::new(config.data.clone());
    match command {
        Command::Cat(arguments) => cat(arguments, &folder(&data)?, shell),
        Command::Replay(arguments) => replay::run(arguments, &config, shell),
        Command::Topics { json } => {
            let folder = folder(&data)?;
            let report = verify(&folder).map_err(|error| of_log(&error))?;
            topics(&report, &folder, *json, shell)
        }
        Command::Verify { json } => {
            let folder = folder(&data)?;
            let report = verify(&folder).map_err(|error| of_log(&error))?;
            let states = standing(&data).map_err(|error| Ending::failed(&error))?;
            show(&report, &states, &folder, *json, shell)
        }
    }
}

/// Where the log is.
pub(super) fn folder(data: &Data) -> Result<PathBuf, Ending> {
    let folder = data.log();
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Ending::input(&format!("there is no log in {}", folder.display())))
}

/// Damage is what a check finds; the rest is the machine's, or an offset that is not there.
pub(super) fn of_log(error: &LogError) -> Ending {
    let exit = match error {
        LogError::Damaged { .. } => Exit::Checks,
        LogError::OutOfRange { .. }
        | LogError::NoPartition(_)
        | LogError::WrongTopic { .. }
        | LogError::OtherPartitions { .. } => Exit::Input,
        LogError::Locked(_) | LogError::Io { .. } | LogError::Unreachable(_) | LogError::Closed(_) => {
            Exit::Failed
        }
    };
    Ending::Told(exit, vec![(error as &dyn std::fmt::Display).into()])
}

fn cat(arguments: &Cat, folder: &Path, shell: &mut Shell) -> Result<Exit, Ending> {
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let partitions = arguments.partition.map_or(0..=u16::MAX, |one| one..=one);
    for partition in partitions.map(Partition) {
        let of = TopicPartition::new(arguments.topic, partition);
        let records = match scan(folder, of, arguments.from.map(Offset), None) {
            Ok(records) => records,
            // How many partitions there are is not asked; behind the last of them this is the answer.
            Err(LogError::NoPartition(_)) if arguments.partition.is_none() => break,
            Err(LogError::OutOfRange { .. }) if arguments.partition.is_none() => continue,
            Err(error) => return Err(of_log(&error)),
        };
        for stored in records {
            if left == 0 {
                return Ok(Exit::Done);
            }
            left -= 1;
            print(partition, &stored.map_err(|error| of_log(&error))?, arguments.json, shell)?;
        }
    }
    Ok(Exit::Done)
}

fn print(partition: Partition, stored: &Stored, json: bool, shell: &mut Shell) -> Result<(), Ending> {
    let at = format!("{partition}:{}", stored.offset);
    let content = match Content::read(&stored.content) {
        Ok(content) => content,
        Err(error) if json => {
            let value = json!({"position": at, "timestamp": stored.timestamp.to_string(), "unreadable": error.to_string()});
            return Ok(shell.json(&value)?);
        }
        Err(error) => return Ok(shell.line(&format!("{at}  {}  unreadable: {error}", stored.timestamp))?),
    };
    let value = content.value.map(String::from_utf8_lossy);
    if json {
        let headers: Vec<_> =
            content.headers().map(|(name, value)| json!([name, String::from_utf8_lossy(value)])).collect();
        let head = json!({
            "position": at,
            "timestamp": stored.timestamp.to_string(),
            "key": String::from_utf8_lossy(content.key),
            "headers": headers,
        });
        // The body as it stands: what is JSON is not taken apart and put together again.
        let raw = value.as_deref().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        let body = match (raw, &value) {
            (Some(raw), _) => raw.get().to_owned(),
            (None, Some(text)) => Value::from(text.as_ref()).to_string(),
            (None, None) => "null".to_owned(),
        };
        let head = head.to_string();
        let open = head.strip_suffix('}').unwrap_or(&head);
        return Ok(shell.line(&format!("{open},\"value\":{}}}", body.replace(['\n', '\r'], " ")))?);
    }
    let kind = content.text_header(header::CE_TYPE).unwrap_or("-");
    let key = String::from_utf8_lossy(content.key).into_owned();
    let value = value.as_deref().unwrap_or("(no value)");
    Ok(shell.line(&format!("{at}  {}  {kind}  {key}  {value}", stored.timestamp))?)
}

/// Partitions that never held a record are left out for people: there may be a thousand.
fn topics(report: &Report, folder: &Path, json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let times =
        |counts: &Counts| counts.times.map(|(oldest, newest)| (oldest.to_string(), newest.to_string()));
    if json {
        let all: Vec<_> = report
            .counts
            .iter()
            .map(|counts| {
                let (oldest, newest) = times(counts).unzip();
                json!({"topic": counts.of.topic.name(), "partition": counts.of.partition.0,
                    "start": counts.bounds.start.0, "end": counts.bounds.end.0, "records": counts.records,
                    "bytes": counts.bytes, "oldest": oldest, "newest": newest, "segments": counts.segments})
            })
            .collect();
        shell.json(&json!({"partitions": report.partitions, "segments": report.segments, "topics": all}))?;
    } else {
        let rows: Vec<_> = report
            .counts
            .iter()
            .filter(|counts| counts.bounds.end > Offset(0))
            .map(|counts| {
                let (oldest, newest) = times(counts).unwrap_or_else(|| ("-".to_owned(), "-".to_owned()));
                let numbers = [counts.bounds.start.0, counts.bounds.end.0, counts.records, counts.bytes];
                let numbers = numbers.map(|number| number.to_string());
                let more = [counts.segments.to_string(), oldest, newest];
                std::iter::once(counts.of.to_string()).chain(numbers).chain(more).collect()
            })
            .collect();
        let head = ["partition", "start", "end", "records", "bytes", "segments", "oldest", "newest"];
        shell.table(&head, &rows)?;
    }
    for damage in &report.damage {
        let file = path(folder, &damage.file);
        shell.complain(&format!("{file}: damaged at byte {}: {}", damage.at, damage.what));
    }
    Ok(if report.damage.is_empty() { Exit::Done } else { Exit::Checks })
}

fn show(
    report: &Report,
    states: &[Standing],
    folder: &Path,
    json: bool,
    shell: &mut Shell,
) -> Result<Exit, Ending> {
    let damage: Vec<_> = report.damage.iter().map(|damage| (path(folder, &damage.file), damage)).collect();
    let held: Vec<_> = report.counts.iter().filter(|counts| counts.records > 0).collect();
    let stand = states.iter().all(|state| state.misses.as_ref().is_ok_and(Vec::is_empty));
    if json {
        let counts = held.iter().map(|counts| {
            json!({"topic": counts.of.topic.name(), "partition": counts.of.partition.0, "records": counts.records,
                "bytes": counts.bytes, "start": counts.bounds.start.0, "end": counts.bounds.end.0})
        });
        let damage =
            damage.iter().map(|(file, damage)| json!({"file": file, "at": damage.at, "what": damage.what}));
        let (counts, damage) = (counts.collect::<Vec<_>>(), damage.collect::<Vec<_>>());
        let states: Vec<_> = states.iter().map(state_json).collect();
        shell.json(
            &json!({"partitions": report.partitions, "segments": report.segments, "bytes": report.bytes,
            "torn_bytes": report.torn_bytes, "counts": counts, "damage": damage, "states": states}),
        )?;
    } else {
        let rows: Vec<_> = held
            .iter()
            .map(|counts| {
                let numbers = [counts.records, counts.bytes, counts.bounds.start.0, counts.bounds.end.0];
                std::iter::once(counts.of.to_string())
                    .chain(numbers.map(|number| number.to_string()))
                    .collect()
            })
            .collect();
        shell.table(&["partition", "records", "bytes", "start", "end"], &rows)?;
        shell.line(&format!("{} segments, {} bytes", report.segments, report.bytes))?;
        if report.torn_bytes > 0 {
            let bytes = report.torn_bytes;
            shell.line(&format!("{bytes} bytes at the end are what was being written; opening cuts them"))?;
        }
        for (file, damage) in &damage {
            shell.line(&format!("{file}: damaged at byte {}: {}", damage.at, damage.what))?;
        }
        states.iter().flat_map(told).try_for_each(|line| shell.line(&line))?;
        if stand && !states.is_empty() {
            shell.line(&format!("states that stand on this log: {}", states.len()))?;
        }
        if damage.is_empty() && stand {
            shell.line("no damage")?;
        }
    }
    Ok(if report.damage.is_empty() && stand { Exit::Done } else { Exit::Checks })
}

/// What there is to say of a state that does not stand on the log.
fn told(state: &Standing) -> Vec<String> {
    let folder = state.folder.display();
    match &state.misses {
        Ok(misses) => misses.iter().map(|miss| format!("{folder}: {miss}")).collect(),
        Err(why) => vec![format!("{folder}: not compared with the log: {why}")],
    }
}

fn state_json(state: &Standing) -> Value {
    let misses = state.misses.as_deref().unwrap_or_default().iter().map(|miss| {
        json!({"topic": miss.of.topic.name(), "partition": miss.of.partition.0, "offset": miss.at.0,
            "known": miss.known, "found": miss.found})
    });
    json!({"partition": state.partition.0, "folder": state.folder.display().to_string(),
        "applied": state.applied.map(|offset| offset.0), "misses": misses.collect::<Vec<_>>(),
        "not_compared": state.misses.as_ref().err()})
}

/// Damage names a file of the log; people want its path.
fn path(folder: &Path, file: &str) -> String {
    let file = PathBuf::from(file);
    if file.is_absolute() { file } else { folder.join(file) }.display().to_string()
}
