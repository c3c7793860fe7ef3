//! Failures, injected by the library's own mock of a broker or made on the real one.

use super::harness::{create, fresh, trim};
use crate::base::position::{Offset, Partition, Topic, TopicPartition};
use crate::log::conformance::{Answer, answer, append_values, record};
use crate::log::kafka::append::Appender;
use crate::log::kafka::figures::Gathered;
use crate::log::kafka::{Asker, KafkaLog, Options, Role, read};
use crate::log::{AppendError, Contents, LogError, PollLimit, Reader, read_before};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const AT: TopicPartition = TopicPartition::new(Topic::Requests, Partition(0));

fn append(appender: &Appender, values: &[&[u8]]) -> Result<Answer, AppendError> {
    let (tell, told) = channel();
    let records: Vec<_> = values.iter().map(|value| record(value)).collect();
    appender.append(AT, &records, Box::new(move |how| drop(tell.send(how))))?;
    Ok(told)
}

fn appender(options: Options) -> Appender {
    let options = Arc::new(options);
    let asker = Arc::new(Asker::new(&options).unwrap());
    Appender::start(&options, asker, Arc::new(Gathered::default()).client(Role::Producer)).unwrap()
}

fn mock() -> (MockCluster<'static, rdkafka::producer::DefaultProducerContext>, Options) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(Topic::Requests.name(), 1, 1).unwrap();
    let options = Options::new(cluster.bootstrap_servers());
    (cluster, options)
}

#[test]
fn a_broker_that_fails_for_now_makes_an_append_late() {
    let (cluster, options) = mock();
    let appender = appender(options);
    answer(&append(&appender, &[b"before"]).unwrap()).unwrap();
    let again = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ];
    cluster.request_errors(RDKafkaApiKey::Produce, &again);
    let told = [append(&appender, &[b"a", b"b"]).unwrap(), append(&appender, &[b"c"]).unwrap()];
    let told = told.map(|told| answer(&told).unwrap());
    assert_eq!(told.map(|to| (to.first.0, to.last.0)), [(1, 2), (3, 3)]);
}

#[test]
fn a_producer_that_failed_for_good_says_why_to_all_that_follow() {
    let (cluster, options) = mock();
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[error; 10]);
    let appender = appender(options);
    let first = append(&appender, &[b"x"]).map(|told| answer(&told).map(drop));
    assert!(matches!(first, Err(AppendError::Closed(_)) | Ok(Err(AppendError::Closed(_)))), "{first:?}");
    for _ in 0..3 {
        let Err(AppendError::Closed(why)) = append(&appender, &[b"x"]).map(drop) else {
            panic!("it was taken")
        };
        assert!(why.to_lowercase().contains("authorization"), "{why}");
    }
}

#[test]
fn what_the_log_is_closed_over_is_told_once() {
    let options = Options::new("127.0.0.1:1".to_owned());
    let appender = appender(options);
    let told: Vec<_> = (0..20).map(|_| append(&appender, &[b"x", b"y"]).unwrap()).collect();
    appender.close(Duration::from_millis(10));
    for told in told {
        assert!(matches!(answer(&told), Err(AppendError::Closed(_))));
        assert!(told.recv().is_err(), "told twice");
    }
    assert!(matches!(append(&appender, &[b"x"]), Err(AppendError::Closed(_))));
}

#[test]
fn closing_waits_for_what_was_taken() {
    let Some(options) = fresh() else { return };
    create(&options, 1, &[]);
    let log = KafkaLog::open(options).unwrap();
    let told: Vec<_> = (0..100).map(|_| append_values(&log, AT, &[b"x"])).collect();
    log.close(Duration::from_secs(30));
    for (n, told) in told.iter().enumerate() {
        assert_eq!(told.try_recv().unwrap().unwrap().first.0, n as u64);
    }
}

#[test]
fn what_the_broker_finds_too_large_is_too_large() {
    let Some(options) = fresh() else { return };
    create(&options, 1, &[("max.message.bytes", "2000")]);
    let log = KafkaLog::open(options).unwrap();
    let large: Vec<u8> = (0..20_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    assert_eq!(answer(&append_values(&log, AT, &[&large])), Err(AppendError::TooLarge));
    // One append's failure is not every append's.
    assert_eq!(answer(&append_values(&log, AT, &[b"x"])).unwrap().first, Offset(0));
}

#[test]
fn a_reader_that_was_overrun_is_told() {
    let Some(options) = fresh() else { return };
    create(&options, 1, &[]);
    let log = KafkaLog::open(options.clone()).unwrap();
    for _ in 0..5 {
        answer(&append_values(&log, AT, &[b"x"])).unwrap();
    }
    trim(&options, AT, 3);
    let bounds = log.bounds(AT).unwrap();
    assert_eq!((bounds.start, bounds.end), (Offset(3), Offset(5)));
    let refused = log.reader(AT, Offset(2)).err();
    assert_eq!(refused, Some(LogError::OutOfRange { wanted: Offset(2), bounds }));
    // It was there when the reader began, and is not when it asks.
    let options = Arc::new(options);
    let asker = Arc::new(Asker::new(&options).unwrap());
    let place = (Offset(2), bounds.end);
    let telling = Arc::new(Gathered::default()).client(Role::Reader);
    let reader = read::start(&options, (&asker, &Arc::default()), telling, AT, place);
    let mut reader: Box<dyn Reader> = Box::new(reader.unwrap());
    let limit = PollLimit { records: 9, bytes: 9_999 };
    for _ in 0..2 {
        let told = read_before(&mut *reader, bounds.end, limit);
        assert_eq!(told, Err(LogError::OutOfRange { wanted: Offset(2), bounds }));
        assert_eq!(reader.position(), Offset(2), "never a skip");
    }
}
