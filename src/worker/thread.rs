//! A worker for real: one thread that turns every partition it owns, and one each that writes checkpoints,
//! takes snapshots, and finds what partitions begin from, so that none of these waits for another.

use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::{Assignment, Membership, ReleaseSlot};
use crate::worker::job::{Job, JobDone, Step};
use crate::worker::owner::{End, Owner, OwnerTurn};
use crate::worker::status::{Phase, Status};
use crate::worker::{Options, Parts};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Why a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It was asked to.
    Stopped,
    /// A partition's log asks for an engine version this binary cannot run.
    Engine {
        /// The partition.
        partition: Partition,
        /// The version.
        version: u32,
    },
    /// The log failed for good.
    Log(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Stopped => f.write_str("stopped"),
            Exit::Engine { partition, version } => {
                write!(f, "partition {partition} needs engine version {version}, which this binary has not")
            }
            Exit::Log(why) => write!(f, "the log failed: {why}"),
        }
    }
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    statuses: Vec<(Partition, Arc<Status>)>,
    stop: Arc<AtomicBool>,
    signal: Arc<Signal>,
    /// Rounds of the worker's thread; written by it, and grows once a second at least while all is well.
    rounds: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that may hang in a network: its senders are theirs, and gone when they have ended.
    far: (Receiver<()>, Vec<JoinHandle<()>>),
}

/// How long a worker that stops waits for an archive.
const FAR: Duration = Duration::from_secs(10);

impl Worker {
    /// Starts a worker; it owns what the log's membership gives it. `ended` is called once, from the
    /// worker's thread, when it ends.
    ///
    /// # Errors
    /// A thread could not be started, or the log could not be joined.
    pub fn start(
        parts: Parts,
        options: Options,
        ended: Box<dyn FnOnce(Exit) + Send>,
    ) -> Result<Self, String> {
        let membership = parts.log.join(&parts.signal).map_err(|error| error.to_string())?;
        let statuses: Vec<(Partition, Arc<Status>)> =
            (0..parts.log.partitions()).map(|number| (Partition(number), Arc::default())).collect();
        // Until the log says otherwise none is this worker's.
        statuses.iter().for_each(|(_, status)| status.set_phase(Phase::Left));
        let (told, outcomes) = channel();
        let (stop, signal) = (Arc::new(AtomicBool::new(false)), Arc::clone(&parts.signal));
        let rounds = Arc::new(AtomicU64::new(0));
        let (alive, far) = channel();
        let (checkpoints, writer) = hand("checkpoints", &told, &signal, None)?;
        let (snapshots, taker) = hand("snapshots", &told, &signal, Some((&stop, &alive)))?;
        let (restores, finder) = hand("restores", &told, &signal, Some((&stop, &alive)))?;
        let hands = Hands { checkpoints, snapshots, restores };
        let mut group = Group {
            parts,
            options,
            membership,
            statuses: statuses.clone(),
            owners: Vec::new(),
            hands,
            outcomes,
            stop: Arc::clone(&stop),
            rounds: Arc::clone(&rounds),
        };
        let turner = Builder::new()
            .name("worker".to_owned())
            .spawn(move || {
                let exit = group.run();
                drop(group);
                ended(exit);
            })
            .map_err(|error| error.to_string())?;
        let (threads, far) = (vec![turner, writer], (far, vec![taker, finder]));
        Ok(Self { statuses, stop, signal, rounds, threads, far })
    }

    /// How each partition of the log is doing, by its number.
    #[must_use]
    pub fn statuses(&self) -> &[(Partition, Arc<Status>)] {
        &self.statuses
    }

    /// Rounds of the worker's thread so far: they grow once a second at least while it is not stuck.
    #[must_use]
    pub fn rounds(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.rounds)
    }

    /// Stops: what was polled is applied and emitted, a last checkpoint is written, and its threads have
    /// ended when this returns, unless an archive lets one of them hang. A snapshot under way is left as it is,
    /// which is out of force.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.signal.raise();
        let (far, far_threads) = self.far;
        join(self.threads);
        // Nobody ever sends: either all have ended, or one hangs.
        match far.recv_timeout(FAR) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("the archive does not answer; it is not waited for")
            }
            Ok(()) | Err(RecvTimeoutError::Disconnected) => join(far_threads),
        }
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A thread that panicked has said so already, and there is nothing left to wait for.
        if thread.join().is_err() {
            tracing::error!("a thread of the worker panicked");
        }
    }
}

/// Something of one of the group's partitions.
type Tagged<T> = (Partition, T);

/// Who does the jobs of each kind.
struct Hands {
    checkpoints: Sender<Tagged<Job>>,
    snapshots: Sender<Tagged<Job>>,
    restores: Sender<Tagged<Job>>,
}

impl Hands {
    /// Gives a job away; false if there is nobody to do it.
    fn give(&self, of: Partition, job: Job) -> bool {
        let to = match &job {
            Job::Checkpoint(_) => &self.checkpoints,
            Job::Snapshot(_) => &self.snapshots,
            Job::Restore(_) => &self.restores,
        };
        to.send((of, job)).is_ok()
    }
}

/// A thread that does jobs one after the other; of a partition there is never more than one of a kind, or two
/// looks. Where it may `stop`, it does so between two steps of a job, and holds what tells that it has not ended.
fn hand(
    name: &str,
    told: &Sender<Tagged<JobDone>>,
    signal: &Arc<Signal>,
    stop: Option<(&Arc<AtomicBool>, &Sender<()>)>,
) -> Result<(Sender<Tagged<Job>>, JoinHandle<()>), String> {
    let (jobs, waiting) = channel();
    let (told, signal, stop) =
        (told.clone(), Arc::clone(signal), stop.map(|(stop, alive)| (Arc::clone(stop), alive.clone())));
    let thread = Builder::new().name(name.to_owned()).spawn(move || {
        let stopped = || stop.as_ref().is_some_and(|(stop, _)| stop.load(Ordering::Acquire));
        work(&waiting, &stopped, |done| {
            let heard = told.send(done).is_ok();
            signal.raise();
            heard
        });
    });
    Ok((jobs, thread.map_err(|error| error.to_string())?))
}

fn work(
    waiting: &Receiver<Tagged<Job>>,
    stopped: &dyn Fn() -> bool,
    mut tell: impl FnMut(Tagged<JobDone>) -> bool,
) {
    while let Ok((partition, job)) = waiting.recv() {
        let mut step = Step::More(job);
        let done = loop {
            match step {
                Step::More(_) if stopped() => break None,
                Step::More(job) => step = job.step(),
                Step::Done(done) => break Some(done),
            }
        };
        if done.is_some_and(|done| !tell((partition, done))) {
            return;
        }
    }
}

/// A partition that is owned, or was and is not given up yet.
struct Owned {
    owner: Owner,
    /// Says so to those who wait for it.
    release: Option<ReleaseSlot>,
    /// Whether it is to be owned anew once it was given up: it came back before.
    again: bool,
    /// Jobs given away that have its state open.
    under_way: u32,
}

struct Group {
    parts: Parts,
    options: Options,
    membership: Box<dyn Membership>,
    statuses: Vec<(Partition, Arc<Status>)>,
    owners: Vec<Owned>,
    hands: Hands,
    outcomes: Receiver<Tagged<JobDone>>,
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
}

impl Group {
    fn run(&mut self) -> Exit {
        let mut exit = Exit::Stopped;
        loop {
            self.rounds.fetch_add(1, Ordering::Relaxed);
            self.follow_assignments();
            while let Ok((partition, done)) = self.outcomes.try_recv() {
                if let Some(owned) = self.owned(partition) {
                    owned.under_way -= u32::from(done.is_of_state());
                    owned.owner.finished(done);
                }
            }
            let stopping = self.stop.load(Ordering::Acquire) || exit != Exit::Stopped;
            if stopping {
                self.owners.iter_mut().for_each(|owned| {
                    owned.owner.close();
                    owned.again = false;
                });
            }
            let wait = self.turn_all(&mut exit, stopping);
            if stopping && self.owners.is_empty() {
                return exit;
            }
            if let Exit::Log(_) = exit {
                return exit;
            }
            if let Some(wait) = wait {
                self.parts.signal.wait(wait);
            }
        }
    }

    fn owned(&mut self, partition: Partition) -> Option<&mut Owned> {
        self.owners.iter_mut().find(|owned| owned.owner.partition() == partition)
    }

    fn follow_assignments(&mut self) {
        while let Some(change) = self.membership.poll() {
            match change {
                Assignment::Gained(partition) => match self.owned(partition) {
                    // What it was before has to be given up first.
                    Some(owned) => owned.again = true,
                    None => self.own(partition),
                },
                Assignment::Revoking(partition, slot) => match self.owned(partition) {
                    Some(owned) => {
                        owned.owner.close();
                        (owned.release, owned.again) = (Some(slot), false);
                    }
                    None => drop(slot),
                },
                // What it still writes are duplicates, and its last checkpoint is worth having.
                Assignment::Lost(partition) => {
                    if let Some(owned) = self.owned(partition) {
                        owned.owner.close();
                        owned.again = false;
                    }
                }
            }
        }
    }

    fn own(&mut self, partition: Partition) {
        let status = self.statuses.iter().find(|(of, _)| *of == partition);
        let status = status.map(|(_, status)| Arc::clone(status)).unwrap_or_default();
        let owner = Owner::new(self.parts.clone(), self.options.clone(), partition, status);
        self.owners.push(Owned { owner, release: None, again: false, under_way: 0 });
    }

    /// Turns every owner once. Tells how long nothing will be to do, or nothing if there is more now.
    fn turn_all(&mut self, exit: &mut Exit, stopping: bool) -> Option<Duration> {
        let mut wait = Some(Duration::from_secs(1));
        let (hands, directory) = (&self.hands, &self.parts.directory);
        let mut again = Vec::new();
        self.owners.retain_mut(|owned| {
            let owner = &mut owned.owner;
            let turn = catch_unwind(AssertUnwindSafe(|| owner.turn())).unwrap_or_else(|_| {
                owner.panicked();
                OwnerTurn::Busy
            });
            while let Some(job) = owner.take_job() {
                owned.under_way += u32::from(job.is_of_state());
                if !hands.give(owner.partition(), job) {
                    owner.panicked();
                }
            }
            match turn {
                OwnerTurn::Busy => wait = None,
                OwnerTurn::Idle(idle) => wait = wait.map(|wait| wait.min(idle)),
                // Whoever has the partition next in this process finds its state closed.
                OwnerTurn::Ended(End::Left) if owned.under_way > 0 && !stopping => {}
                OwnerTurn::Ended(end) => {
                    owner.status().set_phase(Phase::Left);
                    directory.closed(owner.partition());
                    again.extend(Some(owner.partition()).filter(|_| owned.again));
                    match end {
                        End::Left => {}
                        End::Engine(version) => {
                            *exit = Exit::Engine { partition: owner.partition(), version }
                        }
                        End::Log(why) => *exit = Exit::Log(why),
                    }
                    return false;
                }
            }
            true
        });
        if !again.is_empty() {
            again.into_iter().for_each(|partition| self.own(partition));
            return None;
        }
        wait
    }
}
