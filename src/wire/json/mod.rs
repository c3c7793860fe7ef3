//! JSON at the edge: a reader over bytes nobody has vouched for, and a writer with one spelling.
//!
//! A body is read member by member into small tables declared with [`members!`](crate::wire::json::members);
//! every fault is collected with its pointer, so a caller mends a body in one go. Nothing here recurses,
//! nothing goes through binary floating point, and no message repeats what the caller sent.

mod faults;
mod fill;
mod number;
mod place;
mod text;
mod value;
mod writer;

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;

pub use faults::{Bad, Faults, pointer_segment};
pub(crate) use fill::members;
pub use fill::{Members, read};
pub use number::{spell_numbers, whole_number};
pub use text::Text;
pub use value::Value;
pub use writer::{Array, Object, array, object, object_of};
