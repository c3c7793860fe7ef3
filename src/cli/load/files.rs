//! What a run leaves behind: opened before it begins, so that a day of load does not end at a folder that is not
//! there.

use crate::cli::ending::Ending;
use crate::cli::load::Arguments;
use crate::load::{Report, plot};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The files asked for. What was there stays as it is until something is written in its place; what was not is
/// taken away again where nothing was.
#[derive(Debug)]
pub(super) struct Files {
    hdr: Option<Output>,
    plot: Option<Output>,
}

#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: File,
    /// Whether it is there only because it was tried.
    made: bool,
}

impl Files {
    /// Opens those that are asked for, or tells every one that cannot be written.
    pub(super) fn open(arguments: &Arguments) -> Result<Self, Ending> {
        let mut faults = Vec::new();
        let mut open = |path: &Option<PathBuf>| {
            let opened = Output::open(path.as_deref()?);
            opened.map_err(|fault| faults.push(fault)).ok()
        };
        let files = Self { hdr: open(&arguments.hdr), plot: open(&arguments.plot) };
        if faults.is_empty() { Ok(files) } else { Err(Ending::inputs(&faults)) }
    }

    /// Writes what came of a run.
    pub(super) fn write(self, arguments: &Arguments, report: &Report) -> Result<(), Ending> {
        let latencies = report.latencies.as_ref().unwrap_or(&report.service);
        if let Some(output) = self.hdr {
            output.write(&latencies.percentile_log())?;
        }
        if let Some(output) = self.plot {
            let what = match report.latencies {
                Some(_) => "latency from when a request was due, to its answer",
                None => "closed loop, not corrected: latency from when a request was sent, to its answer",
            };
            output.write(&plot(&report.seconds, &arguments.title(), what))?;
        }
        Ok(())
    }
}

impl Output {
    fn open(path: &Path) -> Result<Self, String> {
        let mut options = OpenOptions::new();
        options.write(true);
        let (file, made) = match options.create_new(true).open(path) {
            Ok(file) => (Ok(file), true),
            // Another reason than that it is there is told by the second try as well.
            Err(_) => (options.create_new(false).open(path), false),
        };
        let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), file, made })
    }

    fn write(mut self, text: &str) -> Result<(), Ending> {
        self.made = false;
        // What is no file, such as a pipe, has no length.
        let whole = self.file.metadata().is_ok_and(|of| of.is_file());
        let emptied = if whole { self.file.set_len(0) } else { Ok(()) };
        let written = emptied.and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|error| Ending::failed(&format!("{}: {error}", self.path.display())))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.made {
            // An empty file that stays is no harm.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
