//! The archive of production, over the `object_store` library: a local folder (`file:///path`), or a bucket
//! that speaks S3 (`s3://bucket/prefix`, with credentials, region and endpoint from the usual `AWS_…`
//! variables).
//!
//! The library is asynchronous; a runtime of its own with one thread stands behind the blocking face. It
//! must be called from threads that may wait, never from inside another runtime. On a local folder every
//! object is synced, and its folder, before a put returns.

mod error;
#[cfg(test)]
mod tests;
mod url;

use crate::archive::{Archive, ArchiveError, LISTED, Object, Put, check_name};
use crate::base::time::Ms;
use bytes::{Bytes, BytesMut};
use error::map;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;
pub use url::Variables;

/// Bytes of one part of a large object; what a stream holds in memory, about.
const PART: usize = 8 << 20;
/// Bytes copied at once from a local file.
const COPIED: usize = 256 << 10;

/// Objects in a folder or a bucket.
pub struct ObjectArchive {
    store: Arc<dyn ObjectStore>,
    root: Path,
    place: String,
    /// The folder it is in, if it is in one.
    folder: Option<PathBuf>,
    /// None only while it is being dropped.
    runtime: Option<Runtime>,
}

impl fmt::Debug for ObjectArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectArchive").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Drop for ObjectArchive {
    /// Whoever drops it may be inside a runtime, which must not be made to wait for another.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl ObjectArchive {
    /// The archive at `address`: `file:///path` (a folder, made if it is not there) or `s3://bucket` with a
    /// prefix, to which `variables` tell the way. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// [`ArchiveError::Refused`]: the address is none, or the folder cannot be made.
    pub fn open(address: &str, variables: &Variables) -> Result<Self, ArchiveError> {
        let (store, root) = url::store(address, variables)?;
        Self::over(store, root, address.to_owned(), url::folder_of(address))
    }

    /// The archive in a folder that is this process's alone, made if it is not there. What a crash left of
    /// unfinished objects is removed.
    ///
    /// # Errors
    /// [`ArchiveError::Refused`]: it cannot be made, or not looked through.
    pub fn in_folder(folder: &std::path::Path) -> Result<Self, ArchiveError> {
        url::clear(folder)
            .map_err(|error| ArchiveError::Refused(format!("{}: {error}", folder.display())))?;
        let place = format!("file://{}", folder.display());
        Self::over(url::folder(folder)?, Path::default(), place, Some(folder.to_owned()))
    }

    fn over(
        store: Arc<dyn ObjectStore>,
        root: Path,
        place: String,
        folder: Option<PathBuf>,
    ) -> Result<Self, ArchiveError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("archive")
            .enable_all()
            .build()
            .map_err(|error| ArchiveError::Unavailable(error.to_string()))?;
        Ok(Self { store, root, place, folder, runtime: Some(runtime) })
    }

    /// The folder it is in, if it is in one.
    #[must_use]
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Its address.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    fn wait<T>(
        &self,
        name: &str,
        what: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, ArchiveError> {
        let Some(runtime) = &self.runtime else {
            return Err(ArchiveError::Unavailable("it is closed".to_owned()));
        };
        runtime.block_on(what).map_err(|error| map(&error, name))
    }

    fn path(&self, name: &str) -> Result<Path, ArchiveError> {
        check_name(name)?;
        let path =
            if self.root.as_ref().is_empty() { name.to_owned() } else { format!("{}/{name}", self.root) };
        Path::parse(path).map_err(|_| ArchiveError::BadName(name.to_owned()))
    }

    /// A name as callers know it.
    fn name(&self, path: &Path) -> Option<String> {
        let rest = path.as_ref().strip_prefix(self.root.as_ref())?;
        Some(rest.trim_start_matches('/').to_owned())
    }

    /// Hands over the parts, the first of which is full, and ends the upload.
    fn put_parts(
        &self,
        name: &str,
        upload: &mut dyn MultipartUpload,
        first: Bytes,
        source: &mut dyn Read,
    ) -> Result<u64, ArchiveError> {
        let mut part = first;
        let mut bytes = 0;
        while !part.is_empty() {
            bytes += part.len() as u64;
            let last = part.len() < PART;
            self.wait(name, upload.put_part(PutPayload::from(part)))?;
            part = if last { Bytes::new() } else { read_part(source)? };
        }
        self.wait(name, upload.complete())?;
        Ok(bytes)
    }
}

/// The next part of a source: full, but for the last one.
fn read_part(source: &mut dyn Read) -> Result<Bytes, ArchiveError> {
    let mut part = BytesMut::zeroed(PART);
    let mut filled = 0;
    while let Some(rest) = part.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ArchiveError::Stream(error.to_string())),
        }
    }
    part.truncate(filled);
    Ok(part.freeze())
}

impl Archive for ObjectArchive {
    fn put(&self, name: &str, content: Bytes) -> Result<(), ArchiveError> {
        let path = self.path(name)?;
        self.wait(name, self.store.put(&path, content.into())).map(|_| ())
    }

    fn put_if_absent(&self, name: &str, content: Bytes) -> Result<Put, ArchiveError> {
        let path = self.path(name)?;
        let put = self.store.put_opts(&path, content.into(), PutMode::Create.into());
        let Some(runtime) = &self.runtime else {
            return Err(ArchiveError::Unavailable("it is closed".to_owned()));
        };
        match runtime.block_on(put) {
            Ok(_) => Ok(Put::Created),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(Put::Exists),
            Err(error) => Err(map(&error, name)),
        }
    }

    fn get(&self, name: &str, limit: u64) -> Result<Bytes, ArchiveError> {
        let path = self.path(name)?;
        let got = self.wait(name, self.store.get(&path))?;
        if got.meta.size > limit {
            return Err(ArchiveError::TooLarge { name: name.to_owned(), limit });
        }
        self.wait(name, got.bytes())
    }

    fn put_stream(&self, name: &str, source: &mut dyn Read) -> Result<u64, ArchiveError> {
        let path = self.path(name)?;
        let first = read_part(source)?;
        if first.len() < PART {
            let bytes = first.len() as u64;
            return self.put(name, first).map(|()| bytes);
        }
        let mut upload = self.wait(name, self.store.put_multipart(&path))?;
        let put = self.put_parts(name, &mut *upload, first, source);
        if put.is_err()
            && let Err(error) = self.wait(name, upload.abort())
        {
            tracing::debug!(%error, name, "parts of an unfinished object may be left in the archive");
        }
        put
    }

    fn get_stream(&self, name: &str, sink: &mut dyn Write) -> Result<u64, ArchiveError> {
        let path = self.path(name)?;
        let got = self.wait(name, self.store.get(&path))?;
        let own = |error: std::io::Error| ArchiveError::Stream(error.to_string());
        let whole = got.meta.size;
        let mut bytes = 0;
        match got.payload {
            GetResultPayload::File(mut file, _) => {
                let mut piece = vec![0; COPIED];
                loop {
                    let read = file.read(&mut piece);
                    let read = read.map_err(|error| ArchiveError::Unavailable(error.to_string()))?;
                    let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
                    sink.write_all(read).map_err(own)?;
                    bytes += read.len() as u64;
                }
            }
            GetResultPayload::Stream(mut stream) => {
                while let Some(piece) = self.wait(name, async { stream.next().await.transpose() })? {
                    sink.write_all(&piece).map_err(own)?;
                    bytes += piece.len() as u64;
                }
            }
        }
        if bytes != whole {
            let why = format!("{name} ended after {bytes} of {whole} bytes");
            return Err(ArchiveError::Unavailable(why));
        }
        Ok(bytes)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Object>, ArchiveError> {
        let path = self.path(prefix)?;
        let all = self.store.list(Some(&path)).take(LISTED + 1).try_collect::<Vec<_>>();
        let found = self.wait(prefix, all)?;
        if found.len() > LISTED {
            return Err(ArchiveError::TooLarge { name: prefix.to_owned(), limit: LISTED as u64 });
        }
        let mut objects: Vec<Object> = found
            .into_iter()
            .filter_map(|meta| {
                let name = self.name(&meta.location)?;
                let modified = Ms(meta.last_modified.timestamp_millis());
                Some(Object { name, bytes: meta.size, modified })
            })
            .collect();
        objects.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(objects)
    }

    fn is_empty(&self) -> Result<bool, ArchiveError> {
        let root = Some(&self.root).filter(|root| !root.as_ref().is_empty());
        let first = self.store.list(root).take(1).try_collect::<Vec<_>>();
        self.wait("the place", first).map(|found| found.is_empty())
    }

    fn delete(&self, name: &str) -> Result<(), ArchiveError> {
        let path = self.path(name)?;
        match self.wait(name, self.store.delete(&path)) {
            Err(ArchiveError::Missing(_)) => Ok(()),
            deleted => deleted,
        }
    }
}
