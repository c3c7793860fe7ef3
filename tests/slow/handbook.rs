//! The 191,611 payments of the fraud detection handbook and the windows its authors published.

use crate::data;
use crate::shared;
use clausum::base::time::Ms;
use clausum::domain::decision::Flow;
use clausum::wire::envelope::RecordType;
use clausum::wire::internal::{self, PackPublish};
use clausum::wire::record::Content;
use clausum::worker::Options;
use clausum::worker::local::Local;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// 2018-04-01T00:00:00Z.
const START: i64 = 1_522_540_800_000;
const DAY: i64 = 86_400_000;

/// Rules that never match and read every window asked for; their values are kept in the trace, and two
/// signals print them.
const PACK: &str = "
pack: handbook
flow: payin
extends: clausum/payin
signals:
  - {code: day, weight: 0, when: velocity.customer.count_24h >= 1, description: '{velocity.customer.count_24h} {velocity.customer.sum_24h}'}
  - {code: week, weight: 0, when: velocity.customer.count_7d >= 1, description: '{velocity.customer.count_7d} {velocity.customer.sum_7d}'}
";

struct Payment {
    id: usize,
    at: i64,
    customer: u32,
    amount: i64,
}

/// Count and sum of a day and of a week.
type Windows = [i64; 4];

fn payments() -> Option<Vec<Payment>> {
    let text = shared::unzipped("handbook/transactions.csv.gz")?;
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<i64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        Payment {
            id: usize::try_from(cells[0]).unwrap(),
            at: START + cells[1] * 1_000,
            customer: u32::try_from(cells[2]).unwrap(),
            amount: cells[4],
        }
    });
    Some(rows.collect())
}

/// The published windows, and which rows are tied with another of their customer in the same second.
fn expected() -> Vec<(Windows, bool)> {
    let text = shared::unzipped("handbook/expected_windows.csv.gz").unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<i64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        ([cells[3], cells[4], cells[5], cells[6]], cells[15] == 1)
    });
    rows.collect()
}

fn begin(turn_records: usize) -> (Local, std::sync::Arc<clausum::base::clock::ManualClock>) {
    let options = Options { turn_records, checkpoint_ms: DAY.unsigned_abs(), ..Options::default() };
    let (mut local, clock) = data::local(START, options);
    let publish = PackPublish { flow: Flow::Payin.text().to_owned(), document: Some(PACK.to_owned()) };
    local.command(RecordType::Pack, &internal::write(&publish)).unwrap();
    local.decisions().unwrap();
    (local, clock)
}

fn body(payment: &Payment) -> String {
    let at = Ms(payment.at);
    format!(
        r#"{{"amount":{},"currency":"USD","customer_id":"c{}","occurred_at":"{at}","session_id":"p{}"}}"#,
        payment.amount, payment.customer, payment.id
    )
}

/// Appends payments in bulk and lets the worker take them in turns of its own size.
fn run(
    local: &mut Local,
    clock: &clausum::base::clock::ManualClock,
    payments: &[&Payment],
    found: &mut BTreeMap<usize, Windows>,
) {
    for bulk in payments.chunks(2_048) {
        // The clock follows the file and never goes back.
        let latest = bulk.iter().map(|payment| payment.at).max().unwrap();
        clock.set(Ms(latest.max(clausum::base::clock::Clock::now(clock).0)));
        for payment in bulk {
            local.append(data::assess(&payment.id.to_string(), &body(payment))).unwrap();
        }
        local.settle().unwrap();
        loop {
            let decisions = local.decisions().unwrap();
            if decisions.is_empty() {
                break;
            }
            for decision in decisions {
                let (id, windows) = windows(&decision.content);
                assert!(found.insert(id, windows).is_none_or(|before| before == windows), "row {id} changed");
            }
        }
    }
}

fn windows(content: &[u8]) -> (usize, Windows) {
    let body = std::str::from_utf8(Content::read(content).unwrap().value.unwrap()).unwrap();
    let after = |name: &str| body.split_once(name).unwrap_or_else(|| panic!("{name} in {body}")).1;
    let numbers = |code: &str| -> Vec<i64> {
        let detail = after(&format!(r#"{{"code":"{code}","weight":0,"description":""#));
        detail.split('"').next().unwrap().split(' ').map(|n| n.parse().unwrap()).collect()
    };
    let id = after(r#""session_id":"p"#).split('"').next().unwrap().parse().unwrap();
    let (day, week) = (numbers("day"), numbers("week"));
    (id, [day[0], day[1], week[0], week[1]])
}

/// Every row exactly. Two payments of a customer in one second have no order in the published file: there
/// the later one must agree, and the earlier one with either of the two as the earlier.
fn compare(payments: &[Payment], found: &BTreeMap<usize, Windows>) {
    assert_eq!(found.len(), payments.len());
    let expected = expected();
    let mut ties: BTreeMap<(u32, i64), Vec<&Payment>> = BTreeMap::new();
    for payment in payments {
        let (windows, tied) = expected[payment.id];
        if tied {
            ties.entry((payment.customer, payment.at)).or_default().push(payment);
        } else {
            assert_eq!(found[&payment.id], windows, "row {}", payment.id);
        }
    }
    for (key, pair) in ties {
        assert_eq!(pair.len(), 2, "ties of {key:?}");
        let sorted = |windows: &dyn Fn(&Payment) -> Windows| {
            let mut both = [windows(pair[0]), windows(pair[1])];
            both.sort_unstable();
            both
        };
        let published = sorted(&|payment| expected[payment.id].0);
        let [_, last] = sorted(&|payment| found[&payment.id]);
        let without = |one: &Payment| [last[0] - 1, last[1] - one.amount, last[2] - 1, last[3] - one.amount];
        let fits = pair.iter().any(|later| published == [without(later), last]);
        assert!(fits, "ties of {key:?}: {published:?}, {last:?}");
        assert!(pair.iter().any(|later| found[&pair[0].id] == without(later)), "ours of {key:?}");
    }
}

fn in_order(turn_records: usize, crash: bool) {
    let Some(payments) = payments() else { return };
    let (mut local, clock) = begin(turn_records);
    let mut found = BTreeMap::new();
    let all: Vec<&Payment> = payments.iter().collect();
    let (first, second) = all.split_at(if crash { 100_000 } else { 0 });
    run(&mut local, &clock, first, &mut found);
    if crash {
        local.crash().unwrap();
    }
    run(&mut local, &clock, second, &mut found);
    compare(&payments, &found);
}

#[test]
fn in_order_in_batches_of_1_024() {
    in_order(1_024, false);
}

#[test]
fn in_order_in_batches_of_one() {
    in_order(1, false);
}

#[test]
fn in_order_with_a_crash_in_the_middle() {
    in_order(1_024, true);
}

/// Every posting of every customer, by its head's key: what is left at the end.
fn postings(local: &mut Local) -> BTreeMap<Vec<u8>, Vec<(Ms, i64)>> {
    use clausum::state::key::{Kind, prefix};
    use clausum::state::velocity::head::{Absent, Head, Pages, decode_page};
    use clausum::state::velocity::posting::Run;
    use clausum::store::Store;
    struct All(BTreeMap<u64, Run>);
    impl Pages for All {
        fn page(&self, number: u64) -> Result<&Run, Absent> {
            self.0.get(&number).ok_or(Absent(number))
        }
    }
    local.checkpoint().unwrap();
    let store = local.folder().copy().open().unwrap();
    let heads = store.scan(&prefix(Kind::Head), None, usize::MAX).unwrap();
    let collected = heads.into_iter().map(|(key, value)| {
        let head = Head::decode(&value).unwrap();
        let pages = head.page_numbers().map(|number| {
            let mut page = key.clone();
            page[0] = Kind::Page as u8;
            page.extend_from_slice(&number.to_be_bytes());
            (number, decode_page(store.read(&[page]).unwrap()[0].as_ref().unwrap()).unwrap())
        });
        let pages = All(pages.collect());
        let mut all: Vec<_> = head.postings(&pages).unwrap().iter().map(|p| (p.at, p.amount)).collect();
        all.sort_unstable();
        (key, all)
    });
    collected.collect()
}

#[test]
fn shuffled_within_an_hour() {
    let Some(payments) = payments() else { return };
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut shuffled: Vec<(i64, &Payment)> = payments
        .iter()
        .map(|payment| (payment.at + i64::try_from(random.next_u64() % 3_600_000).unwrap(), payment))
        .collect();
    shuffled.sort_by_key(|(arrival, _)| *arrival);
    let shuffled: Vec<&Payment> = shuffled.into_iter().map(|(_, payment)| payment).collect();
    let (mut local, clock) = begin(1_024);
    let mut found = BTreeMap::new();
    run(&mut local, &clock, &shuffled, &mut found);
    let mut before: BTreeMap<u32, Vec<(i64, i64)>> = BTreeMap::new();
    for payment in shuffled {
        let events = before.entry(payment.customer).or_default();
        events.push((payment.at, payment.amount));
        let window = |days: i64| {
            let inside = events.iter().filter(|(at, _)| *at <= payment.at && *at > payment.at - days * DAY);
            inside.fold((0, 0), |(count, sum), (_, amount)| (count + 1, sum + amount))
        };
        let (day, week) = (window(1), window(7));
        assert_eq!(found[&payment.id], [day.0, day.1, week.0, week.1], "row {}", payment.id);
    }
    let (mut ordered, clock) = begin(1_024);
    run(&mut ordered, &clock, &payments.iter().collect::<Vec<_>>(), &mut BTreeMap::new());
    assert!(postings(&mut local) == postings(&mut ordered), "the postings at the end differ");
}
