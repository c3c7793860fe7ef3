//! Hash maps whose hashing is the same in every run. Iterating one is still in no useful order, so a
//! result may never depend on it; keys that callers choose are keyed hashes before they come here.

use foldhash::fast::FixedState;

/// A hash map with a fixed hasher.
pub type Map<K, V> = hashbrown::HashMap<K, V, FixedState>;
/// A hash set with a fixed hasher.
pub type Set<K> = hashbrown::HashSet<K, FixedState>;
