//! What the client library is told. Every property of it can be set by the operator but those that the log's
//! promises rest on.

use super::{Options, group};
use crate::base::limits;
use crate::log::LogError;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// The largest request to a broker: a record of any size we take, and its frame.
pub(super) const MESSAGE_BYTES: usize = limits::RECORD_BYTES + (64 << 10);

/// Records of one append at most.
pub(super) const APPEND_RECORDS: usize = 100_000;

/// Properties that are not the operator's, each with what rests on it. Some have two names.
const OURS: &[(&str, &str)] = &[
    ("bootstrap.servers", "it has a setting of its own"),
    ("metadata.broker.list", "bootstrap.servers has a setting of its own"),
    ("group.id", "it has a setting of its own"),
    ("acks", "acknowledged means durable"),
    ("request.required.acks", "acknowledged means durable"),
    ("enable.idempotence", "appends keep their order"),
    ("enable.gapless.guarantee", "one append's failure is not every append's"),
    ("max.in.flight", "appends keep their order"),
    ("max.in.flight.requests.per.connection", "appends keep their order"),
    ("retries", "an append is not given up"),
    ("message.send.max.retries", "an append is not given up"),
    ("message.timeout.ms", "an append is not given up"),
    ("delivery.timeout.ms", "an append is not given up"),
    ("transactional.id", "there are no transactions"),
    ("message.max.bytes", "every record of the contract fits"),
    ("queue.buffering.max.messages", "an append is taken whole or not at all"),
    ("queue.buffering.max.kbytes", "an append is taken whole or not at all"),
    ("partitioner", "the partition is always told"),
    ("auto.offset.reset", "an offset outside of the log is an error, never a skip"),
    ("isolation.level", "what is in the log is decided"),
    ("enable.partition.eof", "a reader knows the end"),
    ("check.crcs", "damage is told"),
    ("enable.auto.commit", "the position is in the checkpoint"),
    ("enable.auto.offset.store", "the position is in the checkpoint"),
    ("group.protocol", "partitions are handed over one by one"),
    ("partition.assignment.strategy", "partitions are handed over one by one"),
    ("allow.auto.create.topics", "a topic that nobody made is a mistake"),
    ("statistics.interval.ms", "lag and metrics are told by them"),
    ("client.rack", "what is acknowledged is read from the leader"),
];

/// Refuses what the operator may not set; all of it at once.
///
/// # Errors
/// Properties that are not the operator's.
pub(super) fn check(options: &Options) -> Result<(), LogError> {
    let told = OURS.iter().filter(|(name, _)| options.properties.contains_key(*name));
    let told: Vec<_> = told.map(|(name, why)| format!("{name} cannot be set: {why}")).collect();
    if told.is_empty() { Ok(()) } else { Err(LogError::Closed(told.join("; "))) }
}

/// What each client is told: our wishes, the operator's, then what is not the operator's.
fn client(options: &Options, wishes: &[(&str, &str)], musts: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "clausum");
    for (name, value) in wishes {
        config.set(*name, *value);
    }
    for (name, value) in &options.properties {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &options.bootstrap);
    for (name, value) in musts {
        config.set(*name, *value);
    }
    config.set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// A client that asks: metadata, watermarks, settings of topics.
pub(super) fn asker(options: &Options) -> ClientConfig {
    client(options, &[], &[("isolation.level", "read_uncommitted"), ("allow.auto.create.topics", "false")])
}

/// The producer. `linger.ms` is what an append waits for others to go with it.
pub(super) fn producer(options: &Options) -> ClientConfig {
    let bytes = MESSAGE_BYTES.to_string();
    // Its own limits are never reached: ours are, before a record of an append is handed over.
    let records = options.queue_records.saturating_add(2 * APPEND_RECORDS).min(10_000_000).to_string();
    client(
        options,
        &[("linger.ms", "1"), ("compression.type", "lz4")],
        &[
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("message.timeout.ms", "0"),
            ("max.in.flight.requests.per.connection", "5"),
            ("message.max.bytes", &bytes),
            ("queue.buffering.max.messages", &records),
            ("queue.buffering.max.kbytes", "2147483647"),
            ("statistics.interval.ms", "1000"),
            ("allow.auto.create.topics", "false"),
        ],
    )
}

/// A consumer of one partition that is told which, and never a member of a group; the library wants a group's
/// name of it all the same.
pub(super) fn reader(options: &Options) -> ClientConfig {
    let bytes = MESSAGE_BYTES.to_string();
    client(
        options,
        &[
            ("queued.max.messages.kbytes", "8192"),
            ("queued.min.messages", "20000"),
            // What a batch may become that was packed with zstd; other codecs know no limit.
            ("receive.message.max.bytes", "1000000000"),
        ],
        &[
            ("group.id", &options.group),
            ("message.max.bytes", &bytes),
            ("enable.partition.eof", "true"),
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_uncommitted"),
            ("check.crcs", "true"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("statistics.interval.ms", "1000"),
            ("allow.auto.create.topics", "false"),
        ],
    )
}

/// A member of the group that fetches nothing.
pub(super) fn member(options: &Options) -> ClientConfig {
    let mut config = client(
        options,
        &[("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1500")],
        &[
            ("group.id", &options.group),
            ("group.protocol", "classic"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("statistics.interval.ms", "1000"),
            ("allow.auto.create.topics", "false"),
        ],
    );
    config.set("client.id", group::client_id(options));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Options {
        let mut options = Options::new("127.0.0.1:1".to_owned());
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.properties = properties.collect();
        options
    }

    #[test]
    fn the_operator_has_his_way_but_for_what_promises_rest_on() {
        let options = with(&[("linger.ms", "20"), ("ssl.ca.location", "/etc/ca.pem")]);
        assert_eq!(check(&options), Ok(()));
        let config = producer(&options);
        assert_eq!((config.get("linger.ms"), config.get("acks")), (Some("20"), Some("all")));
        assert_eq!(reader(&options).get("ssl.ca.location"), Some("/etc/ca.pem"));
        let told = check(&with(&[("acks", "1"), ("isolation.level", "read_committed")])).unwrap_err();
        let told = told.to_string();
        assert!(
            told.contains("acks cannot be set") && told.contains("isolation.level cannot be set"),
            "{told}"
        );
    }

    #[test]
    fn what_we_must_set_the_operator_cannot() {
        let options = with(&[]);
        for config in [producer(&options), reader(&options), member(&options), asker(&options)] {
            let known = ["client.id", "linger.ms", "compression.type", "session.timeout.ms"];
            let known = [&known[..], &["heartbeat.interval.ms"], &["queued.max.messages.kbytes"]].concat();
            for name in config.config_map().keys() {
                let more = ["queued.min.messages", "receive.message.max.bytes"];
                let free = known.contains(name) || more.contains(name);
                assert!(free || OURS.iter().any(|(ours, _)| ours == name), "{name} could be set to anything");
            }
            assert!(config.create_native_config().is_ok(), "the library knows every one of them");
        }
    }

    #[test]
    fn what_was_written_is_not_repeated_where_the_library_refuses_it() {
        for name in ["ssl.cipher.suites", "linger.ms", "no.such.property"] {
            let options = with(&[("security.protocol", "SASL_SSL"), (name, "hunter2")]);
            let made: Result<rdkafka::consumer::BaseConsumer, _> = reader(&options).create();
            let told = crate::log::kafka::not_made(made.err().unwrap()).to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn security_and_every_codec_are_built_in() {
        let secure = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "clausum"),
            ("sasl.password", "secret"),
        ];
        let created: Result<rdkafka::consumer::BaseConsumer, _> = reader(&with(&secure)).create();
        assert!(created.is_ok(), "{:?}", created.err());
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let created: Result<rdkafka::producer::BaseProducer, _> =
                producer(&with(&[("compression.type", codec)])).create();
            assert!(created.is_ok(), "{codec}: {:?}", created.err());
        }
    }
}
