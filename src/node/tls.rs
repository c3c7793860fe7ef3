//! The files of TLS: read when the server starts, and again at SIGHUP.

use crate::gateway::{Tls, TlsFault};
use crate::node::config::{Config, Fault, TlsFiles};
use crate::node::stop::HangUp;
use std::sync::Arc;

/// Whether the files that a configuration names can be used.
///
/// # Errors
/// What is wrong with them, and where they were named.
pub fn check(config: &Config) -> Result<(), Vec<Fault>> {
    open(config).map(drop)
}

/// What the gateway speaks TLS with, if it is to.
pub(super) fn open(config: &Config) -> Result<Option<Arc<Tls>>, Vec<Fault>> {
    let Some(TlsFiles { certificate, key }) = &config.tls else { return Ok(None) };
    let tls = Tls::open(&certificate.0, &key.0).map_err(|faults| {
        let placed = faults.into_iter().map(|fault| match fault {
            TlsFault::Certificate(what) => Fault::new(certificate.1.as_str(), "tls.cert", what),
            TlsFault::Key(what) => Fault::new(key.1.as_str(), "tls.key", what),
        });
        placed.collect::<Vec<_>>()
    })?;
    Ok(Some(Arc::new(tls)))
}

/// Reads the files again whenever somebody asks.
pub(super) async fn keep(tls: Option<Arc<Tls>>, mut hang_up: HangUp) {
    loop {
        hang_up.asked().await;
        match tls.as_ref().map(|tls| tls.reload()) {
            Some(Ok(())) => tracing::info!("certificate and key were read again"),
            Some(Err(faults)) => {
                for TlsFault::Certificate(what) | TlsFault::Key(what) in faults {
                    tracing::error!(%what, "certificate and key stay as they were");
                }
            }
            None => tracing::info!("nothing to read again: there is no certificate"),
        }
    }
}
