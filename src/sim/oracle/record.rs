//! A record as a stranger to the program reads it.

use crate::wire::record::Content;
use serde_json::Value;

/// Key, value and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim) struct Plain {
    pub(in crate::sim) key: Vec<u8>,
    pub(in crate::sim) value: Option<Vec<u8>>,
    pub(in crate::sim) headers: Vec<(String, Vec<u8>)>,
}

/// Why an envelope is none: the code of its dead letter.
pub(super) type Bad = &'static str;

/// The parts of an envelope that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) time: Option<i64>,
    pub(super) idempotency_key: Option<String>,
    pub(super) traceparent: Option<Vec<u8>>,
    pub(super) received: Option<i64>,
}

impl Plain {
    /// None if the bytes are no record at all.
    pub(in crate::sim) fn read(bytes: &[u8]) -> Option<Self> {
        let content = Content::read(bytes).ok()?;
        let headers = content.headers().map(|(name, value)| (name.to_owned(), value.to_vec()));
        Some(Self {
            key: content.key.to_vec(),
            value: content.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        })
    }

    pub(in crate::sim) fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|header| header.0 == name)?;
        String::from_utf8(value.clone()).ok()
    }

    pub(in crate::sim) fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.value.as_deref()?).ok()
    }

    /// The signature, where there is one behind all else.
    pub(super) fn signature(&self) -> Option<Vec<u8>> {
        self.headers.last().filter(|(name, _)| name == "clausum-signature").map(|(_, value)| value.clone())
    }

    /// Without the headers of the product's own.
    pub(super) fn without_reserved(mut self) -> Self {
        self.headers.retain(|(name, _)| !name.starts_with("clausum-"));
        self
    }

    /// Without the one header that may differ when it is written again.
    pub(in crate::sim) fn but_epoch(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "clausum-epoch");
        self
    }

    pub(super) fn letter(&self) -> Result<Letter, Bad> {
        const KNOWN: [&str; 9] = [
            "ce_specversion",
            "ce_id",
            "ce_source",
            "ce_type",
            "ce_time",
            "content-type",
            "idempotency-key",
            "traceparent",
            "clausum-received",
        ];
        let times = |name: &str| self.headers.iter().filter(|header| header.0 == name).count();
        if KNOWN.iter().any(|name| times(name) > 1) || self.header("ce_specversion").as_deref() != Some("1.0")
        {
            return Err("bad_envelope");
        }
        let id = self.header("ce_id").filter(|id| !id.is_empty()).ok_or("bad_envelope")?;
        let source = self.header("ce_source").filter(|source| !source.is_empty()).ok_or("bad_envelope")?;
        let kind = self.header("ce_type").ok_or("bad_envelope")?;
        let time = self.header("ce_time").map(|text| super::request::time(&text).ok_or("bad_envelope"));
        Ok(Letter {
            id,
            source,
            kind,
            time: time.transpose()?,
            idempotency_key: self.header("idempotency-key"),
            traceparent: self.headers.iter().find(|header| header.0 == "traceparent").map(|h| h.1.clone()),
            received: self.header("clausum-received").and_then(|text| text.parse().ok()),
        })
    }
}
