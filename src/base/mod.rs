//! Words with no domain: time, positions, ids, hashes, money, collections. Pure but for `clock`,
//! the one door through which time and randomness enter, and `signal`, which wakes threads.

pub mod clock;
pub mod collections;
pub mod country;
pub mod currency;
pub mod decimal;
pub mod hash;
pub mod id;
pub mod idna;
pub mod keycode;
pub mod limits;
pub mod money;
pub mod murmur2;
pub mod position;
#[cfg(test)]
#[path = "../../tests/slow/shared.rs"]
pub(crate) mod shared;
pub mod signal;
pub mod time;
pub mod url;
