//! What holds for the whole installation: maintenance, and how its partitions are doing.

use crate::base::id::OrgId;
use crate::node::admin::desk::{Desk, Trouble, accepted};
use crate::node::serve::version;
use crate::wire::admin::{Answer, MaintenanceShown, PartitionShown, StatusShown};
use crate::wire::envelope::RecordType;
use crate::wire::internal::{self, MaintenancePut};

impl Desk {
    /// Switches maintenance on or off; without a word only tells how it is.
    pub(super) async fn maintenance(&self, on: Option<bool>) -> Result<Answer, Trouble> {
        if let Some(on) = on {
            let record = (RecordType::Maintenance, internal::write(&MaintenancePut { on }));
            accepted(self.write(OrgId::INSTALLATION, vec![record]).await?)?;
        }
        Ok(Answer::Maintenance(self.maintained()))
    }

    fn maintained(&self) -> MaintenanceShown {
        let since = self.parts.roster.maintenance();
        MaintenanceShown { on: since.is_some(), since: since.map(|at| at.to_string()) }
    }

    /// How the server is doing.
    pub(super) fn status(&self) -> Answer {
        let now = self.now().0.max(0).unsigned_abs();
        let partitions = self.parts.statuses.iter().map(|(partition, status)| PartitionShown {
            partition: partition.0,
            phase: status.phase().text().to_owned(),
            engine: Some(status.engine()).filter(|version| *version > 0),
            position: status.applied(),
            lag_records: status.lag_records(),
            lag_ms: status.lag_ms(),
            checkpoint_age_ms: Some(status.checkpoint_at())
                .filter(|at| *at > 0)
                .map(|at| now.saturating_sub(at)),
            state_bytes: status.state_bytes(),
            failure: status.failure(),
        });
        let reasons = (self.parts.unready)();
        Answer::Status(StatusShown {
            version: version().to_owned(),
            ready: reasons.is_empty(),
            reasons,
            maintenance: self.maintained(),
            partitions: partitions.collect(),
        })
    }

    /// Has a partition that waits after a failure tried again at once.
    pub(super) fn retry(&self, partition: u16) -> Result<Answer, Trouble> {
        let found = self.parts.statuses.iter().find(|(of, _)| of.0 == partition);
        let Some((_, status)) = found else {
            let last = self.parts.statuses.len().saturating_sub(1);
            let message = format!("there are partitions 0 to {last}");
            return Err(Trouble::refused("partition", "reference", message));
        };
        if !status.hurry() {
            let message = format!("partition {partition} is {}: it waits for nothing", status.phase().text());
            return Err(Trouble::refused("partition", "INVALID_STATE", message));
        }
        self.parts.signal.raise();
        Ok(self.status())
    }
}
