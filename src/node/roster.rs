//! Who is known, beside the gateway's directory: a first start must know whether there is anyone, and when
//! what it wrote has come through a shard.

use crate::base::collections::Set;
use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::position::Partition;
use crate::shard::effects::DirectoryChange;
use crate::worker::Directory;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hands everything on and remembers who there is. Written by the worker's thread.
#[derive(Debug)]
pub(super) struct Roster {
    next: Arc<dyn Directory>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    opened: Set<Partition>,
    organizations: Set<OrgId>,
    keys: Set<Digest256>,
}

impl Roster {
    pub(super) fn new(next: Arc<dyn Directory>) -> Self {
        Self { next, known: Mutex::default() }
    }

    /// Whether a partition has told its entries.
    pub(super) fn has_opened(&self, partition: Partition) -> bool {
        self.known().opened.contains(&partition)
    }

    /// Whether there is any organization.
    pub(super) fn is_empty(&self) -> bool {
        self.known().organizations.is_empty()
    }

    pub(super) fn has_organization(&self, id: OrgId) -> bool {
        self.known().organizations.contains(&id)
    }

    pub(super) fn has_key(&self, digest: Digest256) -> bool {
        self.known().keys.contains(&digest)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, change: &DirectoryChange) {
        match change {
            DirectoryChange::Organization(organization) => {
                self.organizations.insert(organization.id);
            }
            DirectoryChange::ApiKey(_, key) => {
                self.keys.insert(key.digest);
            }
        }
    }
}

impl Directory for Roster {
    fn opened(&self, partition: Partition, entries: Vec<DirectoryChange>) {
        let mut known = self.known();
        entries.iter().for_each(|entry| known.note(entry));
        self.next.opened(partition, entries);
        known.opened.insert(partition);
    }

    fn changed(&self, partition: Partition, change: DirectoryChange) {
        let mut known = self.known();
        known.note(&change);
        self.next.changed(partition, change);
    }
}
