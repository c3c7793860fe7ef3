//! The outgoing HTTP client: one base URL, one credential, JSON out and JSON in. It neither retries nor
//! follows redirects: what an answer means is its caller's to say.

use crate::base::url::without_user;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Bytes of an answer; every answer of the product is far below.
const ANSWER_BYTES: usize = 4 << 20;
/// Idle connections are kept this long, less than a server keeps them.
const IDLE: Duration = Duration::from_secs(30);

/// A client of one server.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    base: String,
    authorization: Option<HeaderValue>,
    limit: Duration,
}

/// Why a client could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadTarget {
    /// The URL is no `http://host[:port][/path]`.
    Url(String),
    /// The URL is one of HTTPS, which is not spoken.
    Secure(String),
    /// The key has characters that no header may have.
    Key,
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTarget::Url(url) => write!(f, "`{}` is no http:// URL of a server", without_user(url)),
            BadTarget::Secure(url) => {
                let url = without_user(url);
                write!(
                    f,
                    "`{url}`: this command speaks plain HTTP only; name an http:// URL of the server, or of a proxy"
                )
            }
            BadTarget::Key => f.write_str("the key has characters that no key has"),
        }
    }
}

impl Error for BadTarget {}

impl BadTarget {
    /// What is wrong with `url`, which is none that can be used.
    pub(crate) fn of_url(url: &str) -> Self {
        let secure = url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if secure { BadTarget::Secure(url.to_owned()) } else { BadTarget::Url(url.to_owned()) }
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Seconds after which the server wants to be asked again.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// Nothing was sent: there was no connection.
    Unreachable(String),
    /// No answer in time; the request may have been taken.
    Timeout,
    /// The connection broke or spoke no HTTP; the request may have been taken.
    Broken(String),
}

impl SendError {
    /// The kind of failure, for counting.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            SendError::Unreachable(_) => "unreachable",
            SendError::Timeout => "timeout",
            SendError::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Unreachable(why) => write!(f, "no connection: {why}"),
            SendError::Timeout => f.write_str("no answer in time"),
            SendError::Broken(why) => write!(f, "the connection broke: {why}"),
        }
    }
}

impl Error for SendError {}

impl Client {
    /// A client of the server at `base`, which is asked with `key` and given `limit` for each answer.
    /// `connections` are kept open when idle.
    ///
    /// # Errors
    /// The URL or the key cannot be used.
    pub fn new(
        base: &str,
        key: Option<&str>,
        connections: usize,
        limit: Duration,
    ) -> Result<Self, BadTarget> {
        let bad = || BadTarget::of_url(base);
        let uri: Uri = base.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() || uri.query().is_some() {
            return Err(bad());
        }
        let authorization = match key {
            Some(key) => {
                let mut value =
                    HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| BadTarget::Key)?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limit));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(connections)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { pool, base: base.trim_end_matches('/').to_owned(), authorization, limit })
    }

    /// The URL of the server, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Posts a JSON body.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn post(&self, path: &str, body: Bytes) -> Result<Answer, SendError> {
        self.send(Method::POST, path, body).await
    }

    /// Gets a resource.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, SendError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, SendError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = request.body(Full::new(body)).map_err(|error| SendError::Broken(error.to_string()))?;
        match tokio::time::timeout(self.limit, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::Timeout),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
        let answer = self.pool.request(request).await.map_err(|error| {
            let why = innermost(&error);
            if error.is_connect() { SendError::Unreachable(why) } else { SendError::Broken(why) }
        })?;
        let status = answer.status().as_u16();
        let seconds = |value: &HeaderValue| value.to_str().ok()?.trim().parse().ok();
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(seconds);
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| SendError::Broken(error.to_string()))?.to_bytes();
        Ok(Answer { status, retry_after, body })
    }
}

/// What lies at the bottom of an error says more than its wrappers.
fn innermost(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_s_url_will_do() {
        let client = |url| Client::new(url, Some("clm_sk_x"), 1, Duration::from_secs(1)).map(|_| ());
        assert_eq!(client("http://127.0.0.1:8080/"), Ok(()));
        for bad in ["", "127.0.0.1:8080", "http://h/?q=1", "/api"] {
            assert_eq!(client(bad), Err(BadTarget::Url(bad.to_owned())), "{bad}");
        }
        for (bad, told) in [
            ("HTTPS://u:pw@example.com", "`HTTPS://***@example.com`: this command speaks plain HTTP only; "),
            ("ftp://u:pw@h", "`ftp://***@h` is no http:// URL of a server"),
        ] {
            let refused = client(bad).unwrap_err().to_string();
            assert!(refused.starts_with(told), "{refused}");
        }
        let key = Client::new("http://h", Some("a\nb"), 1, Duration::from_secs(1)).map(|_| ());
        assert_eq!(key, Err(BadTarget::Key));
    }

    #[test]
    fn a_server_that_is_not_there_is_unreachable() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::new("http://127.0.0.1:1", None, 1, Duration::from_secs(5)).unwrap();
        let sent = runtime.block_on(client.post("/api/v1/assess", Bytes::from_static(b"{}")));
        assert_eq!(sent.unwrap_err().kind(), "unreachable");
    }
}
