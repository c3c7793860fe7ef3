//! Every window against a naive recount, over generated lives of an entity.

use super::head::{Absent, Head, PageWrite, Pages, decode_page, encode_page};
use super::posting::{DistinctValue, Outcome, Posting, Run};
use super::tally::Counts;
use crate::base::currency::Currency;
use crate::base::position::Offset;
use crate::base::time::Ms;
use crate::domain::decision::Decision;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// Pages as a store would give them, some of them not in memory.
#[derive(Default)]
struct Disk {
    pages: BTreeMap<u64, Vec<u8>>,
    loaded: BTreeMap<u64, Run>,
}

impl Pages for Disk {
    fn page(&self, number: u64) -> Result<&Run, Absent> {
        self.loaded.get(&number).ok_or(Absent(number))
    }
}

impl Disk {
    fn write(&mut self, writes: Vec<PageWrite>) {
        for write in writes {
            self.pages.insert(write.number, encode_page(&write.run));
            self.loaded.insert(write.number, write.run);
        }
    }

    fn load(&mut self, number: u64) {
        self.loaded.insert(number, decode_page(&self.pages[&number]).unwrap());
    }

    /// Calls `ask` until no page is missing; whatever failed must have changed nothing.
    fn with_pages<T>(
        &mut self,
        head: &mut Head,
        mut ask: impl FnMut(&mut Head, &Disk) -> Result<T, Absent>,
    ) -> T {
        loop {
            let before = head.clone();
            match ask(head, self) {
                Ok(answer) => return answer,
                Err(Absent(number)) => {
                    assert_eq!(*head, before);
                    assert!(!self.loaded.contains_key(&number));
                    self.load(number);
                }
            }
        }
    }
}

fn naive(all: &[Posting], end: Ms, window_ms: i64, currency: Currency) -> Counts {
    let mut counts = Counts::default();
    for posting in all.iter().filter(|p| p.at <= end && p.at > end.plus(-window_ms)) {
        counts.count += 1;
        counts.approved += u64::from(posting.outcome.decision == Decision::Approve);
        counts.declined += u64::from(posting.outcome.decision == Decision::Decline);
        counts.failed += u64::from(posting.outcome.failed);
        if posting.currency == currency {
            counts.in_currency += 1;
            counts.sum += i128::from(posting.amount);
        }
    }
    counts
}

struct Life {
    random: ChaCha8Rng,
    now: i64,
    /// One event in so many is late; none if 0.
    late: u64,
}

impl Life {
    fn next(&mut self, event: u64) -> Posting {
        let mut draw = |n: u64| self.random.next_u64() % n;
        self.now += [0, 1, 7, 400, 5_000][usize::try_from(draw(5)).unwrap()];
        let back = if self.late > 0 && draw(self.late) == 0 { draw(400_000).cast_signed() } else { 0 };
        let codes = ["MXN", "MXN", "MXN", "CLP", "USD"];
        Posting {
            at: Ms(self.now - back),
            amount: draw(1 << 53).cast_signed(),
            currency: Currency::from_code(codes[usize::try_from(draw(5)).unwrap()]).unwrap(),
            outcome: Outcome {
                decision: Decision::ALL[usize::try_from(draw(4)).unwrap()],
                failed: draw(9) == 0,
            },
            event: Offset(event),
        }
    }
}

fn check_life(seed: u64, events: u64, late: u64, forget_every: u64) {
    let windows = [1, 400, 60_000, 333_333, 10_000_000_000];
    let mut life = Life { random: ChaCha8Rng::seed_from_u64(seed), now: 1_000_000, late };
    let (mut head, mut disk) = (Head::default(), Disk::default());
    let mut all: Vec<Posting> = Vec::new();
    for event in 0..events {
        let posting = life.next(event);
        let asked = head.wants(posting.at, &windows);
        if event % 3 == 0 {
            asked.into_iter().for_each(|number| disk.load(number));
        }
        for window_ms in windows {
            let (at, currency) = (posting.at, posting.currency);
            let found = disk.with_pages(&mut head, |head, disk| head.count(at, window_ms, currency, disk));
            assert_eq!(
                found,
                naive(&all, at, window_ms, currency),
                "seed {seed} event {event} window {window_ms}"
            );
        }
        let before = disk.with_pages(&mut head, |head, disk| head.previous(posting.at, disk));
        assert_eq!(before, all.iter().map(|p| p.at).filter(|at| *at <= posting.at).max());
        let writes = disk.with_pages(&mut head, |head, disk| head.insert(posting, disk));
        disk.write(writes);
        all.push(posting);
        if forget_every > 0 && event % forget_every == 0 {
            head = Head::decode(&head.encode()).unwrap();
            disk.loaded.clear();
        }
    }
    head.page_numbers().for_each(|number| disk.load(number));
    // A stable sort by time is the order of the log where times are equal.
    all.sort_by_key(|posting| posting.at);
    assert_eq!(head.postings(&disk).unwrap(), all);
    assert_eq!(head.last(), all.last().map(|posting| posting.at));
    assert_eq!(head.first(), all.first().map(|posting| posting.at));
}

#[test]
fn in_order() {
    check_life(1, 3_000, 0, 0);
}

#[test]
fn with_late_events() {
    for seed in 2..8 {
        check_life(seed, 1_500, 10, 0);
        check_life(seed, 700, 1, 0);
    }
}

#[test]
fn from_disk_at_any_point() {
    for seed in 8..12 {
        check_life(seed, 800, 10, 1);
        check_life(seed, 1_200, 4, 37);
    }
}

#[test]
fn the_edge_is_outside_and_the_end_inside() {
    let mut head = Head::default();
    let disk = Disk::default();
    let currency = Currency::from_code("MXN").unwrap();
    let outcome = Outcome { decision: Decision::Approve, failed: false };
    for (event, at) in [(0, 1_000), (1, 2_000), (2, 2_000)] {
        head.insert(Posting { at: Ms(at), amount: 5, currency, outcome, event: Offset(event) }, &disk)
            .unwrap();
    }
    let mut count = |end, window| head.count(Ms(end), window, currency, &disk).unwrap().count;
    assert_eq!(count(2_000, 1_000), 2, "an event exactly one window old is outside");
    assert_eq!(count(2_000, 1_001), 3);
    assert_eq!(count(1_999, 5_000), 1, "a late look sees nothing later than itself");
    assert_eq!(count(1_000, 1), 1);
}

#[test]
fn values_follow_their_postings() {
    let currency = Currency::from_code("MXN").unwrap();
    let outcome = Outcome { decision: Decision::Approve, failed: false };
    let posting = |at| Posting { at: Ms(at), amount: 1, currency, outcome, event: Offset(0) };
    let value = |posting, hash| DistinctValue { posting, what: 1, hash };
    let mut run =
        Run { postings: vec![posting(10), posting(20)], values: vec![value(0, 100), value(1, 200)] };
    run.insert(posting(15));
    assert_eq!(run.values, [value(0, 100), value(2, 200)]);
    let mut front = run.take_front(1);
    assert_eq!(
        (front.values.as_slice(), run.values.as_slice()),
        (&[value(0, 100)][..], &[value(1, 200)][..])
    );
    front.append(run);
    assert_eq!(front.values, [value(0, 100), value(2, 200)]);
    assert_eq!(decode_page(&encode_page(&front)).unwrap(), front);
}

#[test]
fn damaged_values_are_refused() {
    let mut life = Life { random: ChaCha8Rng::seed_from_u64(5), now: 0, late: 5 };
    let (mut head, mut disk) = (Head::default(), Disk::default());
    for event in 0..200 {
        let writes = head.insert(life.next(event), &disk).unwrap();
        disk.write(writes);
    }
    let bytes = head.encode();
    for end in 0..bytes.len() {
        assert!(Head::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
}
