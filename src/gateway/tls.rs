//! TLS: a certificate and its key from two files, read again when the operator says so. Connections that
//! are open go on with what they began with.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Bytes of a PEM file; a chain has a few thousand.
const FILE_BYTES: u64 = 1 << 20;
/// What is spoken above TLS, in the order of our preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Which of the two files something is wrong with, and what; it names the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's.
    Certificate(String),
    /// The key's.
    Key(String),
}

/// Who we are to callers.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    /// Written when the files are read, read by every handshake.
    config: RwLock<Arc<ServerConfig>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Tls {
    /// The certificate chain and the key of two PEM files.
    ///
    /// # Errors
    /// What is wrong with either file.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, Vec<TlsFault>> {
        let config = RwLock::new(Arc::new(read(certificate, key)?));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config })
    }

    /// Reads the files again, for the connections to come.
    ///
    /// # Errors
    /// What is wrong with either file; then everything stays as it was.
    pub fn reload(&self) -> Result<(), Vec<TlsFault>> {
        let config = Arc::new(read(&self.certificate, &self.key)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Shakes hands with a caller.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, Vec<TlsFault>> {
    let named = |path: &Path, what: String| format!("{} {what}", path.display());
    let chain = chain(certificate).map_err(|what| TlsFault::Certificate(named(certificate, what)));
    let secret = secret(key).map_err(|what| TlsFault::Key(named(key, what)));
    let (chain, secret) = match (chain, secret) {
        (Ok(chain), Ok(secret)) => (chain, secret),
        (chain, secret) => return Err(chain.err().into_iter().chain(secret.err()).collect()),
    };
    config(chain, secret).map_err(|error| {
        let unusable = format!("cannot be used: {error}");
        vec![if matches!(error, Error::InconsistentKeys(_)) {
            TlsFault::Key(named(key, format!("is not the key of {}", certificate.display())))
        } else if matches!(error, Error::InvalidCertificate(_)) {
            TlsFault::Certificate(named(certificate, unusable))
        } else {
            TlsFault::Key(named(key, unusable))
        }]
    })
}

fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    // Callers keep their sessions themselves: we remember none.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = bytes(path)?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("holds no certificate in PEM".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("is no PEM: {error}")),
    }
}

fn secret(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&bytes(path)?).map_err(|error| {
        let none = matches!(error, pem::Error::NoItemsFound);
        if none { "holds no private key in PEM".to_owned() } else { format!("is no PEM: {error}") }
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(read) if read as u64 > FILE_BYTES => Err(format!("has more than {FILE_BYTES} bytes")),
        Ok(_) => Ok(bytes),
    }
}
