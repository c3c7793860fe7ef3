//! Records of strangers, and our own as strangers see them.

use super::harness::{LIMIT, alter, create, fresh};
use super::raw::{Strange, produce};
use crate::base::limits;
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::conformance::{answer, append, read_from};
use crate::log::kafka::{KafkaLog, Options, content, settings};
use crate::log::{Contents, PollLimit, Stored, read_before};
use crate::wire::envelope::{DeadCode, Envelope};
use crate::wire::record::{Builder, Content};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const AT: TopicPartition = TopicPartition::new(Topic::Requests, Partition(0));
const ALL: PollLimit = PollLimit { records: usize::MAX, bytes: usize::MAX };

/// A log of one partition.
fn open(other: &[(&str, &str)]) -> Option<(Options, KafkaLog)> {
    let options = fresh()?;
    create(&options, 1, other);
    let log = KafkaLog::open(options.clone()).unwrap();
    Some((options, log))
}

fn read(log: &KafkaLog) -> Vec<Stored> {
    read_from(log, AT, 0, ALL)
}

#[test]
fn what_a_stranger_writes_is_a_content_whatever_it_is() {
    let Some((options, log)) = open(&[]) else { return };
    let topic = options.topic(Topic::Requests);
    let write = |record: &Strange<'_>| produce(&options.bootstrap, &topic, record);
    let good: [(&[u8], Option<&[u8]>); 4] = [
        (b"ce_specversion", Some(b"1.0")),
        (b"ce_id", Some(b"1")),
        (b"ce_source", Some(b"/switch")),
        (b"ce_type", Some(b"clausum.assess.v1")),
    ];
    write(&Strange::default());
    write(&Strange { key: Some(b""), value: Some(b""), headers: vec![] });
    let mut odd = good.to_vec();
    odd.extend([(&b"\xff\xfe"[..], Some(&b"lost"[..])), (b"", Some(b"no name")), (b"null", None)]);
    write(&Strange { key: Some(b"\xff"), value: Some(b"\xff\x00"), headers: odd });
    let mut many = good.to_vec();
    many.extend(vec![(&b"x"[..], Some(&b"y"[..])); limits::RECORD_HEADERS]);
    write(&Strange { key: Some(b"k"), value: Some(b"{}"), headers: many });
    let long = vec![b'n'; 70_000];
    write(&Strange { key: Some(&long), value: None, headers: vec![(&long, Some(&long))] });

    let records = read(&log);
    assert_eq!(records.iter().map(|stored| stored.offset.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let contents: Vec<_> = records.iter().map(|stored| Content::read(&stored.content).unwrap()).collect();
    assert_eq!((contents[0].key, contents[0].value), (&b""[..], None));
    assert_eq!((contents[1].key, contents[1].value), (&b""[..], Some(&b""[..])));
    assert_eq!((contents[2].key, contents[2].value), (&b"\xff"[..], Some(&b"\xff\x00"[..])));
    let kept: Vec<_> = contents[2].headers().skip(4).collect();
    assert_eq!(kept, [("", &b""[..]), ("", b"no name"), ("null", b"")]);
    assert!(Envelope::read(&contents[2], false).is_ok(), "what has no name of ours is nothing to us");
    assert_eq!(Envelope::read(&contents[3], false).unwrap_err().code, DeadCode::BadEnvelope);
    assert_eq!((contents[4].key.len(), contents[4].value), (65_535, None));
    assert_eq!(
        contents[4].headers().map(|(name, value)| (name.len(), value.len())).next(),
        Some((255, 70_000))
    );
    assert_eq!(read(&log), records, "the same each time it is read");
}

/// The process whose words are looked at is this one once more.
const ALONE: &str = "CLAUSUM_TEST_ALONE";

#[test]
fn a_header_whose_name_is_no_text_is_no_line_on_standard_error() {
    if std::env::var_os(ALONE).is_some() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("strange", 1, 1).unwrap();
        let headers = vec![(&b"\xff"[..], Some(&b"lost"[..])); 3];
        let record = Strange { key: Some(b"k"), value: Some(b"{}"), headers };
        produce(&cluster.bootstrap_servers(), "strange", &record);
        let consumer: BaseConsumer =
            settings::reader(&Options::new(cluster.bootstrap_servers())).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("strange", 0, rdkafka::Offset::Offset(0)).unwrap();
        consumer.assign(&list).unwrap();
        let message = consumer.poll(LIMIT).unwrap().unwrap();
        content::hush();
        let content = content::content_of(&message);
        assert_eq!(Content::read(&content).unwrap().headers().collect::<Vec<_>>(), [("", &b""[..]); 3]);
        drop(std::panic::catch_unwind(|| panic!("what nobody expects is told")));
        return;
    }
    let name = "log::kafka::tests::foreign::a_header_whose_name_is_no_text_is_no_line_on_standard_error";
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let told = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && out.contains("1 passed"), "{out}{err}");
    assert_eq!(err.matches("panicked").count(), 1, "{err}");
    assert!(err.contains("what nobody expects is told"), "{err}");
}

#[test]
fn a_stranger_sees_plain_records() {
    let Some((options, log)) = open(&[]) else { return };
    let mut record = Builder::new(b"key", Some(b"{\"a\":1}")).unwrap();
    record.header("ce_id", b"\x00\xff").unwrap();
    record.header("ce_type", b"").unwrap();
    let tombstone = Builder::new(b"", None).unwrap().finish();
    answer(&append(&log, AT, &[&record.finish(), &tombstone])).unwrap();
    let consumer: BaseConsumer = settings::reader(&options).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&options.topic(Topic::Requests), 0, rdkafka::Offset::Offset(0)).unwrap();
    consumer.assign(&list).unwrap();
    let seen = consumer.poll(LIMIT).unwrap().unwrap();
    assert_eq!((seen.key(), seen.payload()), (Some(&b"key"[..]), Some(&b"{\"a\":1}"[..])));
    let headers: Vec<_> = seen.headers().unwrap().iter().map(|header| (header.key, header.value)).collect();
    assert_eq!(headers, [("ce_id", Some(&b"\x00\xff"[..])), ("ce_type", Some(&b""[..]))]);
    let seen = consumer.poll(LIMIT).unwrap().unwrap();
    assert_eq!((seen.key(), seen.payload(), seen.headers().is_none()), (Some(&b""[..]), None, true));
}

#[test]
fn every_codec_and_size_is_read() {
    let large = (limits::RECORD_BYTES * 2).to_string();
    let Some((options, log)) = open(&[("max.message.bytes", &large)]) else { return };
    let topic = options.topic(Topic::Requests);
    let huge = vec![b'1'; limits::RECORD_BYTES + 1_000];
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let mut config = settings::asker(&options);
        config.remove("isolation.level");
        config.set("compression.type", codec).set("message.max.bytes", &large);
        let producer: BaseProducer = config.create().unwrap();
        for value in [codec.as_bytes(), &huge] {
            let record = BaseRecord::<[u8], [u8]>::to(&topic).partition(0).key(b"k").payload(value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(LIMIT).unwrap();
    }
    let read = read(&log);
    assert_eq!(read.len(), 10);
    for (stored, codec) in read.iter().step_by(2).zip(["none", "gzip", "snappy", "lz4", "zstd"]) {
        assert_eq!(Content::read(&stored.content).unwrap().value, Some(codec.as_bytes()));
    }
    for stored in read.iter().skip(1).step_by(2) {
        let length = Content::read(&stored.content).unwrap().value.unwrap().len();
        assert!((limits::APPLY_BYTES..limits::RECORD_BYTES).contains(&length), "{length}");
    }
}

#[test]
fn a_time_of_a_senders_own_stops_the_reader_at_its_record() {
    let Some((options, log)) = open(&[]) else { return };
    let topic = options.topic(Topic::Requests);
    let record = Strange { key: Some(b"k"), value: Some(b"{}"), headers: vec![] };
    produce(&options.bootstrap, &topic, &record);
    alter(&options, &topic, &[("message.timestamp.type", "CreateTime")]);
    produce(&options.bootstrap, &topic, &record);
    let mut reader = log.reader(AT, Offset(0)).unwrap();
    assert_eq!(read_before(&mut *reader, Offset(2), ALL).unwrap().len(), 1);
    for _ in 0..2 {
        let told = read_before(&mut *reader, Offset(2), ALL).unwrap_err().to_string();
        assert!(told.contains("the record at 0-1 is not stamped by the broker"), "{told}");
        assert_eq!(reader.position(), Offset(1));
    }
}
