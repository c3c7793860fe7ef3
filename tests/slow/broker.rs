//! A Kafka of a test's own, on loopback: `deploy/kafka/kafka.py attached`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A broker; it ends with this process, however that one ends, because the script waits for the end of its
/// standard input.
pub(crate) struct Broker {
    script: Child,
    bootstrap: String,
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        drop(self.script.wait());
    }
}

impl Broker {
    /// None, said aloud, where it cannot be had. With `CLAUSUM_KAFKA_REQUIRED` it must.
    pub(crate) fn start() -> Option<Self> {
        let has = |program: &str| {
            let tried =
                Command::new(program).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        };
        if !(has("java") && has("mvn")) {
            let required = std::env::var_os("CLAUSUM_KAFKA_REQUIRED");
            let required = required.is_some_and(|value| value != "0" && !value.is_empty());
            assert!(!required, "a broker is required, and there is no Java or no Maven");
            eprintln!("skipped: there is no Java or no Maven (deploy/bootstrap.sh kafka)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap().keep();
        let mut script = Command::new("python3");
        script.arg("deploy/kafka/kafka.py").arg("--folder").arg(&folder);
        script.args(["--port", "0", "attached"]).env_remove("KAFKA_BOOTSTRAP");
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let bootstrap = line.trim().to_owned();
        assert!(!bootstrap.is_empty(), "deploy/kafka/kafka.py started nothing (its message is above)");
        Some(Self { script, bootstrap })
    }

    /// Where it is.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}
