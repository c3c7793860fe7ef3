//! Bodies of the product's own records: what is in the log besides requests. Unknown members are
//! refused: who writes them is this program.

use crate::base::hash::{Digest256, EntityKey};
use crate::base::id::OrgId;
use crate::base::money::AmountMap;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, KeyState, KeyType, Locale, Organization, OrganizationKind, Permissions};
use crate::domain::decision::Flow;
use crate::domain::settings::{ListWeights, Parameter, ScoringSettings, Thresholds};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The first record of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The installation, a UUID.
    pub installation: String,
    /// The topic's name.
    pub topic: String,
    /// Its partitions, fixed for life.
    pub partitions: u16,
    /// SHA-256 of the installation key, hexadecimal.
    pub key_digest: String,
    /// The engine version the partition begins with.
    pub engine: u32,
}

/// A worker took the partition; the record's offset is its epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announce {
    /// The worker's name.
    pub worker: String,
    /// Random, tells this announcement from any other.
    pub nonce: String,
    /// Engine versions it can run.
    pub engines: Vec<u32>,
}

/// The engine version changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineChange {
    /// From the next record on.
    pub version: u32,
}

/// Time passed while the partition was silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {}

/// An organization is made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationPut {
    /// The id that appears in provider URLs.
    pub profile_id: String,
    /// Its name.
    pub name: String,
    /// `comercio`, `psp`, `banco`.
    pub organization_type: String,
    /// `en`, `es`.
    pub locale: String,
    /// 64 hexadecimal digits.
    pub entity_key: String,
    /// Whether checkout keys may assess.
    pub allow_publishable_assess: bool,
}

/// An API key is made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyPut {
    /// `key_…`.
    pub id: String,
    /// Keyed SHA-256 of its text, hexadecimal.
    pub digest: String,
    /// `server`, `checkout`, `ingest`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it is shown.
    pub display: String,
    /// A person's name for it.
    pub name: String,
    /// Bits of `domain::access::Permission`.
    pub permissions: u32,
    /// `active`, `disabled`, `revoked`.
    pub state: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_minute: Option<u32>,
    /// Requests a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit_per_day: Option<u32>,
    /// Origins a browser may call from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
}

/// Scoring settings of a flow are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsPut {
    /// `payin`, `payout`.
    pub flow: String,
    /// Where the bands begin: review, challenge, decline.
    pub thresholds: [i64; 3],
    /// By signal code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, i64>,
    /// Signal codes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disabled_signals: BTreeSet<String>,
    /// Of `flag` and of `review` hits.
    pub list_weights: [i64; 2],
    /// By currency or `*`, in major units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub amount_min: BTreeMap<String, String>,
    /// By currency or `*`, in major units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub amount_max: BTreeMap<String, String>,
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, ParameterPut>,
}

/// A parameter of signals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterPut {
    /// A whole number.
    Int(i64),
    /// By currency or `*`, in major units.
    Amounts(BTreeMap<String, String>),
}

/// A pack is published, or the shipped one alone is in force again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackPublish {
    /// `payin`, `payout`.
    pub flow: String,
    /// The pack's text; none: no pack of the organization's own.
    pub document: Option<String>,
}

/// A named list is replaced; without values it is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPut {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Option<Vec<String>>,
}

/// Maintenance of the installation begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenancePut {
    /// Whether it is on from now on.
    pub on: bool,
}

/// Understood by engines made for tests only: emits events, or panics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Events to emit.
    pub events: u32,
    /// Whether to panic after half of the work is done.
    pub panic: bool,
}

/// A body of the product's own that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadInternal(pub String);

impl std::fmt::Display for BadInternal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInternal {}

/// Reads a body.
///
/// # Errors
/// It is not JSON, or not of this shape.
pub fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BadInternal> {
    serde_json::from_slice(body).map_err(|error| BadInternal(error.to_string()))
}

/// Writes a body.
#[must_use]
pub fn write<T: Serialize>(body: &T) -> Vec<u8> {
    // None of the bodies has a map with keys that are no strings, the one thing that can fail.
    serde_json::to_vec(body).unwrap_or_default()
}

fn bad(what: &str) -> BadInternal {
    BadInternal(format!("{what} is not valid"))
}

fn bytes32(text: &str, what: &str) -> Result<[u8; 32], BadInternal> {
    Digest256::from_hex(text).map(|digest| digest.0).ok_or_else(|| bad(what))
}

impl OrganizationPut {
    /// The body for an organization.
    #[must_use]
    pub fn of(org: &Organization) -> Self {
        Self {
            profile_id: org.profile_id.to_string(),
            name: org.name.clone(),
            organization_type: org.kind.text().to_owned(),
            locale: org.locale.text().to_owned(),
            entity_key: Digest256(*org.entity_key.as_bytes()).to_string(),
            allow_publishable_assess: org.allow_publishable_assess,
        }
    }

    /// The organization, whose id is the record's key.
    ///
    /// # Errors
    /// A member is not valid.
    pub fn resolve(&self, id: OrgId) -> Result<Organization, BadInternal> {
        Ok(Organization {
            id,
            profile_id: self.profile_id.parse().map_err(|_| bad("profile_id"))?,
            name: self.name.clone(),
            kind: OrganizationKind::from_text(&self.organization_type)
                .ok_or_else(|| bad("organization_type"))?,
            locale: Locale::from_text(&self.locale).ok_or_else(|| bad("locale"))?,
            entity_key: EntityKey::from_bytes(bytes32(&self.entity_key, "entity_key")?),
            allow_publishable_assess: self.allow_publishable_assess,
        })
    }
}

impl ApiKeyPut {
    /// The body for a key.
    #[must_use]
    pub fn of(key: &ApiKey) -> Self {
        Self {
            id: key.id.clone(),
            digest: key.digest.to_string(),
            kind: key.kind.text().to_owned(),
            display: key.display.clone(),
            name: key.name.clone(),
            permissions: key.permissions.0,
            state: key.state.text().to_owned(),
            expires_at: key.expires_at.map(|at| at.to_string()),
            rate_limit_per_minute: key.per_minute,
            rate_limit_per_day: key.per_day,
            allowed_origins: key.allowed_origins.clone(),
        }
    }

    /// The key.
    ///
    /// # Errors
    /// A member is not valid.
    pub fn resolve(self) -> Result<ApiKey, BadInternal> {
        let expires_at = match &self.expires_at {
            Some(text) => Some(Ms::parse_rfc3339(text).ok_or_else(|| bad("expires_at"))?),
            None => None,
        };
        Ok(ApiKey {
            digest: Digest256(bytes32(&self.digest, "digest")?),
            kind: KeyType::from_text(&self.kind).ok_or_else(|| bad("type"))?,
            state: KeyState::from_text(&self.state).ok_or_else(|| bad("state"))?,
            permissions: Permissions(self.permissions),
            expires_at,
            per_minute: self.rate_limit_per_minute,
            per_day: self.rate_limit_per_day,
            id: self.id,
            display: self.display,
            name: self.name,
            allowed_origins: self.allowed_origins,
        })
    }
}

fn amounts(entries: &BTreeMap<String, String>, what: &str) -> Result<AmountMap, BadInternal> {
    let mut map = AmountMap::default();
    for (currency, value) in entries {
        map.put(currency, value).map_err(|_| bad(what))?;
    }
    Ok(map)
}

fn amount_entries(map: &AmountMap) -> BTreeMap<String, String> {
    map.entries().map(|(currency, value)| (currency.to_owned(), value)).collect()
}

impl SettingsPut {
    /// The body for settings of a flow.
    #[must_use]
    pub fn of(flow: Flow, settings: &ScoringSettings) -> Self {
        let parameters = settings.parameters.iter().map(|(name, parameter)| {
            let put = match parameter {
                Parameter::Int(value) => ParameterPut::Int(*value),
                Parameter::Amounts(map) => ParameterPut::Amounts(amount_entries(map)),
            };
            (name.clone(), put)
        });
        let bands = settings.thresholds;
        Self {
            flow: flow.text().to_owned(),
            thresholds: [bands.review, bands.challenge, bands.decline],
            weights: settings.weights.clone(),
            disabled_signals: settings.disabled_signals.clone(),
            list_weights: [settings.list_weights.flag, settings.list_weights.review],
            amount_min: amount_entries(&settings.amount_min),
            amount_max: amount_entries(&settings.amount_max),
            parameters: parameters.collect(),
        }
    }

    /// The flow and its settings, which get `version`.
    ///
    /// # Errors
    /// A member is not valid.
    pub fn resolve(self, version: u64) -> Result<(Flow, ScoringSettings), BadInternal> {
        let flow = Flow::from_text(&self.flow).ok_or_else(|| bad("flow"))?;
        let [review, challenge, decline] = self.thresholds;
        let thresholds = Thresholds { review, challenge, decline };
        let [flag, list_review] = self.list_weights;
        let in_range = |range: std::ops::RangeInclusive<i64>, weight: &i64| range.contains(weight);
        if !thresholds.is_valid() {
            return Err(bad("thresholds"));
        }
        if !self.weights.values().all(|weight| in_range(-100..=100, weight)) {
            return Err(bad("weights"));
        }
        if ![flag, list_review].iter().all(|weight| in_range(0..=100, weight)) {
            return Err(bad("list_weights"));
        }
        let mut parameters = BTreeMap::new();
        for (name, put) in self.parameters {
            let parameter = match put {
                ParameterPut::Int(value) if value >= 1 => Parameter::Int(value),
                ParameterPut::Int(_) => return Err(bad("parameters")),
                ParameterPut::Amounts(entries) => Parameter::Amounts(amounts(&entries, "parameters")?),
            };
            parameters.insert(name, parameter);
        }
        let settings = ScoringSettings {
            version,
            thresholds,
            weights: self.weights,
            disabled_signals: self.disabled_signals,
            list_weights: ListWeights { flag, review: list_review },
            amount_min: amounts(&self.amount_min, "amount_min")?,
            amount_max: amounts(&self.amount_max, "amount_max")?,
            parameters,
        };
        Ok((flow, settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back() {
        let mut settings = ScoringSettings { version: 7, ..ScoringSettings::default() };
        settings.weights.insert("high_velocity".to_owned(), 50);
        settings.disabled_signals.insert("short_session".to_owned());
        settings.amount_max.put("*", "10000.00").unwrap();
        settings.parameters.insert("short_session_ms".to_owned(), Parameter::Int(900));
        let body = write(&SettingsPut::of(Flow::Payin, &settings));
        let put: SettingsPut = read(&body).unwrap();
        assert_eq!(put.resolve(7), Ok((Flow::Payin, settings)));
    }

    #[test]
    fn unknown_members_and_wrong_values_are_refused() {
        assert!(read::<EngineChange>(br#"{"version":1,"more":2}"#).is_err());
        let mut put = SettingsPut::of(Flow::Payin, &ScoringSettings::default());
        put.thresholds = [50, 30, 75];
        assert_eq!(put.resolve(1), Err(BadInternal("thresholds is not valid".to_owned())));
    }
}
