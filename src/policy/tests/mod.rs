//! Policies from documents to verdicts, in the words of the contract.

mod cases;
mod entities;
mod naive;
mod own_pack;
mod sample;
mod settings;
mod shipped;
mod speed;
mod verdict;

use super::*;
