//! The golden corpus: a log in readable form and every output it leads to. It changes only with a line in
//! the changelog; after the first release only with the engine version. `UPDATE_EXPECT=1` writes it anew.
//! `CLAUSUM_GOLDEN` names the folder of another corpus: `deploy/upgrade.py` gives those of earlier commits.

use crate::data;
use clausum::base::position::{Offset, Partition, Topic, TopicPartition};
use clausum::base::time::Ms;
use clausum::log::PollLimit;
use clausum::wire::envelope::RecordType;
use clausum::wire::header;
use clausum::wire::record::Content;
use clausum::worker::Options;
use expect_test::expect_file;
use serde_json::Value;
use std::fmt::Write;

/// 2026-05-29T18:30:00Z.
const NOON: i64 = 1_780_079_400_000;

/// One line of the corpus: milliseconds after the start, type, id, extra headers, body.
fn line(number: usize, text: &str) -> (i64, bytes::Bytes) {
    let line: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("line {number}: {error}"));
    let kind = line["type"].as_str().unwrap_or(RecordType::Assess.text());
    let headers: Vec<(&str, &str)> = line["headers"].as_object().map_or_else(Vec::new, |headers| {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
    });
    let body = match &line["body"] {
        Value::String(raw) => Some(raw.clone()),
        Value::Null => None,
        json @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(json.to_string())
        }
    };
    let id = number.to_string();
    let record = data::record(kind, &id, body.as_deref().map(str::as_bytes), &headers);
    (NOON + line["at"].as_i64().unwrap(), record)
}

fn render(out: &mut String, topic: Topic, offset: Offset, content: &[u8]) {
    let content = Content::read(content).unwrap();
    writeln!(out, "{topic} {offset}").unwrap();
    for (name, value) in content.headers().filter(|(name, _)| *name != header::EPOCH) {
        writeln!(out, "  {name}: {}", String::from_utf8_lossy(value)).unwrap();
    }
    writeln!(out, "  {}", content.value.map_or("(none)".into(), String::from_utf8_lossy)).unwrap();
}

#[test]
fn the_corpus_has_its_outputs() {
    let given = std::env::var_os("CLAUSUM_GOLDEN");
    let folder = std::path::absolute(given.unwrap_or_else(|| "tests/golden".into())).unwrap();
    let corpus = std::fs::read_to_string(folder.join("payin.ndjson")).unwrap();
    let (mut local, clock) = data::local(NOON, Options::default());
    for (number, text) in corpus.lines().enumerate().filter(|(_, text)| !text.starts_with("//")) {
        let (at, record) = line(number + 1, text);
        clock.set(Ms(at));
        local.submit(record).unwrap();
    }
    let mut out = String::new();
    for topic in Topic::OUTPUTS {
        let of = TopicPartition::new(topic, Partition(0));
        let mut reader = clausum::log::Contents::reader(local.log(), of, Offset(0)).unwrap();
        let all = reader.poll(PollLimit { records: usize::MAX, bytes: usize::MAX }).unwrap();
        all.iter().for_each(|record| render(&mut out, topic, record.offset, &record.content));
    }
    expect_file![folder.join("payin.out")].assert_eq(&out);
}
