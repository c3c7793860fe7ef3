//! Reads every row: its block against the block's checksum, its key and its value against their forms.

use crate::base::position::Partition;
use crate::cli::ending::{Ending, Exit};
use crate::cli::shell::Shell;
use crate::cli::store::{States, of_store};
use crate::state::key::{Key, Kind};
use crate::state::row::Row;
use crate::store::StoreError;
use crate::store::rocks::Look;
use crate::worker::checkpoint::Meta;
use serde_json::{Value, json};
use std::path::Path;

/// Faults told of one partition; more are counted only.
const FAULTS: usize = 1_000;

/// What is wrong somewhere.
struct Damage {
    file: String,
    /// The key of a row that does not decode, or the last one read before a damaged block.
    key: Option<String>,
    what: String,
}

struct Verified {
    partition: Partition,
    rows: u64,
    bytes: u64,
    damage: Vec<Damage>,
    untold: u64,
}

pub(super) fn run(states: &States, json: bool, shell: &mut Shell) -> Result<Exit, Ending> {
    let mut all = Vec::new();
    for partition in &states.partitions {
        all.push(verify(states, *partition).map_err(|error| of_store(&error))?);
    }
    let whole = all.iter().all(|verified| verified.damage.is_empty());
    if json {
        let all: Vec<_> = all.iter().map(Verified::as_json).collect();
        shell.json(&json!({"partitions": all}))?;
    } else {
        let rows: Vec<_> = all
            .iter()
            .map(|one| vec![one.partition.to_string(), one.rows.to_string(), one.bytes.to_string()])
            .collect();
        shell.table(&["partition", "rows", "bytes"], &rows)?;
        for verified in &all {
            for Damage { file, key, what } in &verified.damage {
                let key = key.as_ref().map_or_else(String::new, |key| format!(" {key}:"));
                shell.line(&format!("{file}: damaged:{key} {what}"))?;
            }
            if verified.untold > 0 {
                shell.line(&format!("{} more in partition {}", verified.untold, verified.partition))?;
            }
        }
        if whole {
            shell.line("no damage")?;
        }
    }
    Ok(if whole { Exit::Done } else { Exit::Checks })
}

fn verify(states: &States, partition: Partition) -> Result<Verified, StoreError> {
    let mut verified = Verified { partition, rows: 0, bytes: 0, damage: Vec::new(), untold: 0 };
    let mut last = None;
    let read = states.look(partition).and_then(|look| {
        verified.checkpoint(&look, &states.folder(partition))?;
        for row in look.rows(&[]) {
            let (key, value) = row?;
            verified.rows += 1;
            verified.bytes += (key.len() + value.len()) as u64;
            if let Err(what) = decode(&key, &value) {
                verified.note(&look, &key, what)?;
            }
            last = Some(key);
        }
        Ok(())
    });
    match read {
        Err(StoreError::Damaged { file, what }) => {
            let key = last.map(|key| format!("behind {}", shown(&key)));
            verified.damage.push(Damage { file, key, what });
        }
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    Ok(verified)
}

/// What is wrong with a row, if something is.
fn decode(key: &[u8], value: &[u8]) -> Result<(), String> {
    let kind = Kind::of(key).ok_or("the key is of no known kind")?;
    Key::decode(key).ok_or_else(|| format!("the key is none of its kind, {}", kind.text()))?;
    Row::decode(kind, value).map_err(|error| error.to_string())?;
    Ok(())
}

impl Verified {
    fn checkpoint(&mut self, look: &Look, folder: &Path) -> Result<(), StoreError> {
        let wrong = match look.checkpoint()?.map(|bytes| Meta::decode(&bytes)) {
            // Every commit writes one.
            None if look.rows(&[]).next().is_none() => return Ok(()),
            None => "there are rows, but no checkpoint".to_owned(),
            Some(Err(error)) => format!("the checkpoint: {error}"),
            Some(Ok(_)) => return Ok(()),
        };
        self.damage.push(Damage { file: folder.display().to_string(), key: None, what: wrong });
        Ok(())
    }

    fn note(&mut self, look: &Look, key: &[u8], what: String) -> Result<(), StoreError> {
        if self.damage.len() >= FAULTS {
            self.untold += 1;
            return Ok(());
        }
        // Files of the top level overlap, so more than one may be it.
        let files = look.files_of(key)?;
        let file = files.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>().join(" or ");
        self.damage.push(Damage { file, key: Some(shown(key)), what });
        Ok(())
    }

    fn as_json(&self) -> Value {
        let damage: Vec<_> = self
            .damage
            .iter()
            .map(|Damage { file, key, what }| json!({"file": file, "key": key, "what": what}))
            .collect();
        json!({"partition": self.partition.0, "rows": self.rows, "bytes": self.bytes, "damage": damage,
            "more_damage": self.untold})
    }
}

/// A key as it is stored, its kind before it.
fn shown(key: &[u8]) -> String {
    let kind = Kind::of(key).map_or("unknown", Kind::text);
    key.iter().fold(format!("{kind} "), |text, byte| text + &format!("{byte:02x}"))
}
