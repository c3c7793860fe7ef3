//! Content as files and back: the checkpoint in one, and a file of rows for each first byte of their keys,
//! so that copies made one after the other share files, as those of a real store do.

use super::Content;
use crate::store::files::File;
use crate::store::{Export, StoreError};
use std::collections::BTreeMap;
use std::io::Read;

const CHECKPOINT: &str = "checkpoint";

/// A copy of a store in memory.
#[derive(Debug)]
pub(super) struct MemoryExport {
    checkpoint: Vec<u8>,
    contents: BTreeMap<String, Vec<u8>>,
    files: Vec<File>,
    /// What reading the store fails with, and its copy too.
    damage: Option<StoreError>,
}

impl MemoryExport {
    pub(super) fn of(content: &Content, damage: Option<StoreError>) -> Self {
        let checkpoint = content.checkpoint.clone().unwrap_or_default();
        let mut contents = BTreeMap::from([(CHECKPOINT.to_owned(), checkpoint.clone())]);
        for (key, value) in &content.rows {
            let name = format!("rows-{:02x}", key.first().copied().unwrap_or(0));
            let file = contents.entry(name).or_default();
            for part in [key, value] {
                file.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
                file.extend_from_slice(part);
            }
        }
        let each = contents.iter();
        let files =
            each.map(|(name, bytes)| File { name: name.clone(), bytes: bytes.len() as u64 }).collect();
        Self { checkpoint, contents, files, damage }
    }
}

impl Export for MemoryExport {
    fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    fn files(&self) -> &[File] {
        &self.files
    }

    fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, StoreError> {
        match self.contents.get(name) {
            Some(content) => Ok(Box::new(&content[..])),
            None => Err(StoreError::Failed(format!("{name} is not of the copy"))),
        }
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.damage.clone().map_or(Ok(()), Err)
    }
}

/// The content that files hold.
pub(super) fn content(files: &BTreeMap<String, Vec<u8>>) -> Result<Content, StoreError> {
    let mut content = Content::default();
    for (name, bytes) in files {
        let damaged =
            || StoreError::Damaged { file: name.clone(), what: "it does not hold whole rows".to_owned() };
        if name == CHECKPOINT {
            content.checkpoint = Some(bytes.clone());
            continue;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let key = take(&mut rest).ok_or_else(damaged)?;
            let value = take(&mut rest).ok_or_else(damaged)?;
            content.rows.insert(key, value);
        }
    }
    if content.checkpoint.is_none() {
        let (file, what) = (CHECKPOINT.to_owned(), "it has no checkpoint".to_owned());
        return Err(StoreError::Damaged { file, what });
    }
    Ok(content)
}

fn take(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = after;
    Some(part.to_vec())
}
