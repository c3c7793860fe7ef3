//! Runs on the log against an engine that does what a test wants.

use super::*;
use crate::base::clock::{NoEntropy, SystemClock};
use crate::base::position::{Offset, OutputRef, Partition, Topic, TopicPartition};
use crate::base::time::Ms;
use crate::load::seconds::Second;
use crate::load::traffic::Mix;
use crate::log::memory::{Handle, MemoryLog, Producer as Memory};
use crate::log::{Contents, PollLimit};
use crate::wire::chain::Link;
use crate::wire::envelope::{Envelope, RecordType};
use crate::wire::header;
use crate::wire::record::{Builder, Content};
use bytes::Bytes;

const PARTITIONS: u16 = 4;
const APPROVED: &[u8] = br#"{"decision":"approve","risk_score":0}"#;

fn organizations(count: u8) -> Vec<OrgId> {
    (0..count).map(|number| OrgId::from_random([number; 16])).collect()
}

fn options(pace: Pace, requests: u64) -> Options {
    let (organizations, mark) = (organizations(1), "load-7".to_owned());
    Options { pace, duration: LONG, requests: Some(requests), seed: 1, organizations, mark, limit: LONG }
}

fn open(rate: u32) -> Pace {
    Pace::Open { rate: NonZeroU32::new(rate).unwrap(), shape: Shape::Steady }
}

/// An engine that answers as a test wants: the outputs of the request of a number, each with its status and whether
/// it chains to the one before.
struct Engine {
    log: Handle,
    partition: Partition,
    last: Option<OutputRef>,
}

impl Engine {
    fn output(&self, at: Offset, prev: Option<OutputRef>, id: &str, status: u16) -> Bytes {
        let link = Link { output: OutputRef { offset: at, index: 0 }, prev };
        let mut record = Builder::new(b"k", Some(APPROVED)).unwrap();
        let headers = [
            (header::CE_SOURCE, header::SOURCE.to_owned()),
            (header::CE_CORRELATIONID, id.to_owned()),
            (header::STATUS, status.to_string()),
            (header::POSITION, format!("{}:{at}", self.partition)),
            (header::INDEX, "0".to_owned()),
            (header::PREV, link.prev_text()),
        ];
        headers.iter().for_each(|(name, value)| record.header(name, value.as_bytes()).unwrap());
        record.finish()
    }

    /// Decides what is in the log from `from` on; where it stands then.
    fn turn(&mut self, from: Offset, answer: &dyn Fn(u64) -> Vec<(u16, bool)>, count: &mut u64) -> Offset {
        let of = TopicPartition::new(Topic::Requests, self.partition);
        let mut reader = self.log.reader(of, from).unwrap();
        for stored in reader.poll(PollLimit { records: 1_000, bytes: 1 << 20 }).unwrap() {
            let content = Content::read(&stored.content).unwrap();
            let envelope = Envelope::read(&content, false).unwrap();
            assert_eq!(envelope.kind, RecordType::Assess);
            assert!(crate::wire::assess::read(content.value.unwrap()).is_ok());
            let mut outputs = Vec::new();
            for (status, is_chained) in answer(*count) {
                let prev =
                    if is_chained { self.last } else { Some(OutputRef { offset: Offset(9), index: 9 }) };
                outputs.push(self.output(stored.offset, prev, envelope.id, status));
                if is_chained {
                    self.last = Some(OutputRef { offset: stored.offset, index: 0 });
                }
            }
            *count += 1;
            if !outputs.is_empty() {
                let to = TopicPartition::new(Topic::Decisions, self.partition);
                self.log.append(to, outputs, Box::new(|_| ())).unwrap();
            }
        }
        reader.position()
    }
}

const LONG: Duration = Duration::from_secs(3_600);

/// The machine's clock, on which every second of a run is an hour once the seconds say so.
#[derive(Debug)]
struct Jump {
    progress: Arc<Progress>,
    after: fn(&[Second]) -> bool,
}

impl Clock for Jump {
    fn now(&self) -> Ms {
        SystemClock.now()
    }

    fn elapsed(&self) -> Duration {
        let seconds = self.progress.seconds(0);
        let hours = if (self.after)(&seconds) { seconds.len() } else { 0 };
        SystemClock.elapsed() + LONG * u32::try_from(hours).unwrap()
    }

    fn entropy(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        SystemClock.entropy(bytes)
    }
}

/// Runs against an engine; what came of it, and how many requests the log has.
fn run_against(
    options: &Options,
    answer: impl Fn(u64) -> Vec<(u16, bool)> + Send + Sync + 'static,
) -> (Report, u64) {
    run_until(options, |_| false, answer)
}

/// The same, and hours pass `after` something was seen.
fn run_until(
    options: &Options,
    after: fn(&[Second]) -> bool,
    answer: impl Fn(u64) -> Vec<(u16, bool)> + Send + Sync + 'static,
) -> (Report, u64) {
    let log = MemoryLog::auto_flush(PARTITIONS, Arc::new(SystemClock));
    let (handle, signal) = (log.handle(Memory(1)), Arc::new(Signal::default()));
    let partitions = (0..PARTITIONS).map(Partition);
    let requests = |partition| TopicPartition::new(Topic::Requests, partition);
    partitions.clone().for_each(|partition| handle.subscribe(requests(partition), &signal));
    let ended = Arc::new(AtomicBool::new(false));
    let (stop, engine_log, wake) = (Arc::clone(&ended), handle.clone(), Arc::clone(&signal));
    let engine = move || {
        let mut engines: Vec<_> = (0..PARTITIONS)
            .map(|number| {
                let log = engine_log.clone();
                (Engine { log, partition: Partition(number), last: None }, Offset(0))
            })
            .collect();
        let mut count = 0;
        while !stop.load(Ordering::Acquire) {
            for (engine, at) in &mut engines {
                *at = engine.turn(*at, &answer, &mut count);
            }
            wake.wait(Duration::from_millis(50));
        }
    };
    let engine = std::thread::Builder::new().spawn(engine).unwrap();
    let log: Arc<dyn Log> = Arc::new(handle.clone());
    let traffic = Traffic::new(1, 1, Mix::default()).unwrap();
    let progress = Arc::new(Progress::default());
    let clock: Arc<dyn Clock> = Arc::new(Jump { progress: Arc::clone(&progress), after });
    let report = run(&log, traffic, options, &clock, &progress).unwrap();
    ended.store(true, Ordering::Release);
    signal.raise();
    engine.join().unwrap();
    let end = |partition| handle.bounds(requests(partition)).unwrap().end.0;
    (report, partitions.map(end).sum())
}

#[test]
fn each_request_is_answered_once_whatever_else_is_on_the_topic() {
    // Duplicates, and what stands behind a gap, are passed over.
    let answer = |number: u64| match number % 3 {
        0 => vec![(200, true)],
        1 => vec![(500, false), (200, true), (500, false)],
        _ => vec![(400, true)],
    };
    let options = Options { organizations: organizations(3), ..options(open(5_000), 300) };
    let (report, records) = run_against(&options, answer);
    assert_eq!((report.due, report.acknowledged(), report.answered(), records), (300, 300, 300, 300));
    assert_eq!(report.statuses, [(200, 200), (400, 100)].into());
    assert_eq!((report.decisions, report.unanswered()), ([200, 0, 0, 0], 0));
    assert_eq!(report.log.as_ref().unwrap().skipped, 200);
    assert_eq!(report.latencies.as_ref().unwrap().count(), 300);
    assert_eq!(report.service.count(), 300);
}

#[test]
fn what_is_never_answered_is_missing() {
    let all = |seconds: &[Second]| seconds.iter().map(|second| second.answered).sum::<u64>() >= 75;
    let (report, records) = run_until(&options(open(5_000), 100), all, |number| match number % 4 {
        0 => Vec::new(),
        _ => vec![(200, true)],
    });
    assert_eq!((report.answered(), report.unanswered(), records), (75, 25, 100));
    assert_eq!(report.acknowledged(), 100);
}

#[test]
fn a_closed_loop_has_so_many_under_way_and_no_more() {
    let (report, records) = run_against(&options(Pace::Answered(7), 500), |_| vec![(200, true)]);
    assert_eq!((report.due, report.answered(), records), (500, 500, 500));
    assert!(report.latencies.is_none(), "nothing was due");
    // Nobody answers: no more are produced than are under way.
    let all = |seconds: &[Second]| seconds.iter().map(|second| second.due).sum::<u64>() >= 7;
    let (report, records) = run_until(&options(Pace::Answered(7), 500), all, |_| Vec::new());
    assert_eq!((report.due, report.unanswered(), records), (7, 7, 7));
}

#[test]
fn a_backlog_is_produced_whether_anybody_answers_or_not() {
    let (report, records) = run_against(&options(Pace::Acknowledged(50), 1_000), |_| Vec::new());
    assert_eq!((report.due, report.acknowledged(), report.answered(), records), (1_000, 1_000, 0, 1_000));
}

#[test]
fn what_the_log_refuses_is_counted_and_waited_for_by_nobody() {
    let log = MemoryLog::new(PARTITIONS, Arc::new(SystemClock));
    let handle: Arc<dyn Log> = Arc::new(log.handle(Memory(1)));
    for (error, name, count) in [
        (AppendError::TooLarge, "too large", 20),
        (AppendError::Closed("test".to_owned()), "not acknowledged", 20),
        (AppendError::Busy, "", 0),
    ] {
        log.refuse_appends(Memory(1), Some(error));
        let traffic = Traffic::new(1, 1, Mix::default()).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let report = run(&handle, traffic, &options(open(5_000), 20), &clock, &Arc::default()).unwrap();
        assert_eq!((report.due, report.failed(), report.acknowledged()), (20, count, 0));
        assert_eq!(report.failures.get(name).copied().unwrap_or(0), count);
        assert_eq!(report.shed, 20 - count);
    }
}
