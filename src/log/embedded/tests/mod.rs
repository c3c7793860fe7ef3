use super::*;
use crate::base::clock::SystemClock;
use crate::base::position::Topic;
use crate::log::PollLimit;
use std::sync::mpsc;

#[test]
fn smoke() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(folder.path().to_owned(), 2);
    options.segment_bytes = 4096;
    options.tail_bytes = 2000;
    let of = TopicPartition::new(Topic::Requests, Partition(1));
    for round in 0..3u64 {
        let (log, opened) = EmbeddedLog::open(&options, Arc::new(SystemClock), &[]).unwrap();
        println!("{opened:?}");
        for n in 0..100u64 {
            let (tx, rx) = mpsc::channel();
            log.append(of, vec![Bytes::from(vec![n as u8; 100])], Box::new(move |how| tx.send(how).unwrap()))
                .unwrap();
            assert_eq!(rx.recv().unwrap().unwrap().first, Offset(round * 100 + n));
        }
        let mut reader = log.reader(of, Offset(0)).unwrap();
        let mut seen = 0;
        loop {
            let records = reader.poll(PollLimit { records: 7, bytes: 1 << 20 }).unwrap();
            if records.is_empty() {
                break;
            }
            for stored in records {
                assert_eq!(stored.offset, Offset(seen));
                assert_eq!(stored.content[0], (seen % 100) as u8);
                seen += 1;
            }
        }
        assert_eq!(seen, round * 100 + 100);
    }
    println!("{:?}", verify(folder.path()).unwrap());
    assert_eq!(scan(folder.path(), of, None, None).unwrap().map(Result::unwrap).count(), 300);
}
