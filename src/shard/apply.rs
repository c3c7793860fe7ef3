//! Settings, lists and packs of one organization in one step: everything a document asks for, or nothing
//! of it and every fault at once. What is in force when the record is met is what the document is held to.

use crate::base::hash::Digest256;
use crate::base::id::OrgId;
use crate::base::limits;
use crate::domain::decision::Flow;
use crate::domain::fault::{Details, ErrorCode, FieldCode, FieldFault, Refusal};
use crate::domain::settings::ScoringSettings;
use crate::policy::Policy;
use crate::shard::answer::Emitter;
use crate::shard::commands::{self, put_lists, put_pack};
use crate::shard::policies;
use crate::shard::step::{Fail, Scene};
use crate::state::control_rows::{ActivePack, ListsRow};
use crate::state::key::Key;
use crate::state::row::Row;
use crate::wire::apply::{self, Document};
use crate::wire::json::{Bad, Faults, Object, object};
use std::collections::BTreeMap;

/// Applies a document.
pub(super) fn apply(
    scene: &mut Scene<'_>,
    emitter: &mut Emitter<'_>,
    org: OrgId,
    body: &[u8],
) -> Result<(), Fail> {
    if body.len() > limits::APPLY_BYTES {
        let limit = u64::try_from(limits::APPLY_BYTES).unwrap_or(u64::MAX);
        let details = Details::Number("limit_bytes", limit);
        let refusal = Refusal::new(ErrorCode::PayloadTooLarge, "the document is too large");
        return Err(Fail::Refused(Refusal { details, ..refusal }, None));
    }
    let mut faults = Faults::strict();
    let Some(document) = apply::read(body, &mut faults) else { return Err(invalid(faults.into_vec())) };
    if document.organization.as_ref().is_some_and(|id| *id != org.to_string()) {
        faults.at("organization", Bad::new(FieldCode::Reference, "is another organization"));
    }
    let lists = lists(scene, org, &document, &mut faults)?;
    let row = ListsRow { digest: Digest256([0; 32]), lists };
    let policy = policy(scene, org, &document, &row, &mut faults)?;
    let current = scene.settings(org, Flow::Payin)?;
    let (settings, told) = settings(scene, &document, &policy, &current);
    let mut faults = faults.into_vec();
    faults.extend(told);
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    if !document.lists.is_empty() {
        put_lists(scene, org, row.lists);
    }
    let active = match &document.pack {
        Some(pack) => Some(put_pack(scene, org, pack.as_deref())?),
        None => None,
    };
    if let Some(settings) = &settings {
        scene.working.put(Key::Settings(org, Flow::Payin), Row::Settings(settings.clone()));
    }
    let answer = object(|answer| tell(answer, org, &document, active.as_ref(), settings.as_ref()));
    emitter.reply(200, answer, false);
    Ok(())
}

fn invalid(faults: Vec<FieldFault>) -> Fail {
    Fail::Refused(Refusal::invalid(faults), None)
}

/// The named lists as they would be.
fn lists(
    scene: &Scene<'_>,
    org: OrgId,
    document: &Document,
    faults: &mut Faults,
) -> Result<BTreeMap<String, Vec<String>>, Fail> {
    let mut lists = commands::named_lists(scene, org)?;
    faults.within("lists", |faults| {
        for (name, values) in &document.lists {
            if !scene.engine.catalogue.has_list(name) {
                faults.at(name, Bad::new(FieldCode::UnknownField, "is no list of this version"));
            }
            commands::change_list(&mut lists, name, values.as_deref());
        }
    });
    if commands::are_too_many(&lists) {
        faults.at("lists", Bad::new(FieldCode::Max, "there are too many lists or entries"));
    }
    Ok(lists)
}

/// The policy as it would be, and whether the document's own pack is part of it: without, what the pack
/// would bring cannot be known.
struct Would {
    policy: Policy,
    whole: bool,
}

fn policy(
    scene: &Scene<'_>,
    org: OrgId,
    document: &Document,
    lists: &ListsRow,
    faults: &mut Faults,
) -> Result<Would, Fail> {
    let lists = Some(lists).filter(|row| !row.lists.is_empty());
    let broken = |_| Fail::broken(Key::Lists(org));
    if let Some(Some(pack)) = &document.pack {
        match policies::compile_strictly(scene.engine, pack, lists) {
            Ok(policy) => return Ok(Would { policy, whole: true }),
            Err(told) => faults.within("packs", |faults| {
                for fault in told {
                    faults.at(Flow::Payin.text(), Bad { code: FieldCode::Format, message: fault.into() });
                }
            }),
        }
        let policy = policies::compile(scene.engine, None, lists).map_err(broken)?;
        return Ok(Would { policy, whole: false });
    }
    let active = scene.working.get::<ActivePack>(&Key::ActivePack(org, Flow::Payin))?;
    let kept = active.and_then(|active| active.pack).filter(|_| document.pack.is_none());
    let pack = match kept {
        Some(digest) => {
            let key = Key::Pack(org, digest);
            Some(scene.working.get::<String>(&key)?.ok_or(Fail::broken(key))?)
        }
        None => None,
    };
    let policy = policies::compile(scene.engine, pack, lists).map_err(broken)?;
    Ok(Would { policy, whole: true })
}

/// The settings as they would be, and what is wrong with those of the document.
fn settings(
    scene: &Scene<'_>,
    document: &Document,
    would: &Would,
    current: &ScoringSettings,
) -> (Option<ScoringSettings>, Vec<FieldFault>) {
    let Some(patch) = &document.scoring else { return (None, Vec::new()) };
    match scene.engine.catalogue.patch_settings(&would.policy, current, patch.as_bytes()) {
        Ok(settings) => (Some(ScoringSettings { version: current.version + 1, ..settings }), Vec::new()),
        Err(mut faults) => {
            let of_pack = |fault: &FieldFault| {
                let names_signal = ["/weights/", "/disabled_signals/"];
                fault.code == FieldCode::UnknownField
                    && names_signal.iter().any(|begins| fault.field.starts_with(begins))
            };
            faults.retain(|fault| would.whole || !of_pack(fault));
            for fault in &mut faults {
                fault.field.insert_str(0, "/scoring/payin");
            }
            (None, faults)
        }
    }
}

/// What is in force now.
fn tell(
    answer: &mut Object<'_>,
    org: OrgId,
    document: &Document,
    active: Option<&ActivePack>,
    settings: Option<&ScoringSettings>,
) {
    answer.text("organization_id", &org.to_string());
    answer.object("scoring", |flows| {
        if let Some(settings) = settings {
            flows.object(Flow::Payin.text(), |of| put_number(of, "version", settings.version));
        }
    });
    answer.object("packs", |flows| {
        if let Some(active) = active {
            flows.object(Flow::Payin.text(), |of| {
                put_number(of, "version", active.version);
                match &active.pack {
                    Some(digest) => of.text("sha256", &digest.to_string()),
                    None => of.null("sha256"),
                }
            });
        }
    });
    answer.object("lists", |lists| {
        for (name, values) in &document.lists {
            match values {
                Some(values) => lists.count(name, values.len()),
                None => lists.null(name),
            }
        }
    });
}

fn put_number(object: &mut Object<'_>, name: &str, number: u64) {
    object.integer(name, i64::try_from(number).unwrap_or(i64::MAX));
}
