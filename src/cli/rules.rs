//! `clausum rules`: packs on files, offline. A fault is told with its line and column.

use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::domain::settings::ScoringSettings;
use crate::policy::{CaseResult, Catalogue, Diagnostic, Expectation, MAX_DIAGNOSTICS};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell every fault of packs
    Check {
        /// Packs, YAML or JSON
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Run the cases of packs; without a file, those that ship
    Test {
        /// Packs, YAML or JSON
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &Command, shell: &mut Shell) -> Result<Exit, Ending> {
    let catalogue = Catalogue::payin().map_err(|faults| Ending::inputs(&faults))?;
    match command {
        Command::Check { files, json } => check(&catalogue, files, *json, shell),
        Command::Test { files, json } => test(&catalogue, files, *json, shell),
    }
}

fn check(catalogue: &Catalogue, files: &[PathBuf], json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let mut exit = Exit::Done;
    for file in files {
        let document = match text(file) {
            Ok(document) => document,
            Err(why) => {
                if json {
                    shell.json(&unread(file, &why))?;
                } else {
                    shell.complain(&why);
                }
                exit = Exit::Input;
                continue;
            }
        };
        let faults = match catalogue.check_strictly(&document) {
            Ok(pack) => {
                let policy = catalogue.compile(Some(&pack)).map_err(|faults| Ending::inputs(&faults))?;
                let cost = policy.cost();
                if json {
                    shell.json(&json!({"file": file.display().to_string(), "valid": true, "pack": pack.name,
                        "rules": policy.rules().len(), "cases": pack.cases.len(), "cost": cost.total, "diagnostics": []}))?;
                } else {
                    let (rules, cases) = (policy.rules().len(), pack.cases.len());
                    let name = file.display();
                    shell.line(&format!(
                        "{name}: {} is valid: {rules} rules, {cases} cases, cost {}",
                        pack.name, cost.total
                    ))?;
                }
                continue;
            }
            Err(faults) => faults,
        };
        exit = Exit::Input;
        if json {
            let diagnostics: Vec<_> = faults.iter().map(diagnostic).collect();
            shell.json(
                &json!({"file": file.display().to_string(), "valid": false, "diagnostics": diagnostics}),
            )?;
        } else {
            for fault in &faults {
                shell.line(&format!("{}:{fault}", file.display()))?;
            }
            if faults.len() == MAX_DIAGNOSTICS {
                let name = file.display();
                shell.line(&format!("{name}: there may be more; at most {MAX_DIAGNOSTICS} are told"))?;
            }
        }
    }
    Ok(exit)
}

/// A file that cannot be read has one diagnostic, without a place in it.
fn unread(file: &Path, why: &str) -> Value {
    let diagnostic = json!({"line": null, "column": null, "severity": "error", "code": "file", "message": why,
        "rule_id": null});
    json!({"file": file.display().to_string(), "valid": false, "diagnostics": [diagnostic]})
}

fn diagnostic(fault: &Diagnostic) -> Value {
    json!({"line": fault.line, "column": fault.column, "severity": fault.severity.text(), "code": fault.code,
        "message": fault.message, "rule_id": fault.rule_id})
}

fn test(catalogue: &Catalogue, files: &[PathBuf], json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let mut ran = Vec::new();
    let settings = ScoringSettings::default();
    if files.is_empty() {
        let cases = catalogue.cases().map_err(|faults| Ending::inputs(&faults))?;
        let policy = catalogue.compile(None).map_err(|faults| Ending::inputs(&faults))?;
        ran.push(("shipped".to_owned(), catalogue.run_cases(&policy, &cases, &settings)));
    }
    let mut faulty = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let document = match text(file) {
            Ok(document) => document,
            Err(why) => {
                faulty.push(why);
                continue;
            }
        };
        let compiled = catalogue.check(&document);
        let compiled = compiled.and_then(|pack| catalogue.compile(Some(&pack)).map(|policy| (pack, policy)));
        match compiled {
            Ok((pack, policy)) => {
                ran.push((name, catalogue.run_cases(&policy, &pack.cases, &settings)));
            }
            Err(faults) => faulty.extend(faults.iter().map(|fault| format!("{name}:{fault}"))),
        }
    }
    if !faulty.is_empty() {
        return Err(Ending::inputs(&faulty));
    }
    let mut failed = 0;
    for (name, results) in &ran {
        for result in results {
            failed += usize::from(!result.passed);
            if json {
                shell.json(&case(name, result))?;
            } else if !result.passed {
                shell.line(&format!("{name}: {}: failed", result.name))?;
                differences(result).iter().try_for_each(|line| shell.line(&format!("    {line}")))?;
            }
        }
    }
    let all: usize = ran.iter().map(|(_, results)| results.len()).sum();
    if json {
        shell.json(&json!({"cases": all, "failed": failed}))?;
    } else {
        shell.line(&format!("{all} cases, {failed} failed"))?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Checks })
}

fn case(file: &str, result: &CaseResult) -> Value {
    json!({"file": file, "name": result.name, "passed": result.passed, "differences": differences(result)})
}

/// What was expected and what was found, member by member.
fn differences(result: &CaseResult) -> Vec<String> {
    let found = match &result.found {
        Ok(found) => found,
        Err(why) => return vec![format!("the request cannot be read: {why}")],
    };
    let Expectation { decision, risk_score, signals, rules, blocked_by } = &result.expected;
    let mut told = Vec::new();
    let mut tell = |name: &str, expected: Option<String>, found: Option<String>| {
        if let Some(expected) = expected.filter(|expected| Some(expected) != found.as_ref()) {
            told.push(format!("{name}: expected {expected}, found {}", found.unwrap_or_default()));
        }
    };
    tell("decision", decision.map(|d| d.to_string()), found.decision.map(|d| d.to_string()));
    tell("risk_score", risk_score.map(|n| n.to_string()), found.risk_score.map(|n| n.to_string()));
    let list = |list: &Option<Vec<String>>| list.as_ref().map(|list| format!("[{}]", list.join(", ")));
    tell("signals", list(signals), list(&found.signals));
    tell("rules", list(rules), list(&found.rules));
    let reason = |reason: &Option<Option<String>>| {
        reason.as_ref().map(|reason| reason.clone().unwrap_or_else(|| "nothing".to_owned()))
    };
    tell("blocked_by", reason(blocked_by), reason(&found.blocked_by));
    told
}

/// The text of a file, or why there is none, with the file's name.
fn text(file: &Path) -> Result<String, String> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| format!("{name}: {error}"))?;
    String::from_utf8(bytes).map_err(|error| {
        let read = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let last = read.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = read.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = String::from_utf8_lossy(last).chars().count() + 1;
        format!("{name}:{line}:{column}: is not UTF-8")
    })
}
