//! What is sent: requests with few entities, so that windows matter, and everything that can be wrong
//! with a record.

mod bad;
mod bodies;
pub(super) mod commands;
pub(super) mod packs;
mod signing;

use super::chance::Chance;
use super::profile::Profile;
use crate::base::id::OrgId;
use crate::base::murmur2::partition_of;
use crate::base::position::Partition;
use crate::base::time::Ms;
use crate::wire::envelope::RecordType;
use crate::wire::header;
use crate::wire::record::Builder;
use bodies::People;
use bytes::Bytes;
use serde_json::Value;
use std::collections::VecDeque;

/// Requests kept to be repeated.
const MEMORY: usize = 60;

/// Makes records.
#[derive(Debug)]
pub(super) struct Traffic {
    chance: Chance,
    profile: Profile,
    pub(super) organizations: Vec<Member>,
    next_id: u64,
    sent: Vec<Sent>,
    /// Records that were signed, for strangers to copy.
    signed: VecDeque<Shipment>,
}

/// An organization of the world.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: OrgId,
    pub(super) home: Partition,
    people: People,
}

/// A request that was sent.
#[derive(Debug, Clone)]
struct Sent {
    member: usize,
    id: String,
    key: Option<String>,
    body: Value,
    content: Bytes,
}

/// A record on its way to a partition.
#[derive(Debug, Clone)]
pub(super) struct Shipment {
    pub(super) to: Partition,
    pub(super) content: Bytes,
}

/// Headers of a request.
#[derive(Debug, Default)]
struct Extra {
    idempotency_key: Option<String>,
    time: Option<Ms>,
    received: Option<Ms>,
    awaited: bool,
    trace: bool,
}

impl Traffic {
    pub(super) fn new(mut chance: Chance, profile: &Profile) -> Self {
        let organizations = (0..profile.organizations).map(|_| {
            let mut bytes = [0; 16];
            bytes.iter_mut().for_each(|byte| *byte = u8::try_from(chance.below(256)).unwrap_or(0));
            let id = OrgId::from_random(bytes);
            let home = partition_of(id.to_string().as_bytes(), profile.partitions);
            Member { id, home, people: People::draw(&mut chance) }
        });
        let organizations = organizations.collect();
        Self {
            chance,
            profile: profile.clone(),
            organizations,
            next_id: 0,
            sent: Vec::new(),
            signed: VecDeque::new(),
        }
    }

    fn id(&mut self) -> String {
        self.next_id += 1;
        format!("req-{}", self.next_id)
    }

    /// The next record, at about `now`.
    pub(super) fn next(&mut self, now: Ms) -> Shipment {
        let profile = &self.profile;
        let rest = 1_000 + profile.late;
        let kind =
            self.chance.weighted(&[rest, profile.repeats, profile.bad, profile.commands, profile.probes]);
        match kind {
            1 => self.repeat(now),
            2 => self.bad(now),
            3 => self.command(),
            4 => self.probe(),
            _ => self.request(now),
        }
    }

    fn member(&mut self) -> usize {
        self.chance.size(0, self.organizations.len().saturating_sub(1))
    }

    fn shipment(&self, member: usize, content: Bytes) -> Shipment {
        let to = self.organizations.get(member).map_or(Partition(0), |member| member.home);
        Shipment { to, content }
    }

    fn request(&mut self, now: Ms) -> Shipment {
        let member = self.member();
        let Some(people) = self.organizations.get(member).map(|member| member.people.clone()) else {
            return self.probe();
        };
        let late = self.profile.late;
        let body = bodies::payment(&people, &mut self.chance, now, late);
        let key = self.chance.in_1000(150).then(|| format!("key-{}", self.chance.below(40)));
        self.send(member, body, key, now)
    }

    fn send(&mut self, member: usize, body: Value, key: Option<String>, now: Ms) -> Shipment {
        let id = self.id();
        let chance = &mut self.chance;
        let back = chance.signed(0, 100_000);
        let extra = Extra {
            idempotency_key: key.clone(),
            time: chance.in_1000(60).then(|| now.plus(-back)),
            received: chance.in_1000(300).then(|| now.plus(-(back % 50))),
            awaited: chance.in_1000(400),
            trace: chance.in_1000(50),
        };
        let text = body.to_string();
        let content = self.assess(member, &id, Some(text.as_bytes()), &extra);
        self.remember(Sent { member, id, key, body, content: content.clone() });
        self.shipment(member, content)
    }

    fn remember(&mut self, sent: Sent) {
        if self.sent.len() >= MEMORY {
            let gone = self.chance.size(0, MEMORY - 1);
            self.sent.swap_remove(gone);
        }
        self.sent.push(sent);
    }

    /// A request sent before: by its producer as it was, or by its caller under the same key, perhaps
    /// written differently, perhaps as another request.
    fn repeat(&mut self, now: Ms) -> Shipment {
        let Some(sent) = self.chance.pick(&self.sent).cloned() else { return self.request(now) };
        let key = sent.key.clone().or_else(|| Some(format!("key-{}", sent.id)));
        match self.chance.below(5) {
            0 | 1 => self.shipment(sent.member, sent.content),
            2 => {
                let body = bodies::rewritten(&sent.body, now, &mut self.chance);
                self.send(sent.member, body, sent.key.or(key), now)
            }
            3 => {
                let body = bodies::other(&sent.body, &mut self.chance);
                self.send(sent.member, body, key, now)
            }
            _ => {
                // The producer's own id again, with another request under it.
                let body = bodies::other(&sent.body, &mut self.chance).to_string();
                let content = self.assess(sent.member, &sent.id, Some(body.as_bytes()), &Extra::default());
                self.shipment(sent.member, content)
            }
        }
    }

    fn assess(&self, member: usize, id: &str, body: Option<&[u8]>, extra: &Extra) -> Bytes {
        let key = self.organizations.get(member).map(|member| member.id.to_string()).unwrap_or_default();
        let mut headers = vec![
            (header::CE_SPECVERSION, "1.0".to_owned()),
            (header::CE_ID, id.to_owned()),
            (header::CE_SOURCE, "/switch".to_owned()),
            (header::CE_TYPE, RecordType::Assess.text().to_owned()),
        ];
        headers.extend(extra.idempotency_key.clone().map(|key| (header::IDEMPOTENCY_KEY, key)));
        headers.extend(extra.time.map(|time| (header::CE_TIME, time.to_string())));
        headers.extend(extra.received.map(|at| (header::RECEIVED, at.0.to_string())));
        headers.extend(extra.awaited.then(|| (header::REPLY_TO, "0".to_owned())));
        headers.extend(extra.trace.then(|| {
            (header::TRACEPARENT, format!("00-{:0>32}-00000000000000ab-01", id.trim_start_matches("req-")))
        }));
        record(key.as_bytes(), body, &headers)
    }
}

/// A record of any key, value and headers.
fn record(key: &[u8], value: Option<&[u8]>, headers: &[(&str, String)]) -> Bytes {
    let Ok(mut record) = Builder::new(key, value) else { return Bytes::new() };
    let written = headers.iter().try_for_each(|(name, value)| record.header(name, value.as_bytes()));
    // Far below every limit.
    written.map_or(Bytes::new(), |()| record.finish())
}
