//! TLS with certificates made here.

use super::connections::{LONG, SHORT, hurried};
use super::*;
use crate::gateway::{Tls, TlsFault};
use std::path::{Path, PathBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// A folder with a certificate and its key.
struct Identity {
    folder: tempfile::TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = renew(folder.path());
        Self { folder, certificate }
    }

    fn paths(&self) -> [PathBuf; 2] {
        ["cert.pem", "key.pem"].map(|name| self.folder.path().join(name))
    }

    fn open(&self) -> Tls {
        let [certificate, key] = self.paths();
        Tls::open(&certificate, &key).unwrap()
    }
}

/// Puts a new certificate and its key into a folder.
fn renew(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["clausum.example".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// A site that speaks TLS.
async fn site(mut plan: Plan) -> (Site, Arc<Tls>, Identity) {
    let identity = Identity::new();
    let tls = Arc::new(identity.open());
    plan.options.tls = Some(Arc::clone(&tls));
    (Site::start(plan).await, tls, identity)
}

/// Shakes hands, trusting one certificate.
async fn shake(
    site: &Site,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from("clausum.example").unwrap();
    timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, site.connect().await)).await.unwrap()
}

async fn ask(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> Answer {
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // An end without its word would be an error.
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    Answer::parse(&answer)
}

const LIVEZ: (&str, &str) = ("GET", "/health/livez");

#[tokio::test]
async fn both_versions_and_both_protocols_are_spoken() {
    let (site, _, identity) = site(Plan::new(approve)).await;
    let bearer = format!("Bearer {}", site.server_key());
    for version in [&TLS12, &TLS13] {
        let mut stream = shake(&site, &identity.certificate, version, b"http/1.1").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let call = request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes());
        assert_eq!(ask(&mut stream, &call).await.status, 200);

        let stream = shake(&site, &identity.certificate, version, b"h2").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let executor = hyper_util::rt::TokioExecutor::new();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        let driven = tokio::spawn(connection);
        let call =
            http::Request::post("https://clausum.example/api/v1/assess").header("authorization", &bearer);
        let body = http_body_util::Full::new(Bytes::from_static(BODY.as_bytes()));
        let answer = sender.send_request(call.body(body).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
        drop(sender);
        driven.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn whoever_does_not_shake_hands_is_cut_off() {
    let (site, _, identity) = site(hurried(approve, |bounds| bounds.header = 8 * SHORT)).await;
    let mut silent = site.connect().await;
    let mut half = site.connect().await;
    // The beginning of a greeting.
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).await.unwrap();
    let mut clear = site.connect().await;
    clear.write_all(&request(LIVEZ, &[], b"")).await.unwrap();
    for stream in [&mut silent, &mut half, &mut clear] {
        assert_ne!(Answer::parse(&read_all(stream).await).status, 200);
    }
    assert!(shake(&site, &identity.certificate, &TLS13, b"spdy/1").await.is_err(), "no protocol in common");
    let failed = "clausum_http_handshakes_failed_total 4";
    until("all are counted", || site.telemetry.render().contains(failed)).await;
    let mut stream = shake(&site, &identity.certificate, &TLS13, b"http/1.1").await.unwrap();
    assert_eq!(ask(&mut stream, &request(LIVEZ, &[], b"")).await.status, 200);
    // A handshake leaves the first head no more time than it would have had.
    let mut stream = shake(&site, &identity.certificate, &TLS13, b"http/1.1").await.unwrap();
    let end = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it should be cut off");
    drop(end);
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let (site, tls, identity) = site(Plan::new(approve)).await;
    let mut open = shake(&site, &identity.certificate, &TLS13, b"http/1.1").await.unwrap();
    let renewed = renew(identity.folder.path());
    tls.reload().unwrap();
    assert!(shake(&site, &identity.certificate, &TLS13, b"http/1.1").await.is_err());
    let mut new = shake(&site, &renewed, &TLS13, b"http/1.1").await.unwrap();
    for stream in [&mut open, &mut new] {
        assert_eq!(ask(stream, &request(LIVEZ, &[], b"")).await.status, 200);
    }
    // Files that cannot be used change nothing.
    let [certificate, _] = identity.paths();
    std::fs::write(&certificate, "").unwrap();
    tls.reload().unwrap_err();
    shake(&site, &renewed, &TLS12, b"http/1.1").await.unwrap();
}

#[tokio::test]
async fn a_drain_ends_handshakes_and_finishes_requests() {
    let plan = Plan { auto_flush: false, ..hurried(approve, |bounds| bounds.drain = LONG) };
    let (mut site, _, identity) = site(plan).await;
    let bearer = format!("Bearer {}", site.server_key());
    let mut silent = site.connect().await;
    let mut held = shake(&site, &identity.certificate, &TLS13, b"http/1.1").await.unwrap();
    held.write_all(&request(ASSESS, &[("authorization", &bearer)], BODY.as_bytes())).await.unwrap();
    until("the record waits", || !site.log.waiting().is_empty()).await;
    let served = site.stop();
    assert_eq!(read_all(&mut silent).await, b"");
    assert!(!served.is_finished());
    site.log.flush_all();
    assert_eq!(ask(&mut held, b"").await.status, 200);
    drop(held);
    timeout(PATIENCE, served).await.unwrap().unwrap();
}

#[test]
fn bad_files_are_told_by_name() {
    let [one, other] = [Identity::new(), Identity::new()];
    let check = |certificate: &Path, key: &Path, expected: &[(&Path, &str)]| {
        let faults = Tls::open(certificate, key).unwrap_err();
        let text = |fault| match fault {
            TlsFault::Certificate(what) | TlsFault::Key(what) => what,
        };
        let told: Vec<_> = faults.into_iter().map(text).collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, (path, what)) in told.iter().zip(expected) {
            assert!(told.starts_with(&format!("{} {what}", path.display())), "{told}");
        }
    };
    let [certificate, key] = one.paths();
    let [_, foreign] = other.paths();
    let [nowhere, garbage, broken] =
        ["nowhere", "garbage", "broken"].map(|name| one.folder.path().join(name));
    std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    std::fs::write(&broken, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    check(&certificate, &foreign, &[(&foreign, "is not the key of ")]);
    check(&key, &certificate, &[(&key, "holds no certificate"), (&certificate, "holds no private key")]);
    check(&nowhere, &nowhere, &[(&nowhere, "cannot be read"), (&nowhere, "cannot be read")]);
    check(&garbage, &key, &[(&garbage, "is no PEM")]);
    check(&certificate, &broken, &[(&broken, "cannot be used")]);
    check(one.folder.path(), &key, &[(one.folder.path(), "cannot be read")]);
}
