//! Recovery: what was found decides what is done, in a pure function; then it is done. [`look`] finds,
//! [`tails`] reads what the log holds of a shard's outputs, [`misses`] tells what a checkpoint and a log
//! disagree on.
//!
//! A partition begins from the newest by position of its own checkpoint and the snapshots, as long as the
//! log holds its record; else from the start of a log that is whole; else not at all, and everything that was
//! looked at is named. What stands behind the end of the log, or on another record than the log has there,
//! is no reason to take an older one: the log lost or changed what was decided on, and that is for a person.

pub(super) mod look;
mod standing;
pub(super) mod tails;
#[cfg(test)]
mod tests;

pub use look::{genesis_body, visit_start};
pub use standing::{Miss, misses};

use crate::base::hash::Digest256;
use crate::base::position::Offset;
use crate::log::Bounds;
use crate::worker::checkpoint::Meta;
use std::collections::BTreeMap;
use std::fmt;

/// What was found of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the requests topic holds.
    pub bounds: Bounds,
    /// The digest of the genesis near the log's start and where it stands; not looked for where there is a
    /// checkpoint here.
    pub genesis: Option<(Offset, Digest256)>,
    /// The store here.
    pub local: Local,
    /// The archive.
    pub archive: Archived,
    /// Snapshots that were tried, and why they did not do.
    pub tried: BTreeMap<u64, String>,
}

/// The store here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// It has no checkpoint.
    Empty,
    /// It has one.
    Checkpoint(Box<Candidate>),
    /// It is damaged.
    Damaged(String),
    /// A newer program wrote it.
    Newer(String),
}

/// What the archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archived {
    /// There is no archive.
    None,
    /// It did not answer.
    Silent(String),
    /// These, by number; so many older ones were not looked at.
    Snapshots(BTreeMap<u64, Result<Candidate, String>>, usize),
}

/// A checkpoint that a partition might begin from, and what the log says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The checkpoint.
    pub meta: Meta,
    /// The checksum of the log's record where the checkpoint's last one stood.
    pub applied: Option<u32>,
    /// The digest of the log's record where the checkpoint's genesis stood.
    pub genesis: Option<Digest256>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Begin behind the checkpoint of the store here.
    FromLocal(Box<Meta>),
    /// Fetch the snapshot of this number, and look again.
    FromSnapshot(u64),
    /// Begin with the first record of the log.
    FromStart,
    /// Move the store here out of the way, and look again.
    SetAside(String),
    /// Look at the older snapshots too.
    LookFurther,
    /// Nothing is sound; what was looked at, and why it does not do.
    Refuse(String),
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plan::FromLocal(meta) => {
                write!(f, "go on from the state here, which ends before {}", meta.core.next())
            }
            Plan::FromSnapshot(number) => write!(f, "fetch snapshot {number}"),
            Plan::FromStart => f.write_str("begin with the first record of the log"),
            Plan::SetAside(why) => write!(f, "set the state here aside: {why}"),
            Plan::LookFurther => f.write_str("look at older snapshots"),
            Plan::Refuse(why) => write!(f, "refused: {why}"),
        }
    }
}

/// Why a candidate does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    /// The log has another genesis.
    ForeignLog,
    /// The log's record at its position is another.
    OtherRecord(Offset),
    /// The log ends before it.
    Behind(Offset),
    /// The log begins after it.
    Trimmed(Offset),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::ForeignLog => f.write_str("belongs to another log: its genesis differs"),
            Unfit::OtherRecord(at) => write!(f, "belongs to another log: the record at offset {at} differs"),
            Unfit::Behind(at) => write!(f, "stands on offset {at}, which the log ends before"),
            Unfit::Trimmed(at) => write!(f, "stands on offset {at}, which the log no longer holds"),
        }
    }
}

impl Candidate {
    fn fit(&self, bounds: Bounds) -> Result<(), Unfit> {
        let core = &self.meta.core;
        if let (Some(mark), Some(digest)) = (core.genesis, self.genesis)
            && mark.digest != digest
        {
            return Err(Unfit::ForeignLog);
        }
        match (core.applied, self.applied) {
            (None, _) => Ok(()),
            (Some(applied), _) if applied.offset >= bounds.end => Err(Unfit::Behind(applied.offset)),
            (Some(applied), _) if applied.offset < bounds.start => Err(Unfit::Trimmed(applied.offset)),
            (Some(applied), Some(checksum)) if applied.checksum == checksum => Ok(()),
            (Some(applied), _) => Err(Unfit::OtherRecord(applied.offset)),
        }
    }

    fn digest(&self) -> Option<Digest256> {
        self.meta.core.genesis.map(|mark| mark.digest)
    }
}

impl Seen {
    /// Each snapshot with what is to be said of it, the newest first.
    fn snapshots(&self) -> impl Iterator<Item = (u64, Result<&Candidate, String>)> {
        let found = match &self.archive {
            Archived::Snapshots(found, _) => Some(found),
            Archived::None | Archived::Silent(_) => None,
        };
        let each = found.into_iter().flat_map(|found| found.iter().rev());
        each.map(|(number, found)| match (found, self.tried.get(number)) {
            (_, Some(why)) | (Err(why), None) => (*number, Err(why.clone())),
            (Ok(candidate), None) => (*number, Ok(candidate)),
        })
    }

    /// The genesis of this log, as far as anything that belongs to it tells.
    fn own_genesis(&self) -> Option<Digest256> {
        let fits = |candidate: &Candidate| candidate.fit(self.bounds).is_ok();
        let local = match &self.local {
            Local::Checkpoint(candidate) if fits(candidate) => candidate.digest(),
            Local::Checkpoint(_) | Local::Empty | Local::Damaged(_) | Local::Newer(_) => None,
        };
        let first = self.genesis.filter(|_| self.bounds.start == Offset(0)).map(|(_, digest)| digest);
        let archived = || {
            let mut fitting =
                self.snapshots().filter_map(|(_, found)| found.ok().filter(|found| fits(found)));
            fitting.find_map(Candidate::digest)
        };
        first.or(local).or_else(archived)
    }

    /// What can be said of a snapshot, with the reason why it does not do and whether that must stop all.
    fn judge(&self, candidate: &Candidate, own: Option<Digest256>) -> Result<(), Unfit> {
        // Another installation may have used the same archive; where the log's genesis is trimmed, nothing at
        // its place tells.
        match (own, candidate.digest()) {
            (Some(own), Some(other)) if own != other => Err(Unfit::ForeignLog),
            _ => candidate.fit(self.bounds),
        }
    }
}

/// Chooses what to begin from.
#[must_use]
pub fn plan(seen: &Seen) -> Plan {
    let local = match &seen.local {
        Local::Damaged(why) => return Plan::SetAside(why.clone()),
        Local::Newer(why) => return Plan::Refuse(format!("the state here {why}")),
        Local::Empty => None,
        Local::Checkpoint(candidate) => Some(candidate),
    };
    let own = seen.own_genesis();
    let mut said = Vec::new();
    let mut stop = false;
    // By position, then the state here before any snapshot, then the newest snapshot.
    let mut best: Option<(Offset, Plan)> = None;
    match local {
        None => said.push("there is no state here".to_owned()),
        Some(candidate) => match candidate.fit(seen.bounds) {
            Ok(()) => {
                let plan = Plan::FromLocal(Box::new(candidate.meta.clone()));
                best = Some((candidate.meta.core.next(), plan));
            }
            Err(unfit) => {
                stop |= !matches!(unfit, Unfit::Trimmed(_));
                said.push(format!("the state here {unfit}"));
            }
        },
    }
    for (number, found) in seen.snapshots() {
        match found.map(|candidate| (candidate, seen.judge(candidate, own))) {
            Ok((candidate, Ok(()))) => {
                let next = candidate.meta.core.next();
                if best.as_ref().is_none_or(|(best, _)| next > *best) {
                    best = Some((next, Plan::FromSnapshot(number)));
                }
            }
            Ok((_, Err(unfit))) => {
                stop |= matches!(unfit, Unfit::OtherRecord(_) | Unfit::Behind(_));
                said.push(format!("snapshot {number} {unfit}"));
            }
            Err(why) => said.push(format!("snapshot {number} does not do: {why}")),
        }
    }
    match best {
        _ if stop => Plan::Refuse(said.join("; ")),
        Some((_, plan)) => plan,
        None => without(seen, said),
    }
}

/// What to do where nothing was found to begin from.
fn without(seen: &Seen, mut said: Vec<String>) -> Plan {
    match &seen.archive {
        Archived::Snapshots(_, unread) if *unread > 0 => return Plan::LookFurther,
        Archived::Snapshots(found, _) if found.is_empty() => {
            said.push("the archive has no snapshot".to_owned())
        }
        Archived::Silent(why) => said.push(why.clone()),
        Archived::None => said.push("there is no archive".to_owned()),
        Archived::Snapshots(..) => {}
    }
    // What stands before genesis has outputs too, so a log that lost any of it is not whole.
    let untrimmed = seen.bounds.start == Offset(0) && seen.genesis.is_some();
    if untrimmed || seen.bounds.start == seen.bounds.end {
        return Plan::FromStart;
    }
    let (start, end) = (seen.bounds.start, seen.bounds.end);
    said.push(format!("the log holds {start}..{end} and no longer its beginning"));
    Plan::Refuse(said.join("; "))
}
