//! Every external shape: records and their headers, commands, outputs, HTTP JSON. What comes from
//! outside is an error value with a place here, never a panic.

pub mod chain;
pub mod envelope;
pub mod header;
pub mod internal;
pub mod record;
