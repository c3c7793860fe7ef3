//! A row in memory: what its key's kind says it is.

use crate::domain::access::{ApiKey, Organization};
use crate::domain::settings::ScoringSettings;
use crate::state::codec::BadRow;
use crate::state::control_rows::{self as control, ActivePack, InstallationRow, ListsRow, SignatureRow};
use crate::state::decision_row::DecisionRow;
use crate::state::event::EventRow;
use crate::state::key::Kind;
use crate::state::session::{IdempotencyRow, SessionRow};
use crate::state::velocity::head::{Head, decode_page, encode_page};
use crate::state::velocity::posting::Run;

/// A decoded row.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Of [`Kind::Organization`].
    Organization(Organization),
    /// Of [`Kind::ApiKey`].
    ApiKey(ApiKey),
    /// Of [`Kind::Settings`].
    Settings(ScoringSettings),
    /// Of [`Kind::ActivePack`].
    ActivePack(ActivePack),
    /// Of [`Kind::Pack`].
    Pack(String),
    /// Of [`Kind::Lists`].
    Lists(ListsRow),
    /// Of [`Kind::Installation`].
    Installation(InstallationRow),
    /// Of [`Kind::Signature`].
    Signature(SignatureRow),
    /// Of [`Kind::Idempotency`].
    Idempotency(IdempotencyRow),
    /// Of [`Kind::Session`].
    Session(SessionRow),
    /// Of [`Kind::Decision`].
    Decision(Box<DecisionRow>),
    /// Of [`Kind::Event`].
    Event(EventRow),
    /// Of [`Kind::Head`].
    Head(Head),
    /// Of [`Kind::Page`].
    Page(Run),
}

impl Row {
    /// The stored value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Row::Organization(row) => control::encode_organization(row),
            Row::ApiKey(row) => control::encode_api_key(row),
            Row::Settings(row) => control::encode_settings(row),
            Row::ActivePack(row) => control::encode_active_pack(row),
            Row::Pack(row) => control::encode_pack(row),
            Row::Lists(row) => control::encode_lists(row),
            Row::Installation(row) => control::encode_installation(row),
            Row::Signature(row) => control::encode_signature(row),
            Row::Idempotency(row) => row.encode(),
            Row::Session(row) => row.encode(),
            Row::Decision(row) => row.encode(),
            Row::Event(row) => row.encode(),
            Row::Head(row) => row.encode(),
            Row::Page(row) => encode_page(row),
        }
    }

    /// Reads the stored value of a row of `kind`.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Row, BadRow> {
        Ok(match kind {
            Kind::Organization => Row::Organization(control::decode_organization(bytes)?),
            Kind::ApiKey => Row::ApiKey(control::decode_api_key(bytes)?),
            Kind::Settings => Row::Settings(control::decode_settings(bytes)?),
            Kind::ActivePack => Row::ActivePack(control::decode_active_pack(bytes)?),
            Kind::Pack => Row::Pack(control::decode_pack(bytes)?),
            Kind::Lists => Row::Lists(control::decode_lists(bytes)?),
            Kind::Installation => Row::Installation(control::decode_installation(bytes)?),
            Kind::Signature => Row::Signature(control::decode_signature(bytes)?),
            Kind::Idempotency => Row::Idempotency(IdempotencyRow::decode(bytes)?),
            Kind::Session => Row::Session(SessionRow::decode(bytes)?),
            Kind::Decision => Row::Decision(Box::new(DecisionRow::decode(bytes)?)),
            Kind::Event => Row::Event(EventRow::decode(bytes)?),
            Kind::Head => Row::Head(Head::decode(bytes)?),
            Kind::Page => Row::Page(decode_page(bytes)?),
        })
    }
}

/// Implements [`FromRow`] for the content of a variant.
macro_rules! from_row {
    ($($variant:ident => $content:ty;)*) => {
        $(impl FromRow for $content {
            fn from_row(row: &Row) -> Option<&Self> {
                if let Row::$variant(content) = row { Some(content) } else { None }
            }
        })*
    };
}

/// Content of a row, by type.
pub trait FromRow: Sized {
    /// The content, if the row is of this kind.
    fn from_row(row: &Row) -> Option<&Self>;
}

from_row! {
    Organization => Organization;
    ApiKey => ApiKey;
    Settings => ScoringSettings;
    ActivePack => ActivePack;
    Pack => String;
    Lists => ListsRow;
    Installation => InstallationRow;
    Signature => SignatureRow;
    Idempotency => IdempotencyRow;
    Session => SessionRow;
    Decision => Box<DecisionRow>;
    Event => EventRow;
    Head => Head;
    Page => Run;
}
