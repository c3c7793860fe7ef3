//! Hash maps whose hashing is the same in every run. Iterating one is still in no useful order, so a
//! result may never depend on it; keys that callers choose are keyed hashes before they come here.

use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hash};

/// A hash map with a fixed hasher.
pub type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
/// A hash set with a fixed hasher.
pub type Set<K> = hashbrown::HashSet<K, FixedState>;
/// A hash table whose owner hashes, and knows what is equal.
pub type Table<T> = hashbrown::HashTable<T>;

/// The hash that a fixed hasher gives a value.
#[must_use]
pub fn hash_of(value: &impl Hash) -> u64 {
    FixedState::default().hash_one(value)
}
