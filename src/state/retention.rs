//! How long rows are there. A row that has expired at a record's clock is absent to that record, whether
//! the store still holds it or dropped it long ago: so the store may drop it whenever it likes, as long as
//! it never does so for a clock that the shard has not reached for good.

use crate::base::limits;
use crate::base::time::{DAY_MS, Ms, Window};
use crate::state::codec::BadRow;
use crate::state::control_rows::decode_signature;
use crate::state::decision_row::peek_decided_at;
use crate::state::event::peek_at;
use crate::state::key::Kind;
use crate::state::row::Row;
use crate::state::session::{IdempotencyRow, SessionRow};
use crate::state::velocity::head::{decode_page, peek_last};
use crate::state::velocity::posting::Run;

/// How long each kind of row is there, in milliseconds. They are part of what decides, equal in all engine
/// versions of a binary: a row that has expired may be gone, so no version can have it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Requests already decided, from then on.
    pub idempotency_ms: i64,
    /// Decisions with all that explains them, from their making.
    pub decision_ms: i64,
    /// Sessions, from their last decision.
    pub session_ms: i64,
    /// What is known of an entity, from its last event.
    pub entity_ms: i64,
    /// Events, from their own time. Postings of an entity count as long as its pipeline says, and never
    /// longer than this.
    pub event_ms: i64,
}

impl Retention {
    /// Of the product. Everything that is not in this table is kept until a record deletes it.
    pub const SHIPPED: Retention = Retention {
        idempotency_ms: limits::IDEMPOTENCY_MS,
        decision_ms: 30 * DAY_MS,
        session_ms: 400 * DAY_MS,
        entity_ms: 400 * DAY_MS,
        // No window is longer, so no rule of any pack could read more.
        event_ms: Window::LONGEST.ms(),
    };

    /// Whether nothing is gone before what needs it: a repeat is answered from its decision, a session that
    /// begins anew must not write over decisions of before, and an entity that is forgotten must have no
    /// event that counts.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        0 < self.idempotency_ms
            && self.idempotency_ms <= self.decision_ms
            && self.decision_ms <= self.session_ms
            && 0 < self.event_ms
            && self.event_ms <= self.entity_ms
    }

    /// Up to where, at `clock`, events of an entity are not counted any more of which postings are kept for
    /// `kept_ms`.
    #[must_use]
    pub fn horizon(&self, clock: Ms, kept_ms: i64) -> Ms {
        clock.plus(-kept_ms.min(self.event_ms))
    }

    /// Whether a row is absent at `clock`.
    #[must_use]
    pub fn is_expired(&self, row: &Row, clock: Ms) -> bool {
        self.end(row).is_some_and(|end| end <= clock)
    }

    /// Whether a stored row is absent at `clock`.
    ///
    /// # Errors
    /// The bytes are damaged or of no known version.
    pub fn is_stored_expired(&self, kind: Kind, bytes: &[u8], clock: Ms) -> Result<bool, BadRow> {
        Ok(self.stored_end(kind, bytes)?.is_some_and(|end| end <= clock))
    }

    /// The first clock at which a row is absent; none if it stays.
    fn end(&self, row: &Row) -> Option<Ms> {
        match row {
            Row::Idempotency(row) => Some(row.decided_at.plus(self.idempotency_ms)),
            Row::Decision(row) => Some(row.decided_at.plus(self.decision_ms)),
            Row::Session(row) => Some(row.decided_at.plus(self.session_ms)),
            Row::Head(row) => row.last().map(|last| last.plus(self.entity_ms)),
            Row::Event(row) => Some(row.at.plus(self.event_ms)),
            Row::Page(run) => self.page_end(run),
            Row::Signature(row) => Some(row.applied_at.plus(limits::SIGNATURE_MS)),
            Row::Organization(_)
            | Row::ApiKey(_)
            | Row::Settings(_)
            | Row::ActivePack(_)
            | Row::Pack(_)
            | Row::Lists(_)
            | Row::Installation(_) => None,
        }
    }

    /// The same of a stored row, of which as little is read as tells it.
    fn stored_end(&self, kind: Kind, bytes: &[u8]) -> Result<Option<Ms>, BadRow> {
        Ok(match kind {
            Kind::Idempotency => Some(IdempotencyRow::decode(bytes)?.decided_at.plus(self.idempotency_ms)),
            Kind::Decision => Some(peek_decided_at(bytes)?.plus(self.decision_ms)),
            Kind::Session => Some(SessionRow::decode(bytes)?.decided_at.plus(self.session_ms)),
            Kind::Head => Some(peek_last(bytes)?.plus(self.entity_ms)),
            Kind::Event => Some(peek_at(bytes)?.plus(self.event_ms)),
            Kind::Page => self.page_end(&decode_page(bytes)?),
            Kind::Signature => Some(decode_signature(bytes)?.applied_at.plus(limits::SIGNATURE_MS)),
            Kind::Organization
            | Kind::ApiKey
            | Kind::Settings
            | Kind::ActivePack
            | Kind::Pack
            | Kind::Lists
            | Kind::Installation => None,
        })
    }

    /// A page is of use as long as its last posting: what a horizon before that leaves of it, the head
    /// knows.
    fn page_end(&self, run: &Run) -> Option<Ms> {
        run.postings.last().map(|posting| posting.at.plus(self.event_ms))
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::SHIPPED
    }
}

const _: () = assert!(Retention::SHIPPED.is_sound());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::samples::{NOON, samples};

    #[test]
    fn each_kind_has_its_time() {
        let days = |kind: Kind| {
            let row = samples().into_iter().rev().find(|sample| sample.0 == kind).unwrap().2;
            Retention::SHIPPED.end(&row).map(|end| (end.since(NOON) + DAY_MS / 2) / DAY_MS)
        };
        let table = [
            (Kind::Idempotency, Some(1)),
            (Kind::Decision, Some(30)),
            (Kind::Session, Some(400)),
            (Kind::Head, Some(400)),
            (Kind::Event, Some(90)),
            (Kind::Page, Some(90)),
            (Kind::Organization, None),
            (Kind::ApiKey, None),
            (Kind::Settings, None),
            (Kind::ActivePack, None),
            (Kind::Pack, None),
            (Kind::Lists, None),
            (Kind::Installation, None),
            (Kind::Signature, Some(1)),
        ];
        for (kind, due) in table {
            assert_eq!(days(kind), due, "{kind:?}");
        }
        assert_eq!(table.len(), Kind::ALL.len());
    }

    #[test]
    fn a_stored_row_expires_with_the_row() {
        for (kind, _, row) in samples() {
            let retention = Retention::SHIPPED;
            assert_eq!(retention.stored_end(kind, &row.encode()).unwrap(), retention.end(&row), "{kind:?}");
            if let Some(end) = retention.end(&row) {
                assert!(retention.is_expired(&row, end) && !retention.is_expired(&row, end.plus(-1)));
                assert!(retention.stored_end(kind, &[99]).is_err(), "{kind:?} of a version to come");
            }
        }
    }
}
