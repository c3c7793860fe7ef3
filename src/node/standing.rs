//! Whether the log of a data folder holds what the states beside it stand on. Locks nothing and changes
//! nothing, so a server may be running: then the log may be ahead of the checkpoints, never behind them.

use crate::base::position::{Offset, Partition};
use crate::log::LogError;
use crate::log::embedded::View;
use crate::node::data::Data;
use crate::node::serve::Failure;
use crate::store::StoreError;
use crate::store::rocks::{self, Look, Resources};
use crate::worker::checkpoint::Meta;
use crate::worker::recover::{Miss, misses};
use std::io;
use std::path::PathBuf;

/// A state with a checkpoint, beside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose state.
    pub partition: Partition,
    /// Its folder.
    pub folder: PathBuf,
    /// The offset of the last record it applied.
    pub applied: Option<Offset>,
    /// What the log does not hold of what it stands on; or why the two cannot be compared.
    pub misses: Result<Vec<Miss>, String>,
}

/// Compares every state that has a checkpoint with the log.
///
/// # Errors
/// The file system failed. Damage is no error here, but what a state cannot be compared for.
pub fn standing(data: &Data) -> Result<Vec<Standing>, Failure> {
    // The states first: what they stand on was in the log before them.
    let partitions = match data.partitions() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        partitions => partitions.map_err(|error| failed(&error))?,
    };
    let mut metas = Vec::new();
    for partition in partitions {
        if let Some(meta) = checkpoint(data, partition)? {
            metas.push((partition, meta));
        }
    }
    let view = match View::open(&data.log()) {
        Ok(view) => Ok(view),
        Err(error @ LogError::Damaged { .. }) => Err(format!("the log does not open: {error}")),
        Err(error) => return Err(failed(&error)),
    };
    let mut all = Vec::new();
    for (partition, meta) in metas {
        let applied = meta.as_ref().ok().and_then(|meta| meta.core.applied).map(|applied| applied.offset);
        let misses = match (&view, meta) {
            (_, Err(why)) => Err(why),
            (Err(why), Ok(_)) => Err(why.clone()),
            (Ok(view), Ok(meta)) => match misses(view, partition, &meta) {
                Ok(misses) => Ok(misses),
                Err(error @ LogError::Io { .. }) => return Err(failed(&error)),
                Err(error) => Err(error.to_string()),
            },
        };
        all.push(Standing { partition, folder: data.state(partition), applied, misses });
    }
    Ok(all)
}

/// What the checkpoint of a state says, or why that cannot be read; none without one.
pub(super) fn checkpoint(data: &Data, partition: Partition) -> Result<Option<Result<Meta, String>>, Failure> {
    let look = Look::find(&data.state(partition), &Resources::default(), &rocks::Options::default());
    let read = look.and_then(|look| look.map_or(Ok(None), |look| look.checkpoint()));
    match read {
        Ok(None) => Ok(None),
        Ok(Some(bytes)) => Ok(Some(Meta::decode(&bytes).map_err(|bad| format!("its checkpoint: {bad}")))),
        Err(error @ StoreError::Damaged { .. }) => Ok(Some(Err(error.to_string()))),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::position::{OutputRef, Topic, TopicPartition};
    use crate::log::Contents;
    use crate::node::states::tests::{extend, installation, open, stand, standing_on};
    use crate::worker::outbox::Landed;
    use std::fs;
    use std::path::Path;

    const ZERO: Partition = Partition(0);
    const REQUESTS: TopicPartition = TopicPartition::new(Topic::Requests, ZERO);

    /// What is told of each state, a line each.
    fn told(data: &Data) -> Vec<String> {
        let line = |state: Standing| match state.misses {
            Ok(misses) if misses.is_empty() => vec![format!("{} stands", state.partition)],
            Ok(misses) => misses.iter().map(|miss| format!("{} {miss}", state.partition)).collect(),
            Err(why) => vec![format!("{} is not compared: {why}", state.partition)],
        };
        standing(data).unwrap().into_iter().flat_map(line).collect()
    }

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }

    #[test]
    fn states_stand_on_their_log_also_while_a_server_has_both_open() {
        let (_folder, data) = installation([2, 3]);
        assert_eq!(told(&data), ["0 stands", "1 stands"]);
        let log = open(&data).unwrap();
        let _store = stand(&data, &standing_on(&log, ZERO), ZERO);
        extend(&log, REQUESTS, ["more".to_owned()]);
        assert_eq!(told(&data), ["0 stands", "1 stands"], "the log is ahead");
        // Made, and nothing written to it yet: it stands on nothing.
        fs::create_dir(data.states().join("7")).unwrap();
        assert_eq!(told(&data).len(), 2);
        fs::remove_dir_all(data.states()).unwrap();
        assert_eq!(told(&data).len(), 0);
    }

    #[test]
    fn a_log_that_ends_before_a_state_or_goes_on_otherwise_is_told_with_both_values() {
        let (folder, data) = installation([1, 1]);
        let early = folder.path().join("early");
        copy(&data.log(), &early);
        let log = open(&data).unwrap();
        extend(&log, REQUESTS, ["a", "b"].map(str::to_owned));
        let meta = standing_on(&log, ZERO);
        drop(stand(&data, &meta, ZERO));
        drop(log);
        assert_eq!(told(&data), ["0 stands", "1 stands"]);
        fs::remove_dir_all(data.log()).unwrap();
        copy(&early, &data.log());
        let own = meta.core.applied.unwrap().checksum;
        let knows = format!(
            "0 stands on offset 3 of clausum.requests-0: it knows a record with the checksum {own:08x} there, and \
             the log has "
        );
        assert_eq!(told(&data), [format!("{knows}nothing from 2 on"), "1 stands".to_owned()]);
        // As long as the one that was lost, and another.
        let state = data.state(ZERO);
        fs::rename(&state, folder.path().join("aside")).unwrap();
        let log = open(&data).unwrap();
        extend(&log, REQUESTS, ["a", "c"].map(str::to_owned));
        let other = standing_on(&log, ZERO).core.applied.unwrap().checksum;
        drop(log);
        fs::rename(folder.path().join("aside"), &state).unwrap();
        let found = format!("{knows}a record with the checksum {other:08x}");
        assert_eq!(told(&data), [found, "1 stands".to_owned()]);
    }

    #[test]
    fn another_genesis_and_a_lost_output_are_told() {
        let ((_folder, data), (_other, other)) = (installation([1, 1]), installation([1, 1]));
        let log = open(&data).unwrap();
        let mut meta = standing_on(&log, ZERO);
        let end = log.bounds(TopicPartition::new(Topic::Events, ZERO)).unwrap().end;
        meta.outputs[1] = Some(Landed { output: OutputRef { offset: Offset(1), index: 2 }, at: end });
        drop(log);
        drop(stand(&data, &meta, ZERO));
        let lost = "0 stands on offset 0 of clausum.events-0: it knows the output 1/2 there, and the log has nothing \
                    from 0 on";
        assert_eq!(told(&data), [lost, "1 stands"]);
        fs::remove_dir_all(data.log()).unwrap();
        copy(&other.log(), &data.log());
        let told = told(&data);
        let genesis = "1 stands on offset 0 of clausum.requests-1: it knows genesis ";
        let (known, found) =
            told[2].strip_prefix(genesis).unwrap().split_once(" there, and the log has genesis ").unwrap();
        assert!(known != found && known.len() == 64 && found.len() == 64, "{told:?}");
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let (_folder, data) = installation([1, 1]);
        let log = open(&data).unwrap();
        drop(stand(&data, &standing_on(&log, ZERO), Partition(7)));
        drop(log);
        assert_eq!(told(&data)[2], "7 is not compared: there is no clausum.requests-7");
        fs::remove_file(data.state(Partition(7)).join("CURRENT")).unwrap();
        assert!(told(&data)[2].contains("7 is not compared: ") && told(&data)[2].contains("CURRENT"));
        fs::remove_file(data.log().join("log.meta")).unwrap();
        let why =
            "0 is not compared: the log does not open: log.meta is damaged at byte 0: the file is missing";
        assert_eq!(told(&data)[0], why);
    }
}
