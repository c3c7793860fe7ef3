//! What came of a row, and of all of them.

use crate::cli::shell::Shell;
use crate::domain::decision::Decision;
use crate::load::{Decided, answer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;

/// What came of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was decided; the body as it was answered.
    Decided(Decided, String),
    /// It is no valid request.
    Refused(String),
    /// It could not be sent, or the server failed on it.
    Unsent(String),
    /// The server wants another key; so it will for every row.
    Barred(String),
}

impl Outcome {
    pub(super) fn of_answer(status: u16, body: &[u8]) -> Self {
        let why = || answer::refusal(body).unwrap_or_else(|| format!("HTTP {status}"));
        match status {
            200 => match Decided::read(body) {
                Some(decided) => Outcome::Decided(decided, String::from_utf8_lossy(body).into_owned()),
                None => Outcome::Unsent("the answer is no decision".to_owned()),
            },
            401 | 403 => Outcome::Barred(why()),
            400 | 409 | 413 | 415 => Outcome::Refused(why()),
            _ => Outcome::Unsent(why()),
        }
    }

    /// Prints what came of the row that begins in `line`.
    pub(super) fn print(&self, line: u64, as_json: bool, shell: &mut Shell) -> io::Result<()> {
        if as_json {
            return self.print_json(line, shell);
        }
        match self {
            Outcome::Decided(decided, _) => {
                let signals =
                    if decided.signals.is_empty() { "-".to_owned() } else { decided.signals.join(", ") };
                let blocked =
                    decided.blocked_by.as_ref().map_or_else(String::new, |by| format!("  blocked by {by}"));
                let (decision, score) = (decided.decision.text(), decided.risk_score);
                shell.line(&format!("line {line:<6} {decision:<9} {score:>3}  {signals}{blocked}"))
            }
            Outcome::Refused(why) => shell.line(&format!("line {line:<6} refused        {why}")),
            Outcome::Unsent(why) | Outcome::Barred(why) => {
                shell.line(&format!("line {line:<6} not sent       {why}"))
            }
        }
    }

    fn print_json(&self, line: u64, shell: &mut Shell) -> io::Result<()> {
        match self {
            // As it was answered, number for number.
            Outcome::Decided(_, body) if serde_json::from_str::<&RawValue>(body).is_ok() => {
                shell.line(&format!("{{\"line\":{line},\"answer\":{body}}}"))
            }
            Outcome::Decided(decided, _) => {
                shell.json(&json!({"line": line, "answer": decided.decision.text()}))
            }
            Outcome::Refused(why) => shell.json(&json!({"line": line, "refused": why})),
            Outcome::Unsent(why) | Outcome::Barred(why) => {
                shell.json(&json!({"line": line, "not_sent": why}))
            }
        }
    }
}

/// What came of all rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) decisions: [u64; 4],
    pub(super) signals: BTreeMap<String, u64>,
    pub(super) refused: u64,
    pub(super) unsent: u64,
}

impl Summary {
    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Decided(decided, _) => {
                if let Some(count) = self.decisions.get_mut(decided.decision as usize) {
                    *count += 1;
                }
                for signal in &decided.signals {
                    *self.signals.entry(signal.clone()).or_default() += 1;
                }
            }
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Unsent(_) | Outcome::Barred(_) => self.unsent += 1,
        }
    }

    pub(super) fn decided(&self) -> u64 {
        self.decisions.iter().sum()
    }

    pub(super) fn print(&self, as_json: bool, shell: &mut Shell) -> io::Result<()> {
        let decisions = || Decision::ALL.iter().zip(self.decisions);
        if as_json {
            let named: serde_json::Map<String, Value> =
                decisions().map(|(decision, count)| (decision.to_string(), count.into())).collect();
            let summary = json!({"decided": self.decided(), "refused": self.refused, "not_sent": self.unsent,
                "decisions": named, "signals": self.signals});
            return shell.json(&json!({"summary": summary}));
        }
        shell.line("")?;
        let mut rows: Vec<_> =
            decisions().map(|(decision, count)| row(decision.text(), count, self.decided())).collect();
        rows.push(vec!["all".to_owned(), self.decided().to_string(), String::new()]);
        shell.table(&["decision", "requests", "share"], &rows)?;
        if !self.signals.is_empty() {
            let mut signals: Vec<_> = self.signals.iter().collect();
            signals.sort_by_key(|(code, count)| (std::cmp::Reverse(**count), (*code).clone()));
            let rows: Vec<_> =
                signals.into_iter().map(|(code, count)| row(code, *count, self.decided())).collect();
            shell.line("")?;
            shell.table(&["signal", "requests", "share"], &rows)?;
        }
        if self.refused + self.unsent > 0 {
            shell.line("")?;
            shell.line(&format!("{} refused, {} not sent", self.refused, self.unsent))?;
        }
        Ok(())
    }
}

/// A share in tenths of a percent, rounded down.
fn row(name: &str, count: u64, all: u64) -> Vec<String> {
    let tenths = (count * 1_000).checked_div(all).unwrap_or(0);
    vec![name.to_owned(), count.to_string(), format!("{}.{} %", tenths / 10, tenths % 10)]
}
