//! What came of a run, for people and for programs.

use crate::cli::load::Rate;
use crate::cli::shell::Shell;
use crate::domain::decision::Decision;
use crate::load::{Report, Second};
use crate::telemetry::latency::Latencies;
use serde_json::{Map, Value, json};
use std::time::Duration;

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];
/// A generator that is later than this in one request of a hundred measures itself.
const LATE: Duration = Duration::from_millis(1);
/// Rows of the growing table between two heads.
const HEAD_EVERY: usize = 20;

/// The head of the table that grows while it runs, in front of its row `number`.
pub(super) fn live_head(number: usize) -> Option<&'static str> {
    let head = "  second       due/s  answered/s  in flight         p50         p99         max  errors";
    (number.is_multiple_of(HEAD_EVERY)).then_some(head)
}

/// A row of it.
pub(super) fn live(second: &Second) -> String {
    let latency = |latency: Duration| match second.answered {
        0 => "-".to_owned(),
        _ => shown(latency),
    };
    format!(
        "{:>8.0}  {:>10.0}  {:>10.0}  {:>9}  {:>10}  {:>10}  {:>10}  {:>6}",
        second.end.as_secs_f64(),
        second.rate(second.due),
        second.rate(second.answered),
        second.in_flight,
        latency(second.p50),
        latency(second.p99),
        latency(second.max),
        second.errors,
    )
}

/// The tables at the end.
pub(super) fn table(report: &Report, rate: Rate, shell: &mut Shell) -> std::io::Result<()> {
    if report.log.as_ref().is_some_and(|log| !log.awaited) {
        return backlog(report, shell);
    }
    let wanted = match rate {
        Rate::Each(rate) => format!("answered a second, of {rate} wanted"),
        Rate::Max => "answered a second, closed loop".to_owned(),
    };
    let mut rows: Vec<(String, String)> = vec![("due".to_owned(), report.due.to_string())];
    if report.log.is_some() {
        rows.push(("produced".to_owned(), produced(report).to_string()));
        rows.push(("acknowledged".to_owned(), report.acknowledged().to_string()));
    }
    rows.extend([
        ("answered".to_owned(), report.answered().to_string()),
        ("answered other than 2xx".to_owned(), other(report).to_string()),
        (wanted, format!("{:.1}", report.rate())),
    ]);
    let status = if report.log.is_some() { "status" } else { "HTTP" };
    rows.extend(report.statuses.iter().map(|(code, count)| (format!("{status} {code}"), count.to_string())));
    rows.extend(report.failures.iter().map(|(kind, count)| ((*kind).to_owned(), count.to_string())));
    let skipped = report.log.as_ref().map_or(0, |log| log.skipped);
    for (name, count) in [
        ("not sent: the queue was full", report.shed),
        ("unanswered at the end", report.unanswered()),
        ("passed over by the reader's rule", skipped),
    ] {
        if count > 0 {
            rows.push((name.to_owned(), count.to_string()));
        }
    }
    let decisions = Decision::ALL.iter().zip(report.decisions);
    rows.extend(decisions.map(|(decision, count)| (decision.to_string(), count.to_string())));
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name, value]).collect();
    shell.table(&["load", ""], &rows)?;
    shell.line("")?;
    latencies(report, shell)?;
    match other(report) {
        0 => Ok(()),
        other => shell.line(&format!(
            "{other} of {} answers were other than 2xx, and are among these latencies",
            report.answered()
        )),
    }
}

/// Of a run that only produced.
fn backlog(report: &Report, shell: &mut Shell) -> std::io::Result<()> {
    let seconds = report.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = report.acknowledged() as f64 / seconds;
    let mut rows = vec![
        ("produced".to_owned(), produced(report).to_string()),
        ("acknowledged".to_owned(), report.acknowledged().to_string()),
        ("acknowledged a second".to_owned(), format!("{rate:.1}")),
    ];
    rows.extend(report.failures.iter().map(|(kind, count)| ((*kind).to_owned(), count.to_string())));
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name, value]).collect();
    shell.table(&["backlog", ""], &rows)
}

/// Requests that were handed to the log.
const fn produced(report: &Report) -> u64 {
    report.due.saturating_sub(report.shed)
}

/// Answers that are no success.
fn other(report: &Report) -> u64 {
    report.answered() - report.succeeded()
}

/// Why a run measured nothing, if it did not.
pub(super) fn failure(report: &Report) -> Option<&'static str> {
    match &report.log {
        Some(log) if !log.awaited => {
            let all = report.acknowledged() == report.due;
            (!all).then_some("not every request was acknowledged")
        }
        _ => (report.succeeded() == 0).then_some("no request was answered with 2xx"),
    }
}

/// With what is corrected and what is not side by side, so that the difference is seen.
fn latencies(report: &Report, shell: &mut Shell) -> std::io::Result<()> {
    let sent = if report.log.is_some() { "from when acknowledged" } else { "from when sent" };
    let Some(corrected) = &report.latencies else {
        let rows: Vec<_> =
            values(&report.service).map(|(name, sent)| vec![name.to_owned(), shown(sent)]).collect();
        shell.table(&["latency", sent], &rows)?;
        return shell.line(
            "closed loop: what a slow answer kept from being asked is not in these latencies; for latencies, give a rate",
        );
    };
    let both = values(corrected).zip(values(&report.service));
    let mut rows: Vec<_> =
        both.map(|((name, due), (_, sent))| vec![name.to_owned(), shown(due), shown(sent)]).collect();
    let mut head = vec!["latency", "from when due", sent];
    if let Some(log) = &report.log {
        head.push("due to acknowledged");
        let acknowledged = values(&log.acknowledgements).map(|(_, latency)| shown(latency));
        rows.iter_mut().zip(acknowledged).for_each(|(row, latency)| row.push(latency));
    }
    shell.table(&head, &rows)?;
    let late = report.lateness.quantile(0.99);
    if late > LATE {
        shell.line(&format!(
            "the generator itself was late by {} in one request of a hundred: it needs more of this machine",
            shown(late)
        ))?;
    }
    Ok(())
}

/// Quantiles and the longest.
fn values(latencies: &Latencies) -> impl Iterator<Item = (&'static str, Duration)> {
    let quantiles = QUANTILES.into_iter().map(|(name, quantile)| (name, latencies.quantile(quantile)));
    quantiles.chain([("max", latencies.max())])
}

pub(super) fn as_json(report: &Report) -> Value {
    let latencies = |latencies: &Latencies| -> Value {
        values(latencies)
            .map(|(name, latency)| (name.to_owned(), us(latency).into()))
            .collect::<Map<_, _>>()
            .into()
    };
    let statuses: Map<_, _> =
        report.statuses.iter().map(|(status, count)| (status.to_string(), (*count).into())).collect();
    let decisions: Map<_, _> = Decision::ALL
        .iter()
        .zip(report.decisions)
        .map(|(name, count)| (name.to_string(), count.into()))
        .collect();
    let seconds: Vec<Value> = report.seconds.iter().map(second).collect();
    let open = report.latencies.is_some();
    json!({"loop": if open { "open" } else { "closed" }, "due": report.due, "answered": report.answered(),
        "succeeded": report.succeeded(), "other_than_2xx": other(report), "error": failure(report),
        "failed": report.failed(), "not_sent": report.shed, "unanswered": report.unanswered(),
        "elapsed_ms": us(report.elapsed) / 1_000, "rate": report.rate(),
        "latency_us": report.latencies.as_ref().map(latencies), "service_us": latencies(&report.service),
        "lateness_us": open.then(|| latencies(&report.lateness)),
        "log": report.log.as_ref().map(|log| json!({"produced": produced(report),
            "acknowledged": report.acknowledged(), "skipped": log.skipped,
            "acknowledgement_us": latencies(&log.acknowledgements)})),
        "statuses": statuses, "failures": report.failures, "decisions": decisions, "seconds": seconds})
}

fn second(second: &Second) -> Value {
    json!({"end_ms": us(second.end) / 1_000, "due": second.due, "answered": second.answered,
        "errors": second.errors, "in_flight": second.in_flight, "p50_us": us(second.p50),
        "p99_us": us(second.p99), "max_us": us(second.max)})
}

fn us(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
}

fn shown(latency: Duration) -> String {
    format!("{:.2} ms", latency.as_secs_f64() * 1_000.0)
}
