//! Where commands are carried out: records to the log, and the wait for what their shard makes of them.

use crate::base::clock::Clock;
use crate::base::id::OrgId;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::base::time::Ms;
use crate::log::{AppendError, Log};
use crate::node::admin::replies::{Answers, Expected};
use crate::node::backup::Copied;
use crate::node::installation::InstallationKey;
use crate::node::roster::Roster;
use crate::node::serve::Failure;
use crate::shard::effects::Reply;
use crate::wire::admin::{Answer, BackupShown, Command, Fault, Progress};
use crate::wire::envelope::{RecordType, awaited_record};
use crate::wire::signature::Trust;
use crate::worker::status::{Phase, Status};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// From handing a record over to its answer.
const WITHIN: Duration = Duration::from_secs(10);

/// What a desk works with.
pub(in crate::node) struct Parts {
    pub(in crate::node) log: Arc<dyn Log>,
    pub(in crate::node) clock: Arc<dyn Clock>,
    pub(in crate::node) roster: Arc<Roster>,
    pub(in crate::node) answers: Arc<Answers>,
    pub(in crate::node) statuses: Vec<(Partition, Arc<Status>)>,
    /// Wakes the worker.
    pub(in crate::node) signal: Arc<Signal>,
    pub(in crate::node) key: InstallationKey,
    /// How records are signed for the log.
    pub(in crate::node) trust: Trust,
    pub(in crate::node) base_url: String,
    pub(in crate::node) backup: Backup,
    /// Why `/health/readyz` says that the server is not ready; none while it is.
    pub(in crate::node) unready: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// Copies the installation to an address. Takes as long as it takes, and waits for what it reads and writes.
pub(in crate::node) type Backup =
    Arc<dyn Fn(&str, &mut dyn FnMut(&Copied)) -> Result<BackupShown, Failure> + Send + Sync>;

/// Carries out what an operator asks for.
pub(in crate::node) struct Desk {
    pub(super) parts: Parts,
    /// Whether a first start is over, before which nothing may be written.
    open: AtomicBool,
    /// One command that writes at a time: what it read is as it was when its records are applied.
    writing: tokio::sync::Mutex<()>,
    /// One backup at a time; the others of the operator's commands go on beside it.
    copying: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Trouble {
    /// What was asked for is wrong; nothing was done.
    Refused(Vec<Fault>),
    /// The server could not.
    Failed(String),
}

impl Trouble {
    pub(super) fn failed(why: &dyn fmt::Display) -> Self {
        Trouble::Failed(why.to_string())
    }

    /// One thing is wrong.
    pub(super) fn refused(field: &str, code: &str, message: impl Into<String>) -> Self {
        Trouble::Refused(vec![fault(field, code, message)])
    }
}

pub(super) fn fault(field: &str, code: &str, message: impl Into<String>) -> Fault {
    Fault { field: field.to_owned(), code: code.to_owned(), message: message.into() }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>(clock: &dyn Clock) -> Result<[u8; N], Trouble> {
    let mut bytes = [0; N];
    clock.entropy(&mut bytes).map_err(|error| Trouble::failed(&error))?;
    Ok(bytes)
}

impl Desk {
    /// A desk that only tells how things are, until it is opened.
    pub(in crate::node) fn new(parts: Parts) -> Self {
        Self {
            parts,
            open: AtomicBool::new(false),
            writing: tokio::sync::Mutex::default(),
            copying: tokio::sync::Mutex::default(),
        }
    }

    /// From now on commands may write.
    pub(in crate::node) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Carries out a command; `tell` hears how far a long one is.
    pub(in crate::node) async fn run(
        &self,
        command: Command,
        tell: &mpsc::Sender<Progress>,
    ) -> Result<Answer, Trouble> {
        match command {
            Command::Status(_) => return Ok(self.status()),
            Command::Backup(backup) => return self.backup(backup.to, tell.clone()).await,
            Command::RetryPartition(of) => return self.retry(of.partition),
            Command::CreateOrganization(_)
            | Command::ListOrganizations(_)
            | Command::CreateKey(_)
            | Command::ListKeys(_)
            | Command::ChangeKey(_)
            | Command::Maintenance(_)
            | Command::Apply(_) => {}
        }
        if !self.is_open() {
            return Err(Trouble::failed(
                &"the server is still starting; `clausum status` shows how far it is",
            ));
        }
        let _turn = self.writing.lock().await;
        match command {
            Command::CreateOrganization(new) => self.create_organization(new).await,
            Command::ListOrganizations(_) => Ok(self.list_organizations()),
            Command::CreateKey(new) => self.create_key(new).await,
            Command::ListKeys(of) => self.list_keys(&of.organization_id),
            Command::ChangeKey(change) => self.change_key(&change).await,
            Command::Maintenance(change) => self.maintenance(change.on).await,
            Command::Apply(apply) => self.apply(&apply).await,
            Command::Status(_) | Command::RetryPartition(_) | Command::Backup(_) => Ok(self.status()),
        }
    }

    /// Copies the installation on a thread that may wait.
    async fn backup(&self, to: String, tell: mpsc::Sender<Progress>) -> Result<Answer, Trouble> {
        let Ok(_turn) = self.copying.try_lock() else {
            return Err(Trouble::failed(&"another backup is under way"));
        };
        let (backup, (told, outcome)) = (Arc::clone(&self.parts.backup), oneshot::channel());
        let copy = move || {
            let mut tell = |copied: &Copied| {
                let Copied { name, bytes, .. } = copied;
                // Whoever asked may be gone, or slow to hear; the copy is made all the same.
                drop(tell.try_send(Progress { what: format!("bytes, {name}"), done: *bytes, of: None }));
            };
            drop(told.send(backup(&to, &mut tell)));
        };
        let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(copy);
        thread.map_err(|error| Trouble::failed(&error))?;
        match outcome.await {
            Ok(Ok(shown)) => Ok(Answer::Backup(shown)),
            Ok(Err(Failure::Input(why))) => Err(Trouble::refused("to", "reference", why)),
            Ok(Err(Failure::Failed(why))) => Err(Trouble::Failed(format!("there is no backup: {why}"))),
            Err(_) => Err(Trouble::failed(&"there is no backup: its thread panicked")),
        }
    }

    pub(super) fn now(&self) -> Ms {
        self.parts.clock.now()
    }

    /// Random bytes.
    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], Trouble> {
        random(&*self.parts.clock)
    }

    /// Appends records of one organization, one behind the other, and waits until their shard has answered
    /// each. The answers are in the order of the records; which of them are refusals is for the caller.
    pub(super) async fn write(
        &self,
        org: OrgId,
        records: Vec<(RecordType, Vec<u8>)>,
    ) -> Result<Vec<Reply>, Trouble> {
        let home = self.parts.roster.home(org);
        self.unless_idle(home)?;
        let to = TopicPartition::new(Topic::Requests, home);
        let mut expected = Vec::with_capacity(records.len());
        let mut contents = Vec::with_capacity(records.len());
        for (kind, body) in records {
            let one = self.parts.answers.expect();
            let content = awaited_record(org, kind, &body, &one.id);
            let content = content.and_then(|content| self.parts.trust.sign(to, self.now(), content));
            contents.push(content.map_err(|error| Trouble::failed(&error))?);
            expected.push(one);
        }
        let ids: Vec<String> = expected.iter().map(|one| one.id.clone()).collect();
        let answers = Arc::clone(&self.parts.answers);
        let done = move |outcome: Result<_, AppendError>| {
            if let Err(error) = outcome {
                ids.iter().for_each(|id| answers.tell(id, Err(error.clone())));
            }
        };
        let handed = self.parts.log.append(to, contents, Box::new(done));
        handed.map_err(|error| Trouble::Failed(format!("nothing was written: {error}")))?;
        match timeout(WITHIN, all(expected)).await {
            Ok(replies) => replies,
            Err(_) => Err(Trouble::Failed(
                "no answer in time; what was asked for is in the log and may still be done: see how it is \
                 before asking again"
                    .to_owned(),
            )),
        }
    }

    /// What nobody would apply is not written.
    fn unless_idle(&self, home: Partition) -> Result<(), Trouble> {
        let status = self.parts.statuses.iter().find(|(partition, _)| *partition == home);
        let Some((_, status)) = status else {
            return Err(Trouble::Failed(format!("partition {home} is not owned here")));
        };
        match status.phase() {
            Phase::Running => Ok(()),
            phase @ (Phase::Opening | Phase::Poisoned | Phase::Parked | Phase::Left) => {
                let why = status.failure().map_or_else(String::new, |why| format!(" ({why})"));
                let phase = phase.text();
                Err(Trouble::Failed(format!("nothing was written: partition {home} is {phase}{why}")))
            }
        }
    }
}

/// The outcome of each.
async fn all(expected: Vec<Expected>) -> Result<Vec<Reply>, Trouble> {
    let mut replies = Vec::with_capacity(expected.len());
    for mut one in expected {
        match (&mut one.receiver).await {
            Ok(Ok(reply)) => replies.push(reply),
            Ok(Err(error @ AppendError::Closed(_))) => {
                return Err(Trouble::Failed(format!("what was asked for may or may not be done: {error}")));
            }
            Ok(Err(error)) => return Err(Trouble::Failed(format!("nothing was written: {error}"))),
            Err(_) => return Err(Trouble::failed(&"the server is ending")),
        }
    }
    Ok(replies)
}

/// What a shard answered to each record; the first refusal ends it.
pub(super) fn accepted(replies: Vec<Reply>) -> Result<Vec<Reply>, Trouble> {
    match replies.iter().find(|reply| reply.status != 200) {
        Some(refused) => Err(crate::node::admin::documents::refusal(refused)),
        None => Ok(replies),
    }
}
