//! What a page adds up to, so that a window that holds the whole page need not read it.

use crate::base::currency::Currency;
use crate::base::time::Ms;
use crate::domain::decision::Decision;
use crate::state::codec::{BadRow, Decoder, Encoder};
use crate::state::velocity::posting::{Posting, Run};

/// Counts, sums and extremes over the postings of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Time of the first posting.
    pub first: Ms,
    /// Time of the last posting.
    pub last: Ms,
    /// Postings.
    pub count: u32,
    /// Postings approved.
    pub approved: u32,
    /// Postings declined.
    pub declined: u32,
    /// Postings reported as failed.
    pub failed: u32,
    /// Per currency, in the order they came.
    pub money: Vec<Money>,
}

/// One currency's part of a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// The currency.
    pub currency: Currency,
    /// Postings in it.
    pub count: u32,
    /// Sum of their amounts: a page's worth of the largest amount fits.
    pub sum: i64,
    /// The smallest amount.
    pub min: i64,
    /// The largest amount.
    pub max: i64,
}

impl Summary {
    /// The summary of a run; none of an empty one.
    #[must_use]
    pub fn of(run: &Run) -> Option<Self> {
        let (first, last) = (run.postings.first()?.at, run.postings.last()?.at);
        let mut summary =
            Self { first, last, count: 0, approved: 0, declined: 0, failed: 0, money: Vec::new() };
        run.postings.iter().for_each(|posting| summary.add(posting));
        Some(summary)
    }

    fn add(&mut self, posting: &Posting) {
        self.count += 1;
        self.approved += u32::from(posting.outcome.decision == Decision::Approve);
        self.declined += u32::from(posting.outcome.decision == Decision::Decline);
        self.failed += u32::from(posting.outcome.failed);
        let amount = posting.amount;
        match self.money.iter_mut().find(|money| money.currency == posting.currency) {
            Some(money) => {
                money.count += 1;
                money.sum += amount;
                money.min = money.min.min(amount);
                money.max = money.max.max(amount);
            }
            None => self.money.push(Money {
                currency: posting.currency,
                count: 1,
                sum: amount,
                min: amount,
                max: amount,
            }),
        }
    }

    /// Writes the summary.
    pub fn encode(&self, out: &mut Encoder) {
        out.time(self.first);
        out.signed(self.last.since(self.first));
        for count in [self.count, self.approved, self.declined, self.failed] {
            out.number(u64::from(count));
        }
        out.count(self.money.len());
        for money in &self.money {
            out.number(u64::from(money.currency.numeric()));
            out.number(u64::from(money.count));
            out.signed(money.sum);
            out.signed(money.min);
            out.signed(money.max);
        }
    }

    /// Reads a summary.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(input: &mut Decoder<'_>) -> Result<Self, BadRow> {
        let first = input.time()?;
        let last = first.plus(input.signed()?);
        let (count, approved, declined, failed) =
            (input.small()?, input.small()?, input.small()?, input.small()?);
        let currencies = input.count(5)?;
        let mut money = Vec::with_capacity(currencies);
        for _ in 0..currencies {
            let currency = Currency::from_numeric(input.small()?).ok_or(input.bad("a currency"))?;
            money.push(Money {
                currency,
                count: input.small()?,
                sum: input.signed()?,
                min: input.signed()?,
                max: input.signed()?,
            });
        }
        Ok(Self { first, last, count, approved, declined, failed, money })
    }
}
