//! Where a command prints: results on standard output, everything else on standard error.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;
use std::fmt::Debug;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Standard output and standard error of a command; a test gives its own.
pub(super) struct Shell {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Whether a person looks at standard error, and so at a progress bar.
    watched: bool,
    /// Whether a person looks at standard output.
    shown: bool,
    /// Whether a program reads what is printed.
    json: bool,
}

impl Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").finish_non_exhaustive()
    }
}

impl Shell {
    pub(super) fn standard() -> Self {
        Self {
            out: Box::new(BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            watched: io::stderr().is_terminal(),
            shown: io::stdout().is_terminal(),
            json: false,
        }
    }

    #[cfg(test)]
    pub(super) fn of(out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        Self { out, err, watched: false, shown: false, json: false }
    }

    /// Everything is for a program, or for people.
    pub(super) const fn speak_json(&mut self, json: bool) {
        self.json = json;
    }

    pub(super) const fn speaks_json(&self) -> bool {
        self.json
    }

    /// A progress bar would neither be lost nor stand in the way.
    pub(super) const fn wants_progress(&self) -> bool {
        self.watched && !self.shown
    }

    /// A line that rewrites itself is seen.
    pub(super) const fn is_watched(&self) -> bool {
        self.watched
    }

    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    pub(super) fn json(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")
    }

    /// A table of texts.
    pub(super) fn rows(&mut self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        self.lines(&tabled(head, rows).to_string())
    }

    /// A table whose columns behind the first are numbers.
    pub(super) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let mut table = tabled(head, rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self.lines(&table.to_string())
    }

    /// Several lines, without blanks at their ends.
    fn lines(&mut self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| self.line(line.trim_end()))
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A line on standard error. That it may not be read is no fault.
    pub(super) fn note(&mut self, line: &str) {
        drop(writeln!(self.err, "{line}"));
    }

    /// What went wrong, with the program's name; behind what was printed before.
    pub(super) fn complain(&mut self, line: &str) {
        drop(self.flush());
        self.note(&format!("clausum: {line}"));
    }

    /// Rewrites the line on standard error.
    pub(super) fn live(&mut self, line: &str) {
        drop(write!(self.err, "\r\x1b[2K{line}").and_then(|()| self.err.flush()));
    }
}

fn tabled(head: &[&str], rows: &[Vec<String>]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.iter().map(|name| name.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    table
}
