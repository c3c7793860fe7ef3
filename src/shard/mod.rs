//! The shard: state × record → state × effects.
//!
//! Everything an organization is and does meets here, in the order of its partition's log. A step sees
//! no clock, no randomness, no configuration and no file; what should happen outside are values in
//! [`effects::Effects`]. A record that meets an unread key leaves no trace and is planned again; one that
//! panics leaves none but its position, its rejection and its dead letter.

pub mod core;
pub mod decode;
pub mod effects;
pub mod engine;
pub mod naming;

mod answer;
mod apply;
mod assess;
mod commands;
mod dead_letter;
mod features;
mod plan;
mod policies;
mod prepared;
mod render;
pub mod step;
#[cfg(test)]
mod tests;

pub use step::{Shard, Stepped, Stop};
