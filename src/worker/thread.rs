//! A worker for real: one thread that turns every partition it owns, one that writes checkpoints.

use crate::base::position::Partition;
use crate::base::signal::Signal;
use crate::log::{Assignment, Membership, ReleaseSlot};
use crate::worker::checkpoint::{Job, JobDone};
use crate::worker::owner::{End, Owner, OwnerTurn};
use crate::worker::status::Status;
use crate::worker::{Options, Parts};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
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
}

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
        let (jobs, waiting) = channel();
        let (written, outcomes) = channel();
        let (stop, signal) = (Arc::new(AtomicBool::new(false)), Arc::clone(&parts.signal));
        let rounds = Arc::new(AtomicU64::new(0));
        let done_signal = Arc::clone(&signal);
        let writer = Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || write_checkpoints(&waiting, &written, &done_signal))
            .map_err(|error| error.to_string())?;
        let mut group = Group {
            parts,
            options,
            membership,
            statuses: statuses.clone(),
            owners: Vec::new(),
            jobs,
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
        Ok(Self { statuses, stop, signal, rounds, threads: vec![turner, writer] })
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

    /// Stops: what was polled is applied and emitted, a last checkpoint is written, and both threads
    /// have ended when this returns.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.signal.raise();
        for thread in self.threads {
            // A thread that panicked has said so already, and there is nothing left to wait for.
            if thread.join().is_err() {
                tracing::error!("a thread of the worker panicked");
            }
        }
    }
}

/// A checkpoint of one of the group's partitions.
type Tagged<T> = (Partition, T);

fn write_checkpoints(jobs: &Receiver<Tagged<Job>>, written: &Sender<Tagged<JobDone>>, signal: &Signal) {
    while let Ok((partition, job)) = jobs.recv() {
        if written.send((partition, job.run())).is_err() {
            return;
        }
        signal.raise();
    }
}

struct Group {
    parts: Parts,
    options: Options,
    membership: Box<dyn Membership>,
    statuses: Vec<(Partition, Arc<Status>)>,
    owners: Vec<(Owner, Option<ReleaseSlot>)>,
    jobs: Sender<Tagged<Job>>,
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
                if let Some((owner, _)) = self.owners.iter_mut().find(|(o, _)| o.partition() == partition) {
                    owner.checkpointed(done);
                }
            }
            let stopping = self.stop.load(Ordering::Acquire) || exit != Exit::Stopped;
            if stopping {
                self.owners.iter_mut().for_each(|(owner, _)| owner.close());
            }
            let wait = self.turn_all(&mut exit);
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

    fn follow_assignments(&mut self) {
        while let Some(change) = self.membership.poll() {
            match change {
                Assignment::Gained(partition) => {
                    let status = self.statuses.iter().find(|(of, _)| *of == partition);
                    let status = status.map(|(_, status)| Arc::clone(status)).unwrap_or_default();
                    let owner = Owner::new(self.parts.clone(), self.options.clone(), partition, status);
                    self.owners.push((owner, None));
                }
                Assignment::Revoking(partition, slot) => {
                    match self.owners.iter_mut().find(|(owner, _)| owner.partition() == partition) {
                        Some((owner, release)) => {
                            owner.close();
                            *release = Some(slot);
                        }
                        None => drop(slot),
                    }
                }
                Assignment::Lost(partition) => {
                    self.owners.retain(|(owner, _)| owner.partition() != partition)
                }
            }
        }
    }

    /// Turns every owner once. Tells how long nothing will be to do, or nothing if there is more now.
    fn turn_all(&mut self, exit: &mut Exit) -> Option<Duration> {
        let mut wait = Some(Duration::from_secs(1));
        let jobs = &self.jobs;
        self.owners.retain_mut(|(owner, _)| {
            let turn = catch_unwind(AssertUnwindSafe(|| owner.turn())).unwrap_or_else(|_| {
                owner.panicked();
                OwnerTurn::Busy
            });
            if let Some(job) = owner.take_job()
                && jobs.send((owner.partition(), job)).is_err()
            {
                owner.panicked();
            }
            match turn {
                OwnerTurn::Busy => wait = None,
                OwnerTurn::Idle(idle) => wait = wait.map(|wait| wait.min(idle)),
                OwnerTurn::Ended(end) => {
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
        wait
    }
}
