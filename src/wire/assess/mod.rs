//! The body of a pay-in assessment: the contract's section 5.2, read from what a caller sent and
//! written in the one form that records carry and that requests are compared in.

#[cfg(test)]
mod fuzz;
mod read;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
mod write;

use crate::base::time::Ms;
use crate::domain::fault::FieldFault;
use crate::domain::payin::PayinRequest;
use crate::wire::{field, json};

pub use read::{read, read_about};
pub use write::{canonical, comparable};

/// The fault of a request that says it occurred too far from its record's log time.
#[must_use]
pub fn check_occurred_at(request: &PayinRequest, log_time: Ms) -> Option<FieldFault> {
    let mut faults = json::Faults::lenient();
    if let Err(bad) = field::occurred_near(request.occurred_at?, log_time) {
        faults.at("occurred_at", bad);
    }
    faults.into_vec().pop()
}
