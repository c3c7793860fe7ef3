//! Organizations and API keys in memory, as the shards tell them: no request asks a shard who it is.
//!
//! Keys are found by the digest of their text under the installation key, so how long a look-up takes
//! tells nothing about a key.

use crate::base::collections::{Map, Set};
use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::murmur2::partition_of;
use crate::base::position::Partition;
use crate::domain::access::{ApiKey, Organization};
use crate::gateway::limit::Spent;
use crate::shard::effects::DirectoryChange;
use crate::worker;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Who may call; written by the workers, read by every request.
#[derive(Debug)]
pub struct Directory {
    partitions: u16,
    held: RwLock<Held>,
    /// Whether maintenance is on, as the installation's partition told last.
    maintenance: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    organizations: Map<OrgId, Arc<Member>>,
    keys: Map<Digest256, Entry>,
    opened: Set<Partition>,
}

/// An organization as requests see it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) organization: Organization,
    /// The key of its records.
    pub(super) record_key: String,
    /// Where its records go.
    pub(super) partition: Partition,
    /// How many of its callers wait; the same count through all changes of the organization.
    pub(super) waiting: Arc<AtomicUsize>,
}

/// A key and whose it is.
#[derive(Debug)]
struct Entry {
    organization: OrgId,
    key: Arc<ApiKey>,
    spent: Arc<Spent>,
}

/// What a partition that is told anew had before: its counts go on.
#[derive(Debug, Default)]
struct Left {
    organizations: Map<OrgId, Arc<Member>>,
    keys: Map<Digest256, Entry>,
}

/// Whose key it is.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) member: Arc<Member>,
    pub(super) key: Arc<ApiKey>,
    /// What it has used of its limits; the same count through all changes of the key.
    pub(super) spent: Arc<Spent>,
}

impl Directory {
    /// Nothing is known of any of `partitions` partitions.
    #[must_use]
    pub fn new(partitions: u16) -> Self {
        Self { partitions, held: RwLock::default(), maintenance: AtomicBool::new(false) }
    }

    /// Whether every partition has told its entries.
    pub(super) fn is_loaded(&self) -> bool {
        self.read(|held| held.opened.len() >= usize::from(self.partitions))
    }

    /// Whether maintenance is on.
    pub(super) fn in_maintenance(&self) -> bool {
        self.maintenance.load(Ordering::Relaxed)
    }

    /// Where the records of the installation go.
    pub(super) fn home_of_installation(&self) -> Partition {
        self.home(OrgId::INSTALLATION)
    }

    /// Whose key has this digest.
    pub(super) fn find(&self, digest: &Digest256) -> Option<Identity> {
        self.read(|held| {
            let Entry { organization, key, spent } = held.keys.get(digest)?;
            let member = Arc::clone(held.organizations.get(organization)?);
            Some(Identity { member, key: Arc::clone(key), spent: Arc::clone(spent) })
        })
    }

    fn read<T>(&self, read: impl FnOnce(&Held) -> T) -> T {
        read(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, write: impl FnOnce(&mut Held)) {
        write(&mut self.held.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn home(&self, organization: OrgId) -> Partition {
        partition_of(organization.to_string().as_bytes(), self.partitions)
    }

    fn apply(&self, held: &mut Held, change: DirectoryChange, left: &Left) {
        match change {
            DirectoryChange::Organization(organization) => {
                let id = organization.id;
                let before = held.organizations.get(&id).or_else(|| left.organizations.get(&id));
                let waiting = before.map(|member| Arc::clone(&member.waiting)).unwrap_or_default();
                let (record_key, partition) = (id.to_string(), self.home(id));
                held.organizations
                    .insert(id, Arc::new(Member { organization, record_key, partition, waiting }));
            }
            DirectoryChange::ApiKey(organization, key) => {
                let before = held.keys.get(&key.digest).or_else(|| left.keys.get(&key.digest));
                let spent = before.map(|entry| Arc::clone(&entry.spent)).unwrap_or_default();
                held.keys.insert(key.digest, Entry { organization, key: Arc::new(key), spent });
            }
            DirectoryChange::Maintenance(since) => {
                self.maintenance.store(since.is_some(), Ordering::Relaxed);
            }
        }
    }
}

impl worker::Directory for Directory {
    fn opened(&self, partition: Partition, entries: Vec<DirectoryChange>) {
        self.write(|held| {
            let again = held.opened.contains(&partition);
            let of_it = |entry: &Entry| self.home(entry.organization) == partition;
            let keys = held.keys.extract_if(|_, entry| of_it(entry)).collect();
            let organizations = held.organizations.extract_if(|_, member| member.partition == partition);
            let left = Left { organizations: organizations.collect(), keys };
            for entry in entries {
                // A partition opened again begins with its checkpoint, and what was known is newer.
                if again && matches!(entry, DirectoryChange::Maintenance(_)) {
                    continue;
                }
                self.apply(held, entry, &left);
            }
            held.opened.insert(partition);
        });
    }

    fn changed(&self, _partition: Partition, change: DirectoryChange) {
        self.write(|held| self.apply(held, change, &Left::default()));
    }

    fn closed(&self, partition: Partition) {
        self.write(|held| {
            held.keys.retain(|_, entry| self.home(entry.organization) != partition);
            held.organizations.retain(|_, member| member.partition != partition);
            held.opened.remove(&partition);
        });
    }
}
