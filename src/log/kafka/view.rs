//! Looking into a log on Kafka: what its partitions hold, for the log itself, and for whoever writes nothing and
//! joins no group. The topics need not be as they must be, nor all be there.

use super::figures::{Gathered, Role};
use super::read::{self, Watchers};
use super::{Asker, Options, settings};
use crate::base::position::{Offset, TopicPartition};
use crate::log::{Bounds, Contents, LogError, Reader};
use std::fmt;
use std::sync::Arc;

/// A log that is only looked into.
pub struct View {
    pub(super) options: Arc<Options>,
    pub(super) asker: Arc<Asker>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) gathered: Arc<Gathered>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("options", &self.options).finish_non_exhaustive()
    }
}

impl View {
    /// A view by these options; no broker is asked yet.
    ///
    /// # Errors
    /// A property that may not be set or is none.
    pub fn new(options: Options) -> Result<Self, LogError> {
        settings::check(&options)?;
        let options = Arc::new(options);
        let asker = Arc::new(Asker::new(&options)?);
        Ok(Self { options, asker, watchers: Arc::default(), gathered: Arc::default() })
    }
}

impl Contents for View {
    fn bounds(&self, of: TopicPartition) -> Result<Bounds, LogError> {
        self.asker.bounds(of)
    }

    fn reader(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Reader>, LogError> {
        let bounds = self.bounds(of)?;
        if from < bounds.start || from > bounds.end {
            return Err(LogError::OutOfRange { wanted: from, bounds });
        }
        let telling = self.gathered.client(Role::Reader);
        let with = (&self.asker, &self.watchers);
        let reader = read::start(&self.options, with, telling, of, (from, bounds.end))?;
        Ok(Box::new(reader))
    }
}
