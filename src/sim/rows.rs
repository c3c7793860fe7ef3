//! Stored windows against a naive list of all events.

use super::finish::clock_of;
use super::invariant::{Breach, Invariant, ensure};
use super::oracle::{Model, OrganizationModel};
use crate::base::hash::Hash128;
use crate::base::id::OrgId;
use crate::base::time::Ms;
use crate::domain::decision::Flow;
use crate::domain::entity::{Entity, EntityKind};
use crate::state::key::{Key, Kind};
use crate::state::velocity::head::{Absent, Head, Pages, decode_page};
use crate::state::velocity::posting::{Posting, Run};
use crate::store::memory::Content;
use std::collections::BTreeMap;

/// The pages of an entity, as they are stored.
struct Stored(BTreeMap<u64, Run>);

impl Pages for Stored {
    fn page(&self, number: u64) -> Result<&Run, Absent> {
        self.0.get(&number).ok_or(Absent(number))
    }
}

fn breach(text: String) -> Breach {
    Breach::of(Invariant::StoredWindows, text)
}

/// Holds the rows of a partition, of which the expired ones are dropped, against what its model counted.
pub(super) fn check(model: &Model, content: &Content) -> Result<(), Breach> {
    let (clock, kept) = (clock_of(content).map_or(0, |clock| clock.0), model.retention());
    let (mut heads, mut pages) = (0, 0);
    for (id, organization) in model.organizations() {
        let org: OrgId = id.parse().map_err(|_| breach(format!("{id} is no organization")))?;
        for (kind, value, floor) in organization.known(clock, kept.entity_ms) {
            heads += 1;
            let due = organization.postings(kind, value, floor.max(clock - kept.event_ms));
            let found = Found::of(org, organization, (kind, value), content)?;
            pages += found.pages(Ms(clock - kept.event_ms));
            found.check(Ms(floor), Ms(clock - kept.event_ms), &due)?;
        }
    }
    let organizations = || model.organizations().map(|(_, organization)| organization);
    let stored = |kind: Kind| content.rows.keys().filter(|key| Kind::of(key) == Some(kind)).count();
    let expected = [
        (Kind::Head, heads),
        (Kind::Page, pages),
        (Kind::Event, organizations().map(|of| of.events(clock, kept.event_ms)).sum()),
        (Kind::Decision, model.decisions_at(clock)),
        (Kind::Organization, organizations().count()),
        (Kind::Session, organizations().map(|of| of.sessions(clock, kept.session_ms)).sum()),
        (Kind::Idempotency, organizations().map(|of| of.entries(clock, kept.idempotency_ms)).sum()),
    ];
    for (kind, due) in expected {
        let found = stored(kind);
        ensure(found == due, Invariant::StoredWindows, || {
            format!("there are {found} rows of kind {kind:?}, not {due}")
        })?;
    }
    Ok(())
}

/// What is stored of an entity.
struct Found<'a> {
    name: String,
    head: Head,
    content: &'a Content,
    page: Box<dyn Fn(u64) -> Key>,
}

impl<'a> Found<'a> {
    fn of(
        org: OrgId,
        organization: &OrganizationModel,
        (kind, value): (&str, &str),
        content: &'a Content,
    ) -> Result<Self, Breach> {
        let name = format!("{kind} {value} of {org}");
        let token = organization.token(kind, value);
        let entity = token.and_then(hash).zip(EntityKind::from_text(kind));
        let (hash, kind) = entity.ok_or_else(|| breach(format!("{name} has no token")))?;
        let entity = Entity { kind, hash };
        let row = content.rows.get(&Key::Head(org, Flow::Payin, entity).encode());
        let head = row.and_then(|bytes| Head::decode(bytes).ok());
        let head = head.ok_or_else(|| breach(format!("{name} has no head")))?;
        let page = Box::new(move |number| Key::Page(org, Flow::Payin, entity, number));
        Ok(Self { name, head, content, page })
    }

    /// Pages of it that are of use above a horizon.
    fn pages(&self, horizon: Ms) -> usize {
        let mut head = self.head.clone();
        head.prune(horizon);
        head.page_numbers().count()
    }

    /// Holds it against the postings that are due above the horizon.
    fn check(mut self, floor: Ms, horizon: Ms, due: &[Plain]) -> Result<(), Breach> {
        let name = self.name;
        ensure(self.head.floor() == floor, Invariant::StoredWindows, || {
            format!("{name} is kept from {} on instead of {}", self.head.floor(), floor)
        })?;
        // What lies below may be gone from the store.
        self.head.prune(horizon);
        let mut pages = Stored(BTreeMap::new());
        for number in self.head.page_numbers() {
            let row = self.content.rows.get(&(self.page)(number).encode());
            let run = row.and_then(|bytes| decode_page(bytes).ok());
            pages.0.insert(number, run.ok_or_else(|| breach(format!("{name} lacks page {number}")))?);
        }
        let found = self.head.postings(&pages).map_err(|absent| breach(format!("{name}: {absent:?}")))?;
        let found: Vec<_> =
            found.iter().filter(|posting| posting.at > floor.max(horizon)).map(plain).collect();
        ensure(found == due, Invariant::StoredWindows, || {
            format!("{name} has {} postings, {} are due, or others", found.len(), due.len())
        })
    }
}

/// A posting in words that the oracle has too.
type Plain = (i64, u64, i64, String, usize);

fn plain(posting: &Posting) -> Plain {
    let currency = posting.currency.code().to_owned();
    let decision = usize::from(posting.outcome.decision as u8);
    (posting.at.0, posting.event.0, posting.amount, currency, decision)
}

/// The hash that a token shows.
fn hash(token: &str) -> Option<Hash128> {
    let text = token.strip_prefix("tok_")?;
    let mut bytes = [0; 16];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(Hash128(bytes))
}
