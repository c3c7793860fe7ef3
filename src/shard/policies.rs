//! Compiled policies, by what they are compiled from. Only a cache: what is in it changes no answer.

use crate::base::collections::Map;
use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::domain::decision::Flow;
use crate::policy::{Diagnostic, Policy};
use crate::shard::engine::Engine;
use crate::state::control_rows::{ActivePack, ListsRow};
use crate::state::key::Key;
use crate::state::working::{Missing, WorkingSet};
use std::sync::Arc;

/// Compiled policies kept; beyond it the cache starts anew.
const POLICIES: usize = 1_024;

/// Documents a policy is compiled from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) engine: u32,
    pub(super) pack: Option<Digest256>,
    /// Named lists, where the organization has any.
    pub(super) lists: Option<(OrgId, Digest256)>,
}

/// A cache of compiled policies.
#[derive(Debug, Default)]
pub(super) struct Policies(Map<Source, Arc<Policy>>);

impl Policies {
    /// The policy of an organization as it is in force.
    pub(super) fn in_force(
        &mut self,
        engine: &Engine,
        org: OrgId,
        flow: Flow,
        working: &WorkingSet,
    ) -> Result<Arc<Policy>, Missing> {
        let active = working.get::<ActivePack>(&Key::ActivePack(org, flow))?;
        self.compiled(engine, org, active.and_then(|active| active.pack), working)
    }

    /// The policy of a pack of an organization.
    pub(super) fn compiled(
        &mut self,
        engine: &Engine,
        org: OrgId,
        pack: Option<Digest256>,
        working: &WorkingSet,
    ) -> Result<Arc<Policy>, Missing> {
        let lists = working.get::<ListsRow>(&Key::Lists(org))?.filter(|row| !row.lists.is_empty());
        let source = Source { engine: engine.version, pack, lists: lists.map(|row| (org, row.digest)) };
        if let Some(policy) = self.0.get(&source) {
            return Ok(Arc::clone(policy));
        }
        let document = match pack {
            Some(digest) => {
                let key = Key::Pack(org, digest);
                Some(working.get::<String>(&key)?.ok_or(Missing::Broken(key))?)
            }
            None => None,
        };
        // A pack was checked against the same catalogue and lists when it was published.
        let policy = compile(engine, document, lists).map_err(|_| Missing::Broken(Key::Lists(org)))?;
        let policy = Arc::new(policy);
        if self.0.len() >= POLICIES {
            self.0.clear();
        }
        self.0.insert(source, Arc::clone(&policy));
        Ok(policy)
    }
}

/// Compiles an organization's document and lists over the engine's catalogue; tells every fault.
pub(super) fn compile(
    engine: &Engine,
    document: Option<&String>,
    lists: Option<&ListsRow>,
) -> Result<Policy, Vec<String>> {
    let own = lists.map(|row| engine.catalogue.with_lists(&row.lists));
    let catalogue = own.as_ref().unwrap_or(&engine.catalogue);
    let pack = match document {
        Some(document) => Some(catalogue.check(document).map_err(|faults| texts(&faults))?),
        None => None,
    };
    catalogue.compile(pack.as_ref()).map_err(|faults| texts(&faults))
}

/// As [`compile`], for a document that its author can still mend: it is held to more than a stored one.
pub(super) fn compile_strictly(
    engine: &Engine,
    document: &String,
    lists: Option<&ListsRow>,
) -> Result<Policy, Vec<String>> {
    engine.catalogue.check_strictly(document).map_err(|faults| texts(&faults))?;
    compile(engine, Some(document), lists)
}

fn texts(faults: &[Diagnostic]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
