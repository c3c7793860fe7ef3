//! Every limit in one place, with their relations asserted when the program is compiled.

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Bytes of an assess, payout, release, report-fraud or management body.
pub const BODY_BYTES: usize = 64 * KIB;
/// Nesting of a JSON body.
pub const JSON_DEPTH: usize = 32;
/// Faults reported at once for one request.
pub const FAULTS: usize = 50;
/// Characters of a string unless a field says otherwise.
pub const STRING_CHARS: usize = 256;
/// Members of `metadata`.
pub const METADATA_MEMBERS: usize = 50;
/// Characters of a key of `metadata`.
pub const METADATA_KEY_CHARS: usize = 64;
/// Characters of a scalar value of `metadata`.
pub const METADATA_VALUE_CHARS: usize = 1_024;
/// Bytes of `metadata` in all, as JSON.
pub const METADATA_BYTES: usize = 8 * KIB;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_CHARS: usize = 255;
/// How long an idempotency entry holds, of log time.
pub const IDEMPOTENCY_MS: i64 = 24 * 3_600_000;
/// How far from its log time a record of the product's own may have been signed.
pub const SIGNED_WITHIN_MS: i64 = 10 * 60_000;
/// How long a signature is remembered, so that no copy of its record counts; of log time.
pub const SIGNATURE_MS: i64 = 24 * 3_600_000;
/// How far before its record's log time an event may have occurred.
pub const OCCURRED_BEFORE_MS: i64 = 90 * 86_400_000;
/// How far after its record's log time an event may have occurred.
pub const OCCURRED_AFTER_MS: i64 = 5 * 60_000;

/// Bytes of a record's key, headers and value together in the log.
pub const RECORD_BYTES: usize = 4 * MIB;
/// Headers of a record.
pub const RECORD_HEADERS: usize = 256;
/// Bytes of an output record.
pub const OUTPUT_BYTES: usize = 512 * KIB;
/// Value of a dead letter that is kept whole.
pub const DEAD_LETTER_WHOLE_BYTES: usize = 256 * KIB;
/// What is kept of a longer one.
pub const DEAD_LETTER_CUT_BYTES: usize = 64 * KIB;
/// Headers kept of a dead letter.
pub const DEAD_LETTER_HEADERS: usize = 64;
/// Bytes of headers kept of a dead letter.
pub const DEAD_LETTER_HEADER_BYTES: usize = 16 * KIB;

/// Details (signals, matched rules) listed in one decision.
pub const DETAILS: usize = 100;
/// Bytes of one description.
pub const DESCRIPTION_BYTES: usize = 512;

/// Records of one turn.
pub const TURN_RECORDS: usize = 1_024;
/// Bytes of one turn's records.
pub const TURN_BYTES: usize = 8 * MIB;
/// Rounds in which a batch's keys are read.
pub const PLAN_ROUNDS: usize = 4;

/// Partitions of an installation.
pub const PARTITIONS: u16 = 1_024;

/// Bytes of a rule pack.
pub const PACK_BYTES: usize = MIB;
/// Rules of a pack.
pub const PACK_RULES: usize = 8_192;
/// Signals of a pack.
pub const PACK_SIGNALS: usize = 512;
/// Lists of a pack.
pub const PACK_LISTS: usize = 256;

/// Files of a snapshot.
pub const MANIFEST_FILES: usize = 65_536;
/// Bytes of what a backup says of itself: about 150 for each of its files.
pub const BACKUP_BYTES: u64 = 256 * MIB as u64;
/// Bytes of a snapshot's manifest: about 250 for each file.
pub const MANIFEST_BYTES: u64 = 32 * MIB as u64;

/// Bytes of a document that changes settings, packs and lists in one step.
pub const APPLY_BYTES: usize = 3 * MIB;
/// Entries of all named lists of an organization together.
pub const LIST_ENTRIES: usize = 100_000;

// A copy counts for nothing while its original may have been signed not long enough ago.
const _: () = assert!(2 * SIGNED_WITHIN_MS < SIGNATURE_MS);
const _: () = assert!(APPLY_BYTES < RECORD_BYTES);
const _: () = assert!(BODY_BYTES < RECORD_BYTES);
const _: () = assert!(PACK_BYTES * 2 < RECORD_BYTES);
const _: () = assert!(DETAILS * 2 * (DESCRIPTION_BYTES * 2 + 512) < OUTPUT_BYTES);
const _: () = assert!(DEAD_LETTER_WHOLE_BYTES + DEAD_LETTER_HEADER_BYTES * 2 < OUTPUT_BYTES);
const _: () = assert!(DEAD_LETTER_CUT_BYTES < DEAD_LETTER_WHOLE_BYTES);
const _: () = assert!(RECORD_BYTES <= TURN_BYTES);
