//! Organizations: made with a key of each type, so that their people can begin at once.

use crate::base::clock::Clock;
use crate::base::hash::{EntityKey, hmac_sha256};
use crate::base::id::OrgId;
use crate::base::keycode;
use crate::domain::access::{KeyType, Locale, Organization, OrganizationKind};
use crate::node::admin::desk::{Desk, Trouble, accepted, fault, random};
use crate::node::bootstrap::first_key;
use crate::node::installation::InstallationKey;
use crate::wire::admin::{Answer, Fault, NewOrganization, OrganizationShown};
use crate::wire::bootstrap::{Bootstrap, Keys};
use crate::wire::envelope::RecordType;
use crate::wire::internal::{self, ApiKeyPut, OrganizationPut};
use crate::wire::json::Text;

/// What is told of an id that nobody has.
pub(super) const NO_ORGANIZATION: &str =
    "there is no organization with that id; `clausum orgs list` shows all";

/// An organization that is to be made: its records, and what its people are told.
pub(in crate::node) struct Founded {
    pub(in crate::node) id: OrgId,
    pub(in crate::node) records: Vec<(RecordType, Vec<u8>)>,
    pub(in crate::node) bootstrap: Bootstrap,
}

/// Draws an organization and a key of each type, without limits, as a first start does.
pub(in crate::node) fn found(
    new: NewOrganization,
    installation: &InstallationKey,
    clock: &dyn Clock,
    base_url: &str,
) -> Result<Founded, Trouble> {
    let (name, kind, locale) = checked(new)?;
    let id = OrgId::from_random(random(clock)?);
    let organization = Organization {
        id,
        profile_id: OrgId::from_random(random(clock)?),
        name,
        kind,
        locale,
        entity_key: EntityKey::from_bytes(installation.derive(&format!("entity key {id}"))),
        allow_publishable_assess: true,
    };
    let mut records = vec![(RecordType::Organization, internal::write(&OrganizationPut::of(&organization)))];
    let mut texts = Vec::new();
    for kind in KeyType::ALL {
        let text = keycode::render(kind.prefix(), &random(clock)?);
        let digest = hmac_sha256(installation.bytes(), &[text.as_bytes()]);
        let key = first_key(kind, &text, digest, clock.now());
        records.push((RecordType::ApiKey, internal::write(&ApiKeyPut::of(&key))));
        texts.push(text);
    }
    let mut texts = texts.into_iter();
    let mut next = || texts.next().unwrap_or_default();
    let bootstrap = Bootstrap {
        base_url: base_url.to_owned(),
        organization_id: id.to_string(),
        profile_id: organization.profile_id.to_string(),
        keys: Keys { server: next(), checkout: next(), ingest: next() },
        sign_in_link: None,
    };
    Ok(Founded { id, records, bootstrap })
}

impl Desk {
    /// Makes an organization and a key of each type.
    pub(super) async fn create_organization(&self, new: NewOrganization) -> Result<Answer, Trouble> {
        let parts = &self.parts;
        let founded = found(new, &parts.key, &*parts.clock, &parts.base_url)?;
        accepted(self.write(founded.id, founded.records).await?)?;
        Ok(Answer::Organization(founded.bootstrap))
    }

    /// Every organization.
    pub(super) fn list_organizations(&self) -> Answer {
        let shown = |organization: Organization| OrganizationShown {
            id: organization.id.to_string(),
            profile_id: organization.profile_id.to_string(),
            name: organization.name,
            organization_type: organization.kind.text().to_owned(),
            locale: organization.locale.text().to_owned(),
            allow_publishable_assess: organization.allow_publishable_assess,
        };
        Answer::Organizations(self.parts.roster.organizations().into_iter().map(shown).collect())
    }

    /// The organization with an id.
    pub(super) fn organization(&self, id: &str) -> Result<OrgId, Trouble> {
        self.known(id).ok_or_else(|| Trouble::refused("organization_id", "reference", NO_ORGANIZATION))
    }

    /// An organization by its id.
    pub(super) fn known(&self, id: &str) -> Option<OrgId> {
        id.parse().ok().filter(|id| self.parts.roster.has_organization(*id))
    }
}

const _: () = assert!(
    matches!(KeyType::ALL, [KeyType::Server, KeyType::Checkout, KeyType::Ingest]),
    "the order of the keys above"
);

fn checked(new: NewOrganization) -> Result<(String, OrganizationKind, Locale), Trouble> {
    let mut faults = Vec::new();
    let name = named(&new.name, &mut faults);
    let kind = OrganizationKind::from_text(&new.organization_type);
    if kind.is_none() {
        faults.push(fault("organization_type", "enum", "must be comercio, psp or banco"));
    }
    let locale = Locale::from_text(&new.locale);
    if locale.is_none() {
        faults.push(fault("locale", "enum", "must be en or es"));
    }
    match (kind, locale) {
        (Some(kind), Some(locale)) if faults.is_empty() => Ok((name, kind, locale)),
        _ => Err(Trouble::Refused(faults)),
    }
}

/// A person's name for something.
pub(super) fn named(name: &str, faults: &mut Vec<Fault>) -> String {
    let name = name.trim();
    if name.is_empty() {
        faults.push(fault("name", "required", "must not be empty"));
    } else if let Err(bad) = Text::USUAL.check(name) {
        faults.push(fault("name", bad.code.text(), bad.message));
    }
    name.to_owned()
}
