//! The real binary behind TLS: its files at start, and read again at SIGHUP.

use crate::server::{binary, wait_for};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn renew(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["clausum.example".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn serve(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
    command.env("CLAUSUM__TLS__CERT", folder.join("cert.pem"));
    command.env("CLAUSUM__TLS__KEY", folder.join("key.pem"));
    command
}

/// A connection that trusts one certificate.
fn connect(address: &str, trusted: &CertificateDer<'static>) -> Secured {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("clausum.example").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

/// The status of an assess request.
fn assess(stream: &mut Secured, key: &str) -> std::io::Result<String> {
    let body = r#"{"amount":1500,"currency":"MXN"}"#;
    let head = format!("POST /api/v1/assess HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n");
    let rest = format!("content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all((head + &rest).as_bytes())?;
    let mut answer = String::new();
    while !(answer.contains("\r\n\r\n") && answer.ends_with('}')) {
        let mut piece = [0; 4_096];
        let read = stream.read(&mut piece)?;
        assert!(read > 0, "closed in an answer: {answer}");
        answer.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    Ok(answer[9..12].to_owned())
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_certificate_is_renewed_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let first = renew(path);
    let log = std::fs::File::create(path.join("stderr.txt")).unwrap();
    let mut child = serve(path).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let logged = |text: &str| {
        let log = std::fs::read_to_string(path.join("stderr.txt")).ok()?;
        log.contains(text).then_some(log)
    };
    wait_for(|| logged("ready; keys are in the file"));
    let bootstrap = std::fs::read_to_string(path.join("data/bootstrap.json")).unwrap();
    let bootstrap: Value = serde_json::from_str(&bootstrap).unwrap();
    let address = bootstrap["base_url"].as_str().unwrap().strip_prefix("https://").unwrap();
    let key = bootstrap["keys"]["server"].as_str().unwrap();
    let mut open = connect(address, &first);
    assert_eq!(assess(&mut open, key).unwrap(), "200");
    let second = renew(path);
    signal(&child, "-HUP");
    wait_for(|| logged("certificate and key were read again"));
    assert!(assess(&mut connect(address, &first), key).is_err(), "the old certificate is gone");
    assert_eq!(assess(&mut connect(address, &second), key).unwrap(), "200");
    assert_eq!(assess(&mut open, key).unwrap(), "200", "what was open stays so");
    // What cannot be used changes nothing.
    std::fs::write(path.join("key.pem"), "").unwrap();
    signal(&child, "-HUP");
    wait_for(|| logged("key.pem holds no private key in PEM"));
    assert_eq!(assess(&mut connect(address, &second), key).unwrap(), "200");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn files_that_cannot_be_used_keep_it_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let output = serve(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    for fault in ["CLAUSUM__TLS__CERT: tls.cert: ", "CLAUSUM__TLS__KEY: tls.key: "] {
        assert!(told.contains(fault), "{told}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
    renew(folder.path());
    let output = serve(folder.path()).arg("--demo").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
