//! Words with no domain: time, positions, ids, hashes, money, collections. Pure but for `clock`.
