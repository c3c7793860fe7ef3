//! What the library's errors mean to whoever reads them.

use crate::archive::ArchiveError;
use object_store::Error;

/// What `error` means for the object `name`.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library keeps the right to add kinds")]
pub(super) fn map(error: &Error, name: &str) -> ArchiveError {
    if is_refusal(error) {
        return ArchiveError::Refused(tell(error));
    }
    if is_full(error) {
        return ArchiveError::Full;
    }
    match error {
        Error::NotFound { .. } => ArchiveError::Missing(name.to_owned()),
        Error::InvalidPath { .. } => ArchiveError::BadName(name.to_owned()),
        Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::UnknownConfigurationKey { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. } => ArchiveError::Refused(tell(error)),
        _ => ArchiveError::Unavailable(tell(error)),
    }
}

/// A missing bucket is told as a missing object or as any failure, and so are credentials that are none.
fn is_refusal(error: &Error) -> bool {
    let text = tell(error);
    let codes = ["NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"];
    codes.iter().any(|code| text.contains(&format!("<Code>{code}</Code>")))
}

fn is_full(error: &Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        }) {
            return true;
        }
        source = error.source();
    }
    false
}

/// The error with its causes that it does not tell itself, on one line.
pub(super) fn tell(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
