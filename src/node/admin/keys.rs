//! API keys: made, listed, switched, revoked. Of a key's text only the digest under the installation key
//! is kept; a key that is revoked stays as a value.

use crate::base::hash::hmac_sha256;
use crate::base::id::{OrgId, sortable, sorted_time};
use crate::base::keycode;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, KeyState, KeyType, Permissions};
use crate::node::admin::desk::{Desk, Trouble, accepted, fault};
use crate::node::admin::organizations::named;
use crate::wire::admin::{Answer, Fault, KeyChange, KeyShown, NewKey, NewKeyShown};
use crate::wire::envelope::RecordType;
use crate::wire::internal::{self, ApiKeyPut};

/// What ids of keys begin with.
const PREFIX: &str = "key_";
/// Origins of one key.
const ORIGINS: usize = 100;

impl Desk {
    /// Makes a key; its text is in the answer and nowhere else.
    pub(super) async fn create_key(&self, new: NewKey) -> Result<Answer, Trouble> {
        let now = self.now();
        let organization = self.organization(&new.organization_id);
        let mut faults = match &organization {
            Err(Trouble::Refused(faults)) => faults.clone(),
            Err(Trouble::Failed(_)) | Ok(_) => Vec::new(),
        };
        let asked = Asked::of(&new, now, &mut faults);
        let (organization, asked) = match (organization, asked) {
            (Ok(organization), Some(asked)) if faults.is_empty() => (organization, asked),
            _ => return Err(Trouble::Refused(faults)),
        };
        let text = keycode::render(asked.kind.prefix(), &self.random()?);
        let key = ApiKey {
            id: sortable(PREFIX, now, self.random()?),
            digest: hmac_sha256(self.parts.key.bytes(), &[text.as_bytes()]),
            kind: asked.kind,
            display: keycode::display(asked.kind.prefix(), &text),
            name: asked.name,
            permissions: asked.permissions,
            state: KeyState::Active,
            expires_at: asked.expires_at,
            per_minute: new.rate_limit_per_minute,
            per_day: new.rate_limit_per_day,
            allowed_origins: new.allowed_origins,
        };
        self.put_key(organization, &key).await?;
        let object = shown(organization, &key, self.now());
        Ok(Answer::NewKey(NewKeyShown { key: text, object }))
    }

    /// The keys of an organization, oldest first.
    pub(super) fn list_keys(&self, organization: &str) -> Result<Answer, Trouble> {
        let organization = self.organization(organization)?;
        let now = self.now();
        let keys = self.parts.roster.keys_of(organization);
        Ok(Answer::Keys(keys.iter().map(|key| shown(organization, key, now)).collect()))
    }

    /// Switches a key on or off, or revokes it. One that is so already is left alone.
    pub(super) async fn change_key(&self, change: &KeyChange) -> Result<Answer, Trouble> {
        let state = KeyState::from_text(&change.state);
        let found = self.parts.roster.key(&change.id);
        let (Some(state), Some((organization, key))) = (state, found) else {
            let mut faults = Vec::new();
            if state.is_none() {
                faults.push(fault("state", "enum", "must be active, disabled or revoked"));
            } else {
                let message = "there is no key with that id; `clausum keys list` shows those there are";
                faults.push(fault("id", "reference", message));
            }
            return Err(Trouble::Refused(faults));
        };
        if key.state == KeyState::Revoked && state != KeyState::Revoked {
            let message = "the key is revoked for good; make another one";
            return Err(Trouble::refused("state", "INVALID_STATE", message));
        }
        let changed = ApiKey { state, ..key.clone() };
        if changed != key {
            self.put_key(organization, &changed).await?;
        }
        Ok(Answer::Key(shown(organization, &changed, self.now())))
    }

    async fn put_key(&self, organization: OrgId, key: &ApiKey) -> Result<(), Trouble> {
        let record = (RecordType::ApiKey, internal::write(&ApiKeyPut::of(key)));
        accepted(self.write(organization, vec![record]).await?).map(drop)
    }
}

/// A key to be made, checked.
struct Asked {
    kind: KeyType,
    name: String,
    permissions: Permissions,
    expires_at: Option<Ms>,
}

impl Asked {
    fn of(new: &NewKey, now: Ms, faults: &mut Vec<Fault>) -> Option<Self> {
        let name = named(&new.name, faults);
        let kind = KeyType::from_text(&new.kind);
        if kind.is_none() {
            faults.push(fault("type", "enum", "must be server, checkout or ingest"));
        }
        for (field, limit) in [
            ("rate_limit_per_minute", new.rate_limit_per_minute),
            ("rate_limit_per_day", new.rate_limit_per_day),
        ] {
            if limit == Some(0) {
                faults.push(fault(field, "min", "must be at least 1"));
            }
        }
        let expires_at = new.expires_at.as_deref().and_then(|text| {
            let at = Ms::parse_rfc3339(text);
            match at {
                None => faults.push(fault("expires_at", "format", "must be an RFC 3339 date-time")),
                Some(at) if at <= now => faults.push(fault("expires_at", "min", "must be in the future")),
                Some(_) => {}
            }
            at
        });
        if new.allowed_origins.len() > ORIGINS {
            let message = format!("must have at most {ORIGINS} items");
            faults.push(fault("allowed_origins", "max", message));
        } else if kind.is_some_and(|kind| kind != KeyType::Checkout) && !new.allowed_origins.is_empty() {
            faults.push(fault("allowed_origins", "exclusive", "is of checkout keys only"));
        } else if !new.allowed_origins.iter().all(|origin| is_origin(origin)) {
            let message = "must be origins as browsers send them, such as https://shop.example";
            faults.push(fault("allowed_origins", "format", message));
        }
        let kind = kind?;
        let permissions = permissions(kind, &new.permissions, faults);
        Some(Self { kind, name, permissions, expires_at })
    }
}

/// What a key may do: all that its type allows, unless some of it is named.
fn permissions(kind: KeyType, named: &[String], faults: &mut Vec<Fault>) -> Permissions {
    let allowed = kind.permissions();
    if named.is_empty() || named.iter().any(|name| name == "*") {
        return Permissions::of(allowed);
    }
    let mut granted = Vec::new();
    for name in named {
        match allowed.iter().find(|permission| permission.text() == name) {
            Some(permission) => granted.push(*permission),
            None => {
                let names: Vec<_> = allowed.iter().map(|permission| permission.text()).collect();
                let message =
                    format!("`{name}` is none of what a {} key may do: {}", kind.text(), names.join(", "));
                faults.push(fault("permissions", "enum", message));
            }
        }
    }
    Permissions::of(&granted)
}

/// Scheme, host and perhaps a port, as browsers spell them.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let fits = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
        };
        (1..=255).contains(&host.len()) && host.bytes().all(fits)
    })
}

/// The key object of the contract's section 14.
fn shown(organization: OrgId, key: &ApiKey, now: Ms) -> KeyShown {
    let permissions = key.kind.permissions().iter().filter(|permission| key.permissions.holds(**permission));
    let expired = key.state == KeyState::Active && !key.is_active(now);
    KeyShown {
        id: key.id.clone(),
        organization_id: organization.to_string(),
        kind: key.kind.text().to_owned(),
        name: key.name.clone(),
        display: key.display.clone(),
        permissions: permissions.map(|permission| permission.text().to_owned()).collect(),
        rate_limit_per_minute: key.per_minute,
        rate_limit_per_day: key.per_day,
        status: if expired { "expired" } else { key.state.text() }.to_owned(),
        allowed_origins: key.allowed_origins.clone(),
        expires_at: key.expires_at.map(|at| at.to_string()),
        created_at: sorted_time(PREFIX, &key.id).map(|at| at.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_send_them() {
        for origin in ["https://shop.example", "http://localhost:3000", "http://[::1]:80"] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in [
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://Shop.example",
            "*",
            "null",
            "ftp://x",
        ] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
