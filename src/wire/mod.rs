//! Every external shape: records and their headers, commands, outputs, HTTP JSON. What comes from
//! outside is an error value with a place here, never a panic.

pub mod admin;
pub mod amount;
pub mod apply;
pub mod assess;
pub mod backup;
pub mod bootstrap;
pub mod chain;
pub mod contact;
pub mod difference;
pub mod envelope;
pub mod error;
pub mod field;
pub mod header;
pub mod internal;
pub mod json;
pub mod manifest;
pub mod metadata;
pub mod record;
#[cfg(test)]
mod samples;
pub mod signature;
