//! Whom a generator asks, as bytes made once: all of a request's head but the length of its body.

use crate::http::BadTarget;
use http::{HeaderValue, Uri};

/// A route of one server and the credential it is asked with.
#[derive(Clone)]
pub struct Target {
    address: String,
    head: Vec<u8>,
}

impl std::fmt::Debug for Target {
    // The head holds the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Target {
    /// The route at `path` of the server at `base`, asked by `POST` with `key`.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub fn new(base: &str, key: &str, path: &str) -> Result<Self, BadTarget> {
        let bad = || BadTarget::of_url(base);
        let uri: Uri = base.parse().map_err(|_| bad())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http") && uri.query().is_none());
        let host = host.filter(|host| !host.is_empty()).ok_or_else(bad)?;
        HeaderValue::from_str(key).map_err(|_| BadTarget::Key)?;
        let port = uri.port_u16().unwrap_or(80);
        let prefix = uri.path().trim_end_matches('/');
        let head = format!(
            "POST {prefix}{path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: "
        );
        Ok(Self { address: format!("{host}:{port}"), head: head.into_bytes() })
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Puts a request with `body` in place of what `out` holds.
    pub(super) fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.head);
        out.extend_from_slice(body.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_a_server_reads() {
        let target = Target::new("http://[::1]:8080/behind/", "clm_sk_x", "/api/v1/assess").unwrap();
        let mut out = b"what was there".to_vec();
        target.write(b"{}", &mut out);
        let expected = "POST /behind/api/v1/assess HTTP/1.1\r\nhost: [::1]:8080\r\n\
                        authorization: Bearer clm_sk_x\r\ncontent-type: application/json\r\n\
                        content-length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(target.address(), "[::1]:8080");
        assert_eq!(Target::new("http://h", "k", "/").unwrap().address(), "h:80");
    }

    #[test]
    fn only_a_server_s_url_and_a_key_will_do() {
        for bad in ["", "127.0.0.1:8080", "http://h/?q=1", "/api"] {
            let refused = Target::new(bad, "k", "/").map(|_| ()).unwrap_err();
            assert_eq!(refused, BadTarget::Url(bad.to_owned()), "{bad}");
        }
        let refused = Target::new("https://example.com", "k", "/").map(|_| ()).unwrap_err();
        assert_eq!(refused, BadTarget::Secure("https://example.com".to_owned()));
        assert_eq!(Target::new("http://h", "a\r\nb", "/").map(|_| ()).unwrap_err(), BadTarget::Key);
    }

    #[test]
    fn a_key_is_not_shown() {
        let target = Target::new("http://h", "clm_sk_secret", "/").unwrap();
        assert!(!format!("{target:?}").contains("secret"));
    }
}
