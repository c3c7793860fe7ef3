//! RocksDB's errors are texts; this says what the reader must do about each.

use crate::store::StoreError;
use rocksdb::{Error, ErrorKind};
use std::path::Path;

/// What an error means once the database is open.
pub(super) fn map(error: &Error, folder: &Path) -> StoreError {
    let text = error.as_ref();
    let folder = folder.display().to_string();
    // RocksDB names neither by a kind of its own.
    if text.contains("No space left on device") || text.contains("Disk quota exceeded") {
        return StoreError::Full;
    }
    if text.contains("While lock file") || text.contains("lock hold by current process") {
        return StoreError::Locked(folder);
    }
    if error.kind() == ErrorKind::Corruption {
        return StoreError::Damaged { file: file_in(text).unwrap_or(folder), what: text.to_owned() };
    }
    StoreError::Failed(text.to_owned())
}

/// What an error means while a database is opened that is `known` to be there: a file that its manifest
/// names and that cannot be found is damage.
pub(super) fn map_open(error: &Error, folder: &Path, known: bool) -> StoreError {
    let text = error.as_ref();
    let missing = text.contains("No such file or directory");
    let unreadable = matches!(error.kind(), ErrorKind::InvalidArgument | ErrorKind::NotSupported);
    if known && (missing || unreadable) {
        let file = file_in(text).unwrap_or_else(|| folder.display().to_string());
        return StoreError::Damaged { file, what: text.to_owned() };
    }
    map(error, folder)
}

/// The database file that a message names.
fn file_in(text: &str) -> Option<String> {
    let words = text.split([' ', ',', '\'', '"']).map(|word| word.trim_end_matches([':', '.', ')']));
    let is_file = |word: &&str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        name.ends_with(".sst") || name.starts_with("MANIFEST-") || name == "CURRENT"
    };
    words.into_iter().find(is_file).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_file() {
        let text = "Corruption: block checksum mismatch: stored = 1, computed = 2, type = 4  in /d/p 0/x/000012.sst offset 0 size 9";
        assert_eq!(file_in(text).as_deref(), Some("0/x/000012.sst"));
        let text = "IO error: No such file or directory: While open a file: /d/MANIFEST-000005: No such file";
        assert_eq!(file_in(text).as_deref(), Some("/d/MANIFEST-000005"));
        assert_eq!(file_in("Corruption: bad"), None);
    }
}
