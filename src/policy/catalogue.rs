//! What ships with the product for one flow: pipeline, pack and lists, embedded and compiled once.

use crate::base::hash::{Digest256, sha256};
use crate::policy::case_read;
use crate::policy::compile::{Built, Compiler, merge_signals};
use crate::policy::diagnostic::{Diagnostic, Faults};
use crate::policy::lists::{List, SHIPPED};
use crate::policy::names::Names;
use crate::policy::pack::{self, Author, Case, Pack};
use crate::policy::pipeline::Pipeline;
use crate::policy::signal::Signal;
use crate::policy::velocity::Velocity;
use std::sync::Arc;

/// The shipped pack of pay-ins.
pub(super) const PAYIN: &str = "clausum/payin";
const PAYIN_PIPELINE: &str = include_str!("../../pipelines/payin.yaml");
const PAYIN_PACK: &str = include_str!("../../rules/payin.yaml");
const PAYIN_CASES: &str = include_str!("../../rules/payin.cases.yaml");

/// The shipped documents of one flow.
#[derive(Debug)]
pub struct Catalogue {
    /// The flow.
    pub pipeline: Pipeline,
    /// SHA-256 of pipeline, pack and lists.
    pub sha256: Digest256,
    pub(super) lists: Vec<(String, Arc<List>)>,
    /// In the order of the pack.
    pub(super) signals: Vec<Arc<Signal>>,
    pub(super) computed: Vec<Velocity>,
}

impl Catalogue {
    /// The shipped pay-in flow.
    ///
    /// # Errors
    /// A shipped document has a fault; the tests hold that none has.
    pub fn payin() -> Result<Self, Vec<Diagnostic>> {
        Self::of(PAYIN_PIPELINE, PAYIN_PACK)
    }

    /// A flow from documents of one's own in place of the shipped ones, with the shipped lists: an engine
    /// version that is not the product's, for tests and the simulation.
    ///
    /// # Errors
    /// Every fault of the documents.
    pub fn of(pipeline: &str, document: &str) -> Result<Self, Vec<Diagnostic>> {
        let digest = digest(pipeline, document);
        let pipeline = Pipeline::read(pipeline)?;
        let mut faults = Faults::default();
        let Some(pack) = pack::read(document, Author::Shipped, &mut faults) else {
            return Err(faults.into_sorted());
        };
        let lists: Vec<_> =
            SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), Arc::new(List::shipped(text)))).collect();
        let names = lists.iter().map(|(name, _)| name.clone()).collect();
        let mut compiler = Compiler::new(Names::new(&pipeline, names, Vec::new()), faults);
        let signals = merge_signals(&[], &pack.signals, &mut compiler);
        let Compiler { names, faults, .. } = compiler;
        let computed = names.computed;
        faults.none_or_sorted()?;
        Ok(Self { pipeline, sha256: digest, lists, signals, computed })
    }

    /// Reads an organization's pack and checks all of it.
    ///
    /// # Errors
    /// Every fault found, in the order of the document.
    pub fn check(&self, document: &str) -> Result<Pack, Vec<Diagnostic>> {
        let (pack, faults) = self.examine(document);
        let pack = pack.ok_or_else(Vec::new);
        faults.none_or_sorted().and(pack)
    }

    /// As [`Catalogue::check`], for the author: a request of a case that cannot be read is a fault too.
    /// What a shard stored was never held to that, so it must not be.
    ///
    /// # Errors
    /// Every fault found, in the order of the document.
    pub fn check_strictly(&self, document: &str) -> Result<Pack, Vec<Diagnostic>> {
        let (pack, mut faults) = self.examine(document);
        pack.iter().flat_map(|pack| &pack.cases).for_each(|case| case.check_request(&mut faults));
        let pack = pack.ok_or_else(Vec::new);
        faults.none_or_sorted().and(pack)
    }

    /// What can be read of a pack, and every fault; what cannot be read at all has one.
    fn examine(&self, document: &str) -> (Option<Pack>, Faults) {
        let mut faults = Faults::default();
        let author = Author::Organization { extends: PAYIN };
        let Some(pack) = pack::read(document, author, &mut faults) else { return (None, faults) };
        let Built { policy, mut faults, unsure } = self.build(&pack, faults);
        self.check_cases(&policy, &pack.cases, unsure, &mut faults);
        (Some(pack), faults)
    }

    /// The cases of the shipped pack.
    ///
    /// # Errors
    /// The shipped document has a fault; the tests hold that it has none.
    pub fn cases(&self) -> Result<Vec<Case>, Vec<Diagnostic>> {
        let mut faults = Faults::default();
        let cases = case_read::read_document(PAYIN_CASES, &mut faults);
        faults.none_or_sorted().map(|()| cases)
    }
}

/// Over all that decides what an index means and what a condition finds.
fn digest(pipeline: &str, pack: &str) -> Digest256 {
    let mut all = String::new();
    let documents = [("pipeline", pipeline), ("pack", pack)];
    for (name, text) in documents.into_iter().chain(SHIPPED) {
        all.push_str(&format!("{name} {}\n{text}", text.len()));
    }
    sha256(all.as_bytes())
}
