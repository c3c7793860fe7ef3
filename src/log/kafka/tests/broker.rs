//! One broker for all tests of this process: `deploy/kafka/kafka.py attached`, on free ports, in a folder of its
//! own. It ends with this process, however that one ends, because it holds the other end of a pipe.

use super::link::Link;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

struct Broker {
    link: Link,
    bootstrap: String,
    secure: Secure,
    /// Its standard input is what the script waits for the end of.
    _script: Child,
}

/// The same broker's listener with TLS and passwords; the link does not lead there.
pub(super) struct Secure {
    pub(super) bootstrap: String,
    /// Where the files of its authority are: `ca.pem`, and `node.crt`, which is nobody's authority.
    pub(super) folder: PathBuf,
}

static BROKER: OnceLock<Option<Broker>> = OnceLock::new();

/// Where it is; none, said aloud, where it cannot be had. With `CLAUSUM_KAFKA_REQUIRED` it must.
pub(super) fn bootstrap() -> Option<&'static str> {
    let broker = BROKER.get_or_init(|| {
        let started = start();
        let required =
            std::env::var_os("CLAUSUM_KAFKA_REQUIRED").is_some_and(|value| value != "0" && !value.is_empty());
        match started {
            Err(why) if required => panic!("a broker is required: {why}"),
            Err(why) => {
                eprintln!("skipped: {why}");
                None
            }
            Ok(broker) => Some(broker),
        }
    });
    broker.as_ref().map(|broker| &*broker.bootstrap)
}

/// What all clients of the broker go through.
pub(super) fn link() -> &'static Link {
    BROKER.get().and_then(Option::as_ref).map(|broker| &broker.link).expect("the broker runs")
}

/// How to reach the broker in secret; where it runs.
pub(super) fn secure() -> &'static Secure {
    BROKER.get().and_then(Option::as_ref).map(|broker| &broker.secure).expect("the broker runs")
}

fn start() -> Result<Broker, String> {
    let has = |program: &str| {
        let tried =
            Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    if !(has("java") && has("mvn")) {
        return Err("there is no Java or no Maven (deploy/bootstrap.sh kafka)".to_owned());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?.keep();
    let (link, port) = Link::begin().map_err(|error| error.to_string())?;
    let mut script = Command::new("python3");
    script.arg("deploy/kafka/kafka.py").arg("--folder").arg(&folder).args(["--port", "0", "--secure"]);
    script.args(["--advertise", &port.to_string(), "attached"]).env_remove("KAFKA_BOOTSTRAP");
    let script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut script = script.map_err(|error| format!("python3: {error}"))?;
    let told = script.stdout.take().ok_or("no output")?;
    let lines: io::Result<Vec<_>> = BufReader::new(told).lines().take(2).collect();
    let lines = lines.map_err(|error| error.to_string())?;
    let (broker, secure) = match &lines[..] {
        [plain, secure] => (plain.parse().ok(), secure.clone()),
        _ => (None, String::new()),
    };
    let broker = broker.ok_or("deploy/kafka/kafka.py started nothing (its message is above)")?;
    link.lead_to(broker);
    let secure = Secure { bootstrap: secure, folder };
    Ok(Broker { link, bootstrap: format!("127.0.0.1:{port}"), secure, _script: script })
}
