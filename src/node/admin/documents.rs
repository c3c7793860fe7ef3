//! Documents that change settings, lists and packs of one organization in one step. What is wrong with one
//! only its shard can tell, for that depends on what is in force there.

use crate::base::id::OrgId;
use crate::base::limits;
use crate::domain::fault::FieldFault;
use crate::node::admin::desk::{Desk, Trouble, accepted, fault};
use crate::node::admin::organizations::NO_ORGANIZATION;
use crate::shard::effects::Reply;
use crate::wire::admin::{Answer, Apply, Fault};
use crate::wire::apply::{self, Document};
use crate::wire::envelope::RecordType;
use crate::wire::error::ErrorBody;
use crate::wire::internal;
use crate::wire::json::Faults;

impl Desk {
    /// Applies a document, or nothing of it.
    pub(super) async fn apply(&self, asked: &Apply) -> Result<Answer, Trouble> {
        let document = asked.document.as_bytes();
        if document.len() > limits::APPLY_BYTES {
            let message = format!("must have at most {} bytes", limits::APPLY_BYTES);
            return Err(Trouble::refused("document", "length", message));
        }
        let mut faults = Faults::strict();
        let Some(read) = apply::read(document, &mut faults) else {
            // It cannot be read at all, so there is nothing that a shard could add.
            return Err(Trouble::Refused(told(faults)));
        };
        let organization = match self.addressed(asked, &read) {
            Ok(organization) => organization,
            // No shard is asked, but what is wrong with its form is so for every one.
            Err(fault) => {
                let mut told = told(faults);
                if told.iter().all(|other| other.field != fault.field) {
                    told.insert(0, fault);
                }
                return Err(Trouble::Refused(told));
            }
        };
        let record = (RecordType::Apply, document.to_vec());
        let reply = accepted(self.write(organization, vec![record]).await?)?.into_iter().next();
        let told = reply.and_then(|reply| internal::read(&reply.body).ok());
        told.map(Answer::Applied)
            .ok_or_else(|| Trouble::failed(&"the document was applied; what is in force was not understood"))
    }

    /// The organization that the command names, or else the document.
    fn addressed(&self, asked: &Apply, document: &Document) -> Result<OrgId, Fault> {
        let (field, named) = match (&asked.organization_id, &document.organization) {
            (Some(named), _) => ("organization_id", named),
            (None, Some(named)) => ("/organization", named),
            (None, None) => {
                return Err(fault("/organization", "required", "must be named, here or by the command"));
            }
        };
        let known = self.known(named);
        known.ok_or_else(|| fault(field, "reference", NO_ORGANIZATION))
    }
}

/// Faults of form, as an operator is told them.
fn told(faults: Faults) -> Vec<Fault> {
    let told = |fault: FieldFault| {
        let at =
            fault.place.map_or_else(String::new, |at| format!(" (line {}, column {})", at.line, at.column));
        Fault {
            message: format!("{}{at}", fault.message),
            code: fault.code.text().to_owned(),
            field: fault.field,
        }
    };
    faults.into_vec().into_iter().map(told).collect()
}

/// What a shard's refusal says.
pub(super) fn refusal(reply: &Reply) -> Trouble {
    match internal::read::<ErrorBody>(&reply.body) {
        Ok(body) if reply.status < 500 => Trouble::Refused(body.faults()),
        Ok(body) => Trouble::Failed(body.message().to_owned()),
        Err(_) => Trouble::Failed(format!("the shard answered {}", reply.status)),
    }
}
