//! What an operator's commands and a running server say to each other through the socket of its data
//! folder: one request a line, answered by one line; before it may stand lines that tell how far it is.
//!
//! Both sides refuse members they do not know. A version is one whole shape: a change of any of it is
//! another version, and whoever meets one says so by its number.

use crate::wire::bootstrap::Bootstrap;
use crate::wire::internal::{self, BadInternal};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

/// The version of these shapes.
pub const VERSION: u32 = 2;

/// Bytes of a request's line: a document and what JSON makes of it as a text, and a little.
pub const REQUEST_BYTES: usize = 2 * crate::base::limits::APPLY_BYTES + 4_096;

/// Bytes of a line of the server.
pub const ANSWER_BYTES: usize = 64 << 20;

/// A request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Of the shapes.
    pub version: u32,
    /// What is to be done.
    pub command: Command,
}

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Makes an organization with a key of each type. Answer: [`Answer::Organization`].
    CreateOrganization(NewOrganization),
    /// Answer: [`Answer::Organizations`].
    ListOrganizations(Nothing),
    /// Makes a key. Answer: [`Answer::NewKey`].
    CreateKey(NewKey),
    /// Answer: [`Answer::Keys`].
    ListKeys(OfOrganization),
    /// Switches a key on or off, or revokes it. Answer: [`Answer::Key`].
    ChangeKey(KeyChange),
    /// Switches maintenance, or only tells. Answer: [`Answer::Maintenance`].
    Maintenance(MaintenanceChange),
    /// Applies a document. Answer: [`Answer::Applied`].
    Apply(Apply),
    /// Answer: [`Answer::Status`].
    Status(Nothing),
    /// Has a partition that was given up tried again at once. Answer: [`Answer::Status`].
    RetryPartition(OfPartition),
    /// Copies the installation. Answer: [`Answer::Backup`].
    Backup(BackupTo),
}

impl Command {
    /// For log lines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Command::CreateOrganization(_) => "create_organization",
            Command::ListOrganizations(_) => "list_organizations",
            Command::CreateKey(_) => "create_key",
            Command::ListKeys(_) => "list_keys",
            Command::ChangeKey(_) => "change_key",
            Command::Maintenance(_) => "maintenance",
            Command::Apply(_) => "apply",
            Command::Status(_) => "status",
            Command::RetryPartition(_) => "retry_partition",
            Command::Backup(_) => "backup",
        }
    }
}

/// No arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// An organization to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// Its name, up to 256 characters.
    pub name: String,
    /// `comercio`, `psp`, `banco`.
    pub organization_type: String,
    /// `en`, `es`.
    pub locale: String,
}

/// Whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfOrganization {
    /// Its id.
    pub organization_id: String,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose.
    pub organization_id: String,
    /// `server`, `checkout`, `ingest`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A person's name for it.
    pub name: String,
    /// What it may do; none: all that its type allows.
    pub permissions: Vec<String>,
    /// Requests a minute; none is no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// Requests a day; none is no limit.
    pub rate_limit_per_day: Option<u32>,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// Origins a browser may call from; none: any.
    pub allowed_origins: Vec<String>,
}

/// A key that is to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// `key_…`.
    pub id: String,
    /// `active`, `disabled`, `revoked`.
    pub state: String,
}

/// Whether maintenance is to be on; none: as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceChange {
    /// From now on.
    pub on: Option<bool>,
}

/// A document to be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// Whose; none: the one that the document names.
    pub organization_id: Option<String>,
    /// The document, JSON as a text.
    pub document: String,
}

/// Which partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfPartition {
    /// Its number, from 0.
    pub partition: u16,
}

/// Where a backup goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTo {
    /// `file://…` or `s3://…`.
    pub to: String,
}

/// A line of the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// How far a long command is; another line follows.
    Progress(Progress),
    /// It was done.
    Done(Box<Answer>),
    /// What was asked for is wrong, and nothing was done.
    Refused(Refused),
    /// The server could not do it; what it says tells whether something may have been done.
    Failed(Failed),
}

/// How far a command is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What is being done.
    pub what: String,
    /// How much of it is done.
    pub done: u64,
    /// Of how much, where that is known.
    pub of: Option<u64>,
}

/// Everything that is wrong with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// At least one.
    pub faults: Vec<Fault>,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A member of the command, or a JSON pointer into a document.
    pub field: String,
    /// A code of the contract's section 3.
    pub code: String,
    /// For a person.
    pub message: String,
}

/// Why a server could not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    /// For a person, with what to do.
    pub message: String,
}

/// What a command came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A new organization with its keys in clear: told this once.
    Organization(Bootstrap),
    /// Every organization.
    Organizations(Vec<OrganizationShown>),
    /// A new key in clear: told this once.
    NewKey(NewKeyShown),
    /// A key as it is now.
    Key(KeyShown),
    /// The keys of an organization.
    Keys(Vec<KeyShown>),
    /// Maintenance as it is now.
    Maintenance(MaintenanceShown),
    /// What a document put in force: JSON, as the shard said it.
    Applied(Box<RawValue>),
    /// How the server is doing.
    Status(StatusShown),
    /// A backup that is whole.
    Backup(BackupShown),
}

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationShown {
    /// Its id.
    pub id: String,
    /// The id that appears in provider URLs.
    pub profile_id: String,
    /// Its name.
    pub name: String,
    /// `comercio`, `psp`, `banco`.
    pub organization_type: String,
    /// `en`, `es`.
    pub locale: String,
    /// Whether checkout keys may assess.
    pub allow_publishable_assess: bool,
}

/// A key, never its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyShown {
    /// `key_…`.
    pub id: String,
    /// Whose.
    pub organization_id: String,
    /// `server`, `checkout`, `ingest`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A person's name for it.
    pub name: String,
    /// Its beginning and its end.
    pub display: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// Requests a minute; none is no limit.
    pub rate_limit_per_minute: Option<u32>,
    /// Requests a day; none is no limit.
    pub rate_limit_per_day: Option<u32>,
    /// `active`, `disabled`, `revoked`, `expired`.
    pub status: String,
    /// Origins a browser may call from; none: any.
    pub allowed_origins: Vec<String>,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// RFC 3339.
    pub created_at: Option<String>,
}

/// A new key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKeyShown {
    /// Its text.
    pub key: String,
    /// All that will be told of it later.
    pub object: KeyShown,
}

/// A key is not for log lines.
impl fmt::Debug for NewKeyShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKeyShown").field("id", &self.object.id).finish_non_exhaustive()
    }
}

/// Maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceShown {
    /// Whether it is on.
    pub on: bool,
    /// RFC 3339, while it is on.
    pub since: Option<String>,
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupShown {
    /// Where it is.
    pub to: String,
    /// When the log stood where the backup holds it, RFC 3339.
    pub taken_at: String,
    /// Its files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is damaged in the log, and is so in the backup.
    pub damaged: Vec<String>,
}

/// How a server is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusShown {
    /// The product's version.
    pub version: String,
    /// Whether requests should be sent here, as `/health/readyz` says it.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Maintenance.
    pub maintenance: MaintenanceShown,
    /// By number.
    pub partitions: Vec<PartitionShown>,
}

/// How a partition is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionShown {
    /// Its number, from 0.
    pub partition: u16,
    /// `opening`, `running`, `poisoned`, `parked`, `left`.
    pub phase: String,
    /// The engine version in force; none that is known before it decides.
    pub engine: Option<u32>,
    /// Offset behind the last record applied.
    pub position: u64,
    /// Records durable and not yet applied.
    pub lag_records: u64,
    /// Age of the oldest of them in milliseconds.
    pub lag_ms: u64,
    /// Age of the last checkpoint of this run in milliseconds.
    pub checkpoint_age_ms: Option<u64>,
    /// Bytes of its state.
    pub state_bytes: u64,
    /// Why it could not go on the last time, while it does not decide.
    pub failure: Option<String>,
}

/// Reads a request's line.
///
/// # Errors
/// It is none of this version; the text says what is wrong.
pub fn read_request(line: &[u8]) -> Result<Command, BadInternal> {
    check_version(line)?;
    internal::read::<Request>(line).map(|request| request.command)
}

/// A request of another version may have any shape, but says its version.
fn check_version(line: &[u8]) -> Result<(), BadInternal> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let Versioned { version } = internal::read(line)?;
    if version == VERSION {
        return Ok(());
    }
    Err(BadInternal(format!("the server speaks version {VERSION} of this protocol, not {version}")))
}

/// Writes a request's line, without its end.
#[must_use]
pub fn write_request(command: Command) -> Vec<u8> {
    internal::write(&Request { version: VERSION, command })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let line: Line = internal::read(text.as_bytes()).unwrap();
        String::from_utf8(internal::write(&line)).unwrap()
    }

    #[test]
    fn a_request_is_one_line_of_one_spelling() {
        let command = Command::ChangeKey(KeyChange { id: "key_1".to_owned(), state: "revoked".to_owned() });
        let text = r#"{"version":2,"command":{"change_key":{"id":"key_1","state":"revoked"}}}"#;
        assert_eq!(String::from_utf8(write_request(command.clone())).unwrap(), text);
        assert_eq!(read_request(text.as_bytes()), Ok(command));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let table = [
            (r#"{"version":1,"commands":[]}"#, "the server speaks version 2 of this protocol, not 1"),
            (r#"{"command":{"status":{}}}"#, "missing field `version`"),
            (r#"{"version":2,"command":{"status":{"more":1}}}"#, "unknown field `more`"),
            (r#"{"version":2,"command":{"status":{}},"more":1}"#, "unknown field `more`"),
            (r#"{"version":2,"command":{"fly":{}}}"#, "unknown variant `fly`"),
            (r#"{"version":2,"version":2,"command":{"status":{}}}"#, "duplicate field `version`"),
            ("", "EOF"),
        ];
        for (text, expected) in table {
            let refused = read_request(text.as_bytes()).unwrap_err();
            assert!(refused.0.contains(expected), "{text}: {refused}");
        }
    }

    #[test]
    fn lines_come_back_and_secrets_are_not_shown() {
        for text in [
            r#"{"progress":{"what":"copying","done":3,"of":null}}"#,
            r#"{"refused":{"faults":[{"field":"/lists","code":"type","message":"must be an object"}]}}"#,
            r#"{"failed":{"message":"no"}}"#,
            r#"{"done":{"maintenance":{"on":false,"since":null}}}"#,
            r#"{"done":{"applied":{"any":[1.50]}}}"#,
        ] {
            assert_eq!(line(text), text);
        }
        let object = r#"{"id":"key_1","organization_id":"o","type":"server","name":"n","display":"d","permissions":[],"rate_limit_per_minute":1,"rate_limit_per_day":null,"status":"active","allowed_origins":[],"expires_at":null,"created_at":null}"#;
        let key: NewKeyShown =
            internal::read(format!(r#"{{"key":"clm_sk_secret","object":{object}}}"#).as_bytes()).unwrap();
        assert!(!format!("{key:?}").contains("secret"));
        assert!(
            internal::read::<Line>(br#"{"done":{"maintenance":{"on":false,"since":null,"x":1}}}"#).is_err()
        );
    }
}
