//! Signatures on what is the product's own, and what strangers make of them.

use super::{Shipment, Traffic};
use crate::base::limits;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::wire::envelope::{Envelope, RecordType};
use crate::wire::header;
use crate::wire::record::Content;
use crate::wire::signature::{SigningKey, Trust};
use bytes::Bytes;

/// Signed records kept to be copied.
const MEMORY: usize = 20;

impl Traffic {
    /// A record as whoever sends it would sign it, if he would; a stranger writes some of them, and some come late.
    pub(in crate::sim) fn signed(&mut self, to: Partition, now: Ms, record: Bytes) -> Bytes {
        let trust = self.profile.trust.clone();
        let wants = Content::read(&record).ok().and_then(|content| {
            let kind = Envelope::read(&content, true).ok()?.kind;
            let is_internal = kind.is_internal();
            let has_own = content.headers().any(|(name, _)| name.starts_with(header::RESERVED_PREFIX));
            (is_internal || has_own).then_some(kind)
        });
        let Some(kind) = wants.filter(|_| trust != Trust::Everyone) else { return record };
        let of = TopicPartition::new(Topic::Requests, to);
        // Without its genesis a partition does nothing for ever.
        let how = if kind == RecordType::Genesis { 99 } else { self.chance.below(30) };
        let signed = match how {
            0 => return record,
            1 => Trust::Signed(SigningKey::new([8; 32])).sign(of, now, record.clone()),
            2 => {
                let off = limits::SIGNED_WITHIN_MS - 2_000 + self.chance.signed(0, 4_000);
                let off = if self.chance.one_in(2) { off } else { -off };
                trust.sign(of, now.plus(off), record.clone())
            }
            3 => trust.sign(TopicPartition::new(Topic::Decisions, to), now, record.clone()),
            _ => trust.sign(of, now, record.clone()),
        };
        let signed = signed.unwrap_or(record);
        if self.signed.len() >= MEMORY {
            self.signed.pop_front();
        }
        self.signed.push_back(Shipment { to, content: signed.clone() });
        signed
    }

    /// A copy of a record that was signed, sometimes; now and then for another partition.
    pub(in crate::sim) fn copy(&mut self) -> Option<Shipment> {
        if self.signed.is_empty() || !self.chance.one_in(40) {
            return None;
        }
        let at = self.chance.size(0, self.signed.len() - 1);
        let mut copy = self.signed.get(at).cloned()?;
        if self.chance.one_in(6) {
            copy.to = Partition((copy.to.0 + 1) % self.profile.partitions.max(1));
        }
        Some(copy)
    }
}
