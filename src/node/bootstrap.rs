//! The first start: one organization and a key of each type, so that people and scripts can begin at once.
//!
//! The object with the keys is written before any record, so a start cut off goes on with the same keys.
//! Everything else that the records hold is derived, so writing them again changes nothing.

use crate::base::clock::Clock;
use crate::base::hash::{Digest256, EntityKey, hmac_sha256};
use crate::base::id::{OrgId, sortable};
use crate::base::keycode;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, KeyState, KeyType, Locale, Organization, OrganizationKind, Permissions};
use crate::node::data::{Data, read_if_there, write_secret};
use crate::node::installation::InstallationKey;
use crate::node::roster::Roster;
use crate::node::serve::Failure;
use crate::wire::bootstrap::{Bootstrap, Keys};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, ApiKeyPut, OrganizationPut};
use bytes::Bytes;

/// The organization's name until somebody changes it.
const NAME: &str = "Clausum";

/// The object of an earlier start, if there was one.
pub(super) fn read(data: &Data) -> Result<Option<Bootstrap>, Failure> {
    let path = data.bootstrap();
    let Some(text) = read_if_there(&path)? else { return Ok(None) };
    let read = internal::read(text.as_bytes()).map(Some);
    read.map_err(|error| Failure::Input(format!("{}: is no bootstrap object: {error}", path.display())))
}

/// A new object.
pub(super) fn make(clock: &dyn Clock, base_url: &str) -> Result<Bootstrap, String> {
    let key = |kind: KeyType| Ok::<_, String>(keycode::render(kind.prefix(), &random(clock)?));
    Ok(Bootstrap {
        base_url: base_url.to_owned(),
        organization_id: OrgId::from_random(random(clock)?).to_string(),
        profile_id: OrgId::from_random(random(clock)?).to_string(),
        keys: Keys {
            server: key(KeyType::Server)?,
            checkout: key(KeyType::Checkout)?,
            ingest: key(KeyType::Ingest)?,
        },
        sign_in_link: None,
    })
}

fn random<const N: usize>(clock: &dyn Clock) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    clock.entropy(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The object's line.
pub(super) fn line(bootstrap: &Bootstrap) -> String {
    String::from_utf8(internal::write(bootstrap)).unwrap_or_default()
}

/// Puts the object into the data folder.
pub(super) fn write(data: &Data, bootstrap: &Bootstrap) -> Result<(), String> {
    let path = data.bootstrap();
    let content = format!("{}\n", line(bootstrap));
    write_secret(&path, content.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))
}

/// What must be known once the first start is done.
#[derive(Debug)]
pub(super) struct Founding {
    pub(super) organization: Organization,
    pub(super) keys: Vec<ApiKey>,
}

impl Founding {
    /// What the object stands for.
    pub(super) fn of(bootstrap: &Bootstrap, key: &InstallationKey, now: Ms) -> Result<Self, String> {
        let bad = |what: &str| format!("{what} is not of its form");
        let id: OrgId = bootstrap.organization_id.parse().map_err(|_| bad("organization_id"))?;
        let organization = Organization {
            id,
            profile_id: bootstrap.profile_id.parse().map_err(|_| bad("profile_id"))?,
            name: NAME.to_owned(),
            kind: OrganizationKind::Comercio,
            locale: Locale::En,
            entity_key: EntityKey::from_bytes(key.derive(&format!("entity key {id}"))),
            allow_publishable_assess: true,
        };
        let texts = [
            (KeyType::Server, &bootstrap.keys.server),
            (KeyType::Checkout, &bootstrap.keys.checkout),
            (KeyType::Ingest, &bootstrap.keys.ingest),
        ];
        let mut keys = Vec::new();
        for (kind, text) in texts {
            if !keycode::is_well_formed(kind.prefix(), text) {
                return Err(bad(&format!("the {} key", kind.text())));
            }
            keys.push(first_key(kind, text, hmac_sha256(key.bytes(), &[text.as_bytes()]), now));
        }
        Ok(Self { organization, keys })
    }

    /// The organization.
    pub(super) fn id(&self) -> OrgId {
        self.organization.id
    }

    /// Whether all of it has come through.
    pub(super) fn is_known(&self, roster: &Roster) -> bool {
        roster.has_organization(self.id()) && self.keys.iter().all(|key| roster.has_key(key.digest))
    }

    /// The records of what has not.
    pub(super) fn records(&self, roster: &Roster) -> Result<Vec<Bytes>, String> {
        let id = self.id();
        let record = |kind, body: &[u8], name: &str| {
            product_record(id, kind, body, name).map_err(|error| error.to_string())
        };
        let mut records = Vec::new();
        if !roster.has_organization(id) {
            let body = internal::write(&OrganizationPut::of(&self.organization));
            records.push(record(RecordType::Organization, &body, &format!("bootstrap-{id}"))?);
        }
        for key in self.keys.iter().filter(|key| !roster.has_key(key.digest)) {
            let body = internal::write(&ApiKeyPut::of(key));
            records.push(record(RecordType::ApiKey, &body, &format!("bootstrap-{}", key.id))?);
        }
        Ok(records)
    }
}

/// A key of an organization that begins: without limits, allowed all that its type allows.
pub(super) fn first_key(kind: KeyType, text: &str, digest: Digest256, now: Ms) -> ApiKey {
    let mut tail = [0; 10];
    tail.iter_mut().zip(digest.0).for_each(|(byte, of_digest)| *byte = of_digest);
    ApiKey {
        id: sortable("key_", now, tail),
        digest,
        kind,
        display: keycode::display(kind.prefix(), text),
        name: format!("first {} key", kind.text()),
        permissions: Permissions::of(kind.permissions()),
        state: KeyState::Active,
        expires_at: None,
        per_minute: None,
        per_day: None,
        allowed_origins: Vec::new(),
    }
}
