//! `clausum log replay`: decides every request of a log again and compares what comes of it with what the log
//! holds. It takes no lock and changes nothing, so whoever owns the partitions may be at work.

use crate::base::clock::SystemClock;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::cli::ending::{Ending, Exit};
use crate::cli::log::{folder, of_log};
use crate::cli::shell::Shell;
use crate::log::LogError;
use crate::node::{Config, Data, Proof, Proved};
use crate::worker::replay::{Broken, Finding, Outcome, Report, Tally, What};
use clap::Args;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The log on Kafka, HOST:PORT with commas between, instead of the data folder's
    #[cfg(feature = "kafka")]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) kafka: Option<String>,
    /// One partition by its number, from 0; all, one after the other, without it
    #[arg(long, value_name = "NUMBER")]
    pub(super) partition: Option<u16>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Config, shell: &mut Shell) -> Result<Exit, Ending> {
    let proof = open(arguments, config)?;
    let extents = proof.extents(arguments.partition.map(Partition)).map_err(|error| broken(&error))?;
    let mut all = Vec::new();
    for extent in extents {
        let (partition, end) = (extent.partition, extent.requests.end);
        let mut told = 0;
        let mut progress = |records: u64| {
            if shell.wants_progress() && records > told {
                told = records;
                shell.live(&format!("partition {partition}: {records} records, up to offset {end}"));
            }
        };
        let proved = proof.run(&extent, &mut progress).map_err(|error| broken(&error));
        if told > 0 {
            shell.note("");
        }
        all.push(proved?);
    }
    if arguments.json {
        as_json(&all, shell)?
    } else {
        show(&all, shell)?
    }
    Ok(if all.iter().all(is_proved) { Exit::Done } else { Exit::Checks })
}

fn open(arguments: &Arguments, config: &Config) -> Result<Proof, Ending> {
    let clock = Arc::new(SystemClock);
    #[cfg(feature = "kafka")]
    if let Some(bootstrap) = &arguments.kafka {
        let options = crate::log::kafka::Options::new(bootstrap.clone());
        return Proof::of_kafka(options, clock).map_err(|error| broken(&error));
    }
    #[cfg(not(feature = "kafka"))]
    let Arguments { .. } = arguments;
    let data = Data::new(config.data.clone());
    folder(&data)?;
    Proof::of_folder(&data, clock).map_err(|error| broken(&error))
}

fn broken(error: &Broken) -> Ending {
    match error {
        // The offset is the log's own: what it held was trimmed while it was read.
        Broken::Log(LogError::OutOfRange { .. }) | Broken::Worker(_) => Ending::failed(error),
        Broken::Log(error) => of_log(error),
    }
}

fn is_proved(proved: &Proved) -> bool {
    matches!(&proved.outcome, Outcome::Judged(report) if report.faults() == 0)
}

/// Records, seconds, and records a second.
fn speed(all: &[Proved]) -> (u64, f64, u64) {
    let records = |proved: &Proved| match &proved.outcome {
        Outcome::Judged(report) => report.records,
        Outcome::Not(_) => 0,
    };
    let records: u64 = all.iter().map(records).sum();
    let spent: Duration = all.iter().map(|proved| proved.spent).sum();
    let ms = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX).max(1);
    (records, spent.as_secs_f64(), records.saturating_mul(1_000) / ms)
}

fn topics(report: &Report) -> impl Iterator<Item = (Topic, &Tally)> {
    Topic::OUTPUTS.into_iter().zip(&report.topics)
}

fn show(all: &[Proved], shell: &mut Shell) -> Result<(), Ending> {
    let judged = all.iter().filter_map(|proved| match &proved.outcome {
        Outcome::Judged(report) => Some((proved.extent.partition, report)),
        Outcome::Not(_) => None,
    });
    let rows: Vec<_> = judged.clone().map(|(partition, report)| row(partition, report)).collect();
    let head = ["partition", "records", "decisions", "rejections", "events", "dead letters"];
    let more = ["duplicates", "unchained", "not there yet", "differing"];
    shell.table(&[&head[..], &more[..]].concat(), &rows)?;
    for (partition, report) in judged {
        lines(partition, report).iter().try_for_each(|line| shell.line(line))?;
    }
    for proved in all {
        if let Outcome::Not(obstacle) = &proved.outcome {
            let partition = proved.extent.partition;
            shell.line(&format!("partition {partition} cannot be replayed: {obstacle}"))?;
        }
    }
    let (records, seconds, speed) = speed(all);
    shell.line(&format!("{records} records in {seconds:.1} s, {speed} a second"))?;
    if all.iter().all(is_proved) {
        shell.line("every output is the one that an undisturbed process writes")?;
    }
    Ok(())
}

fn row(partition: Partition, report: &Report) -> Vec<String> {
    let made = report.topics.map(|tally| tally.made);
    let [answers, events, dead_letters] = made;
    let sum = |of: fn(&Tally) -> u64| report.topics.iter().map(of).sum::<u64>();
    let decisions = answers.saturating_sub(report.rejections);
    let numbers = [report.records, decisions, report.rejections, events, dead_letters];
    let held = [sum(|tally| tally.duplicates), sum(|tally| tally.unchained), sum(|tally| tally.awaited)];
    let all = numbers.into_iter().chain(held).chain([report.faults()]);
    std::iter::once(partition.to_string()).chain(all.map(|number| number.to_string())).collect()
}

/// What there is to say beside the numbers.
fn lines(partition: Partition, report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (topic, tally) in topics(report) {
        let of = TopicPartition::new(topic, partition);
        if tally.trimmed > 0 {
            let trimmed = tally.trimmed;
            lines.push(format!(
                "{of}: it no longer holds the first {trimmed} outputs; they were not compared"
            ));
        }
        if tally.uncompared > 0 {
            let many = tally.uncompared;
            lines.push(format!("{of}: {many} duplicates and unchained records more were not compared"));
        }
    }
    let found = report.findings.iter();
    lines.extend(found.map(|found| format!("{}: {found}", TopicPartition::new(found.topic, partition))));
    let more = report.faults().saturating_sub(report.findings.len() as u64);
    if more > 0 {
        lines.push(format!("partition {partition}: {more} more"));
    }
    lines
}

fn as_json(all: &[Proved], shell: &mut Shell) -> Result<(), Ending> {
    let partitions: Vec<_> = all.iter().map(partition_json).collect();
    let (records, seconds, speed) = speed(all);
    Ok(shell.json(&json!({"proved": all.iter().all(is_proved), "records": records, "seconds": seconds,
        "records_per_second": speed, "partitions": partitions}))?)
}

fn partition_json(proved: &Proved) -> Value {
    let extent = proved.extent;
    let requests = json!({"start": extent.requests.start.0, "end": extent.requests.end.0});
    match &proved.outcome {
        Outcome::Not(obstacle) => {
            json!({"partition": extent.partition.0, "requests": requests, "not_replayed": obstacle.to_string()})
        }
        Outcome::Judged(report) => {
            let topics: Vec<_> = topics(report).map(|(topic, tally)| tally_json(topic, tally)).collect();
            let findings: Vec<_> = report.findings.iter().map(finding_json).collect();
            json!({"partition": extent.partition.0, "requests": requests, "records": report.records,
                "rejections": report.rejections, "topics": topics, "faults": report.faults(),
                "findings": findings})
        }
    }
}

fn tally_json(topic: Topic, tally: &Tally) -> Value {
    json!({"topic": topic.name(), "made": tally.made, "equal": tally.equal, "differing": tally.differing,
        "missing": tally.missing, "trimmed": tally.trimmed, "not_there_yet": tally.awaited,
        "duplicates": tally.duplicates, "unchained": tally.unchained, "altered": tally.altered,
        "invented": tally.invented, "not_compared": tally.uncompared})
}

fn finding_json(finding: &Finding) -> Value {
    let (kind, difference) = match &finding.what {
        What::Differs(difference) => ("differs", Some(difference)),
        What::Altered(difference) => ("altered", Some(difference)),
        What::Missing => ("missing", None),
        What::Invented => ("invented", None),
    };
    let difference = difference.map(|difference| {
        json!({"place": difference.place, "expected": difference.expected, "found": difference.found})
    });
    json!({"topic": finding.topic.name(), "offset": finding.at.map(|at| at.0),
        "output": finding.output.map(|output| output.to_string()), "kind": kind, "difference": difference})
}
