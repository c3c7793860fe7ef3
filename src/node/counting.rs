//! The thread that counts the rows of the states by kind, exactly, from outside: it looks at the last checkpoint
//! of each partition as `clausum store stats` does, so no shard does anything for it, and rests far longer than
//! it reads. That reads every block against its checksum by the way.

use crate::base::clock::Clock;
use crate::base::position::Partition;
use crate::node::background::{Background, Pause};
use crate::node::data::Data;
use crate::state::key::Kind;
use crate::store::StoreError;
use crate::store::rocks::{Look, Options, Resources};
use crate::telemetry::Telemetry;
use crate::telemetry::label::RowKind;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// From the end of one count to the begin of the next, at least.
const EVERY: Duration = Duration::from_secs(60);
/// Rows read at once.
const STEP_ROWS: usize = 8_192;
/// How many times as long as it read it rests: at most a fiftieth of a core is spent here.
const REST: u32 = 50;
/// Blocks of indexes and filters held while a store is looked at.
const CACHE_BYTES: usize = 4 << 20;

/// Rows by the label of their kind.
type Counts = BTreeMap<&'static str, u64>;

/// Begins.
pub(super) fn start(data: Data, clock: Arc<dyn Clock>, telemetry: Arc<Telemetry>) -> io::Result<Background> {
    Background::start("state-count", move |pause| {
        while pause.goes_on() {
            match count(&data, &*clock, pause) {
                Ok(Some(counts)) => tell(&counts, &telemetry),
                // It is to end.
                Ok(None) => return,
                Err(error) => tracing::warn!(error, "the rows of the states could not be counted"),
            }
            pause.wait(EVERY);
        }
    })
}

/// Counts all there is; none where it is to end first.
fn count(data: &Data, clock: &dyn Clock, pause: &Pause) -> Result<Option<Counts>, String> {
    let mut counts = Counts::new();
    for partition in data.partitions().map_err(|error| error.to_string())? {
        match count_one(data, partition, clock, pause, &mut counts) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            // What is damaged is for whoever opens it; the others are counted.
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(partition = partition.0, %error, "the state of a partition is damaged");
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(Some(counts))
}

fn count_one(
    data: &Data,
    partition: Partition,
    clock: &dyn Clock,
    pause: &Pause,
    counts: &mut Counts,
) -> Result<bool, StoreError> {
    let began = clock.elapsed();
    let resources = Resources::new(CACHE_BYTES, 0);
    let Some(look) = Look::find(&data.state(partition), &resources, &Options::default())? else {
        return Ok(true);
    };
    let mut spent = clock.elapsed().saturating_sub(began);
    let mut rows = look.rows(&[]);
    loop {
        let began = clock.elapsed();
        let mut read = 0;
        for row in rows.by_ref().take(STEP_ROWS) {
            let (key, _) = row?;
            *counts.entry(label(Kind::of(&key)).text()).or_default() += 1;
            read += 1;
        }
        spent += clock.elapsed().saturating_sub(began);
        if !pause.wait(spent * REST) {
            return Ok(false);
        }
        if read < STEP_ROWS {
            return Ok(true);
        }
        spent = Duration::ZERO;
    }
}

fn label(kind: Option<Kind>) -> RowKind {
    RowKind::from_text(kind.map_or("", Kind::text))
}

fn tell(counts: &Counts, telemetry: &Telemetry) {
    for kind in RowKind::ALL {
        telemetry.state_rows(*kind, counts.get(kind.text()).copied().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::SystemClock;
    use crate::base::id::OrgId;
    use crate::base::position::Offset;
    use crate::state::key::Key;
    use crate::store::rocks::RocksStore;
    use crate::store::{Store, Write};

    #[test]
    fn every_kind_of_row_has_its_label() {
        for kind in Kind::ALL {
            assert_eq!(label(Some(kind)).text(), kind.text());
        }
        assert_eq!(RowKind::ALL.len(), Kind::ALL.len() + 1);
        assert_eq!(label(None), RowKind::Other);
    }

    #[test]
    fn rows_of_all_partitions_are_counted_by_kind_while_they_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::new(folder.path().to_owned());
        std::fs::create_dir_all(data.states().join("9")).unwrap();
        let org = OrgId::INSTALLATION;
        let mut open = Vec::new();
        for (partition, events) in [(0, 20_000), (3, 5)] {
            let keys = (0..events).map(|number| Key::Event(org, Offset(number))).chain([Key::Lists(org)]);
            let writes = keys.map(|key| Write { key: key.encode(), value: Some(vec![1]) });
            let store = RocksStore::open(
                &data.state(Partition(partition)),
                &Resources::default(),
                &Options::default(),
            );
            let store = store.unwrap();
            store.commit(writes.collect(), b"checkpoint").unwrap();
            open.push(store);
        }
        let counts = count(&data, &SystemClock, &Pause::default()).unwrap().unwrap();
        assert_eq!(counts, BTreeMap::from([("event", 20_005), ("lists", 2)]));
        let telemetry = Telemetry::new("1", "b", []).unwrap();
        tell(&counts, &telemetry);
        let page = telemetry.render();
        for line in ["clausum_state_rows{kind=\"event\"} 20005", "clausum_state_rows{kind=\"head\"} 0"] {
            assert!(page.lines().any(|shown| shown == line), "{page}");
        }
    }
}
