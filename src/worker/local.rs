//! A private shard: the same worker over a log and a store in memory, turned by the caller.

use crate::base::clock::Clock;
use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::domain::access::{Locale, Organization, OrganizationKind};
use crate::log::memory::{Handle, MemoryLog, Producer};
use crate::log::{Contents, Log, PollLimit, Reader, Stored};
use crate::shard::effects::{DirectoryChange, Note, Reply};
use crate::shard::engine::{Engines, SHIPPED_VERSION};
use crate::store::memory::{Folder, Folders};
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::internal::{self, Genesis, OrganizationPut};
use crate::wire::signature::Trust;
use crate::worker::owner::{End, Owner, OwnerTurn};
use crate::worker::status::{Phase, Status};
use crate::worker::{Directory, Notes, Options, Parts, Replies};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Turns without anything done after which a shard that is not open will not be: its clock may stand.
const IDLE_TURNS: u32 = 1_000;

/// A worker of one's own with one partition.
#[derive(Debug)]
pub struct Local {
    log: Handle,
    owner: Owner,
    parts: Parts,
    replies: Arc<Kept>,
    folder: Folder,
    decisions: Box<dyn Reader>,
    options: Options,
    /// Turns since the last settling began in which nothing was done and nothing is open.
    idle: u32,
}

/// What came of a record given to [`Local::submit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The answer, if the record asked for one (header `clausum-reply-to`).
    pub reply: Option<Reply>,
}

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Reply>>);

impl Replies for Kept {
    fn reply(&self, reply: Reply) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
    }
}

#[derive(Debug)]
struct Nobody;

impl Directory for Nobody {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

impl Notes for Nobody {
    fn note(&self, _: &Note) {}
    fn turn(&self, _: usize, _: std::time::Duration) {}
    fn checkpoint(&self, _: usize, _: usize, _: std::time::Duration) {}
    fn snapshot(&self, _: u64, _: std::time::Duration) {}
    fn restored(&self) {}
    fn snapshot_failed(&self) {}
    fn poisoned(&self) {}
}

impl Local {
    /// A new private shard with one organization, whose log is stamped by `clock`.
    ///
    /// # Errors
    /// The shard could not begin.
    pub fn new(clock: Arc<dyn Clock>, engines: Engines, options: Options) -> Result<Self, String> {
        let log = MemoryLog::auto_flush(1, Arc::clone(&clock)).handle(Producer(0));
        let stores = Folders::default();
        let folder = stores.folder(Partition(0));
        let replies = Arc::new(Kept::default());
        let parts = Parts {
            log: Arc::new(log.clone()),
            stores: Arc::new(stores),
            archive: None,
            engines,
            trust: Trust::Everyone,
            clock,
            replies: Arc::clone(&replies) as Arc<dyn Replies>,
            directory: Arc::new(Nobody),
            notes: Arc::new(Nobody),
            signal: Arc::new(Signal::default()),
        };
        let decisions =
            log.reader(TopicPartition::new(Topic::Decisions, Partition(0)), crate::base::position::Offset(0));
        let decisions = decisions.map_err(|error| error.to_string())?;
        let owner = Owner::new(parts.clone(), options.clone(), Partition(0), Arc::default());
        let mut local = Self { log, owner, parts, replies, folder, decisions, options, idle: 0 };
        local.begin()?;
        Ok(local)
    }

    /// The organization of every private shard.
    #[must_use]
    pub fn organization() -> OrgId {
        OrgId::from_random([0x4c; 16])
    }

    fn begin(&mut self) -> Result<(), String> {
        let genesis = Genesis {
            installation: OrgId::INSTALLATION.to_string(),
            topic: Topic::Requests.name().to_owned(),
            partitions: 1,
            key_digest: sha256(b"").to_string(),
            engine: SHIPPED_VERSION,
        };
        let organization = OrganizationPut::of(&Organization {
            id: Self::organization(),
            profile_id: OrgId::from_random([0x50; 16]),
            name: "Private".to_owned(),
            kind: OrganizationKind::Comercio,
            locale: Locale::En,
            entity_key: crate::base::hash::EntityKey::from_bytes([0x4c; 32]),
            allow_publishable_assess: true,
        });
        let body = internal::write(&genesis);
        let record = product_record(OrgId::INSTALLATION, RecordType::Genesis, &body, "genesis");
        self.submit(record.map_err(|error| error.to_string())?)?;
        self.command(RecordType::Organization, &internal::write(&organization))
    }

    /// Appends a record of the product's own for the organization, and applies it.
    ///
    /// # Errors
    /// The shard could not go on.
    pub fn command(&mut self, kind: RecordType, body: &[u8]) -> Result<(), String> {
        let record = product_record(Self::organization(), kind, body, kind.text());
        self.submit(record.map_err(|error| error.to_string())?).map(|_| ())
    }

    /// Appends a record (content as `wire::record` builds it) to the requests topic and turns the worker
    /// until it has been applied.
    ///
    /// # Errors
    /// The shard could not go on.
    pub fn submit(&mut self, content: Bytes) -> Result<Submitted, String> {
        self.append(content)?;
        self.settle()?;
        let mut replies = self.replies.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Submitted { reply: std::mem::take(&mut *replies).pop() })
    }

    /// Appends a record without applying it.
    ///
    /// # Errors
    /// The log refused it.
    pub fn append(&mut self, content: Bytes) -> Result<(), String> {
        let to = TopicPartition::new(Topic::Requests, Partition(0));
        self.log.append(to, vec![content], Box::new(|_| ())).map_err(|error| error.to_string())
    }

    /// Turns the worker until every record has been applied; writes checkpoints as they come.
    ///
    /// # Errors
    /// The shard could not go on.
    pub fn settle(&mut self) -> Result<(), String> {
        self.idle = 0;
        loop {
            let turn = self.owner.turn();
            if let Some(job) = self.owner.take_job() {
                self.owner.finished(job.run());
                continue;
            }
            match turn {
                OwnerTurn::Busy => {}
                OwnerTurn::Ended(End::Left) => return Ok(()),
                OwnerTurn::Ended(end) => return Err(format!("{end:?}")),
                OwnerTurn::Idle(_) if self.is_settled()? => return Ok(()),
                OwnerTurn::Idle(_) if self.owner.status().phase() == Phase::Running => {}
                OwnerTurn::Idle(_) => self.idle += 1,
            }
            if self.idle > IDLE_TURNS {
                return Err("the shard does not open".to_owned());
            }
        }
    }

    fn is_settled(&self) -> Result<bool, String> {
        let of = TopicPartition::new(Topic::Requests, Partition(0));
        let end = self.log.bounds(of).map_err(|error| error.to_string())?.end;
        Ok(self.owner.status().applied() >= end.0)
    }

    /// The decisions topic's records behind those returned before.
    ///
    /// # Errors
    /// The log failed.
    pub fn decisions(&mut self) -> Result<Vec<Stored>, String> {
        let limit = PollLimit { records: 4_096, bytes: 64 << 20 };
        self.decisions.poll(limit).map_err(|error| error.to_string())
    }

    /// Forgets everything in memory, as a crash would, and opens again from the last checkpoint.
    ///
    /// # Errors
    /// The shard could not go on.
    pub fn crash(&mut self) -> Result<(), String> {
        let status = Arc::<Status>::default();
        self.owner = Owner::new(self.parts.clone(), self.options.clone(), Partition(0), status);
        self.settle()
    }

    /// Writes a checkpoint of everything applied, as a worker that leaves does, and opens again.
    ///
    /// # Errors
    /// The shard could not go on.
    pub fn checkpoint(&mut self) -> Result<(), String> {
        self.owner.close();
        self.settle()?;
        self.crash()
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Handle {
        &self.log
    }

    /// What is stored.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::ManualClock;
    use crate::base::time::Ms;

    #[test]
    fn lag_is_the_age_of_what_waits() {
        let clock = Arc::new(ManualClock::new(Ms(1_780_000_000_000), 7));
        let options = Options { turn_records: 2, ..Options::default() };
        let mut local =
            Local::new(Arc::clone(&clock) as Arc<dyn Clock>, Engines::shipped().unwrap(), options).unwrap();
        let append = |local: &mut Local| {
            let org = Local::organization();
            local.append(product_record(org, RecordType::Probe, b"{}", "p").unwrap()).unwrap();
        };
        let turn = |local: &mut Local| {
            assert!(!matches!(local.owner.turn(), OwnerTurn::Ended(_)));
            (local.owner.status().lag_records(), local.owner.status().lag_ms())
        };
        assert_eq!(turn(&mut local), (0, 0));
        clock.set(Ms(1_780_003_600_000));
        for _ in 0..3 {
            append(&mut local);
        }
        assert_eq!(turn(&mut local), (1, 0), "what came after an idle hour has waited for nothing");
        assert_eq!(turn(&mut local), (0, 0));
        for _ in 0..5 {
            append(&mut local);
        }
        clock.set(Ms(1_780_003_604_000));
        assert_eq!(turn(&mut local), (3, 4_000), "more waits than a turn takes");
        assert_eq!(turn(&mut local), (1, 4_000));
        assert_eq!(turn(&mut local), (0, 0));
    }
}
