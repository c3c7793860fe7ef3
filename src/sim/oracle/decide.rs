//! A decision the naive way.

use super::apply::End;
use super::model::{Decided, Entry, Model, OrganizationModel, Request, Session, What};
use super::record::Letter;
use super::request::{Asked, Stamp};
use super::signals::{Fired, Matched, OwnPack, View};
use super::windows::{Event, Life, Windows};
use crate::base::position::Topic;
use crate::sim::keeping::Keeping;

const DAY: i64 = 86_400_000;

impl Model {
    pub(super) fn decide(&mut self, key: &str, asked: Asked, stamp: &Stamp, request: &Request) -> End {
        let refused = End::Rejected(400, "VALIDATION_ERROR", None);
        let (clock, engine, keeping) = (self.clock, self.engine, self.keeping);
        let retention = keeping.retention;
        let Some((letter, organization)) = request.letter.as_ref().zip(self.organizations.get_mut(key))
        else {
            return refused;
        };
        let near = |at: &i64| (-90 * DAY..=5 * 60_000).contains(&(at - request.timestamp));
        let empty = letter.idempotency_key.as_ref().is_some_and(String::is_empty);
        if empty {
            return refused;
        }
        let explicit = letter.idempotency_key.clone().or_else(|| stamp.idempotency_key.clone());
        let idempotency = idempotency(explicit.as_deref(), &asked, letter);
        let known = organization
            .idempotency
            .get(&idempotency)
            .filter(|entry| clock - entry.at < retention.idempotency_ms);
        if let Some(entry) = known {
            if entry.asked != asked {
                return End::Rejected(409, "IDEMPOTENCY_CONFLICT", None);
            }
            let decided = entry.decided;
            self.owe(Topic::Decisions, request, What::Decision { decided, replayed: true });
            return End::Silent;
        }
        // Behind the look-up: a repeat is one however late it comes.
        if !stamp.occurred_at.as_ref().is_none_or(near) {
            return refused;
        }
        let event_time = stamp.occurred_at.or(letter.time.filter(near)).unwrap_or(request.timestamp);
        let place = self.decided.len();
        organization.touch(&asked.entities(), clock, engine, &keeping);
        let mut decided = verdict(organization, engine, asked, event_time);
        decided.organization = key.to_owned();
        decided.offset = request.offset;
        decided.explicit_key = explicit;
        decided.latency_ms = letter.received.map_or(0, |received| (request.timestamp - received).max(0));
        decided.decided_at = clock;
        let own = format!("generated at {}", request.offset);
        decided.session = decided.asked.session_id.clone().unwrap_or(own);
        let session = organization.sessions.entry(decided.session.clone()).or_default();
        if session.attempts > 0 && clock - session.at >= retention.session_ms {
            *session = Session { again: session.again + 1, ..Session::default() };
        }
        (session.attempts, session.at) = (session.attempts + 1, clock);
        decided.attempt = session.attempts;
        if session.again > 0 {
            decided.session = format!("{} again {}", decided.session, session.again);
        }
        for entity in &decided.entities {
            if let Some(life) = organization.lives.get_mut(entity) {
                life.last = life.last.max(event_time);
            }
        }
        organization.events.push(Event {
            offset: request.offset,
            at: event_time,
            amount: decided.asked.amount,
            currency: decided.asked.currency.clone(),
            decision: decided.decision,
            entities: decided.entities.clone(),
        });
        let entry = Entry { asked: decided.asked.clone(), decided: place, at: clock };
        organization.idempotency.insert(idempotency, entry);
        self.decided.push(decided);
        self.owe(Topic::Decisions, request, What::Decision { decided: place, replayed: false });
        End::Silent
    }
}

impl OrganizationModel {
    /// An event of these entities is about to be counted: who was seen too long ago begins anew, and what is
    /// too old counts no more.
    fn touch(&mut self, entities: &[(&'static str, String)], clock: i64, engine: u32, keeping: &Keeping) {
        let (began, pack) = (self.events.len(), self.pack.unwrap_or(OwnPack::None));
        let new = Life { began, last: i64::MIN, floor: i64::MIN };
        for entity in entities {
            let life = self.lives.entry(entity.clone()).or_insert(new);
            if life.last > i64::MIN && clock - life.last >= keeping.retention.entity_ms {
                *life = new;
            }
            let counts = keeping.counts_ms(entity.0, longest(entity.0, engine, pack));
            life.floor = life.floor.max(clock - counts);
        }
    }
}

/// The longest window that is read of a kind of entity.
fn longest(kind: &str, engine: u32, pack: OwnPack) -> i64 {
    const MINUTE: i64 = 60_000;
    match (kind, pack) {
        ("ip", OwnPack::Windows) => 30 * DAY,
        ("device", OwnPack::Windows) => 360 * MINUTE,
        ("email", OwnPack::Windows) => 120 * MINUTE,
        ("payer", OwnPack::Windows) => 30 * MINUTE,
        ("email" | "device" | "card" | "ip" | "phone", _) => 60 * MINUTE,
        ("customer", _) if engine >= 3 => 10 * MINUTE,
        _ => 0,
    }
}

fn idempotency(explicit: Option<&str>, asked: &Asked, letter: &Letter) -> String {
    match (explicit, &asked.order_id, &asked.payment_id) {
        (Some(key), _, _) => format!("key {key}"),
        (None, Some(order), Some(payment)) => format!("order {order} payment {payment}"),
        _ => format!("source {} id {}", letter.source, letter.id),
    }
}

fn verdict(organization: &OrganizationModel, engine: u32, asked: Asked, event_time: i64) -> Decided {
    let entities = asked.entities();
    let windows = Windows {
        before: &organization.events,
        entities: &entities,
        lives: &organization.lives,
        at: event_time,
        amount: asked.amount,
        currency: &asked.currency,
    };
    let view = View {
        asked: &asked,
        windows: &windows,
        settings: &organization.settings,
        lists: &organization.lists,
        engine,
        spanish: organization.spanish,
    };
    let pack = organization.pack.unwrap_or(OwnPack::None);
    let (fired, matched) = (view.fired(pack), view.matched(pack));
    let maximum = organization.settings.amount_max.get(&asked.currency);
    let above = maximum.is_some_and(|most| asked.amount > *most);
    let (decision, score, blocked_by) = conclude(&fired, &matched, above, organization.settings.thresholds);
    Decided {
        organization: String::new(),
        offset: 0,
        session: String::new(),
        attempt: 0,
        decision,
        score,
        fired,
        matched,
        blocked_by,
        explicit_key: None,
        latency_ms: 0,
        decided_at: 0,
        event_time,
        engine,
        pack,
        settings: organization.settings.version,
        entities,
        body: None,
        asked,
    }
}

/// Decision, score and reason of a block: steps 3 to 8 of the contract's section 8.1, without lists.
fn conclude(
    fired: &[Fired],
    matched: &[Matched],
    above: bool,
    thresholds: [i64; 3],
) -> (usize, i64, Option<String>) {
    let weights: i64 = fired.iter().map(|signal| signal.weight).sum();
    let scores: i64 = matched.iter().filter_map(|rule| rule.2).sum();
    let score = (weights + scores).clamp(0, 100);
    if above {
        return (3, 100, Some("amount_above_maximum".to_owned()));
    }
    if let Some(rule) = matched.iter().find(|rule| rule.3 == Some("block")) {
        return (3, 100, Some(format!("rule:{}", rule.0)));
    }
    let band = thresholds.iter().filter(|threshold| score >= **threshold).count();
    let force =
        matched.iter().filter_map(|rule| super::model::DECISIONS.iter().position(|d| Some(*d) == rule.3));
    (force.max().unwrap_or(band), score, None)
}
