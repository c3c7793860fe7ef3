//! Addresses of archives.

use super::error::tell;
use crate::archive::ArchiveError;
use crate::base::url::without_user;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Attempts at one request after the first; whoever called tries again later by itself.
const RETRIES: usize = 3;
/// How long they may take together.
const RETRY_WITHIN: Duration = Duration::from_secs(30);

/// What an environment says of buckets: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
/// `AWS_ENDPOINT`, `AWS_ALLOW_HTTP` and the like. There are credentials among it, which are not for log lines.
#[derive(Clone, Default)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    /// Those of an environment that are about buckets.
    pub fn of(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(environment.into_iter().filter(|(name, _)| name.starts_with("AWS_")).collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// The store at `address`, and where in it the archive begins.
pub(super) fn store(
    address: &str,
    variables: &Variables,
) -> Result<(Arc<dyn ObjectStore>, Path), ArchiveError> {
    if address.starts_with("file://") {
        let path = folder_of(address).ok_or_else(|| {
            ArchiveError::Refused(format!("{:?} must be file:// and an absolute path", without_user(address)))
        })?;
        return Ok((folder(&path)?, Path::default()));
    }
    if let Some(rest) = address.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let shown = without_user(address);
        return Ok((bucket_of(bucket, &shown, variables)?, prefix_of(prefix)?));
    }
    let shown = without_user(address);
    Err(ArchiveError::Refused(format!("{shown:?} is no archive: it must begin with file:// or s3://")))
}

/// The folder that an address names.
pub(super) fn folder_of(address: &str) -> Option<PathBuf> {
    decoded(address.strip_prefix("file://")?).filter(|path| path.starts_with('/')).map(PathBuf::from)
}

/// The store in a folder, made if it is not there.
pub(super) fn folder(path: &std::path::Path) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
    let refused = |why: String| ArchiveError::Refused(format!("{}: {why}", path.display()));
    std::fs::create_dir_all(path).map_err(|error| refused(error.to_string()))?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| refused(tell(&error)))?;
    Ok(Arc::new(store.with_fsync(true)))
}

/// Removes what the library had begun to write, and never renamed, in a folder: files with a number behind a
/// `#`, which no object can have in its name.
pub(super) fn clear(folder: &std::path::Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            clear(&entry.path())?;
        } else if entry.file_name().to_str().is_some_and(|name| name.contains('#')) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn bucket_of(bucket: &str, shown: &str, variables: &Variables) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
    let refused = |why: String| ArchiveError::Refused(format!("{shown}: {why}"));
    let named = !bucket.is_empty()
        && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !named {
        let why = "must name a bucket, without credentials: those are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        return Err(refused(why.to_owned()));
    }
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_WITHIN, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new();
    for (name, value) in &variables.0 {
        // Variables of the same prefix that only other tools know are nothing to this one.
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.with_bucket_name(bucket).with_retry(retry).build();
    Ok(Arc::new(store.map_err(|error| refused(tell(&error)))?))
}

fn prefix_of(text: &str) -> Result<Path, ArchiveError> {
    let text = text.trim_end_matches('/');
    if text.is_empty() {
        return Ok(Path::default());
    }
    crate::archive::check_name(text)?;
    Path::parse(text).map_err(|error| ArchiveError::Refused(tell(&error)))
}

/// The text of a URL's path with its `%xx`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_an_address_is_not_told() {
        for address in ["s3://AKIA:HUSH@bucket/x", "s3://AKIA:HU/SH@bucket/x", "ftp://u:HUSH@h"] {
            let told = store(address, &Variables::default()).map(drop).unwrap_err().to_string();
            assert!(!told.contains("HU") && !told.contains("SH@") && told.contains("***@"), "{told}");
        }
    }

    #[test]
    fn an_address_is_a_folder_or_a_bucket() {
        assert_eq!(decoded("/a%20b/c").as_deref(), Some("/a b/c"));
        assert_eq!(decoded("/a%2"), None);
        assert_eq!(prefix_of("a/b/"), Ok(Path::from("a/b")));
        for wrong in
            ["http://x", "archive", "file://relative", "s3://", "s3://b!", "s3://b/../c", "s3://b//c"]
        {
            assert!(
                matches!(
                    store(wrong, &Variables::default()),
                    Err(ArchiveError::Refused(_) | ArchiveError::BadName(_))
                ),
                "{wrong}"
            );
        }
    }
}
