//! What follows from a payment's record alone, its organization and the clock: who it is, and whom it
//! concerns. Planning and step both want it, so it is found once and kept beside the record.

use crate::base::hash::{EntityKey, Hash128};
use crate::base::id;
use crate::base::limits;
use crate::base::time::Ms;
use crate::domain::access::Organization;
use crate::domain::decision::Flow;
use crate::domain::entity::Entity;
use crate::domain::payin::PayinRequest;
use crate::shard::decode::Assess;
use crate::shard::features::Event;
use crate::shard::naming::{self, Repeat};
use crate::shard::step::Scene;
use crate::state::key::{Key, Scope};
use crate::wire::envelope::Envelope;
use std::rc::Rc;

/// A space of the organization's keyed hashes, beside those of `naming`.
const SPACE_NEW_SESSION: u8 = 203;

/// What planning and step both want of a payment.
#[derive(Debug)]
pub(super) struct Prepared {
    made_for: MadeFor,
    pub(super) session: Hash128,
    pub(super) session_id: String,
    /// The key of the entry that makes a repeat one.
    pub(super) idempotency: Key,
    pub(super) event: Event,
    pub(super) entities: Vec<Entity>,
}

/// All it was made from beside the record: where any of it changed since, it is made again.
#[derive(Debug, PartialEq, Eq)]
struct MadeFor {
    engine: u32,
    clock: Ms,
    entity_key: EntityKey,
}

impl Prepared {
    /// Of a payment of an organization; `scene`'s clock and position name a new session.
    pub(super) fn of(
        scene: &Scene<'_>,
        org: &Organization,
        payment: &Assess,
        envelope: &Envelope<'_>,
    ) -> Rc<Self> {
        let made_for =
            MadeFor { engine: scene.engine.version, clock: scene.clock, entity_key: org.entity_key.clone() };
        if let Some(known) = payment.prepared.get().filter(|known| known.made_for == made_for) {
            return Rc::clone(known);
        }
        let made = Rc::new(Self::make(scene, org, &payment.request, envelope, made_for));
        // One that was made for another clock stays in the cell: such a record is rare.
        payment.prepared.get_or_init(|| Rc::clone(&made));
        made
    }

    fn make(
        scene: &Scene<'_>,
        org: &Organization,
        request: &PayinRequest,
        envelope: &Envelope<'_>,
        made_for: MadeFor,
    ) -> Self {
        let key = &org.entity_key;
        let session_id = request.session_id.clone().unwrap_or_else(|| {
            let position = scene.position();
            let tail = key.hash_parts(&[&[SPACE_NEW_SESSION], position.to_string().as_bytes()]);
            id::session(scene.clock, first8(tail))
        });
        let mut entities = Vec::new();
        scene.engine.catalogue.pipeline.entities(request, key, &mut entities);
        let at = event_time(scene.timestamp, request, envelope);
        // Pre-checks have a scope of their own.
        let scope = if envelope.precheck { Scope::Precheck } else { Scope::Payin };
        Self {
            made_for,
            session: naming::session(key, &session_id),
            session_id,
            idempotency: Key::Idempotency(org.id, scope, idempotency_hash(key, request, envelope)),
            event: Event {
                org: org.id,
                flow: Flow::Payin,
                at,
                amount: request.amount,
                currency: request.currency,
            },
            entities,
        }
    }
}

fn first8(hash: Hash128) -> u64 {
    u64::from_be_bytes(hash.0.first_chunk().copied().unwrap_or_default())
}

/// The first present of: header, body, order and payment, source and id of the record.
fn idempotency_hash(key: &EntityKey, request: &PayinRequest, envelope: &Envelope<'_>) -> Hash128 {
    let explicit = envelope.idempotency_key.or(request.idempotency_key.as_deref());
    let repeat = match (explicit, &request.order_id, &request.payment_id) {
        (Some(explicit), _, _) => Repeat::Key(explicit),
        (None, Some(order), Some(payment)) => Repeat::Order(order, payment),
        (None, _, _) => Repeat::Record(envelope.source, envelope.id),
    };
    naming::idempotency(key, repeat)
}

/// When the event happened: what the caller says, else the envelope if its time is one, else the record's
/// own log time. The clock takes no part: where the log's time went back, the event is a late one.
fn event_time(timestamp: Ms, request: &PayinRequest, envelope: &Envelope<'_>) -> Ms {
    let bounds = -limits::OCCURRED_BEFORE_MS..=limits::OCCURRED_AFTER_MS;
    let envelope_time = envelope.time.filter(|time| bounds.contains(&time.since(timestamp)));
    request.occurred_at.or(envelope_time).unwrap_or(timestamp)
}
