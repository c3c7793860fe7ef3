//! Eight entities and six windows each of count and sum: forty-eight exact windows an event.

use crate::{Scale, report};
use clausum::base::currency::Currency;
use clausum::base::position::Offset;
use clausum::base::time::{DAY_MS, HOUR_MS, MINUTE_MS, Ms};
use clausum::domain::decision::Decision;
use clausum::state::velocity::head::{Absent, Head, Pages};
use clausum::state::velocity::posting::{Outcome, Posting, Run};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};
use std::collections::BTreeMap;
use std::time::Instant;

const WINDOWS: [i64; 6] = [MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS];
const KINDS: usize = 8;
const ENTITIES: usize = 2_000;

#[derive(Default)]
struct Kept(BTreeMap<u64, Run>);

impl Pages for Kept {
    fn page(&self, number: u64) -> Result<&Run, Absent> {
        self.0.get(&number).ok_or(Absent(number))
    }
}

pub(crate) fn run(scale: Scale) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let skew = Zipf::new(2_000.0_f64, 1.1).unwrap();
    let mut heads: Vec<(Head, Kept)> = (0..KINDS * ENTITIES).map(|_| Default::default()).collect();
    let currency = Currency::from_code("MXN").unwrap();
    let outcome = Outcome { decision: Decision::Approve, failed: false };
    let events: Vec<(Ms, i64, Vec<usize>)> = (0..scale.events)
        .map(|event| {
            let at = Ms(1_780_000_000_000 + i64::try_from(event).unwrap() * 2_500);
            let amount = i64::try_from(random.next_u64() % 1_000_000).unwrap();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank is small and positive"
            )]
            let mut rank = || skew.sample(&mut random) as usize - 1;
            (at, amount, (0..KINDS).map(|kind| kind * ENTITIES + rank()).collect())
        })
        .collect();
    let mut sums = 0_i128;
    let began = Instant::now();
    for (number, (at, amount, entities)) in events.iter().enumerate() {
        let event = Offset(u64::try_from(number).unwrap());
        for entity in entities {
            let (head, pages) = &mut heads[*entity];
            for window in WINDOWS {
                let counts = head.count(*at, window, currency, pages).unwrap();
                sums = sums.wrapping_mul(31).wrapping_add(counts.sum + i128::from(counts.count));
            }
            let posting = Posting { at: *at, amount: *amount, currency, outcome, event };
            for write in head.insert(posting, pages).unwrap() {
                pages.0.insert(write.number, write.run);
            }
        }
    }
    report("48 windows in memory, 8 entities, skewed", scale.events, began.elapsed(), &sums.to_le_bytes());
}
