//! What the oracle knows of one partition, and what each of its requests owes.

use super::record::{Letter, Plain};
use super::request::Asked;
use super::signals::{Fired, Matched, OwnPack, Settings};
use super::windows::{Event, Life};
use crate::base::position::{OutputRef, Topic};
use crate::sim::keeping::Keeping;
use crate::sim::profile::Profile;
use crate::state::retention::Retention;
use crate::wire::signature::Trust;
use std::collections::{BTreeMap, BTreeSet};

/// One partition.
#[derive(Debug, Default)]
pub(in crate::sim) struct Model {
    pub(super) partition: u16,
    pub(super) partitions: u16,
    pub(super) keeping: Keeping,
    pub(super) trust: Option<Trust>,
    /// The clock at which each signature was last taken in.
    pub(super) signatures: BTreeMap<Vec<u8>, i64>,
    pub(super) genesis: bool,
    pub(super) engine: u32,
    pub(super) clock: i64,
    pub(super) organizations: BTreeMap<String, OrganizationModel>,
    /// Announcements: offset and nonce, in the order of the log.
    pub(super) announced: Vec<(u64, String)>,
    pub(super) owed: Vec<Owed>,
    /// Where an output is among those owed.
    pub(super) places: BTreeMap<(Topic, OutputRef), usize>,
    /// The outputs of each topic in their order.
    pub(super) chains: BTreeMap<Topic, Vec<OutputRef>>,
    pub(super) decided: Vec<Decided>,
    /// Offsets of the durable requests.
    pub(super) requests: BTreeMap<u64, Option<Letter>>,
}

/// One organization.
#[derive(Debug, Default)]
pub(in crate::sim) struct OrganizationModel {
    pub(super) spanish: bool,
    pub(super) settings: Settings,
    pub(super) settings_versions: BTreeMap<String, u64>,
    pub(super) pack: Option<OwnPack>,
    pub(super) lists: BTreeMap<String, Vec<String>>,
    /// Digests of keys that are revoked for good.
    pub(super) revoked: BTreeSet<String>,
    pub(super) idempotency: BTreeMap<String, Entry>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) events: Vec<Event>,
    /// By kind and value of an entity.
    pub(super) lives: BTreeMap<(&'static str, String), Life>,
    pub(super) identities: Identities,
}

/// A session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Session {
    pub(super) attempts: u32,
    /// When the latest was decided.
    pub(super) at: i64,
    /// How often it was forgotten and began anew.
    pub(super) again: u32,
}

/// A request already decided.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) asked: Asked,
    pub(super) decided: usize,
    pub(super) at: i64,
}

/// Ids and tokens as they were first seen.
#[derive(Debug, Default)]
pub(in crate::sim) struct Identities {
    /// By kind and value.
    pub(in crate::sim) tokens: BTreeMap<(String, String), String>,
    pub(super) values: BTreeMap<(String, String), String>,
    pub(super) transactions: BTreeMap<String, String>,
    pub(super) generated: BTreeMap<String, u64>,
}

/// An output that a request owes.
#[derive(Debug)]
pub(in crate::sim) struct Owed {
    pub(in crate::sim) topic: Topic,
    pub(in crate::sim) output: OutputRef,
    pub(super) prev: Option<OutputRef>,
    pub(super) timestamp: i64,
    pub(super) letter: Option<Letter>,
    pub(super) what: What,
    /// As it landed first, without its epoch.
    pub(in crate::sim) landed: Option<Plain>,
}

/// What an output says.
#[derive(Debug, Clone)]
pub(super) enum What {
    Decision { decided: usize, replayed: bool },
    Rejection(u16, &'static str),
    Dead { code: &'static str, key: Vec<u8>, value: Option<Vec<u8>> },
    Event(String),
}

/// A decision.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    pub(super) organization: String,
    pub(super) offset: u64,
    pub(super) asked: Asked,
    pub(super) session: String,
    pub(super) attempt: u32,
    /// By severity.
    pub(super) decision: usize,
    pub(super) score: i64,
    pub(super) fired: Vec<Fired>,
    pub(super) matched: Vec<Matched>,
    pub(super) blocked_by: Option<String>,
    pub(super) explicit_key: Option<String>,
    pub(super) latency_ms: i64,
    pub(super) decided_at: i64,
    pub(super) event_time: i64,
    pub(super) engine: u32,
    pub(super) pack: OwnPack,
    pub(super) settings: u64,
    pub(super) entities: Vec<(&'static str, String)>,
    /// The body as it landed first, whichever attempt to answer it was.
    pub(super) body: Option<Vec<u8>>,
}

pub(super) const DECISIONS: [&str; 4] = ["approve", "review", "challenge", "decline"];

impl Model {
    pub(in crate::sim) fn new(partition: u16, profile: &Profile) -> Self {
        let (partitions, keeping) = (profile.partitions, profile.keeping);
        let trust = Some(profile.trust.clone());
        Self { partition, partitions, keeping, trust, ..Self::default() }
    }

    /// The engine version in force.
    pub(in crate::sim) fn engine(&self) -> u32 {
        self.engine
    }

    /// The outputs of a topic in their order.
    pub(in crate::sim) fn chain(&self, topic: Topic) -> &[OutputRef] {
        self.chains.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// Every output owed, in the order of the log.
    pub(in crate::sim) fn owed(&self) -> &[Owed] {
        &self.owed
    }

    pub(in crate::sim) fn organizations(&self) -> impl Iterator<Item = (&String, &OrganizationModel)> {
        self.organizations.iter()
    }

    pub(in crate::sim) fn decisions(&self) -> usize {
        self.decided.len()
    }

    /// How long anything is kept.
    pub(in crate::sim) fn retention(&self) -> Retention {
        self.keeping.retention
    }

    /// Decisions that are still there at a clock.
    pub(in crate::sim) fn decisions_at(&self, clock: i64) -> usize {
        let kept = self.keeping.retention.decision_ms;
        self.decided.iter().filter(|decided| clock - decided.decided_at < kept).count()
    }

    /// Puts an output behind those of its topic.
    pub(super) fn owe(&mut self, topic: Topic, of: &Request, what: What) {
        let chain = self.chains.entry(topic).or_default();
        let prev = chain.last().copied();
        let same = prev.filter(|prev| prev.offset.0 == of.offset);
        let index = same.map_or(0, |prev| prev.index + 1);
        let output = OutputRef { offset: crate::base::position::Offset(of.offset), index };
        chain.push(output);
        self.places.insert((topic, output), self.owed.len());
        self.owed.push(Owed {
            topic,
            output,
            prev,
            timestamp: of.timestamp,
            letter: of.letter.clone(),
            what,
            landed: None,
        });
    }
}

/// A record of the requests topic.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) offset: u64,
    pub(super) timestamp: i64,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) letter: Option<Letter>,
}

impl OrganizationModel {
    /// Every entity that is known at a clock, its last event not longer ago than that: kind, value, and up
    /// to where its events are not counted any more.
    pub(in crate::sim) fn known(
        &self,
        clock: i64,
        kept_ms: i64,
    ) -> impl Iterator<Item = (&'static str, &str, i64)> {
        let known = self.lives.iter().filter(move |(_, life)| clock - life.last < kept_ms);
        known.map(|((kind, value), life)| (*kind, value.as_str(), life.floor))
    }

    /// The token of an entity, as decisions showed it.
    pub(in crate::sim) fn token(&self, kind: &str, value: &str) -> Option<&str> {
        let token = self.identities.tokens.get(&(kind.to_owned(), value.to_owned()));
        token.map(String::as_str)
    }

    /// The events of an entity later than `floor`, by time, and as they are in the log where times are equal: time, offset,
    /// amount, currency, severity.
    pub(in crate::sim) fn postings(
        &self,
        kind: &str,
        value: &str,
        floor: i64,
    ) -> Vec<(i64, u64, i64, String, usize)> {
        let of = |event: &&Event| event.entities.iter().any(|entity| entity.0 == kind && entity.1 == value);
        let events = self.events.iter().filter(of).filter(|event| event.at > floor);
        let mut postings: Vec<_> = events
            .map(|event| (event.at, event.offset, event.amount, event.currency.clone(), event.decision))
            .collect();
        postings.sort_by_key(|posting| posting.0);
        postings
    }

    /// Events that are still there at a clock.
    pub(in crate::sim) fn events(&self, clock: i64, kept_ms: i64) -> usize {
        self.events.iter().filter(|event| clock - event.at < kept_ms).count()
    }

    /// Sessions that are still there at a clock.
    pub(in crate::sim) fn sessions(&self, clock: i64, kept_ms: i64) -> usize {
        self.sessions.values().filter(|session| clock - session.at < kept_ms).count()
    }

    /// Requests that are still known at a clock.
    pub(in crate::sim) fn entries(&self, clock: i64, kept_ms: i64) -> usize {
        self.idempotency.values().filter(|entry| clock - entry.at < kept_ms).count()
    }
}
