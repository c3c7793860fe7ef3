//! One record after the other, the naive way: what the contract's sections 7, 8 and 18 say of it.

use super::model::{Model, OrganizationModel, Request, What};
use super::record::{Letter, Plain};
use super::request::{self, Unread};
use super::signals::{OwnPack, Settings};
use crate::base::limits;
use crate::base::murmur2::partition_of;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::log::Stored;
use crate::wire::record::Content;
use crate::wire::signature::Origin;
use serde_json::Value;

/// How a record that is no decision ends.
pub(super) enum End {
    /// Nothing is told.
    Silent,
    /// A rejection, and a dead letter if there is a code for one.
    Rejected(u16, &'static str, Option<&'static str>),
    /// A dead letter only.
    Dead(&'static str),
}

const INVALID: End = End::Rejected(400, "VALIDATION_ERROR", None);

impl Model {
    /// Takes in the next durable record.
    pub(in crate::sim) fn apply(&mut self, record: &Stored) {
        self.clock = self.clock.max(record.timestamp.0);
        let origin = self.origin(record);
        let is_own = matches!(origin, None | Some(Origin::Own | Origin::Signed(_)));
        let plain = Plain::read(&record.content);
        let signature = plain.as_ref().and_then(|plain| plain.signature().filter(|_| is_own));
        let plain = plain.map(|plain| if is_own { plain } else { plain.without_reserved() });
        let letter = plain.as_ref().map(Plain::letter);
        let request = Request {
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            key: plain.as_ref().map(|plain| plain.key.clone()).unwrap_or_default(),
            value: plain.and_then(|plain| plain.value),
            letter: letter.clone().and_then(Result::ok),
        };
        self.requests.insert(request.offset, request.letter.clone());
        let is_copy = self.remembers(request.letter.as_ref(), signature);
        if let Some(nonce) = nonce(&request).filter(|_| is_own && !is_copy) {
            self.announced.push((request.offset, nonce));
        }
        let end = match letter {
            None | Some(Err(_)) if !self.genesis => End::Dead("bad_envelope"),
            None => End::Dead("bad_envelope"),
            Some(Err(code)) => End::Dead(code),
            Some(Ok(_)) if self.genesis && origin == Some(Origin::Late) => End::Dead("reserved_type"),
            Some(Ok(letter)) if self.genesis && is_internal(&letter) && (!is_own || is_copy) => {
                End::Dead("reserved_type")
            }
            Some(Ok(_)) if !self.genesis && (!is_own || is_copy) => End::Dead("bad_envelope"),
            Some(Ok(letter)) => self.run(&letter.kind, &request),
        };
        self.conclude(&request, end);
    }

    /// Whose the record is.
    fn origin(&self, record: &Stored) -> Option<Origin> {
        let of = TopicPartition::new(Topic::Requests, Partition(self.partition));
        let content = Content::read(&record.content).ok()?;
        Some(self.trust.as_ref()?.origin(of, record.timestamp, &content))
    }

    /// Whether a signature was taken in before, on a record of the product's own types; it is from now on.
    fn remembers(&mut self, letter: Option<&Letter>, signature: Option<Vec<u8>>) -> bool {
        let Some(signature) = signature.filter(|_| letter.is_some_and(is_internal)) else { return false };
        let at = self.signatures.insert(signature, self.clock);
        at.is_some_and(|at| at + limits::SIGNATURE_MS > self.clock)
    }

    fn conclude(&mut self, request: &Request, end: End) {
        let dead = match end {
            End::Silent => None,
            End::Rejected(status, code, dead) => {
                self.owe(Topic::Decisions, request, What::Rejection(status, code));
                dead
            }
            End::Dead(code) => Some(code),
        };
        if let Some(code) = dead {
            let (key, value) = (request.key.clone(), request.value.clone());
            self.owe(Topic::DeadLetters, request, What::Dead { code, key, value });
        }
    }

    fn run(&mut self, kind: &str, request: &Request) -> End {
        let body = request.value.as_deref().unwrap_or_default();
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let internal = kind.strip_prefix("clausum.internal.").and_then(|kind| kind.strip_suffix(".v1"));
        if !self.genesis && internal != Some("genesis") {
            return End::Dead("bad_envelope");
        }
        match internal {
            Some("genesis" | "announce" | "engine" | "tick") => return self.of_partition(internal, json),
            None if kind != "clausum.assess.v1" => return End::Dead("unknown_type"),
            _ => {}
        }
        let Some(key) = organization(&request.key) else { return End::Dead("unknown_organization") };
        if partition_of(&request.key, self.partitions).0 != self.partition {
            return End::Dead("wrong_partition");
        }
        match internal {
            Some(kind) => self.command(kind, &key, json.as_ref(), request),
            None => self.ask(&key, body, request),
        }
    }

    fn of_partition(&mut self, kind: Option<&str>, body: Option<Value>) -> End {
        let Some(body) = body.filter(Value::is_object) else { return End::Dead("bad_envelope") };
        match kind {
            Some("genesis") if self.genesis || body.get("partitions").is_none() => {
                return End::Dead("bad_envelope");
            }
            Some("genesis") => {
                self.genesis = true;
                self.engine = version(&body, "engine");
            }
            Some("engine") => self.engine = version(&body, "version"),
            Some("announce") if body.get("nonce").is_none() => return End::Dead("bad_envelope"),
            _ => {}
        }
        End::Silent
    }

    fn ask(&mut self, key: &str, body: &[u8], request: &Request) -> End {
        if body.len() > limits::BODY_BYTES {
            return End::Rejected(413, "PAYLOAD_TOO_LARGE", Some("too_large"));
        }
        match request::read(body) {
            Err(Unread::NotJson) => End::Rejected(400, "VALIDATION_ERROR", Some("not_json")),
            Err(Unread::Invalid) => INVALID,
            Ok(_) if !self.organizations.contains_key(key) => End::Dead("unknown_organization"),
            Ok((asked, stamp)) => self.decide(key, asked, &stamp, request),
        }
    }

    fn command(&mut self, kind: &str, key: &str, body: Option<&Value>, request: &Request) -> End {
        let Some(body) = body.filter(|body| body.is_object()) else { return INVALID };
        if kind == "organization" {
            let spanish = body.get("locale").and_then(Value::as_str) == Some("es");
            self.organizations.entry(key.to_owned()).or_default().spanish = spanish;
            return End::Silent;
        }
        if kind == "maintenance" {
            let installation = key.bytes().all(|digit| matches!(digit, b'0' | b'-'));
            return if installation { End::Silent } else { INVALID };
        }
        if kind == "settings" && body.get("flow").is_none() {
            return INVALID;
        }
        let engine = self.engine;
        let Some(organization) = self.organizations.get_mut(key) else {
            return End::Dead("unknown_organization");
        };
        let flow = body.get("flow").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "settings" => {
                let Some(mut settings) = settings(body) else { return INVALID };
                let version = organization.settings_versions.entry(flow.to_owned()).or_default();
                *version += 1;
                if flow == "payin" {
                    settings.version = *version;
                    organization.settings = settings;
                }
            }
            "pack" => match body.get("document").and_then(Value::as_str) {
                _ if flow != "payin" => return INVALID,
                None => organization.pack = None,
                Some(document) => match OwnPack::of(document) {
                    Some(pack) => organization.pack = Some(pack),
                    None => return INVALID,
                },
            },
            "list" => {
                let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
                if !LISTS.contains(&name) {
                    return INVALID;
                }
                organization.list(name, body.get("values").unwrap_or(&Value::Null));
            }
            "apply" => return organization.document(body),
            "api_key" => {
                let [digest, state] = ["digest", "state"].map(|name| body.get(name).and_then(Value::as_str));
                let digest = digest.unwrap_or_default();
                if state == Some("revoked") {
                    organization.revoked.insert(digest.to_owned());
                } else if organization.revoked.contains(digest) {
                    return End::Rejected(409, "INVALID_STATE", None);
                }
            }
            "probe" => return self.probe(body, engine, request),
            _ => {}
        }
        End::Silent
    }

    fn probe(&mut self, body: &Value, engine: u32, request: &Request) -> End {
        if body.get("panic").and_then(Value::as_bool) == Some(true) {
            return End::Rejected(500, "INTERNAL_ERROR", Some("engine_fault"));
        }
        for number in 0..body.get("events").and_then(Value::as_u64).unwrap_or(0) {
            let event = format!("{{\"probe\":{number},\"engine\":{engine}}}");
            self.owe(Topic::Events, request, What::Event(event));
        }
        End::Silent
    }
}

/// Lists that organizations of the traffic know.
const LISTS: [&str; 2] = ["disposable_domains", "suspicious_tlds"];

impl OrganizationModel {
    fn list(&mut self, name: &str, values: &Value) {
        match values.as_array() {
            Some(values) => {
                let values = values.iter().filter_map(Value::as_str).map(str::to_owned);
                self.lists.insert(name.to_owned(), values.collect());
            }
            None => drop(self.lists.remove(name)),
        }
    }

    /// All of a document, or nothing of it.
    fn document(&mut self, body: &Value) -> End {
        let known = ["scoring", "lists", "packs"];
        if body.as_object().is_some_and(|body| body.keys().any(|name| !known.contains(&name.as_str()))) {
            return INVALID;
        }
        let lists = body.get("lists").and_then(Value::as_object);
        if lists.is_some_and(|lists| lists.keys().any(|name| !LISTS.contains(&name.as_str()))) {
            return INVALID;
        }
        let pack = match body.get("packs").and_then(|packs| packs.get("payin")) {
            Some(Value::String(document)) => match OwnPack::of(document) {
                Some(pack) => Some(Some(pack)),
                None => return INVALID,
            },
            Some(_) => Some(None),
            None => None,
        };
        if let Some(patch) = body.get("scoring").and_then(|flows| flows.get("payin")) {
            let band = |name: &str| patch.get("thresholds")?.get(name)?.as_i64();
            let [Some(review), Some(challenge), Some(decline)] = ["review", "challenge", "decline"].map(band)
            else {
                return INVALID;
            };
            if review > challenge || challenge > decline {
                return INVALID;
            }
            self.settings.thresholds = [review, challenge, decline];
            if let Some(weight) = patch.get("weights").and_then(|weights| weights.get("velocity_burst")) {
                self.settings.weights.insert("velocity_burst".to_owned(), weight.as_i64().unwrap_or(0));
            }
            let version = self.settings_versions.entry("payin".to_owned()).or_default();
            *version += 1;
            self.settings.version = *version;
        }
        for (name, values) in lists.into_iter().flatten() {
            self.list(name, values);
        }
        if let Some(pack) = pack {
            self.pack = pack;
        }
        End::Silent
    }
}

fn is_internal(letter: &Letter) -> bool {
    letter.kind.starts_with("clausum.internal.")
}

fn nonce(request: &Request) -> Option<String> {
    let letter = request.letter.as_ref()?;
    let body: Value = serde_json::from_slice(request.value.as_deref()?).ok()?;
    let announces = letter.kind == "clausum.internal.announce.v1";
    announces.then(|| body.get("nonce")?.as_str().map(str::to_owned)).flatten()
}

fn version(body: &Value, name: &str) -> u32 {
    body.get(name).and_then(Value::as_u64).and_then(|version| version.try_into().ok()).unwrap_or(0)
}

/// The text of an organization's id, if the key is one.
fn organization(key: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(key).ok()?;
    let is_uuid = text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_uuid.then(|| text.to_owned())
}

/// The settings of a body of the traffic; none where it is refused.
fn settings(body: &Value) -> Option<Settings> {
    let numbers = body.get("thresholds")?.as_array()?.iter().filter_map(Value::as_i64).collect::<Vec<_>>();
    let thresholds: [i64; 3] = numbers.try_into().ok()?;
    let [review, challenge, decline] = thresholds;
    if !(1 <= review && review <= challenge && challenge <= decline && decline <= 101) {
        return None;
    }
    let entries = |name: &str| {
        let entries = body.get(name).and_then(Value::as_object);
        entries.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()))
    };
    let weights = entries("weights").filter_map(|(code, weight)| Some((code, weight.as_i64()?)));
    let disabled = body.get("disabled_signals").and_then(Value::as_array).into_iter().flatten();
    let disabled = disabled.filter_map(Value::as_str).map(str::to_owned);
    let mut amount_max = std::collections::BTreeMap::new();
    for currency in ["MXN", "USD", "CLP"] {
        let limits = body.get("amount_max");
        let given = limits.and_then(|map| map.get(currency).or_else(|| map.get("*")));
        let most = given.and_then(Value::as_str).zip(request::decimals(currency));
        let most = most.and_then(|(text, decimals)| request::scaled(text, decimals));
        amount_max.extend(most.map(|most| (currency.to_owned(), most)));
    }
    let parameter = |name: &str| body.get("parameters")?.get(name)?.as_i64();
    Some(Settings {
        version: 0,
        thresholds,
        weights: weights.collect(),
        disabled: disabled.collect(),
        amount_max,
        short_session_ms: parameter("short_session_ms"),
        velocity_count_1h: parameter("velocity_count_1h"),
    })
}
