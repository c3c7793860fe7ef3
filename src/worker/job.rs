//! What an owner asks others to do for it, because it takes as long as a disk or a network takes: write a
//! checkpoint, take a snapshot, find what to begin from. A job is a sequence of steps, so that whoever does
//! it can stop in between, and the simulation can let two of them meet anywhere.

use crate::worker::checkpoint::{Writing, Written};
use crate::worker::restore::{Restore, Restored};
use crate::worker::snapshot::take::{Taking, TakingDone};

/// Something to be done for an owner.
#[derive(Debug)]
pub enum Job {
    /// A checkpoint to be written, and perhaps copied.
    Checkpoint(Box<Writing>),
    /// A copy to be put into the archive.
    Snapshot(Box<Taking>),
    /// A partition's beginning to be looked for, or fetched.
    Restore(Box<Restore>),
}

/// What became of a job; to be given to the owner.
#[derive(Debug)]
pub enum JobDone {
    /// Of a checkpoint.
    Checkpoint(Box<Written>),
    /// Of a snapshot.
    Snapshot(Box<TakingDone>),
    /// Of a look or a fetch.
    Restore(Box<Restored>),
}

/// What a step of a job came to.
#[derive(Debug)]
pub enum Step {
    /// There is more of it.
    More(Job),
    /// It is done.
    Done(JobDone),
}

impl JobDone {
    /// Whether the partition's state was open for it.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        matches!(self, JobDone::Checkpoint(_) | JobDone::Restore(_))
    }
}

impl Job {
    /// Whether the partition's state is open for it.
    #[must_use]
    pub const fn is_of_state(&self) -> bool {
        matches!(self, Job::Checkpoint(_) | Job::Restore(_))
    }

    /// One step.
    #[must_use]
    pub fn step(self) -> Step {
        match self {
            Job::Checkpoint(job) => Step::Done(JobDone::Checkpoint(Box::new(job.write()))),
            Job::Snapshot(job) => match job.step() {
                Ok(job) => Step::More(Job::Snapshot(job)),
                Err(done) => Step::Done(JobDone::Snapshot(done)),
            },
            Job::Restore(job) => match job.step() {
                Ok(job) => Step::More(Job::Restore(Box::new(job))),
                Err(done) => Step::Done(JobDone::Restore(done)),
            },
        }
    }

    /// All of it.
    #[must_use]
    pub fn run(self) -> JobDone {
        let mut step = self.step();
        loop {
            match step {
                Step::More(job) => step = job.step(),
                Step::Done(done) => return done,
            }
        }
    }
}
