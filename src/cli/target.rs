//! Which server a command talks to: the one named by flags, else the one whose data folder it is.

use crate::cli::Place;
use crate::cli::ending::Ending;
use crate::node::Data;
use crate::wire::bootstrap::Bootstrap;
use crate::wire::internal;
use clap::Args;

/// Flags that name a server.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Arguments {
    /// Base URL of the server; without it, that in bootstrap.json of the data folder
    #[arg(long)]
    pub(super) url: Option<String>,
    /// A server key; without it, the one in bootstrap.json of the data folder
    #[arg(long)]
    pub(super) key: Option<String>,
}

/// A server and a key for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) key: String,
}

impl Arguments {
    pub(super) fn resolve(&self, place: &Place) -> Result<Target, Ending> {
        if let (Some(url), Some(key)) = (&self.url, &self.key) {
            return Ok(Target { url: url.clone(), key: key.clone() });
        }
        let config = place.resolve(None).map_err(Ending::configuration)?.config;
        let path = Data::new(config.data).bootstrap();
        let missing = match (&self.url, &self.key) {
            (Some(_), _) => "--key is missing",
            (None, Some(_)) => "--url is missing",
            (None, None) => "--url and --key are missing",
        };
        let text = std::fs::read(&path);
        let text =
            text.map_err(|error| Ending::usage(&format!("{missing}, and {}: {error}", path.display())))?;
        let found = internal::read::<Bootstrap>(&text);
        let found = found.map_err(|error| {
            Ending::input(&format!("{}: is no bootstrap object: {error}", path.display()))
        })?;
        Ok(Target {
            url: self.url.clone().unwrap_or(found.base_url),
            key: self.key.clone().unwrap_or(found.keys.server),
        })
    }
}
