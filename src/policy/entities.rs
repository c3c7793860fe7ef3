//! Which members of a request form an entity: the contract's section 8.2.

use crate::base::hash::EntityKey;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::payin::PayinRequest;
use crate::policy::pipeline::Pipeline;
use std::net::IpAddr;

/// A member, or members together, that can be the key of an entity. The numbers go into the hash, so that
/// equal texts of different members differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum KeyPart {
    EmailCanonical = 1,
    EmailAddress = 2,
    PhoneNumber = 3,
    CustomerId = 4,
    DeviceFingerprint = 5,
    IpNetwork = 6,
    CardHash = 7,
    CardDigits = 8,
}

impl KeyPart {
    pub(super) const ALL: [(&'static str, KeyPart); 8] = [
        ("email.canonical", KeyPart::EmailCanonical),
        ("email.address", KeyPart::EmailAddress),
        ("phone.number", KeyPart::PhoneNumber),
        ("customer_id", KeyPart::CustomerId),
        ("device.fingerprint", KeyPart::DeviceFingerprint),
        ("device.ip_network", KeyPart::IpNetwork),
        ("payment_method.card_hash", KeyPart::CardHash),
        ("payment_method.card_bin+card_last4", KeyPart::CardDigits),
    ];

    pub(super) fn is_given(self, request: &PayinRequest) -> bool {
        let card = &request.payment_method;
        match self {
            KeyPart::EmailCanonical | KeyPart::EmailAddress => {
                request.email.as_ref().is_some_and(|email| email.parts().is_some())
            }
            KeyPart::PhoneNumber => request.phone.as_ref().is_some_and(|phone| phone.valid),
            KeyPart::CustomerId => request.customer_id.is_some(),
            KeyPart::DeviceFingerprint => request.device.fingerprint.is_some(),
            KeyPart::IpNetwork => request.device.ip.is_some(),
            KeyPart::CardHash => card.card_hash.is_some(),
            KeyPart::CardDigits => card.card_bin.is_some() && card.card_last4.is_some(),
        }
    }

    /// Gives the bytes to hash, if the request has them.
    fn bytes<T>(self, request: &PayinRequest, hash: impl FnOnce(&[&[u8]]) -> T) -> Option<T> {
        let card = &request.payment_method;
        let text = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
        if !self.is_given(request) {
            return None;
        }
        let bytes = match self {
            KeyPart::EmailCanonical => request.email.as_ref()?.canonical()?.into_bytes(),
            KeyPart::EmailAddress => return Some(hash(&[request.email.as_ref()?.text.as_bytes()])),
            KeyPart::PhoneNumber => return Some(hash(&[request.phone.as_ref()?.text.as_bytes()])),
            KeyPart::CustomerId => text(&request.customer_id)?,
            KeyPart::DeviceFingerprint => text(&request.device.fingerprint)?,
            KeyPart::IpNetwork => match request.device.ip? {
                IpAddr::V4(address) => return Some(hash(&[&address.octets()])),
                IpAddr::V6(address) => {
                    let octets = address.octets();
                    return Some(hash(&[octets.first_chunk::<8>()?]));
                }
            },
            KeyPart::CardHash => text(&card.card_hash)?,
            // Last digits have one length, so no two cards share the joined digits.
            KeyPart::CardDigits => {
                let (bin, last4) = (card.card_bin.as_ref()?, card.card_last4.as_ref()?);
                return Some(hash(&[bin.as_bytes(), last4.as_bytes()]));
            }
        };
        Some(hash(&[&bytes]))
    }
}

impl Pipeline {
    /// The entities of a request, in the order of the pipeline.
    pub fn entities(&self, request: &PayinRequest, key: &EntityKey, found: &mut Vec<Entity>) {
        for entity in &self.entities {
            let space = entity.kind.code();
            let hash = entity.key.iter().find_map(|part| {
                part.bytes(request, |bytes| {
                    let header = [space, *part as u8];
                    match bytes {
                        [one] => key.hash_parts(&[&header, one]),
                        [one, two] => key.hash_parts(&[&header, one, two]),
                        _ => key.hash_parts(&[&header]),
                    }
                })
            });
            found.extend(hash.map(|hash| Entity { kind: entity.kind, hash }));
        }
    }

    /// Whether a request forms an entity of `kind`.
    #[must_use]
    pub fn forms(&self, request: &PayinRequest, kind: EntityKind) -> bool {
        let entity = self.entities.iter().find(|entity| entity.kind == kind);
        entity.is_some_and(|entity| entity.key.iter().any(|part| part.is_given(request)))
    }
}
