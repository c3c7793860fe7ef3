//! What a verdict is made from.

use crate::base::time::Ms;
use crate::domain::access::OrganizationKind;
use crate::domain::payin::PayinRequest;
use crate::domain::settings::ScoringSettings;
use crate::policy::hits::ListHit;

/// One event with everything that was read for it.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The request.
    pub request: &'a PayinRequest,
    /// When it happened.
    pub event_time: Ms,
    /// The shard's clock, by which rules expire.
    pub now: Ms,
    /// The values of `Policy::computed`, in its order; a missing tail counts as missing values.
    pub computed: &'a [Option<i64>],
    /// The blocklist entries that match, in any order.
    pub hits: &'a [ListHit],
    /// The organization's business.
    pub organization: OrganizationKind,
    /// Whether a checkout key asked.
    pub precheck: bool,
    /// Whether it is a simulation.
    pub simulation: bool,
    /// The settings in force.
    pub settings: &'a ScoringSettings,
}
