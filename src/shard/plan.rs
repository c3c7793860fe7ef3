//! Planning: the rows a record will read next, as far as can be told from those in memory. What planning
//! misses, the step finds unread, and the record is planned again.

use crate::base::hash::Digest256;
use crate::domain::access::{ApiKey, Organization};
use crate::domain::decision::Flow;
use crate::domain::settings::ScoringSettings;
use crate::shard::decode::{Assess, Command, Decoded, Planned};
use crate::shard::features;
use crate::shard::prepared::Prepared;
use crate::shard::step::Scene;
use crate::state::control_rows::{ActivePack, InstallationRow, ListsRow, SignatureRow};
use crate::state::decision_row::DecisionRow;
use crate::state::key::Key;
use crate::state::row::FromRow;
use crate::state::session::{IdempotencyRow, SessionRow};
use crate::wire::envelope::Envelope;

/// Adds the keys that `planned` would read and that are not in memory.
pub(super) fn wants(scene: &mut Scene<'_>, planned: &Planned<'_>, wanted: &mut Vec<Key>) {
    if let Some(mark) = planned.signature {
        seek::<SignatureRow>(scene, Key::Signature(mark), wanted);
    }
    let Decoded::Command(org, command) = &planned.decoded else { return };
    if let Command::Maintenance(_) = command {
        seek::<InstallationRow>(scene, Key::Installation, wanted);
        return;
    }
    let Some(Some(organization)) = seek::<Organization>(scene, Key::Organization(*org), wanted) else {
        return;
    };
    let organization = organization.clone();
    match (command, &planned.envelope) {
        (Command::Assess(payment), Some(envelope)) => {
            assess(scene, &organization, payment, envelope, wanted);
        }
        (Command::Pack(_) | Command::List(_), _) => {
            seek::<ListsRow>(scene, Key::Lists(*org), wanted);
            pack(scene, *org, wanted);
        }
        (Command::ApiKey(put), _) => {
            if let Some(digest) = Digest256::from_hex(&put.digest) {
                seek::<ApiKey>(scene, Key::ApiKey(*org, digest), wanted);
            }
        }
        (Command::Apply(_), _) => {
            seek::<ListsRow>(scene, Key::Lists(*org), wanted);
            seek::<ScoringSettings>(scene, Key::Settings(*org, Flow::Payin), wanted);
            pack(scene, *org, wanted);
        }
        (Command::Settings(_), _) => {
            for flow in [Flow::Payin, Flow::Payout] {
                seek::<ScoringSettings>(scene, Key::Settings(*org, flow), wanted);
            }
        }
        _ => {}
    }
}

/// The row of a key: none if it must be read first, and then it is wanted.
fn seek<'s, T: FromRow>(scene: &'s Scene<'_>, key: Key, wanted: &mut Vec<Key>) -> Option<Option<&'s T>> {
    match scene.working.get::<T>(&key) {
        Ok(row) => Some(row),
        Err(_) => {
            wanted.push(key);
            None
        }
    }
}

fn pack(scene: &Scene<'_>, org: crate::base::id::OrgId, wanted: &mut Vec<Key>) {
    let active = seek::<ActivePack>(scene, Key::ActivePack(org, Flow::Payin), wanted);
    if let Some(digest) = active.flatten().and_then(|active| active.pack) {
        seek::<String>(scene, Key::Pack(org, digest), wanted);
    }
}

fn assess(
    scene: &mut Scene<'_>,
    org: &Organization,
    payment: &Assess,
    envelope: &Envelope<'_>,
    wanted: &mut Vec<Key>,
) {
    let prepared = Prepared::of(scene, org, payment, envelope);
    seek::<ScoringSettings>(scene, Key::Settings(org.id, Flow::Payin), wanted);
    seek::<ListsRow>(scene, Key::Lists(org.id), wanted);
    pack(scene, org.id, wanted);
    seek::<SessionRow>(scene, Key::Session(org.id, Flow::Payin, prepared.session), wanted);
    if let Some(Some(entry)) = seek::<IdempotencyRow>(scene, prepared.idempotency, wanted) {
        let decision = Key::Decision(org.id, Flow::Payin, entry.session, entry.attempt);
        let row = seek::<Box<DecisionRow>>(scene, decision, wanted);
        if let Some(digest) = row.flatten().and_then(|row| row.basis.pack) {
            seek::<String>(scene, Key::Pack(org.id, digest), wanted);
        }
    }
    let policy = scene.policy_in_force(org.id, Flow::Payin).ok();
    let computed = policy.iter().flat_map(|policy| policy.computed());
    let windows: Vec<i64> = computed.filter_map(|velocity| velocity.window).map(|w| w.ms()).collect();
    for entity in &prepared.entities {
        let kept_ms = policy.as_ref().map_or(i64::MAX, |policy| policy.kept_ms(entity.kind));
        let horizon = scene.working.retention().horizon(scene.clock, kept_ms);
        features::wants(prepared.event, *entity, horizon, &windows, scene.working, wanted);
    }
}
