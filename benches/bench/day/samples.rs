//! What was seen every ten minutes of the day, and whether it stays level.

use clausum::log::embedded::Held;
use std::fmt::Write;
use std::time::Duration;

/// How things stood at one time.
pub(crate) struct Sample {
    /// Since the day began.
    pub(crate) hours: f64,
    /// Payments until then.
    pub(crate) payments: usize,
    pub(crate) log_bytes: u64,
    pub(crate) state_bytes: u64,
    /// Rows in the worker's memory.
    pub(crate) rows: u64,
    /// Memory of the process, the generator's included.
    pub(crate) resident_bytes: u64,
    /// The mean time of the checkpoints since the sample before.
    pub(crate) checkpoint: Duration,
    pub(crate) slowest: Duration,
    /// What they took of the processor, where they were made: whatever else the machine does.
    pub(crate) on_cpu: Duration,
    /// Bytes that each wrote, in the mean.
    pub(crate) written: usize,
    /// What keeps the log from being shorter.
    pub(crate) held: Held,
}

#[expect(clippy::cast_precision_loss, reason = "for the eye")]
pub(crate) fn ratio(of: i64, to: i64) -> f64 {
    of as f64 / to as f64
}

/// Bytes of this process in memory; 0 where the system does not say.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// The time this thread had a processor; none where the system does not say.
pub(crate) fn on_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0))
}

pub(crate) fn csv(samples: &[Sample]) -> String {
    let mut text = "hours,payments,log_bytes,state_bytes,rows,resident_bytes,checkpoint_ms,slowest_checkpoint_ms,checkpoint_cpu_ms,checkpoint_bytes,log_held_by\n".to_owned();
    for sample in samples {
        let held = match sample.held {
            Held::Nothing => "nothing",
            Held::Age => "age",
            Held::Readers(_) => "reader",
            Held::Recovery(_) => "recovery",
        };
        let Sample { hours, payments, log_bytes, state_bytes, rows, resident_bytes, .. } = sample;
        writeln!(
            text,
            "{hours:.2},{payments},{log_bytes},{state_bytes},{rows},{resident_bytes},{:.1},{:.1},{:.1},{},{held}",
            sample.checkpoint.as_secs_f64() * 1e3,
            sample.slowest.as_secs_f64() * 1e3,
            sample.on_cpu.as_secs_f64() * 1e3,
            sample.written,
        )
        .unwrap();
    }
    text
}

/// A number of a sample.
type Figure<'a> = &'a dyn Fn(&Sample) -> u64;

/// Holds that what is on disk and in memory is no more at the end of the day than it was in its middle.
/// Times are shown and held to nothing.
pub(crate) fn check(samples: &[Sample], full: bool) {
    let most = |from: f64, to: f64, of: Figure<'_>| {
        let inside = samples.iter().filter(|sample| (from..to).contains(&sample.hours));
        inside.map(of).max().unwrap()
    };
    let figures: [(&str, Figure<'_>); 5] = [
        ("log", &|sample| sample.log_bytes),
        ("state", &|sample| sample.state_bytes),
        ("rows in memory", &|sample| sample.rows),
        ("memory", &|sample| sample.resident_bytes),
        ("written by a checkpoint", &|sample| sample.written as u64),
    ];
    for (name, figure) in figures {
        let (middle, end) = (most(8.0, 16.0, figure), most(16.0, 24.1, figure));
        println!("  {name}: at most {middle} in the middle of the day, {end} at its end");
        // A short day is over before caches are full.
        assert!(!full || end * 4 <= middle * 5, "{name} grows");
    }
    for (name, time) in [
        ("a checkpoint", (|sample| sample.checkpoint) as fn(&Sample) -> Duration),
        ("a checkpoint on the processor", |sample| sample.on_cpu),
    ] {
        let mean = |from: f64, to: f64| {
            let inside = samples.iter().filter(|sample| (from..to).contains(&sample.hours));
            let times: Vec<Duration> = inside.map(time).collect();
            times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap()
        };
        let (middle, end) = (mean(8.0, 16.0), mean(16.0, 24.1));
        println!("  {name}: {middle:?} in the middle of the day, {end:?} at its end");
    }
}
