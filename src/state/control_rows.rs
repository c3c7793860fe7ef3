//! Stored forms of what manages an organization (itself, its keys, settings, packs and lists) and the
//! installation.

use crate::base::currency::Currency;
use crate::base::hash::{Digest256, EntityKey};
use crate::base::id::OrgId;
use crate::base::money::AmountMap;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, KeyState, KeyType, Locale, Organization, OrganizationKind, Permissions};
use crate::domain::settings::{ListWeights, Parameter, ScoringSettings, Thresholds};
use crate::state::codec::{BadRow, Decoder, Encoder};
use std::collections::{BTreeMap, BTreeSet};

const VERSION: u8 = 1;

/// The pack in force in a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivePack {
    /// One more with each publication.
    pub version: u64,
    /// The pack's content hash; none: only the shipped pack.
    pub pack: Option<Digest256>,
    /// When it was published.
    pub at: Ms,
}

/// Named lists of an organization, in place of shipped ones or beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListsRow {
    /// SHA-256 of all of it; the same lists have the same.
    pub digest: Digest256,
    /// Sorted values by name.
    pub lists: BTreeMap<String, Vec<String>>,
}

/// What holds for the whole installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallationRow {
    /// Since when maintenance is on; none while it is off.
    pub maintenance: Option<Ms>,
}

/// A signed record of the product's own that was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureRow {
    /// The shard's clock then.
    pub applied_at: Ms,
}

fn open<'a>(bytes: &'a [u8], what: &'static str) -> Result<Decoder<'a>, BadRow> {
    let (version, input) = Decoder::versioned(bytes)?;
    if version == VERSION { Ok(input) } else { Err(input.bad(what)) }
}

/// The stored value of an applied signature.
#[must_use]
pub fn encode_signature(row: &SignatureRow) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.time(row.applied_at);
    out.finish()
}

/// Reads an applied signature.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_signature(bytes: &[u8]) -> Result<SignatureRow, BadRow> {
    let mut input = open(bytes, "a signature of a known version")?;
    let row = SignatureRow { applied_at: input.time()? };
    input.end()?;
    Ok(row)
}

/// The stored value of an organization.
#[must_use]
pub fn encode_organization(org: &Organization) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.raw(org.id.as_bytes());
    out.raw(org.profile_id.as_bytes());
    out.text(&org.name);
    out.byte(org.kind as u8);
    out.byte(org.locale as u8);
    out.raw(org.entity_key.as_bytes());
    out.flag(org.allow_publishable_assess);
    out.finish()
}

/// Reads an organization.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_organization(bytes: &[u8]) -> Result<Organization, BadRow> {
    let mut input = open(bytes, "an organization of a known version")?;
    let org = Organization {
        id: OrgId::from_bytes(input.array()?),
        profile_id: OrgId::from_bytes(input.array()?),
        name: input.text()?,
        kind: OrganizationKind::from_code(input.byte()?).ok_or(input.bad("a kind of organization"))?,
        locale: Locale::from_code(input.byte()?).ok_or(input.bad("a language"))?,
        entity_key: EntityKey::from_bytes(input.array()?),
        allow_publishable_assess: input.flag()?,
    };
    input.end()?;
    Ok(org)
}

/// The stored value of an API key.
#[must_use]
pub fn encode_api_key(key: &ApiKey) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.text(&key.id);
    out.raw(&key.digest.0);
    out.byte(key.kind as u8);
    out.text(&key.display);
    out.text(&key.name);
    out.number(u64::from(key.permissions.0));
    out.byte(key.state as u8);
    out.option(key.expires_at, Encoder::time);
    out.option(key.per_minute, |out, limit| out.number(u64::from(limit)));
    out.option(key.per_day, |out, limit| out.number(u64::from(limit)));
    out.count(key.allowed_origins.len());
    key.allowed_origins.iter().for_each(|origin| out.text(origin));
    out.finish()
}

/// Reads an API key.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_api_key(bytes: &[u8]) -> Result<ApiKey, BadRow> {
    let mut input = open(bytes, "an API key of a known version")?;
    let key = ApiKey {
        id: input.text()?,
        digest: input.digest()?,
        kind: KeyType::from_code(input.byte()?).ok_or(input.bad("a type of key"))?,
        display: input.text()?,
        name: input.text()?,
        permissions: Permissions(input.small()?),
        state: KeyState::from_code(input.byte()?).ok_or(input.bad("a state of a key"))?,
        expires_at: input.option(Decoder::time)?,
        per_minute: input.option(Decoder::small)?,
        per_day: input.option(Decoder::small)?,
        allowed_origins: texts(&mut input)?,
    };
    input.end()?;
    Ok(key)
}

fn texts(input: &mut Decoder<'_>) -> Result<Vec<String>, BadRow> {
    let count = input.count(1)?;
    (0..count).map(|_| input.text()).collect()
}

/// The stored value of scoring settings.
#[must_use]
pub fn encode_settings(settings: &ScoringSettings) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.number(settings.version);
    let bands = settings.thresholds;
    for number in [
        bands.review,
        bands.challenge,
        bands.decline,
        settings.list_weights.flag,
        settings.list_weights.review,
    ] {
        out.signed(number);
    }
    out.count(settings.weights.len());
    for (code, weight) in &settings.weights {
        out.text(code);
        out.signed(*weight);
    }
    out.count(settings.disabled_signals.len());
    settings.disabled_signals.iter().for_each(|code| out.text(code));
    encode_amounts(&mut out, &settings.amount_min);
    encode_amounts(&mut out, &settings.amount_max);
    out.count(settings.parameters.len());
    for (name, parameter) in &settings.parameters {
        out.text(name);
        match parameter {
            Parameter::Int(value) => {
                out.byte(1);
                out.signed(*value);
            }
            Parameter::Amounts(amounts) => {
                out.byte(2);
                encode_amounts(&mut out, amounts);
            }
        }
    }
    out.finish()
}

/// Reads scoring settings.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_settings(bytes: &[u8]) -> Result<ScoringSettings, BadRow> {
    let mut input = open(bytes, "settings of a known version")?;
    let version = input.number()?;
    let thresholds =
        Thresholds { review: input.signed()?, challenge: input.signed()?, decline: input.signed()? };
    let list_weights = ListWeights { flag: input.signed()?, review: input.signed()? };
    let mut weights = BTreeMap::new();
    for _ in 0..input.count(2)? {
        weights.insert(input.text()?, input.signed()?);
    }
    let disabled_signals: BTreeSet<String> = texts(&mut input)?.into_iter().collect();
    let (amount_min, amount_max) = (decode_amounts(&mut input)?, decode_amounts(&mut input)?);
    let mut parameters = BTreeMap::new();
    for _ in 0..input.count(3)? {
        let name = input.text()?;
        let parameter = match input.byte()? {
            1 => Parameter::Int(input.signed()?),
            2 => Parameter::Amounts(decode_amounts(&mut input)?),
            _ => return Err(input.bad("a parameter")),
        };
        parameters.insert(name, parameter);
    }
    input.end()?;
    Ok(ScoringSettings {
        version,
        thresholds,
        weights,
        disabled_signals,
        list_weights,
        amount_min,
        amount_max,
        parameters,
    })
}

fn encode_amounts(out: &mut Encoder, amounts: &AmountMap) {
    let entries: Vec<_> = amounts.entries().collect();
    out.count(entries.len());
    for (currency, value) in entries {
        out.number(Currency::from_code(currency).map_or(0, |currency| u64::from(currency.numeric())));
        out.text(&value);
    }
}

fn decode_amounts(input: &mut Decoder<'_>) -> Result<AmountMap, BadRow> {
    let mut amounts = AmountMap::default();
    for _ in 0..input.count(2)? {
        let numeric = input.small()?;
        let key = match numeric {
            0 => "*",
            code => Currency::from_numeric(code).ok_or(input.bad("a currency"))?.code(),
        };
        let value = input.text()?;
        amounts.put(key, &value).map_err(|_| input.bad("an amount"))?;
    }
    Ok(amounts)
}

/// The stored value of the pack in force.
#[must_use]
pub fn encode_active_pack(active: &ActivePack) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.number(active.version);
    out.option(active.pack.as_ref(), |out, pack| out.raw(&pack.0));
    out.time(active.at);
    out.finish()
}

/// Reads the pack in force.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_active_pack(bytes: &[u8]) -> Result<ActivePack, BadRow> {
    let mut input = open(bytes, "a pack in force of a known version")?;
    let active =
        ActivePack { version: input.number()?, pack: input.option(Decoder::digest)?, at: input.time()? };
    input.end()?;
    Ok(active)
}

/// The stored value of a pack's document.
#[must_use]
pub fn encode_pack(document: &str) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.text(document);
    out.finish()
}

/// Reads a pack's document.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_pack(bytes: &[u8]) -> Result<String, BadRow> {
    let mut input = open(bytes, "a pack of a known version")?;
    let document = input.text()?;
    input.end()?;
    Ok(document)
}

/// The stored value of named lists.
#[must_use]
pub fn encode_lists(lists: &ListsRow) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.raw(&lists.digest.0);
    out.count(lists.lists.len());
    for (name, values) in &lists.lists {
        out.text(name);
        out.count(values.len());
        values.iter().for_each(|value| out.text(value));
    }
    out.finish()
}

/// Reads named lists.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_lists(bytes: &[u8]) -> Result<ListsRow, BadRow> {
    let mut input = open(bytes, "lists of a known version")?;
    let digest = input.digest()?;
    let mut lists = BTreeMap::new();
    for _ in 0..input.count(2)? {
        let name = input.text()?;
        lists.insert(name, texts(&mut input)?);
    }
    input.end()?;
    Ok(ListsRow { digest, lists })
}

/// The stored value of what holds for the installation.
#[must_use]
pub fn encode_installation(row: &InstallationRow) -> Vec<u8> {
    let mut out = Encoder::versioned(VERSION);
    out.option(row.maintenance, Encoder::time);
    out.finish()
}

/// Reads what holds for the installation.
///
/// # Errors
/// The bytes are damaged or of no known version.
pub fn decode_installation(bytes: &[u8]) -> Result<InstallationRow, BadRow> {
    let mut input = open(bytes, "an installation's row of a known version")?;
    let row = InstallationRow { maintenance: input.option(Decoder::time)? };
    input.end()?;
    Ok(row)
}
