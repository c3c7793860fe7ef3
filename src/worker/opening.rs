//! How an owner comes to an open partition: its announcement, what it then finds to begin from, and the shard
//! that begins there.

use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::limits;
use crate::base::position::{Offset, OutputRef, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::log::{AppendError, Appended};
use crate::shard::Shard;
use crate::shard::core::Core;
use crate::shard::decode::Home;
use crate::shard::effects::DirectoryChange;
use crate::state::key::{Kind, prefix};
use crate::state::row::Row;
use crate::store::{Store, StoreError};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, Announce};
use crate::wire::signature::Trust;
use crate::worker::ack::{Ack, Inbox};
use crate::worker::checkpoint::Progress;
use crate::worker::outbox::{Landed, Outbox};
use crate::worker::owner::{Owner, OwnerTurn, Stage};
use crate::worker::recover::{Archived, Local, Plan, Seen, plan};
use crate::worker::restore::{Here, Outcome, Restore, Restored, Tails, Task};
use crate::worker::running::{Failure, Running};
use crate::worker::snapshot::catalog::{Catalog, Found, READ};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Rows of one scan.
const SCAN: usize = 1_024;
/// Manifests read at first; nearly always one of the newest two does.
const NEWEST: usize = 2;
/// Looks of one opening at most. Each snapshot is fetched once, and a store is set aside once.
const LOOKS: u32 = 64;

/// An announcement on its way.
#[derive(Debug)]
pub(super) struct Announcing {
    inbox: Arc<Inbox>,
    nonce: String,
    /// When it was made.
    issued: Ms,
    /// The state held at another's announcement.
    held: Option<Box<Running>>,
}

impl Announcing {
    /// The state held meanwhile, to be changed.
    pub(super) fn held_mut(&mut self) -> Option<&mut Running> {
        self.held.as_deref_mut()
    }
}

/// A partition that is this owner's and is looking for what to begin from.
#[derive(Debug)]
pub(super) struct Restoring {
    epoch: Offset,
    nonce: String,
    inbox: Arc<Inbox>,
    began: Duration,
    here: Option<Box<Here>>,
    archive: Option<Archived>,
    catalog: Box<Catalog>,
    tried: BTreeMap<u64, String>,
    /// Whether the store here is a snapshot that was fetched.
    fetched: bool,
    looks: u32,
    /// What it goes on with: the state held at another's announcement, or that of a checkpoint.
    begin: Option<Begin>,
    /// What the log holds of the outputs, once it was read.
    tails: Option<Box<Tails>>,
    /// To be done by others, in this order.
    jobs: VecDeque<Box<Restore>>,
}

/// What an opening goes on with once the tails are read.
#[derive(Debug)]
enum Begin {
    /// The state that was held.
    Held(Box<Running>),
    /// The state of the store here, as of a checkpoint or the log's start.
    Core(Box<Core>),
}

impl Restoring {
    /// The state held at another's announcement.
    pub(super) fn held(&self) -> Option<&Running> {
        match &self.begin {
            Some(Begin::Held(running)) => Some(running),
            Some(Begin::Core(_)) | None => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn held_mut(&mut self) -> Option<&mut Running> {
        match &mut self.begin {
            Some(Begin::Held(running)) => Some(running),
            Some(Begin::Core(_)) | None => None,
        }
    }

    pub(super) fn take_job(&mut self) -> Option<Box<Restore>> {
        self.jobs.pop_front()
    }

    /// What was found, if everything that is waited for was.
    fn seen(&self, archive: &Archived) -> Option<Seen> {
        let here = self.here.as_ref()?;
        Some(Seen {
            bounds: here.bounds,
            genesis: here.genesis,
            local: here.local.clone(),
            archive: archive.clone(),
            tried: self.tried.clone(),
        })
    }

    /// The plan, if it is time for one.
    fn plan(&self, waited: Duration, wait_ms: u64) -> Option<Plan> {
        let silent = || Archived::Silent("the archive has not answered yet".to_owned());
        match (&self.archive, self.here.as_ref()?.local.clone()) {
            (Some(archive), _) => self.seen(archive).map(|seen| plan(&seen)),
            (None, Local::Damaged(_)) => self.seen(&silent()).map(|seen| plan(&seen)),
            (None, _) if waited < Duration::from_millis(wait_ms) => None,
            // What is here does, and who waits for decisions has waited long enough.
            (None, _) => {
                self.seen(&silent()).map(|seen| plan(&seen)).filter(|plan| matches!(plan, Plan::FromLocal(_)))
            }
        }
    }
}

impl Owner {
    /// Appends an announcement. From its acknowledgement on the partition is this owner's.
    pub(super) fn announce(&mut self, held: Option<Box<Running>>) -> Result<OwnerTurn, Failure> {
        let mut random = [0; 32];
        let entropy = self.parts.clock.entropy(&mut random);
        entropy.map_err(|error| Failure::Poison(error.to_string()))?;
        let nonce = Digest256(random).to_string();
        let engines = self.parts.engines.versions();
        let body = Announce { worker: self.options.name.clone(), nonce: nonce.clone(), engines };
        let record =
            product_record(OrgId::INSTALLATION, RecordType::Announce, &internal::write(&body), &nonce)
                .map_err(|error| Failure::Poison(error.to_string()))?;
        let inbox = Inbox::new(&self.parts.signal);
        let to = TopicPartition::new(Topic::Requests, self.partition);
        let issued = self.parts.clock.now();
        let record = self.parts.trust.sign(to, issued, record);
        let record = record.map_err(|error| Failure::Poison(error.to_string()))?;
        match self.parts.log.append(to, vec![record], inbox.done(Ack::Announced)) {
            Ok(()) => self.stage = Stage::Announcing(Box::new(Announcing { inbox, nonce, issued, held })),
            Err(AppendError::Closed(why)) => return Err(Failure::Log(why)),
            Err(_) => self.announce_later(held),
        }
        Ok(OwnerTurn::Busy)
    }

    fn announce_later(&mut self, held: Option<Box<Running>>) {
        let again = self.parts.clock.elapsed() + Duration::from_millis(self.options.announce_again_ms);
        self.stage = match held {
            Some(running) => Stage::Held(running, again),
            None => Stage::Waiting(again),
        };
    }

    pub(super) fn announcing(&mut self, announcing: Box<Announcing>) -> Result<OwnerTurn, Failure> {
        let acks = announcing.inbox.take();
        let announced = acks.into_iter().find_map(|ack| match ack {
            Ack::Announced(result) => Some(result),
            Ack::Outputs(..) => None,
        });
        match announced {
            None => {
                self.stage = Stage::Announcing(announcing);
                return Ok(OwnerTurn::Idle(Duration::from_secs(1)));
            }
            Some(Ok(appended)) => self.announced(&appended, *announcing)?,
            Some(Err(AppendError::Closed(why))) => return Err(Failure::Log(why)),
            Some(Err(_)) => self.announce_later(announcing.held),
        }
        Ok(OwnerTurn::Busy)
    }

    /// Goes on behind an acknowledged announcement: with what is held, or looking for what to begin from.
    fn announced(
        &mut self,
        announced: &Appended,
        Announcing { inbox, nonce, issued, held }: Announcing,
    ) -> Result<(), Failure> {
        let off_ms = announced.timestamp.since(issued);
        let is_signed = self.parts.trust != Trust::Everyone;
        if is_signed && off_ms.unsigned_abs() > limits::SIGNED_WITHIN_MS.unsigned_abs() {
            // To whoever reads it, it is a stranger's. One that waited long for its log is made anew.
            let why = format!("the announcement was stamped {} s after it was made", off_ms / 1_000);
            return Err(Failure::Poison(why));
        }
        self.incarnation += u64::from(held.is_none());
        let mut restoring = Restoring {
            epoch: announced.first,
            nonce,
            inbox,
            began: self.parts.clock.elapsed(),
            here: None,
            archive: None,
            catalog: Box::default(),
            tried: BTreeMap::new(),
            fetched: false,
            looks: 0,
            begin: None,
            tails: None,
            jobs: VecDeque::new(),
        };
        match held {
            Some(running) => {
                self.ask(&mut restoring, Task::Tails { known: running.outbox.landed(), next: None });
                restoring.begin = Some(Begin::Held(running));
            }
            None => {
                self.look_here(&mut restoring)?;
                self.look_there(&mut restoring, NEWEST);
            }
        }
        self.stage = Stage::Restoring(Box::new(restoring));
        Ok(())
    }

    fn ask(&self, restoring: &mut Restoring, task: Task) {
        restoring.jobs.push_back(Box::new(Restore {
            serial: self.incarnation,
            partition: self.partition,
            log: Arc::clone(&self.parts.log),
            stores: Arc::clone(&self.parts.stores),
            task,
        }));
    }

    fn look_here(&self, restoring: &mut Restoring) -> Result<(), Failure> {
        restoring.looks += 1;
        if restoring.looks > LOOKS {
            return Err(Failure::Poison("nothing that was found could be begun from".to_owned()));
        }
        restoring.here = None;
        self.ask(restoring, Task::Local { set_aside: self.aside, trust: self.parts.trust.clone() });
        Ok(())
    }

    fn look_there(&mut self, restoring: &mut Restoring, depth: usize) {
        let Some(archive) = self.parts.archive.clone() else {
            restoring.archive = Some(Archived::None);
            return;
        };
        restoring.archive = None;
        let cache = std::mem::take(&mut self.pace.cache);
        self.ask(restoring, Task::Archive { archive, depth, cache });
    }

    /// Takes what a look or a fetch came to; that of an earlier opening is nothing to this one.
    pub(super) fn restored(&mut self, done: Restored) -> Result<(), Failure> {
        if done.serial != self.incarnation || !matches!(self.stage, Stage::Restoring(_)) {
            return Ok(());
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Waiting(Duration::ZERO));
        let Stage::Restoring(mut restoring) = stage else { return Ok(()) };
        match done.outcome {
            Outcome::Local(here) => {
                restoring.here = Some(here?);
                self.aside = false;
            }
            Outcome::Archive(found, cache) => {
                let (archive, catalog) = found?;
                self.pace.cache = cache;
                (restoring.archive, restoring.catalog) = (Some(archive), catalog);
            }
            Outcome::Tails(tails) => restoring.tails = Some(tails?),
            Outcome::Fetched(_, Err(full @ StoreError::Full)) => return Err(full.into()),
            Outcome::Fetched(number, fetched) => {
                let fetched = fetched.map_err(|error| error.to_string());
                if let Err(why) = &fetched {
                    tracing::warn!(partition = self.partition.0, number, why, "a snapshot does not do");
                }
                restoring.fetched |= fetched.is_ok();
                let why = fetched.err().unwrap_or_else(|| "it was fetched already".to_owned());
                restoring.tried.insert(number, why);
                self.look_here(&mut restoring)?;
            }
        }
        self.stage = Stage::Restoring(restoring);
        Ok(())
    }

    /// Does what the plan says, once there is one.
    pub(super) fn restoring(&mut self, mut restoring: Box<Restoring>) -> Result<OwnerTurn, Failure> {
        let wait_ms = self.options.archive_wait_ms;
        match (restoring.begin.take(), restoring.tails.take()) {
            (Some(begin), Some(tails)) => {
                let running = self.begin(*restoring, begin, *tails)?;
                self.stage = Stage::Running(running);
                return Ok(OwnerTurn::Busy);
            }
            (Some(begin), None) => {
                restoring.begin = Some(begin);
                self.stage = Stage::Restoring(restoring);
                return Ok(OwnerTurn::Idle(Duration::from_secs(1)));
            }
            (None, _) => {}
        }
        let waited = self.parts.clock.elapsed().saturating_sub(restoring.began);
        let Some(plan) = restoring.plan(waited, wait_ms) else {
            self.stage = Stage::Restoring(restoring);
            return Ok(OwnerTurn::Idle(Duration::from_millis(wait_ms.clamp(1, 1_000))));
        };
        tracing::info!(partition = self.partition.0, epoch = restoring.epoch.0, %plan, "opening");
        match plan {
            Plan::FromLocal(meta) => self.begin_at(&mut restoring, meta.core, meta.outputs)?,
            Plan::FromStart => self.begin_at(&mut restoring, Core::default(), [None; 3])?,
            Plan::SetAside(_) => {
                self.aside = true;
                self.look_here(&mut restoring)?;
            }
            Plan::LookFurther => self.look_there(&mut restoring, READ),
            Plan::FromSnapshot(number) => {
                // The store here is closed before another takes its place.
                restoring.here = None;
                let found = restoring.catalog.entries.get(&number).map(|entry| entry.found.clone());
                match (found, self.parts.archive.clone()) {
                    (Some(Found::Manifest(manifest)), Some(archive)) => {
                        self.ask(&mut restoring, Task::Fetch { archive, manifest, import: None, at: 0 });
                    }
                    _ => return Err(Failure::Poison(format!("snapshot {number} was not looked at"))),
                }
            }
            Plan::Refuse(why) => return Err(Failure::Poison(why)),
        }
        self.stage = Stage::Restoring(restoring);
        Ok(OwnerTurn::Busy)
    }

    /// Begins at `core`, once the tails are read from the outputs known on.
    fn begin_at(
        &self,
        restoring: &mut Restoring,
        core: Core,
        known: [Option<Landed>; 3],
    ) -> Result<(), Failure> {
        let no_store = || Failure::Poison("there is no store to begin with".to_owned());
        let start = restoring.here.as_ref().ok_or_else(no_store)?.bounds.start;
        let next = Some(core.next().max(start));
        restoring.begin = Some(Begin::Core(Box::new(core)));
        self.ask(restoring, Task::Tails { known, next });
        Ok(())
    }

    /// Opens the partition behind the outputs that the log was read to hold.
    fn begin(&mut self, restoring: Restoring, begin: Begin, tails: Tails) -> Result<Box<Running>, Failure> {
        match begin {
            Begin::Held(mut running) => {
                running.outbox.restart(tails.landed);
                running.emitted = outputs(tails.landed);
                let Restoring { epoch, nonce, inbox, .. } = restoring;
                (running.epoch, running.nonce, running.inbox) = (epoch, nonce, inbox);
                Ok(running)
            }
            Begin::Core(core) => self.open(restoring, *core, tails),
        }
    }

    /// The shard as it was at `core`, over the store here.
    fn open(&mut self, restoring: Restoring, core: Core, tails: Tails) -> Result<Box<Running>, Failure> {
        let Restoring { epoch, nonce, inbox, here, archive, catalog, fetched, .. } = restoring;
        if fetched {
            self.parts.notes.restored();
        }
        let no_reader = || Failure::Poison("there is no reader to begin with".to_owned());
        let (landed, reader) = (tails.landed, tails.reader.ok_or_else(no_reader)?);
        let no_store = || Failure::Poison("there is no store to begin with".to_owned());
        let here = here.ok_or_else(no_store)?;
        let store = here.store.ok_or_else(no_store)?;
        let genesis = core.genesis.map(|mark| mark.digest).or(here.genesis.map(|(_, digest)| digest));
        let newest = matches!(archive, Some(Archived::Snapshots(..)))
            .then(|| genesis.map(|genesis| catalog.newest(genesis)).unwrap_or_default());
        if let Some(newest) = &newest {
            self.status.set_snapshots(newest);
        }
        let (now, wall) = (self.parts.clock.elapsed(), self.parts.clock.now());
        self.pace.opened(newest, (now, wall), &self.options);
        self.parts.directory.opened(self.partition, directory(&*store)?);
        let (partition, partitions) = (self.partition, self.parts.log.partitions());
        let home = Home { partition, partitions, trust: self.parts.trust.clone() };
        let shard = Shard::new(home, self.parts.engines.clone(), core);
        Ok(Box::new(Running {
            partition: self.partition,
            frozen_next: shard.core().next(),
            shard,
            store,
            reader,
            epoch,
            nonce,
            inbox,
            outbox: Outbox::new(landed),
            emitted: outputs(landed),
            carried: VecDeque::new(),
            reached: None,
            wanted: None,
            progress: Progress::None,
            job: None,
            applied_bytes: 0,
            frozen_at: now,
            incarnation: self.incarnation,
        }))
    }
}

fn outputs(landed: [Option<Landed>; 3]) -> [Option<OutputRef>; 3] {
    landed.map(|landed| landed.map(|landed| landed.output))
}

/// What gateways are to know, from the rows of a store; what is behind its checkpoint follows as changes.
fn directory(store: &dyn Store) -> Result<Vec<DirectoryChange>, Failure> {
    let mut entries = Vec::new();
    for kind in [Kind::Organization, Kind::ApiKey, Kind::Installation] {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = store.scan(&prefix(kind), after.as_deref(), SCAN)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, value) in rows {
                let row = Row::decode(kind, &value).map_err(|bad| Failure::Damaged(bad.to_string()))?;
                let org = key.get(1..17).and_then(|bytes| bytes.try_into().ok()).map(OrgId::from_bytes);
                match (row, org) {
                    (Row::Organization(org), _) => entries.push(DirectoryChange::Organization(org)),
                    (Row::Installation(row), _) => {
                        entries.push(DirectoryChange::Maintenance(row.maintenance))
                    }
                    (Row::ApiKey(key), Some(org)) => entries.push(DirectoryChange::ApiKey(org, key)),
                    _ => {}
                }
            }
        }
    }
    Ok(entries)
}
