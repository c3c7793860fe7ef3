//! The state folders: what their checkpoints stand on, which is asked before the log is opened, and whether
//! they belong to it. A folder in the wrong place is told by its name and by what it belongs to.

use crate::base::hash::{crc32, sha256};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::embedded::{EmbeddedLog, scan};
use crate::log::{Contents, LogError, PollLimit, Stored};
use crate::node::data::Data;
use crate::shard::core::Applied;
use crate::store::Store;
use crate::store::rocks::{self, Resources, RocksStore};
use crate::wire::record::Content;
use crate::worker::checkpoint::Meta;
use std::path::{Path, PathBuf};

/// What the state folders say.
pub(super) struct States {
    found: Vec<State>,
    /// Whether every store was asked. One that cannot be read may stand on anything, so nothing is cut
    /// from the log until it is mended or, to be restored from the whole log, removed.
    pub(super) all: bool,
}

/// A folder with a checkpoint.
struct State {
    folder: PathBuf,
    /// The requests it should be made from.
    of: TopicPartition,
    meta: Meta,
}

/// How a folder fits the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It does, or what would tell cannot be read; the worker looks again.
    Own,
    /// The log began otherwise.
    OtherBeginning,
    /// The log has another record where its last one should stand.
    OtherRecord(Applied),
    /// The log has no record there.
    NoRecord(Applied),
}

/// Asks for the record at an offset.
type Ask<'a> = &'a dyn Fn(TopicPartition, Offset) -> Result<Option<Stored>, LogError>;

impl States {
    /// Asks every folder there is.
    pub(super) fn read(data: &Data, resources: &Resources) -> Self {
        let mut states = States { found: Vec::new(), all: true };
        let Ok(folders) = std::fs::read_dir(data.states()) else { return states };
        for folder in folders.flatten() {
            let Some(number) = folder.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let (folder, of) = (folder.path(), TopicPartition::new(Topic::Requests, Partition(number)));
            let store = RocksStore::open(&folder, resources, &rocks::Options::default());
            let checkpoint = store.and_then(|store| store.checkpoint());
            match checkpoint.map(|bytes| bytes.map(|bytes| Meta::decode(&bytes))) {
                Ok(Some(Ok(meta))) => states.found.push(State { folder, of, meta }),
                Ok(None) => {}
                Ok(Some(Err(_))) => {
                    states.all = false;
                    tracing::warn!(folder = %folder.display(), "its checkpoint cannot be read");
                }
                Err(error) => {
                    states.all = false;
                    tracing::warn!(folder = %folder.display(), %error, "its state cannot be read");
                }
            }
        }
        states.found.sort_by_key(|state| state.of.partition);
        states
    }

    /// The records that checkpoints stand on, requests and outputs: a log without them lost its end, and
    /// must not be gone on with.
    pub(super) fn floors(&self) -> Vec<(TopicPartition, Offset)> {
        let mut floors = Vec::new();
        for State { of, meta, .. } in &self.found {
            floors.extend(meta.core.applied.map(|applied| (*of, applied.offset)));
            let outputs = Topic::OUTPUTS.into_iter().zip(meta.outputs);
            floors.extend(
                outputs.filter_map(|(topic, landed)| {
                    Some((TopicPartition::new(topic, of.partition), landed?.at))
                }),
            );
        }
        floors
    }

    /// Every folder that does not belong to the open log, and what it belongs to.
    pub(super) fn strangers(&self, log: &EmbeddedLog, folder: &Path) -> Vec<String> {
        self.told(folder, &|of, at| {
            // What was trimmed is out of range, and tells nothing.
            let end = log.bounds(of)?.end;
            if at >= end {
                return Ok(None);
            }
            let first = log.reader(of, at)?.poll(PollLimit { records: 1, bytes: 1 })?.into_iter().next();
            Ok(first.filter(|record| record.offset == at))
        })
    }

    /// The same of a log in `folder` that does not open.
    pub(super) fn strangers_to_closed(&self, folder: &Path) -> Vec<String> {
        self.told(folder, &|of, at| match scan(folder, of, Some(at), Some(at.next())) {
            Ok(mut records) => records.next().transpose(),
            Err(LogError::NoPartition(_)) => Ok(None),
            Err(LogError::OutOfRange { bounds, .. }) if at >= bounds.end => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Every folder that stands on a request which is not in `folder`, the log's.
    pub(super) fn bereft(&self, folder: &Path) -> Vec<String> {
        let bereft = self.found.iter().filter_map(|state| {
            let at = state.meta.core.applied?.offset;
            let gone = match scan(folder, state.of, Some(at), Some(at.next())) {
                Ok(mut records) => records.next().is_none(),
                Err(LogError::OutOfRange { bounds, .. }) => at >= bounds.end,
                Err(_) => false,
            };
            gone.then(|| format!("{} stands on {at} of {}", state.folder.display(), state.of))
        });
        bereft.collect()
    }

    fn told(&self, log: &Path, ask: Ask<'_>) -> Vec<String> {
        let fits: Vec<_> = self.found.iter().map(|state| (state, state.fit(ask))).collect();
        let wanted: Vec<_> = fits.iter().filter_map(|(_, fit)| fit.wanted()).collect();
        let homes = homes(log, &wanted);
        let home = |fit: Fit| {
            let wanted = fit.wanted()?;
            homes.iter().find(|(applied, _)| *applied == wanted).map(|(_, home)| *home)
        };
        let strangers = fits.iter().filter_map(|(state, fit)| {
            let (folder, of) = (state.folder.display(), state.of);
            Some(match (home(*fit), *fit) {
                (Some(home), _) => {
                    format!("{folder} is the state of partition {home}, not of {}", of.partition)
                }
                (None, Fit::OtherBeginning) => {
                    format!(
                        "{folder} is the state of another installation: its log began with another record"
                    )
                }
                (None, Fit::OtherRecord(Applied { offset, .. })) => {
                    format!(
                        "{folder} is the state of another log: it knows another record at {offset} of {of}"
                    )
                }
                (None, Fit::NoRecord(_) | Fit::Own) => return None,
            })
        });
        strangers.collect()
    }
}

impl State {
    fn fit(&self, ask: Ask<'_>) -> Fit {
        let core = &self.meta.core;
        if let Some(mark) = core.genesis
            && let Ok(Some(begin)) = ask(self.of, mark.offset)
        {
            let content = Content::read(&begin.content).ok();
            if sha256(content.and_then(|content| content.value).unwrap_or_default()) != mark.digest {
                return Fit::OtherBeginning;
            }
        }
        let Some(applied) = core.applied else { return Fit::Own };
        match ask(self.of, applied.offset) {
            Ok(None) => Fit::NoRecord(applied),
            Ok(Some(record)) if crc32(&[&record.content]) != applied.checksum => Fit::OtherRecord(applied),
            Ok(Some(_)) | Err(_) => Fit::Own,
        }
    }
}

impl Fit {
    /// The record whose partition is to be looked for.
    const fn wanted(self) -> Option<Applied> {
        match self {
            Fit::OtherRecord(applied) | Fit::NoRecord(applied) => Some(applied),
            Fit::Own | Fit::OtherBeginning => None,
        }
    }
}

/// The partitions of the log in `folder` in which the records stand. Each is read once, and only from the
/// first offset wanted to the last.
fn homes(folder: &Path, wanted: &[Applied]) -> Vec<(Applied, Partition)> {
    let mut homes = Vec::new();
    let offsets = || wanted.iter().map(|applied| applied.offset);
    let (Some(first), Some(last)) = (offsets().min(), offsets().max()) else { return homes };
    for partition in (0..limits::PARTITIONS).map(Partition) {
        let of = TopicPartition::new(Topic::Requests, partition);
        let records = match scan(folder, of, Some(first), Some(last.next())) {
            Err(LogError::OutOfRange { bounds, .. }) if first < bounds.start => {
                scan(folder, of, Some(bounds.start), Some(last.next()))
            }
            records => records,
        };
        let records = match records {
            Ok(records) => records,
            Err(LogError::OutOfRange { .. }) => continue,
            Err(_) => break,
        };
        for record in records.map_while(Result::ok) {
            let found = wanted.iter().filter(|applied| applied.offset == record.offset);
            let found = found.filter(|applied| applied.checksum == crc32(&[&record.content]));
            homes.extend(found.map(|applied| (*applied, partition)));
        }
    }
    homes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::clock::{Clock, SystemClock};
    use crate::node::config::{Config, resolve};
    use crate::node::raw::Written;
    use crate::node::serve::Failure;
    use crate::node::{genesis, installation};
    use crate::shard::core::{Core, GenesisMark};
    use crate::wire::record::Builder;
    use crate::wire::signature::Trust;
    use std::sync::Arc;

    fn config() -> Config {
        let mut written = Written::new();
        written.toml("clausum.toml", "partitions = 2\n");
        resolve(written).unwrap().config
    }

    pub(in crate::node) fn open(data: &Data) -> Result<EmbeddedLog, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        genesis::open_log(&config(), data, &clock, &Resources::default()).map(|(log, _)| log)
    }

    /// A data folder whose partitions hold so many records behind genesis, with a state of each that
    /// stands on its last record.
    pub(in crate::node) fn installation(records: [usize; 2]) -> (tempfile::TempDir, Data) {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::new(folder.path().to_owned());
        let log = open(&data).unwrap();
        let key = installation::open(&data, &SystemClock).unwrap();
        let own = genesis::Own { key: &key, trust: &Trust::Everyone, clock: &SystemClock };
        genesis::begin(&log, &own).unwrap();
        for (partition, count) in [0, 1].map(Partition).into_iter().zip(records) {
            let of = TopicPartition::new(Topic::Requests, partition);
            let bodies = (0..count).map(|number| format!("{} {partition} {number}", data.path().display()));
            extend(&log, of, bodies);
            drop(stand(&data, &standing_on(&log, partition), partition));
        }
        log.close();
        (folder, data)
    }

    /// Appends records with these bodies.
    pub(in crate::node) fn extend(
        log: &EmbeddedLog,
        of: TopicPartition,
        bodies: impl IntoIterator<Item = String>,
    ) {
        for body in bodies {
            let record = Builder::new(b"k", Some(body.as_bytes())).unwrap().finish();
            genesis::append(log, of, vec![record]).unwrap();
        }
    }

    /// A checkpoint that stands on a partition's last record.
    pub(in crate::node) fn standing_on(log: &EmbeddedLog, partition: Partition) -> Meta {
        let of = TopicPartition::new(Topic::Requests, partition);
        let all = PollLimit { records: 100, bytes: 1 << 20 };
        let held = log.reader(of, Offset(0)).unwrap().poll(all).unwrap();
        let (first, last) = (held.first().unwrap(), held.last().unwrap());
        let body = Content::read(&first.content).unwrap().value.map(<[u8]>::to_vec).unwrap();
        let core = Core {
            genesis: Some(GenesisMark { offset: first.offset, digest: sha256(&body) }),
            applied: Some(Applied { offset: last.offset, checksum: crc32(&[&last.content]) }),
            ..Core::default()
        };
        Meta { core, outputs: [None; 3] }
    }

    /// Writes a state with this checkpoint.
    pub(in crate::node) fn stand(data: &Data, meta: &Meta, partition: Partition) -> RocksStore {
        let store =
            RocksStore::open(&data.state(partition), &Resources::default(), &rocks::Options::default());
        let store = store.unwrap();
        store.commit(Vec::new(), &meta.encode()).unwrap();
        store
    }

    fn swap(a: &Path, b: &Path) {
        let aside = a.with_extension("aside");
        std::fs::rename(a, &aside).unwrap();
        std::fs::rename(b, a).unwrap();
        std::fs::rename(&aside, b).unwrap();
    }

    #[test]
    fn states_of_swapped_partitions_are_told_with_whose_they_are() {
        for records in [[2, 2], [1, 4], [4, 1]] {
            let (_folder, data) = installation(records);
            drop(open(&data).unwrap());
            let [zero, one] = [0, 1].map(|number| data.state(Partition(number)));
            swap(&zero, &one);
            let expected = format!(
                "{} is the state of partition 1, not of 0; {} is the state of partition 0, not of 1; \
                 what is moved away is made again from the log",
                zero.display(),
                one.display()
            );
            assert_eq!(open(&data).unwrap_err(), Failure::Input(expected), "{records:?}");
            swap(&zero, &one);
            drop(open(&data).unwrap());
        }
    }

    #[test]
    fn a_state_of_another_installation_is_told() {
        for others in [[2, 2], [9, 2]] {
            let ((_folder, data), (_other, other)) = (installation([2, 2]), installation(others));
            let zero = data.state(Partition(0));
            swap(&zero, &other.state(Partition(0)));
            let Failure::Input(told) = open(&data).unwrap_err() else { panic!("the operator's to mend") };
            let expected = format!("{} is the state of another installation: ", zero.display());
            assert!(told.starts_with(&expected) && !told.contains("not of"), "{told}");
        }
    }

    #[test]
    fn a_state_that_the_log_ends_before_is_named() {
        let ((_folder, data), (_other, other)) = (installation([5, 1]), installation([1, 1]));
        swap(&data.log(), &other.log());
        assert!(matches!(open(&data).unwrap_err(), Failure::Input(_)), "another log");
        // With no log at all a new one is begun, which must not be gone on with.
        std::fs::remove_dir_all(data.log()).unwrap();
        let Failure::Failed(told) = open(&data).unwrap_err() else { panic!("a log was lost") };
        let zero = data.state(Partition(0));
        assert!(told.contains(&format!("{} stands on 5 of clausum.requests-0; ", zero.display())), "{told}");
        assert!(told.ends_with("either the log lost its end, or that is the state of another one"), "{told}");
    }
}
