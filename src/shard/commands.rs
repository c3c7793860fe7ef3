//! Commands of the product's own: organizations, keys, settings, packs and lists are state like any
//! other, changed by records.

use crate::base::hash::sha256;
use crate::base::id::OrgId;
use crate::base::limits;
use crate::base::position::Topic;
use crate::domain::access::{ApiKey, KeyState, Organization};
use crate::domain::decision::Flow;
use crate::domain::fault::{Details, ErrorCode, Refusal};
use crate::domain::settings::ScoringSettings;
use crate::shard::answer::Emitter;
use crate::shard::decode::Command;
use crate::shard::effects::DirectoryChange;
use crate::shard::step::{Fail, Scene};
use crate::shard::{apply, policies};
use crate::state::control_rows::{ActivePack, InstallationRow, ListsRow, encode_lists};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::state::working::Missing;
use crate::wire::header;
use crate::wire::internal::{
    ApiKeyPut, BadInternal, ListPut, MaintenancePut, PackPublish, Probe, SettingsPut,
};
use std::collections::BTreeMap;

/// Sorted values by the name of the list.
type Lists = BTreeMap<String, Vec<String>>;

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
    // The installation organization has no row of an organization's.
    if let Command::Maintenance(put) = command {
        return maintenance(scene, emitter, org, *put);
    }
    scene.organization(org)?;
    match command {
        Command::ApiKey(put) => api_key(scene, emitter, org, put)?,
        Command::Settings(put) => settings(scene, org, put)?,
        Command::Pack(publish) => pack(scene, org, publish)?,
        Command::List(put) => list(scene, org, put)?,
        Command::Probe(probe) => self::probe(scene, emitter, org, probe)?,
        Command::Apply(body) => return apply::apply(scene, emitter, org, body),
        Command::Assess(_) | Command::Organization(_) | Command::Maintenance(_) => {}
    }
    emitter.reply(200, b"{}".to_vec(), false);
    Ok(())
}

/// Maintenance keeps the time it began when it is begun again.
fn maintenance(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    org: OrgId,
    put: MaintenancePut,
) -> Result<(), Fail> {
    if org != OrgId::INSTALLATION {
        let message = "maintenance is of the installation, not of an organization";
        return Err(refuse(BadInternal(message.to_owned())));
    }
    let before = scene.working.get::<InstallationRow>(&Key::Installation)?;
    let since = before.and_then(|row| row.maintenance);
    let row = InstallationRow { maintenance: put.on.then_some(since.unwrap_or(scene.clock)) };
    emitter.directory(DirectoryChange::Maintenance(row.maintenance));
    scene.working.put(Key::Installation, Row::Installation(row));
    emitter.reply(200, b"{}".to_vec(), false);
    Ok(())
}

/// A key that is revoked stays so, whatever was under way to the log when it was.
fn api_key(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    org: OrgId,
    put: &ApiKeyPut,
) -> Result<(), Fail> {
    let key = put.clone().resolve().map_err(refuse)?;
    let at = Key::ApiKey(org, key.digest);
    let before = scene.working.get::<ApiKey>(&at)?;
    if before.is_some_and(|before| before.state == KeyState::Revoked) && key.state != KeyState::Revoked {
        let details = Details::Text("status", KeyState::Revoked.text().to_owned());
        let refusal = Refusal::new(ErrorCode::InvalidState, "the key is revoked for good");
        return Err(Fail::Refused(Refusal { details, ..refusal }, None));
    }
    emitter.directory(DirectoryChange::ApiKey(org, key.clone()));
    scene.working.put(at, Row::ApiKey(key));
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
    // A record that fails must not depend on which rows were met first.
    scene.working.get::<ActivePack>(&Key::ActivePack(org, Flow::Payin))?;
    let lists = scene.working.get::<ListsRow>(&Key::Lists(org))?;
    if let Some(document) = &publish.document {
        policies::compile(scene.engine, Some(document), lists)
            .map_err(|faults| refuse(BadInternal(faults.join("; "))))?;
    }
    put_pack(scene, org, publish.document.as_deref()).map(drop)
}

/// Puts a pack in force that was checked.
pub(super) fn put_pack(
    scene: &mut Scene<'_>,
    org: OrgId,
    document: Option<&str>,
) -> Result<ActivePack, Fail> {
    let active_key = Key::ActivePack(org, Flow::Payin);
    let version = scene.working.get::<ActivePack>(&active_key)?.map_or(0, |active| active.version);
    let pack = document.map(|document| {
        let digest = sha256(document.as_bytes());
        scene.working.put(Key::Pack(org, digest), Row::Pack(document.to_owned()));
        digest
    });
    let active = ActivePack { version: version + 1, pack, at: scene.clock };
    scene.working.put(active_key, Row::ActivePack(active.clone()));
    Ok(active)
}

fn list(scene: &mut Scene<'_>, org: OrgId, put: &ListPut) -> Result<(), Fail> {
    let mut lists = named_lists(scene, org)?;
    change_list(&mut lists, &put.name, put.values.as_deref());
    if are_too_many(&lists) {
        return Err(refuse(BadInternal("there are too many lists or entries".to_owned())));
    }
    if !scene.engine.catalogue.has_list(&put.name) {
        return Err(refuse(BadInternal("there is no list of that name".to_owned())));
    }
    put_lists(scene, org, lists);
    Ok(())
}

/// The named lists of an organization.
pub(super) fn named_lists(scene: &Scene<'_>, org: OrgId) -> Result<Lists, Missing> {
    let row = scene.working.get::<ListsRow>(&Key::Lists(org))?;
    Ok(row.map_or_else(BTreeMap::new, |row| row.lists.clone()))
}

/// Replaces the values of a list, sorted and each once, or drops it.
pub(super) fn change_list(lists: &mut Lists, name: &str, values: Option<&[String]>) {
    match values {
        Some(values) => {
            let mut values = values.to_vec();
            values.sort_unstable();
            values.dedup();
            lists.insert(name.to_owned(), values);
        }
        None => drop(lists.remove(name)),
    }
}

/// Whether lists are beyond their limits.
pub(super) fn are_too_many(lists: &Lists) -> bool {
    let entries: usize = lists.values().map(Vec::len).sum();
    lists.len() > limits::PACK_LISTS || entries > limits::LIST_ENTRIES
}

/// Puts lists in force.
pub(super) fn put_lists(scene: &mut Scene<'_>, org: OrgId, lists: Lists) {
    let mut row = ListsRow { lists, digest: sha256(&[]) };
    row.digest = sha256(&encode_lists(&row));
    scene.working.put(Key::Lists(org), Row::Lists(row));
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
