//! Documents that change settings, lists and packs of one organization in one step. What is wrong with one
//! only its shard can tell, for that depends on what is in force there.

use crate::base::limits;
use crate::node::admin::desk::{Desk, Trouble, accepted};
use crate::shard::effects::Reply;
use crate::wire::admin::{Answer, Apply, Fault};
use crate::wire::apply;
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
            let faults = faults.into_vec().into_iter();
            let at = |place: Option<crate::domain::fault::TextPlace>| {
                place.map_or_else(String::new, |at| format!(" (line {}, column {})", at.line, at.column))
            };
            let faults = faults.map(|fault| Fault {
                message: format!("{}{}", fault.message, at(fault.place)),
                code: fault.code.text().to_owned(),
                field: fault.field,
            });
            return Err(Trouble::Refused(faults.collect()));
        };
        let Some(named) = asked.organization_id.as_ref().or(read.organization.as_ref()) else {
            let message = "must be named, here or by the command";
            return Err(Trouble::refused("/organization", "required", message));
        };
        let organization = self.organization(named)?;
        let record = (RecordType::Apply, document.to_vec());
        let reply = accepted(self.write(organization, vec![record]).await?)?.into_iter().next();
        let told = reply.and_then(|reply| internal::read(&reply.body).ok());
        told.map(Answer::Applied)
            .ok_or_else(|| Trouble::failed(&"the document was applied; what is in force was not understood"))
    }
}

/// What a shard's refusal says.
pub(super) fn refusal(reply: &Reply) -> Trouble {
    match internal::read::<ErrorBody>(&reply.body) {
        Ok(body) if reply.status < 500 => Trouble::Refused(body.faults()),
        Ok(body) => Trouble::Failed(body.message().to_owned()),
        Err(_) => Trouble::Failed(format!("the shard answered {}", reply.status)),
    }
}
