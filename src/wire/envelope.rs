//! The CloudEvents envelope of a record of the requests topic, and the registry of record types.

use crate::base::id::OrgId;
use crate::base::time::Ms;
use crate::wire::header;
use crate::wire::record::{Builder, Content, TooLarge};
use bytes::Bytes;
use std::fmt;
use std::net::IpAddr;

macro_rules! types {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What a record of the requests topic is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RecordType { $($(#[$doc])* $variant,)* }

        impl RecordType {
            /// Every type.
            pub const ALL: &[RecordType] = &[$(RecordType::$variant,)*];

            /// As `ce_type` says it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(RecordType::$variant => $text,)* }
            }

            /// The type as `ce_type` says it.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(RecordType::$variant),)* _ => None }
            }
        }
    };
}

types! {
    /// A payment to be decided.
    Assess = "clausum.assess.v1",
    /// The first record of a partition.
    Genesis = "clausum.internal.genesis.v1",
    /// A worker took the partition.
    Announce = "clausum.internal.announce.v1",
    /// The engine version changes.
    Engine = "clausum.internal.engine.v1",
    /// Time passed.
    Tick = "clausum.internal.tick.v1",
    /// An organization is made or changed.
    Organization = "clausum.internal.organization.v1",
    /// An API key is made or changed.
    ApiKey = "clausum.internal.api_key.v1",
    /// Scoring settings are replaced.
    Settings = "clausum.internal.settings.v1",
    /// A pack is published.
    Pack = "clausum.internal.pack.v1",
    /// A named list is replaced.
    List = "clausum.internal.list.v1",
    /// Settings, packs and lists of an organization change in one step.
    Apply = "clausum.internal.apply.v1",
    /// Maintenance of the installation begins or ends.
    Maintenance = "clausum.internal.maintenance.v1",
    /// Understood by engines made for tests only.
    Probe = "clausum.internal.probe.v1",
}

/// What types that only the product writes begin with.
const INTERNAL_PREFIX: &str = "clausum.internal.";

impl RecordType {
    /// Whether only the product writes records of the type.
    #[must_use]
    pub fn is_internal(self) -> bool {
        self.text().starts_with(INTERNAL_PREFIX)
    }

    /// Whether the type is of a partition, not of an organization: such a record is at home anywhere.
    #[must_use]
    pub const fn is_of_partition(self) -> bool {
        matches!(self, RecordType::Genesis | RecordType::Announce | RecordType::Engine | RecordType::Tick)
    }
}

macro_rules! dead_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Why a record is a dead letter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DeadCode { $($(#[$doc])* $variant,)* }

        impl DeadCode {
            /// Every code.
            pub const ALL: &[DeadCode] = &[$(DeadCode::$variant,)*];

            /// As the header says it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(DeadCode::$variant => $text,)* }
            }
        }
    };
}

dead_codes! {
    /// The body is not JSON.
    NotJson = "not_json",
    /// The body is over its limit.
    TooLarge = "too_large",
    /// No or unknown organization in the key.
    UnknownOrganization = "unknown_organization",
    /// A header is missing, bad or given twice, or the record stands before genesis.
    BadEnvelope = "bad_envelope",
    /// No such type.
    UnknownType = "unknown_type",
    /// A type of the product's own that the product did not write.
    ReservedType = "reserved_type",
    /// The key belongs to another partition.
    WrongPartition = "wrong_partition",
    /// The engine itself failed on the record.
    EngineFault = "engine_fault",
}

impl fmt::Display for DeadCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The envelope of a record, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Unique in its source, 1 to 128 characters.
    pub id: &'a str,
    /// Who made it.
    pub source: &'a str,
    /// What it is.
    pub kind: RecordType,
    /// When it happened, if the sender said so.
    pub time: Option<Ms>,
    /// The idempotency key of the header.
    pub idempotency_key: Option<&'a str>,
    /// Passed on as it came, where it is one.
    pub traceparent: Option<&'a [u8]>,
    /// When the gateway had it.
    pub received: Option<Ms>,
    /// Whether a gateway waits for the answer.
    pub awaited: bool,
    /// Whether a browser asked.
    pub precheck: bool,
    /// The address a browser's call came from.
    pub peer_ip: Option<IpAddr>,
    /// The user agent of a browser's call.
    pub peer_agent: Option<&'a str>,
}

/// Why an envelope is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEnvelope {
    /// The code of the dead letter.
    pub code: DeadCode,
    /// What is wrong.
    pub message: String,
}

fn bad(message: impl Into<String>) -> BadEnvelope {
    BadEnvelope { code: DeadCode::BadEnvelope, message: message.into() }
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of a record. Headers of the product's own are absent in one that is not its `own`.
    ///
    /// # Errors
    /// A required header is missing or bad, a known one is given twice, or the type is unknown.
    pub fn read(content: &Content<'a>, own: bool) -> Result<Self, BadEnvelope> {
        let found = Found::collect(content, own)?;
        let version = text(found.specversion, header::CE_SPECVERSION)?;
        if version != "1.0" {
            return Err(bad("ce_specversion must be 1.0"));
        }
        let id = text(found.id, header::CE_ID)?;
        if id.is_empty() || id.chars().count() > 128 || id.chars().any(char::is_control) {
            return Err(bad("ce_id must have 1 to 128 characters"));
        }
        let source = text(found.source, header::CE_SOURCE)?;
        if source.is_empty() || source.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad("ce_source must be a URI reference"));
        }
        let kind = text(found.kind, header::CE_TYPE)?;
        let reserved = kind.starts_with(INTERNAL_PREFIX) && !own;
        let kind = RecordType::from_text(kind).ok_or_else(|| BadEnvelope {
            code: if reserved { DeadCode::ReservedType } else { DeadCode::UnknownType },
            message: "ce_type names no type of this version".to_owned(),
        })?;
        let time = match found.time {
            Some(_) => {
                let parsed = Ms::parse_rfc3339(text(found.time, header::CE_TIME)?);
                Some(parsed.ok_or_else(|| bad("ce_time must be an RFC 3339 date-time"))?)
            }
            None => None,
        };
        let received = found.received.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok().map(Ms));
        Ok(Self {
            id,
            source,
            kind,
            time,
            idempotency_key: match found.idempotency_key {
                Some(_) => Some(text(found.idempotency_key, header::IDEMPOTENCY_KEY)?.trim()),
                None => None,
            },
            traceparent: found.traceparent.filter(|trace| is_trace(trace)),
            received,
            awaited: found.awaited,
            precheck: found.precheck == Some(b"true"),
            peer_ip: found.peer_ip.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()),
            peer_agent: found.peer_agent.and_then(|value| std::str::from_utf8(value).ok()),
        })
    }
}

/// The content of a record from the product itself: of an organization, or of the installation
/// organization where it is of a partition.
///
/// # Errors
/// The body is beyond a record's limit.
pub fn product_record(org: OrgId, kind: RecordType, body: &[u8], id: &str) -> Result<Bytes, TooLarge> {
    begun(org, kind, body, id).map(Builder::finish)
}

/// As [`product_record`], of which somebody waits for the answer.
///
/// # Errors
/// The body is beyond a record's limit.
pub fn awaited_record(org: OrgId, kind: RecordType, body: &[u8], id: &str) -> Result<Bytes, TooLarge> {
    let mut record = begun(org, kind, body, id)?;
    record.header(header::REPLY_TO, id.as_bytes())?;
    Ok(record.finish())
}

fn begun(org: OrgId, kind: RecordType, body: &[u8], id: &str) -> Result<Builder, TooLarge> {
    let mut record = Builder::new(org.to_string().as_bytes(), Some(body))?;
    record.header(header::CE_SPECVERSION, b"1.0")?;
    record.header(header::CE_ID, id.as_bytes())?;
    record.header(header::CE_SOURCE, header::SOURCE.as_bytes())?;
    record.header(header::CE_TYPE, kind.text().as_bytes())?;
    Ok(record)
}

#[derive(Default)]
struct Found<'a> {
    specversion: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    idempotency_key: Option<&'a [u8]>,
    traceparent: Option<&'a [u8]>,
    received: Option<&'a [u8]>,
    precheck: Option<&'a [u8]>,
    peer_ip: Option<&'a [u8]>,
    peer_agent: Option<&'a [u8]>,
    awaited: bool,
}

impl<'a> Found<'a> {
    fn collect(content: &Content<'a>, own: bool) -> Result<Self, BadEnvelope> {
        let mut found = Self::default();
        for (name, value) in content.headers() {
            if !own && name.starts_with(header::RESERVED_PREFIX) && name != header::HEADERS_CUT {
                continue;
            }
            let slot = match name {
                header::CE_SPECVERSION => &mut found.specversion,
                header::CE_ID => &mut found.id,
                header::CE_SOURCE => &mut found.source,
                header::CE_TYPE => &mut found.kind,
                header::CE_TIME => &mut found.time,
                header::CONTENT_TYPE => &mut found.content_type,
                header::IDEMPOTENCY_KEY => &mut found.idempotency_key,
                header::TRACEPARENT => &mut found.traceparent,
                header::RECEIVED => &mut found.received,
                header::PRECHECK => &mut found.precheck,
                header::PEER_IP => &mut found.peer_ip,
                header::PEER_AGENT => &mut found.peer_agent,
                header::HEADERS_CUT => return Err(bad("the headers are too many or too long")),
                header::REPLY_TO => {
                    found.awaited = true;
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(bad(format!("{name} is given twice")));
            }
        }
        Ok(found)
    }
}

/// Whether a value is `version-trace-parent-flags` of W3C trace context; a later version may add to it. Anything else
/// is not worth carrying: it goes into the answer as it came.
#[must_use]
pub fn is_trace(value: &[u8]) -> bool {
    let fits = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    (55..=128).contains(&value.len()) && value.iter().all(fits)
}

fn text<'a>(value: Option<&'a [u8]>, name: &str) -> Result<&'a str, BadEnvelope> {
    let value = value.ok_or_else(|| bad(format!("{name} is missing")))?;
    std::str::from_utf8(value).map_err(|_| bad(format!("{name} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::record::Builder;

    fn check(headers: &[(&str, &str)], expected: Result<RecordType, (DeadCode, &str)>) {
        let mut record = Builder::new(b"k", Some(b"{}")).unwrap();
        for (name, value) in headers {
            record.header(name, value.as_bytes()).unwrap();
        }
        let bytes = record.finish();
        let found = Envelope::read(&Content::read(&bytes).unwrap(), true);
        let found = found.map(|envelope| envelope.kind).map_err(|bad| (bad.code, bad.message));
        let expected = expected.map_err(|(code, message)| (code, message.to_owned()));
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn what_is_no_trace_is_not_carried() {
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let long = format!("{trace}-{}", "0".repeat(4 << 20));
        for (value, carried) in
            [(trace, true), ("00-1-01", false), (&long[..129], false), (&trace.to_uppercase(), false)]
        {
            let mut record = Builder::new(b"k", Some(b"{}")).unwrap();
            for (name, value) in [
                (header::CE_SPECVERSION, "1.0"),
                (header::CE_ID, "1"),
                (header::CE_SOURCE, "/switch"),
                (header::CE_TYPE, "clausum.assess.v1"),
                (header::TRACEPARENT, value),
                (header::IDEMPOTENCY_KEY, " key "),
            ] {
                record.header(name, value.as_bytes()).unwrap();
            }
            let bytes = record.finish();
            let content = Content::read(&bytes).unwrap();
            let envelope = Envelope::read(&content, false).unwrap();
            assert_eq!(envelope.traceparent.is_some(), carried, "{value}");
            assert_eq!(envelope.idempotency_key, Some("key"));
        }
    }

    #[test]
    fn required_once_and_exact() {
        const GOOD: [(&str, &str); 4] = [
            ("ce_specversion", "1.0"),
            ("ce_id", "1"),
            ("ce_source", "/switch"),
            ("ce_type", "clausum.assess.v1"),
        ];
        let bad = |message| Err((DeadCode::BadEnvelope, message));
        check(&GOOD, Ok(RecordType::Assess));
        let missing =
            ["ce_specversion is missing", "ce_id is missing", "ce_source is missing", "ce_type is missing"];
        for (index, message) in missing.into_iter().enumerate() {
            let mut headers = GOOD.to_vec();
            let (name, value) = headers.remove(index);
            check(&headers, bad(message));
            let upper = name.to_uppercase();
            headers.push((&upper, value));
            check(&headers, bad(message));
        }
        let with = |extra: (&'static str, &'static str)| {
            let mut headers = GOOD.to_vec();
            headers.retain(|header| header.0 != extra.0);
            headers.push(extra);
            headers
        };
        check(&with(("ce_specversion", "0.3")), bad("ce_specversion must be 1.0"));
        check(&with(("ce_id", "")), bad("ce_id must have 1 to 128 characters"));
        check(&with(("ce_time", "yesterday")), bad("ce_time must be an RFC 3339 date-time"));
        check(
            &with(("ce_type", "clausum.assess.v2")),
            Err((DeadCode::UnknownType, "ce_type names no type of this version")),
        );
        let mut twice = GOOD.to_vec();
        twice.push(("ce_id", "2"));
        check(&twice, bad("ce_id is given twice"));
    }
}
