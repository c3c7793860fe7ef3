//! A day of load in a few minutes: the real worker over RocksDB and the log in files, its log trimmed, and
//! everything kept so briefly that all of it expires several times. Disk, memory and the time of a
//! checkpoint are sampled; what does not stay level is kept for ever by somebody.
//!
//! Time is the bench's own: it says what time it is, and as much happens as a day has. Only what a
//! checkpoint takes is real time. The long form writes `day.csv` and `day.svg` into the folder that
//! `CLAUSUM_DAY_FOLDER` names.

mod load;
mod plot;
mod samples;
mod world;

use crate::report;
use std::path::PathBuf;
use std::time::Instant;

/// How long the day is and how much happens in it.
#[derive(Clone, Copy)]
pub(crate) struct Day {
    /// A twenty-fourth of it, in milliseconds: everything else is counted in these.
    pub(crate) hour_ms: i64,
    /// Payments, about.
    pub(crate) payments: usize,
}

pub(crate) fn run(full: bool) {
    let day = if full {
        Day { hour_ms: 3_600_000, payments: 600_000 }
    } else {
        Day { hour_ms: 60_000, payments: 5_000 }
    };
    let began = Instant::now();
    let (samples, decided, digest) = world::live(day);
    report("a day: bursts, everything expires, trimmed", decided, began.elapsed(), &digest);
    samples::check(&samples, full);
    if let Some(folder) = std::env::var_os("CLAUSUM_DAY_FOLDER").map(PathBuf::from).filter(|_| full) {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("day.csv"), samples::csv(&samples)).unwrap();
        std::fs::write(folder.join("day.svg"), plot::svg(&samples)).unwrap();
        println!("written to {}", folder.display());
    }
}
