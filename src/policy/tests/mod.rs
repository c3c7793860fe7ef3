//! Policies from documents to verdicts, in the words of the contract.

mod sample;
mod shipped;

use super::*;
