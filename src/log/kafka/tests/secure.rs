//! Through TLS and with a password, as brokers in earnest are reached.

use super::broker::secure;
use super::harness::{LIMIT, create, fresh};
use crate::base::clock::{Clock, SystemClock};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::base::signal::Signal;
use crate::log::conformance::{answer, append_values, read_from};
use crate::log::kafka::figures::Gathered;
use crate::log::kafka::{Asker, KafkaLog, Options, Role, Unanswered, read};
use crate::log::{Assignment, Log, PollLimit, Reader};
use crate::wire::record::Content;
use std::sync::Arc;
use std::time::Duration;

const AT: TopicPartition = TopicPartition::new(Topic::Requests, Partition(0));
const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };

/// Options by which the secure listener is reached, but for these properties.
fn options(other: &[(&str, &str)]) -> Option<Options> {
    let mut options = fresh()?;
    create(&options, 1, &[]);
    let reached = secure();
    options.bootstrap.clone_from(&reached.bootstrap);
    let authority = reached.folder.join("ca.pem").display().to_string();
    let usual = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "clausum"),
        ("sasl.password", "clausum-secret"),
        ("ssl.ca.location", &authority),
    ];
    for (name, value) in usual.iter().chain(other) {
        options.properties.insert((*name).to_owned(), (*value).to_owned());
    }
    Some(options)
}

/// Why it is refused. It must not be because time was over.
fn refused(options: Options) -> String {
    let options = Options { answer_ms: 60 * 60 * 1_000, ..options };
    KafkaLog::open(options).expect_err("it is refused").to_string()
}

#[test]
fn every_client_goes_through_tls_with_a_password() {
    let Some(options) = options(&[]) else { return };
    let log = KafkaLog::open(options).unwrap();
    answer(&append_values(&log, AT, &[b"a secret"])).unwrap();
    let read = read_from(&log, AT, 0, ALL);
    assert_eq!(Content::read(&read[0].content).unwrap().value, Some(&b"a secret"[..]));
    let signal = Arc::new(Signal::default());
    let mut member = log.join(&signal).unwrap();
    let gained = loop {
        match member.poll() {
            Some(change) => break change,
            None => assert!(signal.wait(LIMIT), "it does not come into the group"),
        }
    };
    assert!(matches!(gained, Assignment::Gained(Partition(0))), "{gained:?}");
}

#[test]
fn a_wrong_password_is_told_at_once() {
    let Some(options) = options(&[("sasl.password", "guessed")]) else { return };
    let told = refused(options);
    assert!(told.contains("Authentication failed") && told.contains("SCRAM-SHA-512"), "{told}");
    assert!(!told.contains("guessed"), "{told}");
}

#[test]
fn a_reader_that_is_refused_for_now_goes_on_trying() {
    let Some(options) = options(&[("sasl.password", "guessed")]) else { return };
    let options = Arc::new(options);
    let asker = Arc::new(Asker::new(&options).unwrap());
    let gathered = Arc::new(Gathered::default());
    let (telling, place) = (gathered.client(Role::Reader), (Offset(0), Offset(0)));
    let mut reader = read::start(&options, (&asker, &Arc::default()), telling, AT, place).unwrap();
    let begun = SystemClock.elapsed();
    // What a client tells comes behind what it was told.
    while gathered.look(Unanswered::default()).traffic(Role::Reader).counts.requests == 0 {
        assert!(SystemClock.elapsed() - begun < LIMIT, "it asks nobody");
        Signal::default().wait(Duration::from_millis(100));
    }
    assert_eq!(reader.poll(ALL), Ok(vec![]));
}

#[test]
fn a_broker_of_another_authority_is_told_at_once() {
    let Some(mut options) = options(&[]) else { return };
    let other = secure().folder.join("node.crt").display().to_string();
    options.properties.insert("ssl.ca.location".to_owned(), other);
    let told = refused(options);
    assert!(told.contains("certificate verify failed"), "{told}");
}

#[test]
fn a_protocol_that_the_listener_does_not_speak_is_named() {
    let Some(mut options) = options(&[("security.protocol", "PLAINTEXT")]) else { return };
    options.answer_ms = 1_500;
    let told = KafkaLog::open(options).expect_err("it is refused").to_string();
    assert!(told.contains("security.protocol"), "{told}");
}
