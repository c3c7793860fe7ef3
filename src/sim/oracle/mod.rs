//! The oracle: recomputes everything from the log of requests alone, slowly and plainly, and holds every
//! output that lands against it. Shares no code with the shard but the framing of records.

mod apply;
mod compare;
mod decide;
mod judge;
mod model;
mod record;
mod request;
mod signals;
mod windows;

pub(super) use model::{Model, OrganizationModel, Owed};
pub(super) use record::Plain;
