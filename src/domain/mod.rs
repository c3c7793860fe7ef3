//! The words of the business: requests, decisions, entities, keys, settings, and what can be wrong
//! with them. Knows no JSON, no storage and no transport.

pub mod access;
pub mod decision;
pub mod entity;
pub mod fault;
pub mod payin;
pub mod settings;
