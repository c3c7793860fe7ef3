//! URLs as they may be shown.

use std::borrow::Cow;

/// What stands in place of a user and a password.
const HIDDEN: &str = "***";

/// `url` without user and password, as it may stand in a log line or an error.
///
/// It need be no URL: what looks like a secret in front of a host is hidden also where the rest makes no sense, such
/// as a secret with a slash in it, which ends a host. A path of `file://` may hold what it likes.
#[must_use]
pub fn without_user(url: &str) -> Cow<'_, str> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("file", _)) => return Cow::Borrowed(url),
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let is_split =
        port.is_some_and(|port| !port.ends_with(']') && port.bytes().any(|byte| !byte.is_ascii_digit()));
    let suspicious = authority.contains('@') || is_split;
    match rest.rsplit_once('@').filter(|_| suspicious) {
        None => Cow::Borrowed(url),
        Some((_, host)) => {
            let scheme = scheme.map_or_else(String::new, |scheme| format!("{scheme}://"));
            Cow::Owned(format!("{scheme}{HIDDEN}@{host}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_front_of_a_host_are_hidden() {
        for (url, shown) in [
            ("s3://AKIA:SECRET@bucket/x", "s3://***@bucket/x"),
            ("s3://AKIA:SE/CR+ET@bucket/x", "s3://***@bucket/x"),
            ("https://user:pw@host", "https://***@host"),
            ("https://token@host:8080/a?b", "https://***@host:8080/a?b"),
            ("https://user:p@ss/w@host/", "https://***@host/"),
            ("ftp://user:pw@host", "ftp://***@host"),
            ("AKIA:SECRET@bucket", "***@bucket"),
        ] {
            assert_eq!(without_user(url), shown);
            assert!(!shown.contains("SE") && !shown.contains("pw"));
        }
    }

    #[test]
    fn what_holds_none_stays() {
        for url in [
            "",
            "s3://bucket/a@b",
            "http://127.0.0.1:8080",
            "http://[::1]:8080/x@y",
            "http://[::1]/x@y",
            "file:///srv/a:b@c/d",
            "a folder",
        ] {
            assert_eq!(without_user(url), url);
        }
    }
}
