//! What a shard remembers: rows in their stored forms, the working set they live in while a batch is
//! decided, and exact velocity over them. Knows nothing of rules, of the log or of the store.

pub mod codec;
pub mod control_rows;
pub mod decision_row;
pub mod event;
pub mod key;
pub mod retention;
pub mod row;
#[cfg(test)]
mod samples;
pub mod session;
mod slots;
pub mod velocity;
pub mod working;
