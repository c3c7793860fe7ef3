//! The server as a service manager sees it.

use crate::server::Server;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

const UNIT: &str = include_str!("../../deploy/systemd/clausum.service");

#[test]
fn a_service_manager_is_told_that_it_is_ready_lives_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let heard = || {
        let mut bytes = [0; 512];
        let read = manager.recv(&mut bytes).expect("the server says nothing");
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    };
    let until = |begins: &str| {
        let mut said = Vec::new();
        while said.last().is_none_or(|last: &String| !last.starts_with(begins)) {
            said.push(heard());
        }
        said
    };
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "100000")];
    let server = Server::start_with(&data, &variables);
    let said = until("READY=1");
    // It lives from its first moment on, which another thread tells.
    let of_start = said.iter().find(|said| *said != "WATCHDOG=1");
    assert_eq!(of_start.unwrap(), "STATUS=starting");
    assert!(said.last().unwrap().contains("\nSTATUS=4 of 4 partitions decide"), "{said:?}");
    for _ in 0..5 {
        assert_eq!(heard(), "WATCHDOG=1");
    }
    assert_eq!(server.stop(), Some(0));
    until("STOPPING=1");
}

#[test]
fn the_unit_file_fits_the_program() {
    let holds = |line: &str| UNIT.lines().any(|found| found == line);
    for line in ["Type=notify", "NotifyAccess=main", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
        assert!(holds(line), "{line}");
    }
    let command = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = command.split(' ');
    assert_eq!(words.next(), Some("/usr/bin/clausum"));
    // What the unit says, with what ends it at once.
    let output =
        std::process::Command::new(crate::server::binary()).args(words).arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{command}");
    // Exit codes that a restart does not mend: usage, and bad input or configuration.
    assert!(holds("RestartPreventExitStatus=2 3"));
}
