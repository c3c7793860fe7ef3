//! What each partition holds.

use crate::base::position::Partition;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::cli::store::{States, of_store};
use crate::state::key::Kind;
use crate::store::StoreError;
use crate::store::rocks::Look;
use crate::worker::checkpoint::Meta;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a partition holds.
struct Stats {
    partition: Partition,
    /// What its checkpoint says; none in a store without one, or an unreadable one.
    meta: Option<Meta>,
    /// Rows and their bytes by kind; what is of no known kind has none.
    kinds: BTreeMap<Option<Kind>, (u64, u64)>,
    files: usize,
    file_bytes: u64,
}

pub(super) fn run(states: &States, json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let mut all = Vec::new();
    for partition in &states.partitions {
        let stats = states.look(*partition).and_then(|look| Stats::of(*partition, &look));
        all.push(stats.map_err(|error| of_store(&error))?);
    }
    if json {
        let all: Vec<_> = all.iter().map(Stats::as_json).collect();
        shell.json(&json!({"partitions": all}))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = all.iter().map(Stats::line).collect();
    let head = ["partition", "at", "clock", "engine", "epoch", "rows", "bytes", "files", "file bytes"];
    shell.table(&head, &rows)?;
    shell.line("")?;
    let rows: Vec<_> = all.iter().flat_map(Stats::kind_lines).collect();
    shell.table(&["partition kind", "rows", "bytes"], &rows)?;
    Ok(Exit::Done)
}

impl Stats {
    fn of(partition: Partition, look: &Look) -> Result<Self, StoreError> {
        let files = look.files()?;
        let meta = look.checkpoint()?.and_then(|bytes| Meta::decode(&bytes).ok());
        let mut kinds: BTreeMap<Option<Kind>, (u64, u64)> = BTreeMap::new();
        for row in look.rows(&[]) {
            let (key, value) = row?;
            let (rows, bytes) = kinds.entry(Kind::of(&key)).or_default();
            *rows += 1;
            *bytes += (key.len() + value.len()) as u64;
        }
        let file_bytes = files.iter().map(|file| file.bytes).sum();
        Ok(Self { partition, meta, kinds, files: files.len(), file_bytes })
    }

    fn totals(&self) -> (u64, u64) {
        self.kinds.values().fold((0, 0), |(rows, bytes), (more, wide)| (rows + more, bytes + wide))
    }

    fn line(&self) -> Vec<String> {
        let core = self.meta.as_ref().map(|meta| &meta.core);
        let told = |told: Option<String>| told.unwrap_or_else(|| "-".to_owned());
        let (rows, bytes) = self.totals();
        vec![
            self.partition.to_string(),
            told(core.and_then(|core| core.applied).map(|applied| applied.offset.to_string())),
            told(core.map(|core| core.clock.to_string())),
            told(core.map(|core| core.engine.to_string())),
            told(core.map(|core| core.epoch.to_string())),
            rows.to_string(),
            bytes.to_string(),
            self.files.to_string(),
            self.file_bytes.to_string(),
        ]
    }

    fn kind_lines(&self) -> Vec<Vec<String>> {
        let lines = self.kinds.iter().map(|(kind, (rows, bytes))| {
            vec![format!("{:>9} {}", self.partition, name(*kind)), rows.to_string(), bytes.to_string()]
        });
        lines.collect()
    }

    fn as_json(&self) -> Value {
        let core = self.meta.as_ref().map(|meta| &meta.core);
        let (rows, bytes) = self.totals();
        let kinds: serde_json::Map<_, _> = self
            .kinds
            .iter()
            .map(|(kind, (rows, bytes))| (name(*kind).to_owned(), json!({"rows": rows, "bytes": bytes})))
            .collect();
        json!({"partition": self.partition.0,
            "applied": core.and_then(|core| core.applied).map(|applied| applied.offset.0),
            "clock": core.map(|core| core.clock.to_string()), "engine": core.map(|core| core.engine),
            "epoch": core.map(|core| core.epoch.0), "rows": rows, "bytes": bytes, "kinds": kinds,
            "files": self.files, "file_bytes": self.file_bytes})
    }
}

fn name(kind: Option<Kind>) -> &'static str {
    kind.map_or("unknown", Kind::text)
}
