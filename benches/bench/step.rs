//! One decision inside the shard: from the record's JSON to the answers' JSON, shipped pay-in pipeline.

use crate::{Scale, report};
use bytes::Bytes;
use clausum::base::hash::{EntityKey, sha256};
use clausum::base::id::OrgId;
use clausum::base::position::{Offset, Partition};
use clausum::base::time::Ms;
use clausum::domain::access::{Locale, Organization, OrganizationKind};
use clausum::load::{Mix, Traffic};
use clausum::shard::core::Core;
use clausum::shard::decode::Home;
use clausum::shard::effects::Effects;
use clausum::shard::engine::Engines;
use clausum::shard::{Shard, Stepped};
use clausum::wire::envelope::{RecordType, product_record};
use clausum::wire::internal::{self, Genesis, OrganizationPut};
use clausum::wire::signature::Trust;
use std::time::{Duration, Instant};

const START: i64 = 1_780_000_000_000;

pub(crate) fn organization() -> Organization {
    Organization {
        id: OrgId::from_random([1; 16]),
        profile_id: OrgId::from_random([2; 16]),
        name: "Bench".to_owned(),
        kind: OrganizationKind::Comercio,
        locale: Locale::En,
        entity_key: EntityKey::from_bytes([3; 32]),
        allow_publishable_assess: true,
    }
}

pub(crate) fn genesis(partitions: u16) -> Bytes {
    let body = Genesis {
        installation: OrgId::INSTALLATION.to_string(),
        topic: "clausum.requests".to_owned(),
        partitions,
        key_digest: sha256(b"").to_string(),
        engine: 1,
    };
    product_record(OrgId::INSTALLATION, RecordType::Genesis, &internal::write(&body), "genesis").unwrap()
}

pub(crate) fn put_organization() -> Bytes {
    let org = organization();
    let body = internal::write(&OrganizationPut::of(&org));
    product_record(org.id, RecordType::Organization, &body, "org").unwrap()
}

/// Payments of a seeded mix, as records.
pub(crate) fn payments(count: usize, seed: u64) -> Vec<Bytes> {
    let mut traffic = Traffic::new(seed, 0, Mix::default()).unwrap();
    let org = organization().id;
    (0..count)
        .map(|number| {
            let event = traffic.event();
            let body = event.body;
            product_record(org, RecordType::Assess, &body, &format!("{seed}-{number}")).unwrap()
        })
        .collect()
}

struct Bench {
    shard: Shard,
    offset: u64,
    effects: Effects,
    digest: Vec<u8>,
}

impl Bench {
    /// Applies a record as a turn of one would. Tells the time of decoding, planning, stepping and
    /// finishing the outputs.
    fn apply(&mut self, record: &Bytes, resident: usize) -> Duration {
        let began = Instant::now();
        let timestamp = Ms(START + i64::try_from(self.offset).unwrap() * 250);
        let planned = self.shard.decode(Offset(self.offset), timestamp, record);
        loop {
            let mut wanted = Vec::new();
            self.shard.wants(&planned, &mut wanted);
            for key in wanted {
                self.shard.working().load(key, None).unwrap();
            }
            match self.shard.step(&planned, &mut self.effects).unwrap() {
                Stepped::Applied => break,
                Stepped::Unread(key) => self.shard.working().load(key, None).unwrap(),
                Stepped::Stop(stop) => panic!("{stop:?}"),
            }
        }
        let outputs = std::mem::take(&mut self.effects).outputs;
        let finished: Vec<Bytes> = outputs.into_iter().map(|output| output.record.finish()).collect();
        let spent = began.elapsed();
        self.offset += 1;
        if self.offset.is_multiple_of(64) {
            self.digest =
                sha256(&[&self.digest[..], finished.first().map_or(&[][..], |bytes| &bytes[..])].concat())
                    .0
                    .to_vec();
            self.shard.working().begin_turn(resident);
        }
        spent
    }
}

pub(crate) fn run(scale: Scale) {
    let home = Home { partition: Partition(0), partitions: 1, trust: Trust::Everyone };
    let shard = Shard::new(home, Engines::shipped().unwrap(), Core::default());
    let mut bench = Bench { shard, offset: 0, effects: Effects::default(), digest: Vec::new() };
    bench.apply(&genesis(1), usize::MAX);
    bench.apply(&put_organization(), usize::MAX);
    let payments = payments(scale.events * 2, 7);
    let (warm, measured) = payments.split_at(scale.events);
    for record in warm {
        bench.apply(record, usize::MAX);
    }
    let spent: Duration = measured.iter().map(|record| bench.apply(record, usize::MAX)).sum();
    report("step, hot: JSON in, JSON out, shipped pipeline", measured.len(), spent, &bench.digest);
}
