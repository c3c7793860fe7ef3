//! Commands of the product's own: what changes how requests are decided.

use super::{Shipment, Traffic, packs};
use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::murmur2::partition_of;
use crate::base::position::{Partition, Topic};
use crate::wire::envelope::{RecordType, product_record};
use bytes::Bytes;
use serde_json::{Value, json};

impl Traffic {
    /// What a partition begins with: sometimes what stands before genesis, genesis, its organizations.
    pub(in crate::sim) fn beginnings(&mut self, partition: Partition) -> Vec<Bytes> {
        let mut records = Vec::new();
        for _ in 0..self.chance.below(3) {
            let now = crate::base::time::Ms(1_780_000_000_000);
            records.push(if self.chance.one_in(2) { self.bad(now).content } else { self.probe().content });
        }
        let genesis = json!({
            "installation": OrgId::INSTALLATION.to_string(),
            "topic": Topic::Requests.name(),
            "partitions": self.profile.partitions,
            "key_digest": sha256(b"").to_string(),
            "engine": 1,
        });
        records.push(partition_record(RecordType::Genesis, &genesis, "genesis"));
        for member in 0..self.organizations.len() {
            if self.organizations.get(member).is_some_and(|member| member.home == partition) {
                records.push(self.organization(member).content);
            }
        }
        records
    }

    fn organization(&mut self, member: usize) -> Shipment {
        let locale = *self.chance.pick(&["en", "es"]).unwrap_or(&"en");
        let body = json!({
            "profile_id": OrgId::from_random([7; 16]).to_string(),
            "name": "Sim",
            "organization_type": "comercio",
            "locale": locale,
            // An organization's key stays: with another its entities would be others.
            "entity_key": sha256(&[u8::try_from(member).unwrap_or(0)]).to_string(),
            "allow_publishable_assess": true,
        });
        self.own(member, RecordType::Organization, &body)
    }

    fn own(&mut self, member: usize, kind: RecordType, body: &Value) -> Shipment {
        let id = self.id();
        let org = self.organizations.get(member).map_or(OrgId::INSTALLATION, |member| member.id);
        let content = product_record(org, kind, body.to_string().as_bytes(), &id).unwrap_or_default();
        self.shipment(member, content)
    }

    /// A command of an organization, or a tick.
    pub(in crate::sim) fn command(&mut self) -> Shipment {
        let member = self.member();
        match self.chance.below(15) {
            12 | 13 => self.apply(member),
            14 => self.maintenance(member),
            0..=3 => self.settings(member),
            4..=6 => self.pack(member),
            7 | 8 => self.list(member),
            9 => self.organization(member),
            10 => self.api_key(member),
            _ => {
                let to = self.organizations.get(member).map_or(Partition(0), |member| member.home);
                Shipment { to, content: partition_record(RecordType::Tick, &json!({}), "tick") }
            }
        }
    }

    fn settings(&mut self, member: usize) -> Shipment {
        let chance = &mut self.chance;
        let bands = [[30, 50, 75], [10, 20, 30], [1, 1, 101], [20, 60, 60], [50, 30, 20]];
        let bands = *chance.pick(&bands).unwrap_or(&[30, 50, 75]);
        let flow = if chance.one_in(6) { "payout" } else { "payin" };
        let mut body = json!({"flow": flow, "thresholds": bands, "list_weights": [40, 25]});
        let Some(members) = body.as_object_mut() else { return self.probe() };
        if chance.one_in(2) {
            let code = *chance.pick(&["velocity_burst", "email_2h", "short_session"]).unwrap_or(&"large");
            members.insert("weights".to_owned(), json!({ code: chance.signed(-50, 90) }));
        }
        if chance.one_in(3) {
            let codes = json!(["card_billing_country_mismatch", "amount_above_maximum", "email_2h"]);
            members.insert("disabled_signals".to_owned(), codes);
        }
        if chance.one_in(3) {
            let most = chance.signed(300, 4_000);
            let limits = json!({"*": format!("{most}.00"), "CLP": format!("{}", most * 20)});
            members.insert("amount_max".to_owned(), limits);
        }
        if chance.one_in(3) {
            let parameters = json!({
                "short_session_ms": chance.signed(1, 70_000),
                "velocity_count_1h": chance.signed(1, 12),
            });
            members.insert("parameters".to_owned(), parameters);
        }
        self.own(member, RecordType::Settings, &body)
    }

    fn pack(&mut self, member: usize) -> Shipment {
        let document = match self.chance.below(7) {
            0 => None,
            1 => Some(packs::BROKEN),
            2..=4 => Some(packs::WINDOWS),
            _ => Some(packs::RULES),
        };
        let flow = if self.chance.one_in(12) { "payout" } else { "payin" };
        self.own(member, RecordType::Pack, &json!({"flow": flow, "document": document}))
    }

    fn list(&mut self, member: usize) -> Shipment {
        let name = *self.chance.pick(&["disposable_domains", "suspicious_tlds", "shoes"]).unwrap_or(&"shoes");
        let values = match self.chance.below(4) {
            0 => None,
            1 => Some(vec![]),
            2 => Some(vec!["example.com", "com", "example.com"]),
            _ => Some(vec!["mailinator.com", "gmail.com", "xyz"]),
        };
        self.own(member, RecordType::List, &json!({"name": name, "values": values}))
    }

    /// Some parts of a document, of which any may be wrong and spoil the rest.
    fn apply(&mut self, member: usize) -> Shipment {
        let mut document = serde_json::Map::new();
        let chance = &mut self.chance;
        if chance.one_in(2) {
            let bands = [[30, 50, 75], [5, 40, 40], [60, 20, 30]];
            let [review, challenge, decline] = *chance.pick(&bands).unwrap_or(&[30, 50, 75]);
            let bands = json!({"review": review, "challenge": challenge, "decline": decline});
            let weights = json!({ "velocity_burst": chance.signed(-50, 50) });
            let mut patch = json!({"thresholds": bands});
            if let Some(members) = patch.as_object_mut().filter(|_| chance.one_in(2)) {
                members.insert("weights".to_owned(), weights);
            }
            document.insert("scoring".to_owned(), json!({ "payin": patch }));
        }
        if chance.one_in(2) {
            let name = *chance.pick(&["disposable_domains", "suspicious_tlds", "shoes"]).unwrap_or(&"shoes");
            let values = if chance.one_in(3) { Value::Null } else { json!(["xyz", "example.com", "xyz"]) };
            document.insert("lists".to_owned(), json!({ name: values }));
        }
        if chance.one_in(2) {
            let packs = [None, Some(packs::BROKEN), Some(packs::WINDOWS), Some(packs::RULES)];
            let pack = *chance.pick(&packs).unwrap_or(&None);
            document.insert("packs".to_owned(), json!({ "payin": pack }));
        }
        if chance.one_in(8) {
            document.insert("shoes".to_owned(), json!([]));
        }
        self.own(member, RecordType::Apply, &Value::Object(document))
    }

    /// Of the installation, or of an organization, where it is refused.
    fn maintenance(&mut self, member: usize) -> Shipment {
        let body = json!({ "on": self.chance.one_in(2) });
        if self.chance.one_in(4) {
            return self.own(member, RecordType::Maintenance, &body);
        }
        let to = partition_of(OrgId::INSTALLATION.to_string().as_bytes(), self.profile.partitions);
        let id = self.id();
        Shipment { to, content: partition_record(RecordType::Maintenance, &body, &id) }
    }

    fn api_key(&mut self, member: usize) -> Shipment {
        let number = self.chance.below(5);
        let state = *self.chance.pick(&["active", "disabled", "revoked"]).unwrap_or(&"active");
        let body = json!({
            "id": format!("key_{number}"),
            "digest": sha256(&number.to_be_bytes()).to_string(),
            "type": "server",
            "display": "clm_sk_…",
            "name": "a key",
            "permissions": 1,
            "state": state,
        });
        self.own(member, RecordType::ApiKey, &body)
    }

    /// Emits some events, or panics half-way.
    pub(in crate::sim) fn probe(&mut self) -> Shipment {
        let member = self.member();
        let (events, panics) = (self.chance.below(6), self.chance.in_1000(300));
        self.own(member, RecordType::Probe, &json!({"events": events, "panic": panics}))
    }
}

/// An announcement of a worker that is gone, or has not begun.
pub(in crate::sim) fn announcement(nonce: &str) -> Bytes {
    let body = json!({"worker": "elsewhere", "nonce": nonce, "engines": [1, 2]});
    partition_record(RecordType::Announce, &body, nonce)
}

/// Puts an engine version in force.
pub(in crate::sim) fn engine(version: u32) -> Bytes {
    partition_record(RecordType::Engine, &json!({ "version": version }), "engine")
}

fn partition_record(kind: RecordType, body: &Value, id: &str) -> Bytes {
    product_record(OrgId::INSTALLATION, kind, body.to_string().as_bytes(), id).unwrap_or_default()
}
