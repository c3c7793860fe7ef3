//! Every external shape: records and their headers, commands, outputs, HTTP JSON. What comes from
//! outside is an error value with a place here, never a panic.

mod amount;
pub mod assess;
pub mod chain;
mod contact;
pub mod envelope;
pub mod error;
mod field;
pub mod header;
pub mod internal;
pub mod json;
mod metadata;
pub mod record;
