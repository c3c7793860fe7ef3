//! Commands of the product's own: organizations, keys, settings, packs and lists are state like any
//! other, changed by records.

use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::limits;
use crate::base::position::Topic;
use crate::domain::access::Organization;
use crate::domain::decision::Flow;
use crate::domain::fault::{ErrorCode, Refusal};
use crate::domain::settings::ScoringSettings;
use crate::shard::answer::Emitter;
use crate::shard::decode::Command;
use crate::shard::effects::DirectoryChange;
use crate::shard::policies;
use crate::shard::step::{Fail, Scene};
use crate::state::control_rows::{ActivePack, ListsRow, encode_lists};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::wire::header;
use crate::wire::internal::{BadInternal, ListPut, PackPublish, Probe, SettingsPut};
use std::collections::BTreeMap;

/// Entries of all lists of an organization together.
const LIST_ENTRIES: usize = 100_000;

fn refuse(bad: BadInternal) -> Fail {
    Fail::Refused(Refusal::new(ErrorCode::ValidationError, bad.0), None)
}

/// Runs a command of an organization that is no request.
pub(super) fn run(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    org: OrgId,
    command: &Command,
) -> Result<(), Fail> {
    if let Command::Organization(put) = command {
        let organization = put.resolve(org).map_err(refuse)?;
        scene.working.get::<Organization>(&Key::Organization(org))?;
        emitter.directory(DirectoryChange::Organization(organization.clone()));
        scene.working.put(Key::Organization(org), Row::Organization(organization));
        emitter.reply(200, b"{}".to_vec(), false);
        return Ok(());
    }
    scene.organization(org)?;
    match command {
        Command::ApiKey(put) => {
            let key = put.clone().resolve().map_err(refuse)?;
            emitter.directory(DirectoryChange::ApiKey(org, key.clone()));
            scene.working.put(Key::ApiKey(org, key.digest), Row::ApiKey(key));
        }
        Command::Settings(put) => settings(scene, org, put)?,
        Command::Pack(publish) => pack(scene, org, publish)?,
        Command::List(put) => list(scene, org, put)?,
        Command::Probe(probe) => self::probe(scene, emitter, org, probe)?,
        Command::Assess(_) | Command::Organization(_) => {}
    }
    emitter.reply(200, b"{}".to_vec(), false);
    Ok(())
}

fn settings(scene: &mut Scene<'_>, org: OrgId, put: &SettingsPut) -> Result<(), Fail> {
    let flow =
        Flow::from_text(&put.flow).ok_or_else(|| refuse(BadInternal("flow is not valid".to_owned())))?;
    let version =
        scene.working.get::<ScoringSettings>(&Key::Settings(org, flow))?.map_or(0, |old| old.version);
    let (flow, settings) = put.clone().resolve(version + 1).map_err(refuse)?;
    scene.working.put(Key::Settings(org, flow), Row::Settings(settings));
    Ok(())
}

fn pack(scene: &mut Scene<'_>, org: OrgId, publish: &PackPublish) -> Result<(), Fail> {
    if publish.flow != Flow::Payin.text() {
        return Err(refuse(BadInternal("there are packs for payin only".to_owned())));
    }
    let active_key = Key::ActivePack(org, Flow::Payin);
    let version = scene.working.get::<ActivePack>(&active_key)?.map_or(0, |active| active.version);
    let lists = scene.working.get::<ListsRow>(&Key::Lists(org))?;
    let pack = match &publish.document {
        Some(document) => {
            policies::compile(scene.engine, Some(document), lists)
                .map_err(|faults| refuse(BadInternal(faults.join("; "))))?;
            let digest = sha256(document.as_bytes());
            scene.working.put(Key::Pack(org, digest), Row::Pack(document.clone()));
            Some(digest)
        }
        None => None,
    };
    let active = ActivePack { version: version + 1, pack, at: scene.clock };
    scene.working.put(active_key, Row::ActivePack(active));
    Ok(())
}

fn list(scene: &mut Scene<'_>, org: OrgId, put: &ListPut) -> Result<(), Fail> {
    let key = Key::Lists(org);
    let mut lists = scene.working.get::<ListsRow>(&key)?.map_or_else(BTreeMap::new, |row| row.lists.clone());
    match &put.values {
        Some(values) => {
            let mut values = values.clone();
            values.sort_unstable();
            values.dedup();
            lists.insert(put.name.clone(), values);
        }
        None => {
            lists.remove(&put.name);
        }
    }
    let entries: usize = lists.values().map(Vec::len).sum();
    if lists.len() > limits::PACK_LISTS || entries > LIST_ENTRIES {
        return Err(refuse(BadInternal("there are too many lists or entries".to_owned())));
    }
    if !scene.engine.catalogue.has_list(&put.name) {
        return Err(refuse(BadInternal("there is no list of that name".to_owned())));
    }
    let mut row = ListsRow { lists, digest: sha256(&[]) };
    row.digest = sha256(&encode_lists(&row));
    scene.working.put(key, Row::Lists(row));
    Ok(())
}

/// Does half of its work, then panics if asked to; the other half are events.
fn probe(scene: &mut Scene<'_>, emitter: &mut Emitter<'_>, org: OrgId, probe: &Probe) -> Result<(), Fail> {
    if !scene.engine.probes {
        return Err(refuse(BadInternal("probes are for tests".to_owned())));
    }
    let key = org.to_string();
    for number in 0..probe.events.min(16) {
        if probe.panic && number * 2 >= probe.events {
            break;
        }
        let body = format!("{{\"probe\":{number},\"engine\":{}}}", scene.engine.version);
        emitter.output(Topic::Events, key.as_bytes(), Some(body.as_bytes()), |record| {
            record.header(header::CE_TYPE, b"clausum.probe.v1")
        })?;
    }
    if probe.panic {
        scene.working.put(Key::Lists(org), Row::Pack("half done".to_owned()));
        std::panic::resume_unwind(Box::new("a probe that panics"));
    }
    Ok(())
}
