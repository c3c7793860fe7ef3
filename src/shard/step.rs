//! One record after the other: what a shard is, and what a step does with a record.

use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::position::{Partition, Position};
use crate::base::time::Ms;
use crate::domain::access::Organization;
use crate::domain::decision::Flow;
use crate::domain::fault::{ErrorCode, Refusal};
use crate::domain::settings::ScoringSettings;
use crate::policy::Policy;
use crate::shard::answer::Emitter;
use crate::shard::core::{Applied, Core, GenesisMark};
use crate::shard::decode::{Command, Dead, Decoded, Home, PartitionCommand, Planned};
use crate::shard::effects::Effects;
use crate::shard::engine::{Engine, Engines};
use crate::shard::policies::Policies;
use crate::shard::{assess, commands, dead_letter, plan};
use crate::state::control_rows::SignatureRow;
use crate::state::decision_row::DecisionRow;
use crate::state::key::Key;
use crate::state::row::Row;
use crate::state::working::{Missing, WorkingSet};
use crate::wire::envelope::DeadCode;
use crate::wire::record::TooLarge;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The state of one partition and what applies records to it.
#[derive(Debug)]
pub struct Shard {
    home: Home,
    engines: Engines,
    core: Core,
    working: WorkingSet,
    policies: Policies,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stepped {
    /// It was applied.
    Applied,
    /// It meets a row that must be read first, and left no trace.
    Unread(Key),
    /// It must not be applied here.
    Stop(Stop),
}

/// Why a record must not be applied by this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It puts an engine version in force, or stands behind one, that this binary cannot run.
    Engine(u32),
}

/// Stored state is not what it must be; the shard is to be reopened from its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenState(pub String);

impl BrokenState {
    fn of(key: Key) -> Self {
        Self(format!("row {key:?} is missing or of another kind"))
    }
}

impl fmt::Display for BrokenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored state is broken: {}", self.0)
    }
}

impl std::error::Error for BrokenState {}

/// Why a command did not end in its answer.
#[derive(Debug)]
pub(super) enum Fail {
    /// A row is missing in memory, or broken.
    Missing(Missing),
    /// The answer is a refusal, and a dead letter if it has a code.
    Refused(Refusal, Option<Dead>),
    /// A dead letter only.
    Dead(Dead),
    /// An output would be beyond its limit, which construction should have seen to.
    TooLarge,
}

impl Fail {
    pub(super) fn broken(key: Key) -> Self {
        Fail::Missing(Missing::Broken(key))
    }
}

impl From<Missing> for Fail {
    fn from(missing: Missing) -> Self {
        Fail::Missing(missing)
    }
}

impl From<TooLarge> for Fail {
    fn from(_: TooLarge) -> Self {
        Fail::TooLarge
    }
}

/// What a command works with.
pub(super) struct Scene<'a> {
    pub(super) partition: Partition,
    pub(super) offset: crate::base::position::Offset,
    /// The shard's clock with this record.
    pub(super) clock: Ms,
    /// The record's own log timestamp.
    pub(super) timestamp: Ms,
    pub(super) engine: &'a Engine,
    engines: &'a Engines,
    pub(super) working: &'a mut WorkingSet,
    policies: &'a mut Policies,
}

impl Scene<'_> {
    pub(super) fn position(&self) -> Position {
        Position { partition: self.partition, offset: self.offset }
    }

    /// The organization; without it the record is a dead letter.
    pub(super) fn organization(&self, org: OrgId) -> Result<Organization, Fail> {
        let found = self.working.get::<Organization>(&Key::Organization(org))?.cloned();
        found.ok_or(Fail::Dead(Dead::new(DeadCode::UnknownOrganization, "there is no such organization")))
    }

    pub(super) fn policy_in_force(&mut self, org: OrgId, flow: Flow) -> Result<Arc<Policy>, Missing> {
        self.policies.in_force(self.engine, org, flow, self.working)
    }

    /// The policy that a decision was made with, for its numbers and texts: they are of its own engine
    /// version, which may be none that is run any more.
    pub(super) fn policy_of(&mut self, key: Key, row: &DecisionRow) -> Result<Arc<Policy>, Missing> {
        let engine = self.engines.shows(row.basis.engine).ok_or(Missing::Broken(key))?;
        self.policies.compiled(engine, row.organization, row.basis.pack, self.working)
    }

    pub(super) fn settings(&self, org: OrgId, flow: Flow) -> Result<ScoringSettings, Missing> {
        let stored = self.working.get::<ScoringSettings>(&Key::Settings(org, flow))?.cloned();
        Ok(stored.unwrap_or_else(|| self.engine.catalogue.pipeline.settings()))
    }
}

impl Shard {
    /// A shard that stands where `core` says.
    #[must_use]
    pub fn new(home: Home, engines: Engines, core: Core) -> Self {
        Self {
            home,
            working: WorkingSet::new(engines.retention()),
            engines,
            core,
            policies: Policies::default(),
        }
    }

    /// What is known beside rows.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// How many rows are in memory.
    #[must_use]
    pub fn resident_rows(&self) -> usize {
        self.working.len()
    }

    /// The rows in memory.
    pub fn working(&mut self) -> &mut WorkingSet {
        &mut self.working
    }

    /// Decodes a record of this shard's partition.
    #[must_use]
    pub fn decode<'a>(
        &self,
        offset: crate::base::position::Offset,
        timestamp: Ms,
        content: &'a [u8],
    ) -> Planned<'a> {
        Planned::decode(offset, timestamp, content, &self.home)
    }

    /// Adds the keys that `planned` would read next and that are not in memory. A panic here is none of
    /// the record's outcome: the step will have it too, and say so.
    pub fn wants(&mut self, planned: &Planned<'_>, wanted: &mut Vec<Key>) {
        let Some(engine) = self.engines.get(self.core.engine) else { return };
        let clock = self.core.clock.max(planned.timestamp);
        self.working.begin_record(clock);
        let mut scene = Scene {
            partition: self.home.partition,
            offset: planned.offset,
            clock,
            timestamp: planned.timestamp,
            engine,
            engines: &self.engines,
            working: &mut self.working,
            policies: &mut self.policies,
        };
        let before = wanted.len();
        let plan = AssertUnwindSafe(|| plan::wants(&mut scene, planned, wanted));
        if catch_unwind(plan).is_err() {
            wanted.truncate(before);
        }
    }

    /// Applies a record.
    ///
    /// # Errors
    /// Stored state is broken; the shard is to be reopened.
    pub fn step(&mut self, planned: &Planned<'_>, effects: &mut Effects) -> Result<Stepped, BrokenState> {
        if self.core.genesis.is_some() && self.engines.get(self.core.engine).is_none() {
            return Ok(Stepped::Stop(Stop::Engine(self.core.engine)));
        }
        let mark = effects.mark();
        let clock = self.core.clock.max(planned.timestamp);
        self.working.begin_record(clock);
        let is_copy = match self.is_copy(planned) {
            Ok(is_copy) => is_copy,
            Err(Missing::Unread(key)) => return Ok(Stepped::Unread(key)),
            Err(Missing::Broken(key)) => return Err(BrokenState::of(key)),
        };
        if let Decoded::Partition(command) = &planned.decoded
            && !is_copy
            && (self.core.genesis.is_some() || is_genesis(command))
        {
            return self.step_partition(planned, command, clock, effects);
        }
        let chains = match self.attempt(planned, is_copy, clock, effects) {
            Ok(Ok(chains)) => chains,
            Ok(Err(Missing::Unread(key))) => {
                self.working.rollback();
                effects.cut(mark);
                return Ok(Stepped::Unread(key));
            }
            Ok(Err(Missing::Broken(key))) => {
                self.working.rollback();
                effects.cut(mark);
                return Err(BrokenState::of(key));
            }
            Err(Panicked) => {
                self.working.rollback();
                effects.cut(mark);
                let fault = catch_unwind(AssertUnwindSafe(|| self.fault(planned, effects)));
                fault.map_err(|_| BrokenState("the answer to a panic panicked".to_owned()))?
            }
        };
        self.core.chains = chains;
        self.applied(planned, clock);
        Ok(Stepped::Applied)
    }

    /// Whether a record of the product's own was applied before: somebody wrote it to the log again.
    ///
    /// # Errors
    /// What tells must be read first, or is broken.
    pub fn is_copy(&self, planned: &Planned<'_>) -> Result<bool, Missing> {
        let Some(mark) = planned.signature else { return Ok(false) };
        Ok(self.working.get::<SignatureRow>(&Key::Signature(mark))?.is_some())
    }

    /// Keeps what a record changed. Whatever it came to, a copy of it counts for nothing.
    fn applied(&mut self, planned: &Planned<'_>, clock: Ms) {
        if let Some(mark) = planned.signature {
            self.working.put(Key::Signature(mark), Row::Signature(SignatureRow { applied_at: clock }));
        }
        self.working.commit();
        self.core.applied = Some(Applied { offset: planned.offset, checksum: planned.checksum });
        self.core.clock = clock;
    }

    /// Runs a record's command; what it changed is in the journal.
    fn attempt(
        &mut self,
        planned: &Planned<'_>,
        is_copy: bool,
        clock: Ms,
        effects: &mut Effects,
    ) -> Result<Result<Chains, Missing>, Panicked> {
        let before_genesis = self.core.genesis.is_none();
        let refused = match () {
            () if before_genesis => {
                Some(Dead::new(DeadCode::BadEnvelope, "the record stands before genesis"))
            }
            () if is_copy => Some(Dead::new(DeadCode::ReservedType, "the record is a copy of one before it")),
            () => None,
        };
        // What stands before genesis has the same outcome in every version.
        let engine = if before_genesis { self.engines.first() } else { self.engines.get(self.core.engine) };
        let Some(engine) = engine else { return Err(Panicked) };
        let mut scene = Scene {
            partition: self.home.partition,
            offset: planned.offset,
            clock,
            timestamp: planned.timestamp,
            engine,
            engines: &self.engines,
            working: &mut self.working,
            policies: &mut self.policies,
        };
        let (partition, core) = (self.home.partition, &self.core);
        let run = || {
            let mark = effects.mark();
            let mut emitter = Emitter::new(planned, partition, core, effects);
            let Err(fail) = run(&mut scene, &mut emitter, planned, refused.as_ref()) else {
                return Ok(emitter.chains());
            };
            // Nothing of a command that failed stays; its outcome begins anew.
            scene.working.rollback();
            effects.cut(mark);
            let mut emitter = Emitter::new(planned, partition, core, effects);
            conclude(&mut emitter, planned, partition, fail).map(|()| emitter.chains())
        };
        catch_unwind(AssertUnwindSafe(run)).map_err(|_| Panicked)
    }

    /// The outcome of a record on which the engine itself failed.
    fn fault(&self, planned: &Planned<'_>, effects: &mut Effects) -> Chains {
        let mut emitter = Emitter::new(planned, self.home.partition, &self.core, effects);
        let refusal = Refusal::new(ErrorCode::InternalError, "the engine failed on this request");
        let dead = Dead::new(DeadCode::EngineFault, "the engine failed on this record");
        // Both are far below every limit; and if they were not, there is nothing better to say.
        let written = emitter
            .reject(&refusal)
            .and_then(|()| dead_letter::write(&mut emitter, planned, self.home.partition, &dead));
        if written.is_err() {
            return self.core.chains;
        }
        emitter.chains()
    }

    fn step_partition(
        &mut self,
        planned: &Planned<'_>,
        command: &PartitionCommand,
        clock: Ms,
        effects: &mut Effects,
    ) -> Result<Stepped, BrokenState> {
        match command {
            PartitionCommand::Genesis(genesis) => {
                if self.core.genesis.is_some() {
                    return self.dead(planned, clock, effects, "there is a genesis already");
                }
                if self.engines.get(genesis.engine).is_none() {
                    return Ok(Stepped::Stop(Stop::Engine(genesis.engine)));
                }
                let body = planned.content.and_then(|content| content.value).unwrap_or_default();
                self.core.genesis = Some(GenesisMark { offset: planned.offset, digest: sha256(body) });
                self.core.engine = genesis.engine;
            }
            PartitionCommand::Announce(_) => self.core.epoch = planned.offset,
            PartitionCommand::Engine(change) => {
                if self.engines.get(change.version).is_none() {
                    return Ok(Stepped::Stop(Stop::Engine(change.version)));
                }
                self.core.engine = change.version;
            }
            PartitionCommand::Tick => {}
        }
        self.applied(planned, clock);
        Ok(Stepped::Applied)
    }

    fn dead(
        &mut self,
        planned: &Planned<'_>,
        clock: Ms,
        effects: &mut Effects,
        message: &str,
    ) -> Result<Stepped, BrokenState> {
        let mut emitter = Emitter::new(planned, self.home.partition, &self.core, effects);
        let dead = Dead::new(DeadCode::BadEnvelope, message);
        dead_letter::write(&mut emitter, planned, self.home.partition, &dead)
            .map_err(|_| BrokenState("a dead letter is too large".to_owned()))?;
        self.core.chains = emitter.chains();
        self.applied(planned, clock);
        Ok(Stepped::Applied)
    }
}

type Chains = [Option<crate::base::position::OutputRef>; 3];

/// A record's command panicked.
struct Panicked;

fn is_genesis(command: &PartitionCommand) -> bool {
    matches!(command, PartitionCommand::Genesis(_))
}

fn run(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    planned: &Planned<'_>,
    refused: Option<&Dead>,
) -> Result<(), Fail> {
    if let Some(dead) = refused {
        return Err(Fail::Dead(dead.clone()));
    }
    match &planned.decoded {
        Decoded::Dead(dead) => Err(Fail::Dead(dead.clone())),
        Decoded::Rejected(refusal, dead) => Err(Fail::Refused(refusal.clone(), dead.clone())),
        Decoded::Command(org, Command::Assess(payment)) => match &planned.envelope {
            Some(envelope) => assess::assess(scene, emitter, *org, payment, envelope),
            None => Err(Fail::Dead(Dead::new(DeadCode::BadEnvelope, "the record has no envelope"))),
        },
        Decoded::Command(org, command) => commands::run(scene, emitter, *org, command),
        Decoded::Partition(_) => {
            Err(Fail::Dead(Dead::new(DeadCode::BadEnvelope, "the record stands before genesis")))
        }
        Decoded::Faulted => std::panic::resume_unwind(Box::new("decoding panicked")),
    }
}

/// Turns a failure into the outcome it is.
fn conclude(
    emitter: &mut Emitter<'_>,
    planned: &Planned<'_>,
    partition: Partition,
    fail: Fail,
) -> Result<(), Missing> {
    let written = match fail {
        Fail::Missing(missing) => return Err(missing),
        Fail::Refused(refusal, dead) => emitter.reject(&refusal).and_then(|()| match dead {
            Some(dead) => dead_letter::write(emitter, planned, partition, &dead),
            None => Ok(()),
        }),
        Fail::Dead(dead) => dead_letter::write(emitter, planned, partition, &dead),
        Fail::TooLarge => Err(TooLarge),
    };
    match written {
        Ok(()) => Ok(()),
        // An output beyond its limit is a fault of the engine, and has the same outcome as one.
        Err(TooLarge) => std::panic::resume_unwind(Box::new("an output is beyond its limit")),
    }
}
