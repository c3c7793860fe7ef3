//! What the operator writes, and what the program makes of it.

use super::bootstrap::Founding;
use super::ground::Ground;
use super::raw::{Flag, Written};
use super::roster::Roster;
use super::serve::base_url;
use super::values::duration;
use super::*;
use crate::archive::object::Variables;
use crate::base::clock::{Clock, SystemClock};
use crate::base::id::OrgId;
use crate::base::position::{Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::log::Log;
use crate::shard::effects::DirectoryChange;
use crate::store::rocks::Resources;
use crate::wire::envelope::{RecordType, product_record};
use crate::wire::record::Content;
use crate::wire::signature::{Origin, Trust};
use crate::worker::Directory;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

fn written(toml: &str, variables: &[(&str, &str)], flags: &[(&'static str, &'static str, &str)]) -> Written {
    let mut written = Written::new();
    written.toml("clausum.toml", toml);
    written.variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    written.flags(flags.iter().map(|(name, key, value)| Flag { name, key, value: (*value).to_owned() }));
    written
}

fn faults(
    toml: &str,
    variables: &[(&str, &str)],
    flags: &[(&'static str, &'static str, &str)],
) -> Vec<String> {
    let faults = resolve(written(toml, variables, flags)).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_word_the_defaults_hold() {
    let config = resolve(Written::new()).unwrap().config;
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.partitions, config.checkpoint_interval), (None, Duration::from_secs(5)));
    assert!(config.query_api_key && !config.metrics_public && config.installation_key.is_none());
}

#[test]
fn an_archive_is_a_folder_or_a_bucket_and_an_interval_a_length_of_time() {
    let read = |text: &str| {
        let mut written = Written::new();
        written.toml("clausum.toml", text);
        resolve(written)
    };
    let config = read("").unwrap().config;
    assert_eq!((config.archive, config.snapshot_interval), (None, Duration::from_secs(600)));
    let text = "archive.url = 's3://bucket/prefix'\nsnapshot.interval = '30s'\n";
    let config = read(text).unwrap().config;
    assert_eq!(config.archive.as_deref(), Some("s3://bucket/prefix"));
    assert_eq!(config.snapshot_interval, Duration::from_secs(30));
    for (text, told) in [
        ("archive.url = 'ftp://x'", "clausum.toml:1:9: archive.url: must be file:///… or s3://…"),
        ("archive.url = 'file://x'", "clausum.toml:1:9: archive.url: must be file:///… or s3://…"),
        ("snapshot.interval = '2ms'", "clausum.toml:1:10: snapshot.interval: must be from 1 s to 86400 s"),
    ] {
        let faults = read(text).unwrap_err();
        assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
    }
}

#[test]
fn a_flag_overrules_the_environment_and_that_the_file() {
    let toml =
        "data = 'a'\nlisten = '127.0.0.1:1'\n[checkpoint]\ninterval_ms = 1000\n[metrics]\npublic = true\n";
    let variables =
        [("CLAUSUM__LISTEN", "127.0.0.1:2"), ("CLAUSUM__CHECKPOINT__INTERVAL_MS", "2000"), ("HOME", "/")];
    let resolved = resolve(written(toml, &variables, &[("--listen", "listen", "127.0.0.1:3")])).unwrap();
    let config = resolved.config;
    assert_eq!((config.data.to_str(), config.listen.port()), (Some("a"), 3));
    assert_eq!((config.checkpoint_interval, config.metrics_public), (Duration::from_secs(2), true));
    let places: Vec<_> = resolved.shown.iter().map(|shown| (&*shown.key, shown.place.as_str())).collect();
    assert_eq!(places[0], ("data", "clausum.toml:1:1"));
    assert_eq!(places[1], ("listen", "--listen"));
    assert_eq!(places[2], ("base_url", "default"));
    assert_eq!(places[8], ("checkpoint.interval_ms", "CLAUSUM__CHECKPOINT__INTERVAL_MS"));
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let toml = "listen = 8080\ncheckpont.interval_ms = 1\n\n[metrics]\npublic = 'yes'\n  more = [1]\n[checkpoint]\ninterval_ms = 0\n";
    let variables =
        [("CLAUSUM__PARTITIONS", "none"), ("CLAUSUM__INSTALLATION__KEY", "short"), ("CLAUSUM__AUTH", "x")];
    let flags = [("--data", "data", " ")];
    assert_eq!(
        faults(toml, &variables, &flags),
        [
            "clausum.toml:2:11: checkpont.interval_ms: is no key; did you mean `checkpoint.interval_ms`?",
            "clausum.toml:6:3: metrics.more: is no key",
            "CLAUSUM__AUTH: auth: is no key",
            "--data: data: must not be empty",
            "clausum.toml:1:1: listen: must be a string, not a number",
            "CLAUSUM__PARTITIONS: partitions: must be a whole number from 1 to 1024",
            "CLAUSUM__INSTALLATION__KEY: installation.key: must be 32 bytes in base64",
            "clausum.toml:8:1: checkpoint.interval_ms: must be a whole number from 100 to 600000",
            "clausum.toml:5:1: metrics.public: must be true or false",
        ]
    );
}

#[test]
fn values_that_are_none_are_refused() {
    let table = [
        ("listen = '8080'", "must be an address with a port, such as 127.0.0.1:8080"),
        ("listen = 'localhost:8080'", "must be an address with a port, such as 127.0.0.1:8080"),
        ("base_url = 'example.com'", "must be an http:// or https:// URL"),
        ("base_url = 'http:///x'", "must be an http:// or https:// URL"),
        ("partitions = 0", "must be a whole number from 1 to 1024"),
        ("partitions = 0x4", "must be a whole number from 1 to 1024"),
        ("partitions = 1.5", "must be a whole number from 1 to 1024"),
        ("partitions = '4'", "must be a whole number from 1 to 1024"),
        ("data = 2026-01-01", "must be a string, not a time"),
    ];
    for (toml, expected) in table {
        let told = faults(toml, &[], &[]);
        assert_eq!(told.len(), 1, "{toml}");
        assert!(told[0].ends_with(expected), "{toml}: {told:?}");
    }
}

#[test]
fn host_names_are_a_list() {
    let hosts =
        |toml: &str, variables: &[(&str, &str)]| resolve(written(toml, variables, &[])).unwrap().config.hosts;
    assert_eq!(hosts("", &[]), [""; 0]);
    assert_eq!(hosts("auth.hosts = ['API.example.com.', '[::1]']", &[]), ["api.example.com", "[::1]"]);
    assert_eq!(hosts("", &[("CLAUSUM__AUTH__HOSTS", "a.example, b.example")]), ["a.example", "b.example"]);
    let due = "clausum.toml:1:6: auth.hosts: must be a list of host names without ports, such as [\"api.example.com\"]";
    for bad in ["'a.example'", "['a.example:8080']", "['']", "[1]", "['http://a']", "['[::g]']"] {
        assert_eq!(faults(&format!("auth.hosts = {bad}"), &[], &[]), [due], "{bad}");
    }
}

#[test]
fn tls_has_two_files_that_can_be_used_or_none() {
    assert_eq!(
        faults("[tls]\nkey = 'k.pem'\n", &[], &[]),
        ["clausum.toml:2:1: tls.key: needs tls.cert beside it"]
    );
    assert_eq!(
        faults("", &[("CLAUSUM__TLS__CERT", "c.pem")], &[]),
        ["CLAUSUM__TLS__CERT: tls.cert: needs tls.key beside it"]
    );
    assert_eq!(check(&config("")), Ok(()));
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] =
        ["cert.pem", "key.pem"].map(|name| folder.path().join(name).display().to_string());
    let named = format!("[tls]\ncert = '{certificate}'\nkey = '{key}'\n");
    let told: Vec<_> = check(&config(&named)).unwrap_err().iter().map(ToString::to_string).collect();
    let expected = [
        format!(
            "clausum.toml:2:1: tls.cert: {certificate} cannot be read: No such file or directory (os error 2)"
        ),
        format!("clausum.toml:3:1: tls.key: {key} cannot be read: No such file or directory (os error 2)"),
    ];
    assert_eq!(told, expected);
    let made = rcgen::generate_simple_self_signed(["clausum.example".to_owned()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    assert_eq!(check(&config(&named)), Ok(()));
}

#[test]
fn a_file_that_is_no_toml_is_told_with_every_line_and_what_else_is_wrong() {
    let told = faults("data = \nlisten = 'x\n", &[("CLAUSUM__NO", "1")], &[]);
    assert!(told.iter().any(|fault| fault.starts_with("clausum.toml:1:")), "{told:?}");
    assert!(told.iter().any(|fault| fault.starts_with("clausum.toml:2:")), "{told:?}");
    assert!(told.iter().any(|fault| fault.starts_with("CLAUSUM__NO")), "{told:?}");
    let mut missing = Written::new();
    missing.file(std::path::Path::new("/nowhere/clausum.toml"));
    assert!(
        resolve(missing).unwrap_err()[0].to_string().starts_with("/nowhere/clausum.toml: cannot be read")
    );
}

#[test]
fn a_secret_is_not_shown() {
    let key = "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=";
    let resolved = resolve(written("", &[("CLAUSUM__INSTALLATION__KEY", key)], &[])).unwrap();
    assert!(!format!("{resolved:?}").contains(key));
    assert!(resolved.shown.iter().any(|shown| shown.key == "installation.key" && shown.value == "(given)"));
}

#[test]
fn a_secret_of_the_library_is_not_shown() {
    let toml = "[kafka]\nbootstrap = 'b:9092'\n[kafka.properties]\n'sasl.password' = 'hunter2'\n\
                'ssl.key.pem' = 'hunter2'\n'sasl.username' = 'clausum'\n";
    let shown = resolve(written(toml, &[], &[])).unwrap().shown;
    let shown: Vec<String> = shown.iter().map(|shown| format!("{} {}", shown.key, shown.value)).collect();
    assert!(
        shown.iter().any(|line| line.contains("sasl.password") && line.ends_with("(given)")),
        "{shown:?}"
    );
    assert!(shown.iter().any(|line| line.contains("sasl.username") && line.contains("clausum")), "{shown:?}");
    assert!(!shown.iter().any(|line| line.contains("hunter2")), "{shown:?}");
}

#[test]
fn installations_that_share_a_cluster_share_neither_group_nor_signatures() {
    let of = |prefix: &str| {
        let given = if prefix.is_empty() { String::new() } else { format!("prefix = '{prefix}'\n") };
        let config = config(&format!("[kafka]\nbootstrap = 'b:9092'\n{given}"));
        (kafka::options(&config.kafka.unwrap()), installation_key().trust(prefix))
    };
    let ((ours, trust), (theirs, other)) = (of("a."), of("b."));
    assert_ne!(ours.group, theirs.group);
    assert_eq!((of("").0.group, ours.group), ("clausum".to_owned(), "a.clausum".to_owned()));
    let to = TopicPartition::new(Topic::Requests, Partition(0));
    let record = product_record(OrgId::INSTALLATION, RecordType::Tick, b"{}", "one").unwrap();
    let signed = trust.sign(to, Ms(5), record).unwrap();
    let content = Content::read(&signed).unwrap();
    assert!(matches!(trust.origin(to, Ms(5), &content), Origin::Signed(_)));
    assert!(matches!(other.origin(to, Ms(5), &content), Origin::Foreign(_)));
}

fn installation_key() -> installation::InstallationKey {
    let key = [("CLAUSUM__INSTALLATION__KEY", "AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk=")];
    resolve(written("", &key, &[])).unwrap().config.installation_key.unwrap()
}

#[test]
fn lengths_of_time() {
    for (text, ms) in
        [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("30d", 2_592_000_000)]
    {
        assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for bad in ["", "30", "s", "-1s", "1.5s", "1w", "99999999999999999999h"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_base_url_reaches_the_server() {
    for (at, url) in [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:81", "http://127.0.0.1:81"),
        ("[::]:82", "http://[::1]:82"),
    ] {
        assert_eq!(base_url(at.parse().unwrap(), false), url);
        assert_eq!(base_url(at.parse().unwrap(), true), url.replace("http:", "https:"));
    }
}

#[derive(Debug)]
struct Nobody;

impl Directory for Nobody {
    fn opened(&self, _: Partition, _: Vec<DirectoryChange>) {}
    fn changed(&self, _: Partition, _: DirectoryChange) {}
    fn closed(&self, _: Partition) {}
}

fn config(toml: &str) -> Config {
    resolve(written(toml, &[], &[])).unwrap().config
}

#[test]
fn secrets_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::new(folder.path().join("new"));
    data.create().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data.path()), 0o700);
    let key = installation::open(&data, &SystemClock).unwrap();
    assert_eq!(mode(&data.installation_key()), 0o600);
    assert_eq!(installation::open(&data, &SystemClock), Ok(key));
    let object = bootstrap::make(&SystemClock, "http://127.0.0.1:1").unwrap();
    bootstrap::write(&data, &object).unwrap();
    assert_eq!(mode(&data.bootstrap()), 0o600);
    assert_eq!(bootstrap::read(&data), Ok(Some(object)));
    std::fs::write(data.installation_key(), "short\n").unwrap();
    let refused = installation::open(&data, &SystemClock).unwrap_err();
    assert!(
        matches!(&refused, Failure::Input(why) if why.ends_with("installation.key: holds no 32 bytes in base64"))
    );
    for bad in [&b"{\"base_url\":"[..], b"no", b"{}", b"\xff"] {
        std::fs::write(data.bootstrap(), bad).unwrap();
        let refused = bootstrap::read(&data).unwrap_err();
        assert!(matches!(&refused, Failure::Input(why) if why.contains("new/bootstrap.json: ")), "{refused}");
    }
}

#[test]
fn a_first_start_cut_off_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::new(folder.path().to_owned());
    let key = installation::open(&data, &SystemClock).unwrap();
    let object = bootstrap::make(&SystemClock, "http://127.0.0.1:1").unwrap();
    let now = SystemClock.now();
    let founding = Founding::of(&object, &key, now).unwrap();
    let roster = Roster::new(Arc::new(Nobody), 1);
    assert!(roster.is_empty() && !founding.is_known(&roster));
    let records = founding.records(&roster).unwrap();
    assert_eq!(records.len(), 4);
    // The same object gives the same records, or keys and entities would change under way.
    assert_eq!(Founding::of(&object, &key, now).unwrap().records(&roster).unwrap(), records);

    roster.changed(Partition(0), DirectoryChange::Organization(founding.organization.clone()));
    roster.changed(Partition(0), DirectoryChange::ApiKey(founding.id(), founding.keys[0].clone()));
    assert!(!roster.is_empty() && !founding.is_known(&roster));
    assert_eq!(founding.records(&roster).unwrap(), records[2..]);
    let rest = founding.keys[1..].iter();
    roster
        .opened(Partition(1), rest.map(|key| DirectoryChange::ApiKey(founding.id(), key.clone())).collect());
    assert!(founding.is_known(&roster) && roster.has_opened(Partition(1)));
    assert!(founding.records(&roster).unwrap().is_empty());

    let mut mistyped = object;
    mistyped.keys.server.push('x');
    assert!(Founding::of(&mistyped, &key, now).is_err());
}

#[test]
fn every_partition_begins_with_one_genesis_of_this_installation() {
    let folder = tempfile::tempdir().unwrap();
    let data = Data::new(folder.path().to_owned());
    let key = installation::open(&data, &SystemClock).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let begin = |log: &dyn Log, key| {
        genesis::begin(log, &genesis::Own { key, trust: &Trust::Everyone, clock: &SystemClock })
    };
    let open = |toml: &str| genesis::open_log(&config(toml), &data, &clock, &Resources::default());
    let ends = |log: &dyn Log| -> Vec<u64> {
        let of = |partition| TopicPartition::new(Topic::Requests, Partition(partition));
        (0..log.partitions()).map(|partition| log.bounds(of(partition)).unwrap().end.0).collect()
    };
    let (log, opened) = open("partitions = 2").unwrap();
    assert!(opened.created && !genesis::is_begun(&log));
    begin(&log, &key).unwrap();
    begin(&log, &key).unwrap();
    assert_eq!(ends(&log), [1, 1]);
    // A key that is lost is not replaced by another.
    std::fs::rename(data.installation_key(), folder.path().join("aside")).unwrap();
    let Failure::Input(told) = installation::of_begun_log(&data).unwrap_err() else {
        panic!("not bad input")
    };
    assert!(genesis::is_begun(&log) && told.contains("installation.key: is missing"), "{told}");
    assert!(!data.installation_key().exists());
    std::fs::rename(folder.path().join("aside"), data.installation_key()).unwrap();
    assert_eq!(installation::of_begun_log(&data).unwrap(), key);
    let elsewhere = tempfile::tempdir().unwrap();
    let another = installation::open(&Data::new(elsewhere.path().to_owned()), &SystemClock).unwrap();
    let refused = begin(&log, &another).unwrap_err();
    assert_eq!(refused, Failure::Input("the log was begun with another installation key".to_owned()));
    assert!(matches!(open("").unwrap_err(), Failure::Input(_)), "a second server");
    log.close();
    drop(log);
    // Without a word the log's own number holds; another is refused.
    let (log, _) = open("").unwrap();
    assert_eq!(log.partitions(), 2);
    drop(log);
    assert!(matches!(open("partitions = 3").unwrap_err(), Failure::Input(_)));
}

#[test]
fn what_is_no_installation_is_refused_as_it_is() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let refused = |folder: &std::path::Path| {
        let config = config(&format!("data = {:?}", folder.to_str().unwrap()));
        match Ground::lay(&config, &clock, &Variables::default()) {
            Err(Failure::Input(why)) => why,
            Err(Failure::Failed(why)) => panic!("{why}"),
            Ok(_) => panic!("it was taken"),
        }
    };
    let names = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("backup.json"), b"{}").unwrap();
    assert!(refused(copy.path()).contains("holds a backup"));
    assert_eq!(names(copy.path()), 1);
    let bereft = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(bereft.path().join("state/1")).unwrap();
    let told = refused(bereft.path());
    assert!(told.contains("log is missing, and ") && told.contains("state/1 stands on it"), "{told}");
    assert_eq!(names(bereft.path()), 1);
}
