//! Names of record headers: the contract's section 18. Exact, and each at most once.

/// CloudEvents version, `1.0`.
pub const CE_SPECVERSION: &str = "ce_specversion";
/// The record's id, unique in its source.
pub const CE_ID: &str = "ce_id";
/// Who made the record.
pub const CE_SOURCE: &str = "ce_source";
/// What the record is.
pub const CE_TYPE: &str = "ce_type";
/// When it happened.
pub const CE_TIME: &str = "ce_time";
/// On answers: the request's id.
pub const CE_CORRELATIONID: &str = "ce_correlationid";
/// `application/json`.
pub const CONTENT_TYPE: &str = "content-type";
/// The idempotency key.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// W3C trace context, passed on as it came.
pub const TRACEPARENT: &str = "traceparent";

/// What headers of the product begin with.
pub const RESERVED_PREFIX: &str = "clausum-";
/// What a sender's own headers with the reserved prefix become on a dead letter.
pub const RENAMED_PREFIX: &str = "x-clausum-";
/// Set by the log on a record with more headers than a content holds: how many there were.
pub const HEADERS_CUT: &str = "clausum-headers-cut";
/// When the gateway had the request, in milliseconds since the epoch.
pub const RECEIVED: &str = "clausum-received";
/// Says that a gateway waits for the answer.
pub const REPLY_TO: &str = "clausum-reply-to";
/// `true` on a browser's call, which is a pre-check.
pub const PRECHECK: &str = "clausum-precheck";
/// The address a browser's call came from, where the request names none. Beside the body, for repeats are
/// compared by what the caller wrote.
pub const PEER_IP: &str = "clausum-peer-ip";
/// The user agent of a browser's call, where the request names none.
pub const PEER_AGENT: &str = "clausum-peer-agent";
/// When the product signed a record of its own, in milliseconds since the epoch.
pub const ISSUED: &str = "clausum-issued";
/// The signature of a record of the product's own; the last of its headers.
pub const SIGNATURE: &str = "clausum-signature";
/// The answer's HTTP status.
pub const STATUS: &str = "clausum-status";
/// `true` on the repeat of a stored answer.
pub const REPLAYED: &str = "clausum-replayed";
/// `<partition>:<offset>` of the request an output came from.
pub const POSITION: &str = "clausum-position";
/// The output's index among those of its request on this topic.
pub const INDEX: &str = "clausum-index";
/// `<offset>/<index>` of the output before it in this topic partition, `-` for the first.
pub const PREV: &str = "clausum-prev";
/// The epoch of the writer; for diagnosis only.
pub const EPOCH: &str = "clausum-epoch";
/// Why a dead letter is one.
pub const ERROR_CODE: &str = "clausum-error-code";
/// The same for a person.
pub const ERROR_MESSAGE: &str = "clausum-error-message";
/// Byte offset of the error in the value.
pub const ERROR_POSITION: &str = "clausum-error-position";
/// The topic a dead letter came from.
pub const SOURCE_TOPIC: &str = "clausum-source-topic";
/// Its partition there.
pub const SOURCE_PARTITION: &str = "clausum-source-partition";
/// Its offset there.
pub const SOURCE_OFFSET: &str = "clausum-source-offset";
/// Bytes of the value before it was cut.
pub const VALUE_LENGTH: &str = "clausum-value-length";
/// SHA-256 of the value before it was cut.
pub const VALUE_SHA256: &str = "clausum-value-sha256";

/// What `ce_source` of the product's own records says.
pub const SOURCE: &str = "clausum";
