//! Exact sliding windows over one entity's events.
//!
//! An entity's events are *postings* in the order of their times; the newest lie in the entity's *head*,
//! older ones in *pages*, which the head lists with a summary each. Any window of any length is answered
//! from these, so nothing is stored for a window and a new rule has its history at once. What a head
//! remembers of windows asked before is a memo that changes no answer.
//!
//! Events count for a limited time. Windows end at that *horizon* exactly, wherever a page begins, so what
//! lies below it can go at any moment.

pub mod head;
mod memo;
pub mod posting;
mod prune;
pub mod summary;
pub mod tally;

#[cfg(test)]
mod tests;
