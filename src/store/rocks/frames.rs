//! The frames of RocksDB's manifest, looked at before RocksDB reads it. Whether a frame holds, RocksDB tells by
//! its checksum; but where a frame has become one of a kind that manifests never have (of a recycled log, with
//! another log's number), RocksDB 11.8 reads it again for ever, and nobody would be told anything.
//!
//! The form is that of its logs (`db/log_format.h`): blocks of 32 KiB, in each frames of
//! `checksum u32 | length u16 | kind u8 | content`, little-endian; what is too short for a head fills a block.

use super::io;
use crate::store::StoreError;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

const BLOCK: usize = 32 << 10;
const HEAD: usize = 7;
/// Whole, first, middle and last of a record.
const KINDS: std::ops::RangeInclusive<u8> = 1..=4;

/// Refuses a folder whose manifest has a frame of a kind that none has.
pub(super) fn check(folder: &Path) -> Result<(), StoreError> {
    let Some(current) = read(&folder.join("CURRENT"))? else { return Ok(()) };
    let name = String::from_utf8_lossy(&current);
    let name = name.trim_end();
    // What else it may name, RocksDB refuses.
    if !name.starts_with("MANIFEST-") || name.contains('/') {
        return Ok(());
    }
    let path = folder.join(name);
    let Some(manifest) = read(&path)? else { return Ok(()) };
    match strange(&manifest) {
        None => Ok(()),
        Some((at, kind)) => Err(StoreError::Damaged {
            file: path.display().to_string(),
            what: format!("a frame of kind {kind} at byte {at}"),
        }),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path, &error)),
    }
}

/// The first frame of a strange kind: the byte that names it, and the kind. What a crash cut short is none.
fn strange(bytes: &[u8]) -> Option<(usize, u8)> {
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let mut at = 0;
        while let Some(head) = block.get(at..at + HEAD).and_then(|head| <[u8; HEAD]>::try_from(head).ok()) {
            let [_, _, _, _, low, high, kind] = head;
            // Nothing was written here.
            if head == [0; HEAD] {
                break;
            }
            if !KINDS.contains(&kind) {
                return Some((number * BLOCK + at + HEAD - 1, kind));
            }
            at += HEAD + usize::from(u16::from_le_bytes([low, high]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rocks::{Look, Options, Resources, RocksStore};
    use crate::store::{Store, Write};

    #[test]
    fn a_manifest_whose_frames_are_of_strange_kinds_is_refused_and_not_read_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let open = || RocksStore::open(folder.path(), &Resources::default(), &Options::default());
        let row = Write { key: b"k".to_vec(), value: Some(b"v".to_vec()) };
        open().unwrap().commit(vec![row], b"checkpoint").unwrap();
        let current = fs::read_to_string(folder.path().join("CURRENT")).unwrap();
        let path = folder.path().join(current.trim_end());
        let whole = fs::read(&path).unwrap();
        assert_eq!(strange(&whole), None);
        let mut kinds = vec![HEAD - 1];
        while let Some(length) = kinds.last().and_then(|at| whole.get(at - 2..*at)) {
            let next =
                kinds[kinds.len() - 1] + usize::from(u16::from_le_bytes([length[0], length[1]])) + HEAD;
            if next >= whole.len() {
                break;
            }
            kinds.push(next);
        }
        assert!(kinds.len() > 2, "{kinds:?}");
        for at in kinds {
            for bit in [2, 3, 7] {
                let mut harmed = whole.clone();
                harmed[at] ^= 1 << bit;
                fs::write(&path, &harmed).unwrap();
                for refused in [
                    open().err(),
                    Look::open(folder.path(), &Resources::default(), &Options::default()).err(),
                ] {
                    let Some(StoreError::Damaged { file, what }) = refused else { panic!("{refused:?}") };
                    assert_eq!(file, path.display().to_string());
                    assert_eq!(what, format!("a frame of kind {} at byte {at}", harmed[at]));
                }
            }
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(open().unwrap().checkpoint().unwrap().as_deref(), Some(&b"checkpoint"[..]));
        assert_eq!(strange(&whole[..whole.len() - 3]), None, "a torn end is RocksDB's to judge");
    }

    #[test]
    fn frames_do_not_cross_blocks() {
        let mut long = vec![0, 0, 0, 0, 0xf5, 0x7f, 1];
        long.resize(BLOCK - 4, b'x');
        long.extend([0; 4]);
        long.extend([0, 0, 0, 0, 1, 0, 4, b'y']);
        assert_eq!(strange(&long), None);
        let mut zeros = long.clone();
        zeros.extend([0; 40]);
        assert_eq!(strange(&zeros), None);
        long[BLOCK + 6] = 8;
        assert_eq!(strange(&long), Some((BLOCK + 6, 8)));
    }
}
