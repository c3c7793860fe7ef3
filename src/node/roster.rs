//! Who is known, beside the gateway's directory: what a first start and an operator ask for. It is as the
//! shards tell it, so what a command was answered for is here when its answer is.

use crate::base::collections::Set;
use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::murmur2::partition_of;
use crate::base::position::Partition;
use crate::base::time::Ms;
use crate::domain::access::{ApiKey, Organization};
use crate::shard::effects::DirectoryChange;
use crate::worker::Directory;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hands everything on and remembers it. Written by the worker's thread.
#[derive(Debug)]
pub(super) struct Roster {
    next: Arc<dyn Directory>,
    partitions: u16,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    opened: Set<Partition>,
    organizations: BTreeMap<OrgId, Organization>,
    keys: BTreeMap<Digest256, (OrgId, ApiKey)>,
    maintenance: Option<Ms>,
}

impl Roster {
    /// Nobody is known of any of `partitions` partitions.
    pub(super) fn new(next: Arc<dyn Directory>, partitions: u16) -> Self {
        Self { next, partitions, known: Mutex::default() }
    }

    /// Where the records of an organization go.
    pub(super) fn home(&self, organization: OrgId) -> Partition {
        partition_of(organization.to_string().as_bytes(), self.partitions)
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
        self.known().organizations.contains_key(&id)
    }

    pub(super) fn has_key(&self, digest: Digest256) -> bool {
        self.known().keys.contains_key(&digest)
    }

    /// Every organization.
    pub(super) fn organizations(&self) -> Vec<Organization> {
        self.known().organizations.values().cloned().collect()
    }

    /// The keys of an organization, oldest first.
    pub(super) fn keys_of(&self, organization: OrgId) -> Vec<ApiKey> {
        let known = self.known();
        let own = known.keys.values().filter(|(of, _)| *of == organization);
        let mut keys: Vec<_> = own.map(|(_, key)| key.clone()).collect();
        // An id begins with its time.
        keys.sort_by(|one, other| one.id.cmp(&other.id));
        keys
    }

    /// The key with an id, and whose it is.
    pub(super) fn key(&self, id: &str) -> Option<(OrgId, ApiKey)> {
        self.known().keys.values().find(|(_, key)| key.id == id).cloned()
    }

    /// Since when maintenance is on.
    pub(super) fn maintenance(&self) -> Option<Ms> {
        self.known().maintenance
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn note(&mut self, change: &DirectoryChange) {
        match change {
            DirectoryChange::Organization(organization) => {
                self.organizations.insert(organization.id, organization.clone());
            }
            DirectoryChange::ApiKey(organization, key) => {
                self.keys.insert(key.digest, (*organization, key.clone()));
            }
            DirectoryChange::Maintenance(since) => self.maintenance = *since,
        }
    }
}

impl Directory for Roster {
    fn opened(&self, partition: Partition, entries: Vec<DirectoryChange>) {
        let mut known = self.known();
        // What was known of a partition that is opened again is told once more, as far as it is true.
        known.organizations.retain(|id, _| self.home(*id) != partition);
        known.keys.retain(|_, (id, _)| self.home(*id) != partition);
        entries.iter().for_each(|entry| known.note(entry));
        self.next.opened(partition, entries);
        known.opened.insert(partition);
    }

    fn changed(&self, partition: Partition, change: DirectoryChange) {
        let mut known = self.known();
        known.note(&change);
        self.next.changed(partition, change);
    }

    fn closed(&self, partition: Partition) {
        let mut known = self.known();
        known.organizations.retain(|id, _| self.home(*id) != partition);
        known.keys.retain(|_, (id, _)| self.home(*id) != partition);
        known.opened.remove(&partition);
        self.next.closed(partition);
    }
}
