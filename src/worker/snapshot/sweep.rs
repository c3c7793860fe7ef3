//! What goes from the archive, as a pure function of what it holds.

use super::catalog::{Catalog, Found};
use crate::base::hash::Digest256;
use crate::base::position::{Offset, Partition};
use crate::base::time::Ms;
use crate::wire::manifest::{Manifest, manifest_name, object_epoch};
use std::collections::BTreeSet;

/// How long what nobody names, or nobody can use, is left where it is: longer than any snapshot or restore
/// takes, and than any two clocks differ.
pub(in crate::worker) const UNNAMED_MS: i64 = DAY_MS;
const DAY_MS: i64 = 24 * 3_600_000;
/// Removed at once at most; the rest goes with the next snapshot.
const AT_ONCE: usize = 1_000;

/// By what it is decided.
#[derive(Debug, Clone, Copy)]
pub(in crate::worker) struct Rule {
    pub(in crate::worker) partition: Partition,
    /// Whose snapshots they are.
    pub(in crate::worker) genesis: Digest256,
    /// The epoch of who sweeps.
    pub(in crate::worker) epoch: Offset,
    pub(in crate::worker) now: Ms,
    /// Where the log of requests begins: nothing can be restored from before.
    pub(in crate::worker) log_start: Offset,
    /// For how many days the last snapshot of each is kept.
    pub(in crate::worker) days: u32,
}

/// Names of what goes, in the order in which it goes: manifests, the oldest first, then objects that no other
/// manifest names.
pub(in crate::worker) fn sweep(catalog: &Catalog, rule: &Rule) -> Vec<String> {
    let kept = kept(catalog, rule);
    let old = |modified: Ms| rule.now.since(modified) > UNNAMED_MS;
    let mut going = Vec::new();
    let mut named = BTreeSet::new();
    // What cannot be read may name anything.
    let mut all_read = catalog.unread == 0;
    for (number, entry) in &catalog.entries {
        let goes = match &entry.found {
            Found::Newer(_) => false,
            Found::Damaged(_) => old(entry.modified),
            Found::Manifest(manifest) if manifest.genesis != rule.genesis => false,
            Found::Manifest(manifest) if !catalog.is_whole(manifest) => old(entry.modified),
            Found::Manifest(_) => !kept.contains(number),
        };
        if goes {
            going.push(manifest_name(rule.partition, *number));
            continue;
        }
        match &entry.found {
            Found::Manifest(manifest) => {
                named.extend(manifest.files.iter().map(|file| file.object(rule.partition)));
            }
            Found::Newer(_) | Found::Damaged(_) => all_read = false,
        }
    }
    let objects = catalog.objects.values().filter(|object| {
        let own = object_epoch(rule.partition, &object.name).is_some_and(|epoch| epoch <= rule.epoch);
        own && old(object.modified) && !named.contains(&object.name)
    });
    if all_read {
        going.extend(objects.map(|object| object.name.clone()));
    }
    going.truncate(AT_ONCE);
    going
}

/// Numbers of the snapshots that stay for their own sake: the newest two, and the last of each day as long
/// as the log holds its position.
fn kept(catalog: &Catalog, rule: &Rule) -> BTreeSet<u64> {
    let whole = catalog.own(rule.genesis).filter(|manifest| catalog.is_whole(manifest));
    let mut kept = BTreeSet::new();
    let mut days = BTreeSet::new();
    for manifest in whole {
        let first_of_day = days.insert(day(manifest));
        let age = rule.now.since(manifest.taken_at);
        let useful = manifest.position >= rule.log_start && age <= i64::from(rule.days) * DAY_MS;
        if kept.len() < 2 || (first_of_day && useful) {
            kept.insert(manifest.number);
        }
    }
    kept
}

/// The day of its taking, in UTC.
fn day(manifest: &Manifest) -> i64 {
    manifest.taken_at.0.div_euclid(DAY_MS)
}
