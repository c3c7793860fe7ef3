//! The load of a day: a steady stream with a burst of fourteen times as much in every hour, from thousands
//! of people, most of them seldom. Half of them are new every hour, so that there is somebody to forget.

use crate::day::Day;
use crate::step::organization;
use bytes::Bytes;
use clausum::load::{Mix, Traffic};
use clausum::wire::envelope::{RecordType, product_record};

/// Parts of an hour.
const MINUTES: i64 = 60;
/// Of these the burst takes so many, from this one on.
const BURST: std::ops::Range<i64> = 20..24;
const TIMES: f64 = 14.0;

pub(crate) struct Load {
    day: Day,
    regulars: Traffic,
    strangers: Traffic,
    hour: u64,
    number: u64,
    /// Payments that are due and not whole yet.
    rest: f64,
}

impl Load {
    pub(crate) fn new(day: Day) -> Self {
        let regulars = Mix { payers: 4_000, ..Mix::default() };
        let regulars = Traffic::new(11, 0, regulars).unwrap();
        Self { day, regulars, strangers: strangers(0), hour: 0, number: 0, rest: 0.0 }
    }

    /// Payments a second of the day, relative to the quietest.
    fn height(&self, at_ms: i64) -> f64 {
        let minute = at_ms % self.day.hour_ms * MINUTES / self.day.hour_ms;
        if BURST.contains(&minute) { TIMES } else { 1.0 }
    }

    /// The payments of the `span_ms` from `at_ms` on.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate"
    )]
    pub(crate) fn next(&mut self, at_ms: i64, span_ms: i64) -> Vec<Bytes> {
        let hour = u64::try_from(at_ms / self.day.hour_ms).unwrap();
        if hour != self.hour {
            (self.hour, self.strangers) = (hour, strangers(hour));
        }
        let burst = BURST.count() as f64 / MINUTES as f64;
        let mean = 1.0 + (TIMES - 1.0) * burst;
        let share = span_ms as f64 / (self.day.hour_ms * 24) as f64;
        self.rest += self.day.payments as f64 * share * self.height(at_ms) / mean;
        let due = self.rest as usize;
        self.rest -= due as f64;
        (0..due).map(|_| self.payment()).collect()
    }

    fn payment(&mut self) -> Bytes {
        self.number += 1;
        let from = if self.number.is_multiple_of(2) { &mut self.strangers } else { &mut self.regulars };
        let body = from.event().body;
        product_record(organization().id, RecordType::Assess, &body, &format!("day-{}", self.number)).unwrap()
    }
}

fn strangers(hour: u64) -> Traffic {
    Traffic::new(1_000 + hour, hour, Mix { payers: 2_000, skew: 0.4, ..Mix::default() }).unwrap()
}
