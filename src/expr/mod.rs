//! The expression language: a typed subset of CEL, checked against a schema and run as flat code.
//!
//! It knows nothing of what its fields mean, reads no clock and draws no randomness. Source goes through
//! [`check`] or [`check_condition`], which report every fault with line and column; what they return is
//! compiled once and shared. The one invariant: no input, however broken, makes any stage panic, loop or
//! allocate beyond its limits, and what passes the checker evaluates as CEL says.

mod ast;
mod check;
mod compile;
mod env;
mod eval;
mod fault;
mod functions;
mod indexable;
mod lexer;
mod limits;
mod literal;
mod parser;
mod resolve;
mod schema;
mod semantics;
mod suggest;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod token;
mod tree;

pub use ast::Comparison;
pub use check::{Checked, Condition, check, check_condition};
pub use compile::{Predicate, Program};
pub use env::{Answer, Env, EvalError, Outcome, Value};
pub use fault::{Fault, FaultCode, MAX_FAULTS, Span};
pub use indexable::{Conjunct, Indexable};
pub use limits::{MAX_COST, MAX_NESTING, MAX_NODES, MAX_RENDERED_BYTES, MAX_SOURCE_BYTES, TEXT_CAP_BYTES};
pub use schema::{Resolved, Schema, Type};
pub use suggest::nearest;
pub use template::Template;
pub use tree::Constant;
