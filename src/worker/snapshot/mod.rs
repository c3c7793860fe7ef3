//! Snapshots: copies of checkpoints in the archive, from which a partition begins where its own state is
//! lost, damaged or on another machine.
//!
//! [`take`] puts one there: the objects first, each read back, then the manifest that names them; so a
//! manifest in force names only what is whole. [`catalog`] is what the archive holds of a partition,
//! [`sweep`] what of it goes, [`pace`] when the next one is due.
//!
//! Owners of the past may still be at work, so nobody relies on what he does not hold:
//!
//! * An object is taken over from the newest manifest only, or it carries the owner's own epoch; and nobody
//!   removes objects of an epoch later than his own. Whatever an owner of the past removes, no manifest that
//!   it has not seen names it.
//! * The manifest's number is the newest one's plus one, and is created only if nobody has it: who loses looks
//!   again, and ends if the newest is of a later epoch.

pub(super) mod catalog;
pub(super) mod pace;
pub(super) mod sweep;
pub mod take;
#[cfg(test)]
mod tests;

use crate::base::position::{Offset, Partition};
use crate::base::time::Ms;
use crate::wire::manifest::Manifest;
use crate::worker::checkpoint::Meta;
use crate::worker::status::Keep;

/// A snapshot in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its number.
    pub number: u64,
    /// The last record applied in it.
    pub position: Offset,
    /// Per output topic, the last output known to be in the log.
    pub outputs: [Option<Offset>; 3],
    /// When it was taken, by its owner's clock.
    pub taken_at: Ms,
    /// Bytes of its files.
    pub bytes: u64,
}

impl Mark {
    fn of(manifest: &Manifest) -> Self {
        Self {
            number: manifest.number,
            position: manifest.position,
            outputs: manifest.outputs,
            taken_at: manifest.taken_at,
            bytes: manifest.bytes(),
        }
    }
}

/// What the log must keep for the newest two snapshots; none while there are fewer. What a snapshot knows to be
/// the last output of a topic is not read again, or a topic that is silent would hold the log for ever.
pub(super) fn keep(newest: &[Mark]) -> Option<Keep> {
    let [one, other] = newest else { return None };
    let mut outputs = [Offset(0); 3];
    for ((keep, one), other) in outputs.iter_mut().zip(one.outputs).zip(other.outputs) {
        // Before the first output is known, all of the topic is to be read.
        let behind = |at: Option<Offset>| at.map_or(Offset(0), Offset::next);
        *keep = behind(one).min(behind(other));
    }
    Some(Keep { requests: one.position.min(other.position), outputs })
}

/// The checkpoint in a manifest, if the manifest says of it what it says itself.
///
/// # Errors
/// It does not.
pub(super) fn meta_of(manifest: &Manifest, partition: Partition, number: u64) -> Result<Meta, String> {
    if (manifest.partition, manifest.number) != (partition, number) {
        return Err(format!("it is number {} of partition {}", manifest.number, manifest.partition));
    }
    let meta = Meta::decode(&manifest.checkpoint).map_err(|bad| bad.to_string())?;
    let outputs = meta.outputs.map(|landed| landed.map(|landed| landed.at));
    let core = &meta.core;
    let same = core.genesis.is_some_and(|mark| mark.digest == manifest.genesis)
        && core.applied.is_some_and(|applied| applied.offset == manifest.position)
        && core.engine == manifest.engine
        && outputs == manifest.outputs;
    if same { Ok(meta) } else { Err("its checkpoint is another than it says".to_owned()) }
}
