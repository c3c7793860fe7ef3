//! Records that are wrong, each in one way.

use super::{Extra, Shipment, Traffic, record};
use crate::base::id::OrgId;
use crate::base::limits;
use crate::base::position::Partition;
use crate::base::time::Ms;
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::header;
use bytes::Bytes;

impl Traffic {
    /// A record that cannot be decided.
    pub(in crate::sim) fn bad(&mut self, now: Ms) -> Shipment {
        let member = self.member();
        let id = self.id();
        let key = self.organizations.get(member).map(|member| member.id.to_string()).unwrap_or_default();
        let good = [
            (header::CE_SPECVERSION, "1.0".to_owned()),
            (header::CE_ID, id.clone()),
            (header::CE_SOURCE, "/switch".to_owned()),
            (header::CE_TYPE, RecordType::Assess.text().to_owned()),
        ];
        let body = br#"{"amount": 5, "currency": "MXN"}"#;
        let plain =
            |traffic: &Self, body: Option<&[u8]>| traffic.assess(member, &id, body, &Extra::default());
        let content = match self.chance.below(17) {
            0 => plain(self, Some(b"{\"amount\": 5,")),
            1 => plain(self, None),
            2 => plain(self, Some(br#"{"amount": -5, "currency": "MXN"}"#)),
            3 => plain(self, Some(br#"{"amount": 5, "currency": "XXX"}"#)),
            4 => return self.wrong_partition(member, &plain(self, Some(body))),
            5 => record(key.as_bytes(), Some(body), good.get(1..).unwrap_or_default()),
            6 => record(key.as_bytes(), Some(body), &[good.to_vec(), vec![(header::CE_ID, id)]].concat()),
            7 => {
                let mut headers = good.to_vec();
                headers.pop();
                headers.push((header::CE_TYPE, "clausum.nonsense.v1".to_owned()));
                record(key.as_bytes(), Some(body), &headers)
            }
            8 => return self.stranger(&good, body),
            9 => record(b"not an organization", Some(body), &good),
            10 => plain(self, Some(&[b' '; limits::BODY_BYTES + 1])),
            11 => {
                let long_ago = now.plus(-200 * 86_400_000);
                let body = format!(r#"{{"amount": 5, "currency": "MXN", "occurred_at": "{long_ago}"}}"#);
                plain(self, Some(body.as_bytes()))
            }
            12 => {
                let extra = Extra { idempotency_key: Some(String::new()), ..Extra::default() };
                self.assess(member, &id, Some(body), &extra)
            }
            13 => Bytes::from_static(b"no record at all"),
            14 => self.product(member, RecordType::Genesis, br#"{"installation": 5}"#),
            15 => self.product(member, RecordType::Announce, b"[]"),
            _ => self.product(member, RecordType::Settings, b"{}"),
        };
        self.shipment(member, content)
    }

    fn product(&self, member: usize, kind: RecordType, body: &[u8]) -> Bytes {
        let org = self.organizations.get(member).map_or(OrgId::INSTALLATION, |member| member.id);
        product_record(org, kind, body, "bad").unwrap_or_default()
    }

    /// A good record, in the partition of another key.
    fn wrong_partition(&self, member: usize, content: &Bytes) -> Shipment {
        let mut shipment = self.shipment(member, content.clone());
        shipment.to = Partition((shipment.to.0 + 1) % self.profile.partitions.max(1));
        shipment
    }

    /// A request of an organization that does not exist, at home where its key says.
    fn stranger(&mut self, headers: &[(&str, String)], body: &[u8]) -> Shipment {
        let stranger =
            OrgId::from_random([u8::try_from(self.chance.below(256)).unwrap_or(0); 16]).to_string();
        let to = crate::base::murmur2::partition_of(stranger.as_bytes(), self.profile.partitions);
        Shipment { to, content: record(stranger.as_bytes(), Some(body), headers) }
    }
}
