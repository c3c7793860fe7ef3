//! The checks. Each is run over every log, and takes it as it finds it: empty, with three partitions.

use super::*;

pub(super) fn nothing_is_seen_before_it_is_durable(harness: &mut dyn Harness) {
    let (log, at) = (harness.log(), of(Topic::Requests, 1));
    appended(harness, at, &[b"before"]);
    let mut reader = log.reader(at, Offset(0)).unwrap();
    assert_eq!(next(&*log, at, &mut *reader).len(), 1);
    let signal = Arc::new(Signal::default());
    log.subscribe(at, &signal);
    harness.hold();
    let told = append_values(&*log, at, &[b"a", b"b"]);
    assert!(told.recv_timeout(Duration::from_millis(30)).is_err(), "acknowledged");
    assert!(!signal.wait(Duration::ZERO), "signalled");
    assert_eq!(reader.poll(ALL), Ok(vec![]));
    assert_eq!(log.bounds(at).unwrap().end, Offset(1));
    harness.flush();
    assert_eq!(answer(&told).map(|to| (to.first.0, to.last.0)), Ok((1, 2)));
    let mut seen = Vec::new();
    while seen.len() < 2 {
        assert!(signal.wait(Duration::from_secs(20)), "not signalled");
        seen.extend(offsets(&reader.poll(ALL).unwrap()));
    }
    assert_eq!(seen, [1, 2]);
}

pub(super) fn what_was_not_durable_is_gone_after_a_crash_and_the_rest_is_there(harness: &mut dyn Harness) {
    let at = of(Topic::Events, 0);
    appended(harness, at, &[b"kept", b"too"]);
    appended(harness, of(Topic::Requests, 2), &[b"other"]);
    harness.hold();
    drop(append_values(&*harness.log(), at, &[b"lost"]));
    harness.restart();
    let log = harness.log();
    assert_eq!(log.bounds(at), Ok(Bounds { start: Offset(0), end: Offset(2) }));
    let read = read_from(&*log, at, 0, ALL);
    assert_eq!(read.iter().map(value).collect::<Vec<_>>(), [&b"kept"[..], b"too"]);
    assert_eq!(appended(harness, at, &[b"next"]).first, Offset(2));
    drop(log);
    harness.restart();
    assert_eq!(offsets(&read_from(&*harness.log(), at, 0, ALL)), [0, 1, 2]);
}

pub(super) fn each_partition_keeps_its_order_and_its_own_offsets(harness: &mut dyn Harness) {
    let log = harness.log();
    let places: Vec<_> = Topic::ALL.into_iter().flat_map(|topic| (0..3).map(move |n| of(topic, n))).collect();
    let mut waiting = VecDeque::new();
    for round in 0..40_u8 {
        for (n, at) in places.iter().enumerate() {
            let content = [round, u8::try_from(n).unwrap()];
            let records = vec![&content[..]; usize::from(round % 3) + 1];
            waiting.push_back((*at, append_values(&*log, *at, &records), records.len() as u64));
        }
    }
    harness.flush();
    let mut ends = vec![0; places.len()];
    for (n, (at, told, count)) in waiting.iter().enumerate() {
        let end = &mut ends[n % places.len()];
        let got = answer(told).unwrap();
        assert_eq!((got.first.0, got.last.0), (*end, *end + count - 1), "{at}");
        *end += count;
    }
    for (n, at) in places.iter().enumerate() {
        for limit in [ALL, PollLimit { records: 7, bytes: usize::MAX }, PollLimit { records: 9, bytes: 5 }] {
            let read = read_from(&*log, *at, 0, limit);
            assert_eq!(offsets(&read), (0..ends[n]).collect::<Vec<_>>());
            assert!(read.iter().all(|stored| usize::from(value(stored)[1]) == n), "a stranger in {at}");
            assert!(read.is_sorted_by_key(|stored| (value(stored)[0], stored.timestamp)));
        }
    }
}

pub(super) fn answers_come_in_the_order_of_the_appends(harness: &mut dyn Harness) {
    let log = harness.log();
    harness.hold();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (tell, told) = channel();
    for n in 0..50_u64 {
        let (order, tell) = (Arc::clone(&order), tell.clone());
        let done = move |how: Result<Appended, AppendError>| {
            order.lock().unwrap().push(how.unwrap().first.0);
            tell.send(n).unwrap_or(());
        };
        log.append(of(Topic::Decisions, 0), vec![record(b"x")], Box::new(done)).unwrap();
    }
    harness.flush();
    for _ in 0..50 {
        told.recv_timeout(Duration::from_secs(20)).unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

pub(super) fn a_reader_may_stand_anywhere_inside_also_in_a_gap(harness: &mut dyn Harness) {
    let at = of(Topic::Requests, 0);
    let mut known = harness.skip(at, 2);
    known.extend(placed(&appended(harness, at, &[b"a", b"b", b"c"])));
    known.extend(harness.skip(at, 5));
    appended(harness, of(Topic::Requests, 1), &[b"between"]);
    known.extend(placed(&appended(harness, at, &[b"d"])));
    known.extend(harness.skip(at, 3));
    for _ in 0..2 {
        let log = harness.log();
        let bounds = log.bounds(at).unwrap();
        assert!(bounds.end.0 > known.last().unwrap() + 1, "there is a gap at the end");
        for from in bounds.start.0..=bounds.end.0 {
            let expected: Vec<u64> = known.iter().copied().filter(|known| *known >= from).collect();
            assert_eq!(offsets(&read_from(&*log, at, from, ALL)), expected, "from {from}");
            let slow = PollLimit { records: 1, bytes: 0 };
            assert_eq!(offsets(&read_from(&*log, at, from, slow)), expected, "from {from}");
        }
        let wanted = bounds.end.next();
        assert_eq!(log.reader(at, wanted).err(), Some(LogError::OutOfRange { wanted, bounds }));
        drop(log);
        harness.restart();
    }
}

pub(super) fn no_record_is_the_end_only_where_the_position_says_so(harness: &mut dyn Harness) {
    let (at, other) = (of(Topic::Events, 1), of(Topic::Events, 2));
    let mut known = Vec::new();
    for n in 0..5 {
        known.extend(placed(&appended(harness, at, &vec![&[n; 2_000][..]; 100])));
    }
    known.extend(harness.skip(at, 3));
    let log = harness.log();
    let end = log.bounds(at).unwrap().end;
    // A reader that has just begun has perhaps fetched nothing, and says so.
    let mut reader = log.reader(at, Offset(0)).unwrap();
    let mut read = Vec::new();
    while reader.position() < end {
        assert!(reader.end() >= reader.position());
        let records = reader.poll(PollLimit { records: 70, bytes: usize::MAX }).unwrap();
        read.extend(offsets(&records));
        if records.is_empty() && reader.position() < end {
            assert!(reader.wait(Duration::from_secs(20)), "it says nothing at {}", reader.position());
        }
    }
    assert_eq!(read, known);
    assert_eq!((reader.position(), reader.end()), (end, end), "behind the gap at the end");
    assert_eq!(reader.poll(ALL), Ok(vec![]));
    assert!(!reader.wait(Duration::from_millis(20)), "there is no more");
    // What stands at the end of an empty partition knows that too.
    let mut empty = log.reader(other, Offset(0)).unwrap();
    assert_eq!(read_before(&mut *empty, Offset(0), ALL), Ok(vec![]));
    assert_eq!((empty.position(), empty.end()), (Offset(0), Offset(0)));
    appended(harness, at, &[b"more"]);
    assert_eq!(offsets(&next(&*log, at, &mut *reader)), [end.0]);
}

pub(super) fn a_poll_keeps_to_its_limits_but_gives_at_least_one(harness: &mut dyn Harness) {
    let at = of(Topic::Events, 2);
    appended(harness, at, &[&[1; 100], &[2; 100], &[3; 100], &[4; 100]]);
    let (log, size) = (harness.log(), record(&[1; 100]).len());
    for (records, bytes, expected) in [
        (0, 0, 1),
        (1, 10_000, 1),
        (9, size - 1, 1),
        (9, size, 1),
        (9, 2 * size - 1, 1),
        (9, 2 * size, 2),
        (3, 10_000, 3),
    ] {
        let mut reader = log.reader(at, Offset(0)).unwrap();
        let read = read_before(&mut *reader, Offset(4), PollLimit { records, bytes }).unwrap();
        assert!((1..=expected).contains(&read.len()), "{records} records, {bytes} bytes");
        assert!(read.len() == expected || !harness.gives_all(), "{records} records, {bytes} bytes");
        let mut all = offsets(&read);
        while all.len() < 4 {
            all.extend(offsets(&read_before(&mut *reader, Offset(4), ALL).unwrap()));
        }
        assert_eq!(all, [0, 1, 2, 3]);
    }
}

pub(super) fn a_reader_at_the_end_goes_on_when_there_is_more(harness: &mut dyn Harness) {
    let (log, at) = (harness.log(), of(Topic::Requests, 2));
    let mut reader = log.reader(at, Offset(0)).unwrap();
    for n in 0..30_u8 {
        assert_eq!(reader.poll(ALL), Ok(vec![]));
        appended(harness, of(Topic::Requests, 1), &[&[n; 90]]);
        assert_eq!(reader.poll(ALL), Ok(vec![]));
        appended(harness, at, &[&[n; 90]]);
        let read = next(&*log, at, &mut *reader);
        assert_eq!((read.len(), value(&read[0])), (1, &[n; 90][..]));
    }
}

pub(super) fn a_signal_is_raised_for_its_partition_only_and_while_it_lives(harness: &mut dyn Harness) {
    let log = harness.log();
    let (mine, gone) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    log.subscribe(of(Topic::Requests, 0), &mine);
    log.subscribe(of(Topic::Requests, 0), &gone);
    let watch = Arc::downgrade(&gone);
    drop(gone);
    assert!(watch.upgrade().is_none(), "the log keeps a signal alive");
    let readers = [of(Topic::Requests, 0), of(Topic::Requests, 1), of(Topic::Events, 0)];
    let mut readers = readers.map(|at| (at, log.reader(at, Offset(0)).unwrap()));
    for (at, reader) in &mut readers[1..] {
        appended(harness, *at, &[b"x"]);
        assert_eq!(next(&*log, *at, &mut **reader).len(), 1);
    }
    assert!(!mine.wait(Duration::ZERO));
    appended(harness, of(Topic::Requests, 0), &[b"x"]);
    assert!(mine.wait(Duration::from_secs(20)));
    assert!(!mine.wait(Duration::ZERO));
    assert_eq!(readers[0].1.poll(ALL).unwrap().len(), 1, "woken for nothing");
}

pub(super) fn a_full_queue_says_so_and_takes_again_later(harness: &mut dyn Harness) {
    let (log, at) = (harness.log(), of(Topic::Requests, 0));
    let taken = harness.make_busy(at);
    let refused = log.append(at, vec![record(b"x"), record(b"y")], Box::new(|_| panic!("it was refused")));
    assert_eq!(refused, Err(AppendError::Busy));
    harness.flush();
    let deadline = 2_000;
    let last = (0..deadline).find_map(|_| {
        // Waits; nobody raises it.
        Signal::default().wait(Duration::from_millis(5));
        let (tell, told) = channel();
        let done = Box::new(move |how| drop(tell.send(how)));
        log.append(at, vec![record(b"x")], done).ok().map(|()| told)
    });
    let last = last.expect("it takes again");
    harness.flush();
    // Of what was refused nothing is there.
    assert_eq!(answer(&last).unwrap().last, Offset(taken));
}

pub(super) fn records_of_every_size_come_back_as_they_were(harness: &mut dyn Harness) {
    let (log, at) = (harness.log(), of(Topic::DeadLetters, 0));
    let every: Vec<u8> = (0..=255).collect();
    let large = vec![b'v'; limits::RECORD_BYTES - 3];
    let mut largest = record::Builder::new(b"key", Some(&large)).unwrap();
    largest.header("h", b"").unwrap_or(());
    let mut many = record::Builder::new(&every, None).unwrap();
    for n in 0..limits::RECORD_HEADERS {
        many.header(&"n\u{e9}".repeat(n % 80), &every[..n % 256]).unwrap();
    }
    let empty = record::Builder::new(b"", Some(b"")).unwrap();
    let records =
        [empty.finish(), record(&every), many.finish(), record(&vec![7; 300_000]), largest.finish()];
    let slices: Vec<&[u8]> = records.iter().map(|record| &record[..]).collect();
    for _ in 0..3 {
        let told = append(&*log, at, &slices);
        harness.flush();
        answer(&told).unwrap();
    }
    let read = read_from(&*log, at, 0, PollLimit { records: 2, bytes: 1 << 20 });
    assert_eq!(read.len(), 15);
    for (n, stored) in read.iter().enumerate() {
        assert!(stored.content == records[n % 5], "record {n}");
    }
    let over = vec![0; limits::RECORD_BYTES + 1_025];
    let refused = log.append(at, vec![record(b""), Bytes::from(over)], Box::new(|_| panic!("refused")));
    assert_eq!(refused, Err(AppendError::TooLarge));
    assert_eq!(log.bounds(at).unwrap().end, Offset(15));
}

pub(super) fn what_is_not_there_is_refused(harness: &mut dyn Harness) {
    let log = harness.log();
    let (known, unknown) = (of(Topic::Requests, 0), of(Topic::Requests, 3));
    assert_eq!(log.partitions(), 3);
    let done = || -> Done { Box::new(|_| panic!("refused")) };
    let refused = log.append(unknown, vec![record(b"")], done());
    assert!(matches!(refused, Err(AppendError::Closed(_))));
    assert!(matches!(log.append(known, vec![], done()), Err(AppendError::Closed(_))));
    assert_eq!(log.bounds(unknown), Err(LogError::NoPartition(unknown)));
    assert_eq!(log.reader(unknown, Offset(0)).err(), Some(LogError::NoPartition(unknown)));
    assert_eq!(log.bounds(known), Ok(Bounds { start: Offset(0), end: Offset(0) }));
    assert_eq!(read_from(&*log, known, 0, ALL), []);
}
