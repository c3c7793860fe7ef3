//! The public test data, which lies beside the checkout and not on every machine. What is not there is
//! skipped, and said aloud; where `CLAUSUM_DATA_REQUIRED` is 1 it is a failure. Part of the library's own
//! tests too, so that there is one way to skip.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{Write, read_to_string, stderr};
use std::path::{Path, PathBuf};

/// A file of the shared test data; none where it is absent.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CLAUSUM_SHARED_DATA");
    let folder = folder.map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from);
    let required = std::env::var_os("CLAUSUM_DATA_REQUIRED").is_some_and(|value| value == "1");
    let found = find(&folder, name, required);
    if found.is_none() {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not by a macro, whose lines are shown for failed tests only.
        drop(writeln!(stderr(), "skipped: {test}: {} is absent", folder.join(name).display()));
    }
    found
}

/// The text of one that is packed.
pub(crate) fn unzipped(name: &str) -> Option<String> {
    let packed = File::open(file(name)?).unwrap();
    Some(read_to_string(GzDecoder::new(packed)).unwrap())
}

fn find(folder: &Path, name: &str, required: bool) -> Option<PathBuf> {
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(!required, "{} is absent, and CLAUSUM_DATA_REQUIRED is 1", path.display());
    None
}

#[cfg(test)]
mod tests {
    use super::find;
    use std::path::Path;

    #[test]
    fn what_is_absent_is_skipped() {
        assert_eq!(find(Path::new("."), "no such file", false), None);
        assert_eq!(find(Path::new("."), "Cargo.toml", true).as_deref(), Some(Path::new("./Cargo.toml")));
    }

    #[test]
    #[should_panic(expected = "no such file is absent, and CLAUSUM_DATA_REQUIRED is 1")]
    fn what_is_required_may_not_be_absent() {
        drop(find(Path::new("."), "no such file", true));
    }
}
