//! Records on which the engine itself fails, and what they cost the others.

use crate::data;
use clausum::base::clock::{Clock, ManualClock};
use clausum::base::position::{Offset, Partition, Topic, TopicPartition};
use clausum::base::time::Ms;
use clausum::log::{Contents, PollLimit};
use clausum::policy::Catalogue;
use clausum::shard::engine::{Engine, Engines};
use clausum::wire::envelope::RecordType;
use clausum::wire::header;
use clausum::wire::record::Content;
use clausum::worker::Options;
use clausum::worker::local::Local;
use std::sync::Arc;
use std::time::Instant;

fn count(local: &Local, topic: Topic, is: impl Fn(&Content<'_>) -> bool) -> usize {
    let of = TopicPartition::new(topic, Partition(0));
    let mut reader = local.log().reader(of, Offset(0)).unwrap();
    let all = reader.poll(PollLimit { records: usize::MAX, bytes: usize::MAX }).unwrap();
    all.iter().filter(|record| is(&Content::read(&record.content).unwrap())).count()
}

/// Only an engine made for tests understands the probe that panics.
#[test]
fn two_hundred_panics_in_a_row_cost_the_others_less_than_a_second() {
    let clock = Arc::new(ManualClock::new(Ms(1_780_000_000_000), 1));
    let catalogue = Arc::new(Catalogue::payin().unwrap());
    let engines = Engines::of(vec![Engine { version: 1, catalogue, probes: true }]);
    let mut local = Local::new(Arc::clone(&clock) as Arc<dyn Clock>, engines, Options::default()).unwrap();
    let body = r#"{"amount":1500,"currency":"MXN","email":"ana@example.com"}"#;
    let before = local.submit(data::assess("before", body)).unwrap().reply.unwrap();
    assert_eq!(before.status, 200);
    // The text of each panic would be most of what this test prints.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let probe = br#"{"events":3,"panic":true}"#;
    for number in 0..200 {
        let record = data::record(RecordType::Probe.text(), &format!("probe-{number}"), Some(probe), &[]);
        local.append(record).unwrap();
    }
    local.append(data::assess("behind", body)).unwrap();
    let began = Instant::now();
    local.settle().unwrap();
    let spent = began.elapsed();
    std::panic::set_hook(hook);
    assert!(spent.as_millis() < 1_000, "took {spent:?}");
    let fault = |content: &Content<'_>| content.text_header(header::ERROR_CODE) == Some("engine_fault");
    let rejected = |content: &Content<'_>| content.text_header(header::STATUS) == Some("500");
    assert_eq!(count(&local, Topic::DeadLetters, fault), 200);
    assert_eq!(count(&local, Topic::Decisions, rejected), 200);
    assert_eq!(count(&local, Topic::Events, |_| true), 0, "what was emitted before the panic is gone");
    let after = local.submit(data::assess("after", body)).unwrap().reply.unwrap();
    let after: serde_json::Value = serde_json::from_slice(&after.body).unwrap();
    assert_eq!((after["decision"].as_str(), after["attempt"].as_i64()), (Some("approve"), Some(1)));
    eprintln!("two hundred panics took {spent:?}");
}
