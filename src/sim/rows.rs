//! Stored windows against a naive list of all events.

use super::invariant::{Breach, Invariant, ensure};
use super::oracle::{Model, OrganizationModel};
use crate::base::hash::Hash128;
use crate::base::id::OrgId;
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

/// Holds the rows of a partition against what its model counted.
pub(super) fn check(model: &Model, content: &Content) -> Result<(), Breach> {
    let mut heads = 0;
    for (id, organization) in model.organizations() {
        let org: OrgId = id.parse().map_err(|_| breach(format!("{id} is no organization")))?;
        for (kind, value) in organization.counted() {
            heads += 1;
            check_head(org, organization, (&kind, &value), content)?;
        }
    }
    let stored = |kind: Kind| content.rows.keys().filter(|key| Kind::of(key) == Some(kind)).count();
    let expected = [
        (Kind::Head, heads),
        (Kind::Event, model.decisions()),
        (Kind::Decision, model.decisions()),
        (Kind::Organization, model.organizations().count()),
        (Kind::Session, model.organizations().map(|(_, organization)| organization.sessions()).sum()),
        (Kind::Idempotency, model.organizations().map(|(_, organization)| organization.entries()).sum()),
    ];
    for (kind, due) in expected {
        let found = stored(kind);
        ensure(found == due, Invariant::StoredWindows, || {
            format!("there are {found} rows of kind {kind:?}, not {due}")
        })?;
    }
    Ok(())
}

fn check_head(
    org: OrgId,
    organization: &OrganizationModel,
    (kind, value): (&str, &str),
    content: &Content,
) -> Result<(), Breach> {
    let name = || format!("{kind} {value} of {org}");
    let token = organization.token(kind, value);
    let entity = token.and_then(hash).zip(EntityKind::from_text(kind));
    let (hash, kind_of) = entity.ok_or_else(|| breach(format!("{} has no token", name())))?;
    let entity = Entity { kind: kind_of, hash };
    let row = content.rows.get(&Key::Head(org, Flow::Payin, entity).encode());
    let head = row.and_then(|bytes| Head::decode(bytes).ok());
    let head = head.ok_or_else(|| breach(format!("{} has no head", name())))?;
    let mut pages = Stored(BTreeMap::new());
    for number in head.page_numbers() {
        let row = content.rows.get(&Key::Page(org, Flow::Payin, entity, number).encode());
        let run = row.and_then(|bytes| decode_page(bytes).ok());
        pages.0.insert(number, run.ok_or_else(|| breach(format!("{} lacks page {number}", name())))?);
    }
    let found = head.postings(&pages).map_err(|absent| breach(format!("{}: {absent:?}", name())))?;
    let found: Vec<_> = found.iter().map(plain).collect();
    let due = organization.postings(kind, value);
    ensure(found == due, Invariant::StoredWindows, || {
        format!("{} has {} postings, {} are due, or others", name(), found.len(), due.len())
    })
}

/// A posting in words that the oracle has too.
fn plain(posting: &Posting) -> (i64, u64, i64, String, usize) {
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
