//! The bootstrap object: what the first start tells people and scripts, so that they can begin at once.
//! The contract's section 19.

use serde::{Deserialize, Serialize};

/// The object, on one line of standard output and in the data folder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Where the server is.
    pub base_url: String,
    /// The organization.
    pub organization_id: String,
    /// The id that appears in provider URLs.
    pub profile_id: String,
    /// Its keys, in clear.
    pub keys: Keys,
    /// The link that signs in the first administrator; null while there is no sign-in.
    pub sign_in_link: Option<String>,
}

/// One key of each type.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// For backends.
    pub server: String,
    /// For browsers.
    pub checkout: String,
    /// For senders of events.
    pub ingest: String,
}

/// Keys are not for log lines.
impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap").field("organization_id", &self.organization_id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::internal::{read, write};

    #[test]
    fn the_object_is_the_contract_s() {
        let keys = Keys { server: "s".to_owned(), checkout: "c".to_owned(), ingest: "i".to_owned() };
        let bootstrap = Bootstrap {
            base_url: "http://127.0.0.1:8080".to_owned(),
            organization_id: "o".to_owned(),
            profile_id: "p".to_owned(),
            keys,
            sign_in_link: None,
        };
        let text = String::from_utf8(write(&bootstrap)).unwrap();
        let expected = r#"{"base_url":"http://127.0.0.1:8080","organization_id":"o","profile_id":"p","keys":{"server":"s","checkout":"c","ingest":"i"},"sign_in_link":null}"#;
        assert_eq!(text, expected);
        assert_eq!(read::<Bootstrap>(text.as_bytes()), Ok(bootstrap));
        assert!(!format!("{:?}", read::<Bootstrap>(expected.as_bytes())).contains("\"s\""));
    }
}
