//! What a server stands on, and a copy of one that is stopped: the data folder, the log, the stores, the
//! archive and the installation key.

use crate::archive::Archive;
use crate::archive::object::{ObjectArchive, Variables};
use crate::base::clock::Clock;
use crate::node::config::{Config, Kafka};
use crate::node::data::Data;
use crate::node::genesis::Own;
use crate::node::installation::{self, InstallationKey};
use crate::node::ledger::Ledger;
use crate::node::serve::Failure;
use crate::node::{bootstrap, genesis};
use crate::shard::engine::Engines;
use crate::store::Stores;
use crate::store::rocks::{self, Resources, RocksStores};
use crate::wire::backup;
use crate::wire::bootstrap::Bootstrap;
use crate::wire::signature::Trust;
use crate::worker::sieve::sieve;
use std::fs::File;
use std::sync::Arc;

/// The archive of an installation.
pub(super) fn open_archive(
    config: &Config,
    data: &Data,
    variables: &Variables,
) -> Result<ObjectArchive, Failure> {
    let archive = match &config.archive {
        Some(address) => ObjectArchive::open(address, variables),
        None => ObjectArchive::in_folder(&data.archive()),
    };
    archive.map_err(|error| Failure::Input(error.to_string()))
}

/// What everything else stands on.
pub(super) struct Ground {
    pub(super) data: Data,
    /// That of an earlier start.
    pub(super) bootstrap: Option<Bootstrap>,
    pub(super) key: InstallationKey,
    pub(super) ledger: Ledger,
    /// Who is believed in the log.
    pub(super) trust: Trust,
    /// Engine versions this program runs.
    pub(super) engines: Engines,
    pub(super) stores: Arc<dyn Stores>,
    pub(super) archive: Arc<dyn Archive>,
    /// What the environment says of buckets.
    pub(super) variables: Variables,
    /// The folder is this process's until the last of the rest is dropped.
    _lock: File,
}

impl Ground {
    /// Takes the data folder, mends what a crash left in it, and opens what is in it; begins what is not there.
    pub(super) fn lay(
        config: &Config,
        clock: &Arc<dyn Clock>,
        variables: &Variables,
    ) -> Result<Self, Failure> {
        let data = Data::new(config.data.clone());
        refuse_backup(&data)?;
        match &config.kafka {
            None => refuse_without_log(&data)?,
            Some(_) => refuse_with_log(&data)?,
        }
        data.create().map_err(|error| Failure::Input(format!("{}: {error}", data.path().display())))?;
        let resources = Resources::default();
        let lock = data.lock().map_err(|error| Failure::Input(error.to_string()))?;
        if data.restoring().exists() {
            let (folder, why) = (data.path().display(), "a restore into it was cut off");
            return Err(Failure::Input(format!("{folder}: {why}; empty it and restore again")));
        }
        let bootstrap = bootstrap::read(&data)?;
        // Before the states are asked: what a crash left of an import is mended here.
        let engines = Engines::shipped().map_err(|error| Failure::Failed(error.to_string()))?;
        let options = rocks::Options { sieve: sieve(engines.retention()), ..rocks::Options::default() };
        let stores = RocksStores::new(data.states(), resources.clone(), options);
        let stores = stores.map_err(|error| Failure::Failed(error.to_string()))?;
        let archive = open_archive(config, &data, variables)?;
        let (ledger, key, trust) = match &config.kafka {
            None => embedded(config, &data, clock, &resources)?,
            Some(kafka) => on_kafka(config, kafka, &data)?,
        };
        let (stores, archive, variables) = (Arc::new(stores), Arc::new(archive), variables.clone());
        Ok(Self { data, bootstrap, key, ledger, trust, engines, stores, archive, variables, _lock: lock })
    }
}

/// The log in the data folder, begun if it is not there, and the key it was begun under.
fn embedded(
    config: &Config,
    data: &Data,
    clock: &Arc<dyn Clock>,
    resources: &Resources,
) -> Result<(Ledger, InstallationKey, Trust), Failure> {
    let (log, opened) = genesis::open_log(config, data, clock, resources)?;
    if opened.cut_bytes > 0 {
        tracing::warn!(bytes = opened.cut_bytes, file = %opened.newest, "a torn end was cut from the log");
    }
    let key = match &config.installation_key {
        Some(key) => key.clone(),
        None if genesis::is_begun(&log) => installation::of_begun_log(data)?,
        None => installation::open(data, &**clock)?,
    };
    let own = Own { key: &key, trust: &Trust::Everyone, clock: &**clock };
    genesis::begin(&log, &own).map_err(|failure| match failure {
        Failure::Input(why) if config.installation_key.is_none() => {
            Failure::Input(format!("{}: {why}", data.installation_key().display()))
        }
        failure @ (Failure::Input(_) | Failure::Failed(_)) => failure,
    })?;
    Ok((Ledger::Embedded(Arc::new(log)), key, Trust::Everyone))
}

/// The log on Kafka, which was begun by whoever made the topics.
#[cfg(feature = "kafka")]
fn on_kafka(
    config: &Config,
    kafka: &Kafka,
    data: &Data,
) -> Result<(Ledger, InstallationKey, Trust), Failure> {
    let key = super::kafka::key(config)?;
    let log = super::kafka::open(kafka)?;
    let trust = key.trust(&kafka.prefix);
    super::kafka::check(&log, &key, &trust, data)?;
    if config.archive.is_none() {
        tracing::warn!("archive.url is not given: no other worker can begin from this one's snapshots");
    }
    Ok((Ledger::Kafka(Arc::new(log)), key, trust))
}

#[cfg(not(feature = "kafka"))]
fn on_kafka(_: &Config, _: &Kafka, _: &Data) -> Result<(Ledger, InstallationKey, Trust), Failure> {
    Err(Failure::Input("kafka.bootstrap is given, and this program was built without Kafka".to_owned()))
}

/// Refuses, before anything is made in it, a folder that holds a backup, whose records another installation may
/// have gone on behind.
fn refuse_backup(data: &Data) -> Result<(), Failure> {
    let folder = data.path().display();
    if data.path().join(backup::NAME).exists() {
        let why = "holds a backup, and is none to be served: `clausum restore --from` brings it into another folder";
        return Err(Failure::Input(format!("{folder} {why}")));
    }
    Ok(())
}

fn has_log(data: &Data) -> bool {
    std::fs::read_dir(data.log()).is_ok_and(|mut files| files.next().is_some())
}

/// Refuses a folder whose states have lost their log.
fn refuse_without_log(data: &Data) -> Result<(), Failure> {
    let states = data.partitions().unwrap_or_default();
    if let Some(state) = states.first().filter(|_| !has_log(data)) {
        let (log, state) = (data.log(), data.state(*state));
        let (log, state) = (log.display(), state.display());
        let why = format!("{log} is missing, and {state} stands on it: put it back, or restore a backup");
        return Err(Failure::Input(why));
    }
    Ok(())
}

/// Refuses a folder with a log of its own, which is of another installation than the one on Kafka.
fn refuse_with_log(data: &Data) -> Result<(), Failure> {
    if has_log(data) {
        let log = data.log();
        let why = "there is a log in it, and the log on Kafka is another: give another data folder";
        return Err(Failure::Input(format!("{}: {why}", log.display())));
    }
    Ok(())
}
