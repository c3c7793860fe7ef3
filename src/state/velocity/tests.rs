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

    fn remove(&mut self, number: u64) {
        self.pages.remove(&number);
        self.loaded.remove(&number);
    }

    /// Loses pages, as a store that sifts does.
    fn lose(&mut self, is_gone: impl Fn(&Run) -> bool) {
        self.pages.retain(|_, bytes| !is_gone(&decode_page(bytes).unwrap()));
        self.loaded.retain(|_, run| !is_gone(run));
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
        let asked = head.wants(posting.at, Ms(i64::MIN), &windows);
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

/// A life in which nothing counts for longer than `kept_ms`, one after the other as it is told; what has
/// gone by then may be missing in the store as well.
fn check_forgetful_life(seed: u64, events: u64, late: u64, kept_ms: &[i64]) {
    let windows = [400, 60_000, 333_333, 10_000_000_000];
    let mut life = Life { random: ChaCha8Rng::seed_from_u64(seed), now: 1_000_000, late };
    let (mut head, mut disk) = (Head::default(), Disk::default());
    let mut all: Vec<Posting> = Vec::new();
    let (mut floor, mut most_pages) = (i64::MIN, 0);
    for event in 0..events {
        let posting = life.next(event);
        let kept =
            kept_ms[usize::try_from(event).unwrap() * kept_ms.len() / usize::try_from(events).unwrap()];
        floor = floor.max(life.now - kept);
        if event % 2 == 0 {
            disk.lose(|run| run.postings.iter().all(|posting| posting.at.0 <= floor));
        }
        for number in head.wants(posting.at, Ms(floor), &windows) {
            assert!(disk.pages.contains_key(&number), "seed {seed} event {event}: it wants a page of no use");
        }
        for gone in head.prune(Ms(floor)) {
            disk.remove(gone);
        }
        assert_eq!(head.floor(), Ms(floor));
        let counted: Vec<Posting> = all.iter().filter(|posting| posting.at.0 > floor).copied().collect();
        for window_ms in windows {
            let (at, currency) = (posting.at, posting.currency);
            let found = disk.with_pages(&mut head, |head, disk| head.count(at, window_ms, currency, disk));
            let due = naive(&counted, at, window_ms, currency);
            assert_eq!(found, due, "seed {seed} event {event} window {window_ms}");
            let lost = naive(&all, at, window_ms, currency) != due;
            assert!(!lost || head.is_cut(at, window_ms), "seed {seed} event {event}: it is not told");
        }
        let before = disk.with_pages(&mut head, |head, disk| head.previous(posting.at, disk));
        let newest = all.iter().map(|posting| posting.at).max().filter(|newest| *newest <= posting.at);
        let earlier = counted.iter().map(|other| other.at).filter(|at| *at <= posting.at).max();
        assert_eq!(before, newest.or(earlier), "seed {seed} event {event}");
        let writes = disk.with_pages(&mut head, |head, disk| head.insert(posting, disk));
        disk.write(writes);
        all.push(posting);
        if event % 29 == 0 {
            head = Head::decode(&head.encode()).unwrap();
            disk.loaded.clear();
        }
        most_pages = most_pages.max(head.page_numbers().count());
        assert!(head.page_numbers().all(|number| disk.pages.contains_key(&number)));
        assert_eq!(disk.pages.len(), head.page_numbers().count(), "a page that nobody lists");
    }
    assert_eq!(head.last(), all.iter().map(|posting| posting.at).max());
    assert_eq!(head.first(), all.iter().map(|posting| posting.at).min());
    assert!(most_pages > 2 && most_pages < 12, "{most_pages} pages of {events} events");
}

#[test]
fn windows_end_where_nothing_is_kept_any_more() {
    for seed in 20..26 {
        check_forgetful_life(seed, 3_000, 0, &[700_000]);
        check_forgetful_life(seed, 3_000, 10, &[700_000]);
    }
}

#[test]
fn what_was_forgotten_stays_so_when_more_is_kept() {
    for seed in 30..36 {
        check_forgetful_life(seed, 3_000, 8, &[700_000, 350_000, 1_000_000]);
    }
}

#[test]
fn an_event_older_than_what_is_kept_is_known_of_and_not_counted() {
    let mut head = Head::default();
    let disk = Disk::default();
    let currency = Currency::from_code("MXN").unwrap();
    let outcome = Outcome { decision: Decision::Approve, failed: false };
    let posting = |at| Posting { at: Ms(at), amount: 5, currency, outcome, event: Offset(0) };
    head.prune(Ms(5_000));
    for at in [5_000, 4_000] {
        assert_eq!(head.insert(posting(at), &disk), Ok(vec![]));
    }
    assert_eq!((head.first(), head.last()), (Some(Ms(4_000)), Some(Ms(5_000))));
    assert_eq!(head.count(Ms(5_500), 90_000, currency, &disk).unwrap().count, 0);
    assert_eq!(head.previous(Ms(5_500), &disk), Ok(Some(Ms(5_000))), "when it was last seen is known");
    assert_eq!(head.previous(Ms(4_500), &disk), Ok(None));
    assert!(head.is_cut(Ms(5_500), 501) && !head.is_cut(Ms(5_500), 500));
    head.insert(posting(5_001), &disk).unwrap();
    assert_eq!(head.count(Ms(5_500), 90_000, currency, &disk).unwrap().count, 1);
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
