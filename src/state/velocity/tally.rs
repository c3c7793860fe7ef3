//! What a window adds up to. Every part can be taken back, so events leave a window as they entered it.

use crate::base::currency::Currency;
use crate::domain::decision::Decision;
use crate::state::velocity::posting::Posting;
use crate::state::velocity::summary::Summary;

/// What a window adds up to for one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events.
    pub count: u64,
    /// Events approved.
    pub approved: u64,
    /// Events declined.
    pub declined: u64,
    /// Events reported as failed.
    pub failed: u64,
    /// Events in the currency.
    pub in_currency: u64,
    /// Sum of their amounts. Wider than any sum can grow.
    pub sum: i128,
}

/// Counts and sums over the events of a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    count: u64,
    approved: u64,
    declined: u64,
    failed: u64,
    /// The currency that came first; nearly always the only one.
    main: Option<Money>,
    others: Vec<Money>,
}

/// One currency's part of a tally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Money {
    currency: Currency,
    count: u64,
    sum: i128,
}

impl Tally {
    /// What it comes to for `currency`.
    #[must_use]
    pub fn counts(&self, currency: Currency) -> Counts {
        let money = self.main.iter().chain(&self.others).find(|money| money.currency == currency);
        Counts {
            count: self.count,
            approved: self.approved,
            declined: self.declined,
            failed: self.failed,
            in_currency: money.map_or(0, |money| money.count),
            sum: money.map_or(0, |money| money.sum),
        }
    }

    /// An event enters.
    pub fn add(&mut self, posting: &Posting) {
        self.count += 1;
        self.approved += u64::from(posting.outcome.decision == Decision::Approve);
        self.declined += u64::from(posting.outcome.decision == Decision::Decline);
        self.failed += u64::from(posting.outcome.failed);
        self.add_money(posting.currency, 1, i128::from(posting.amount));
    }

    /// An event leaves.
    pub fn remove(&mut self, posting: &Posting) {
        self.count -= 1;
        self.approved -= u64::from(posting.outcome.decision == Decision::Approve);
        self.declined -= u64::from(posting.outcome.decision == Decision::Decline);
        self.failed -= u64::from(posting.outcome.failed);
        self.remove_money(posting.currency, 1, i128::from(posting.amount));
    }

    /// A whole page enters.
    pub fn add_page(&mut self, page: &Summary) {
        self.count += u64::from(page.count);
        self.approved += u64::from(page.approved);
        self.declined += u64::from(page.declined);
        self.failed += u64::from(page.failed);
        for money in &page.money {
            self.add_money(money.currency, u64::from(money.count), i128::from(money.sum));
        }
    }

    /// A whole page leaves.
    pub fn remove_page(&mut self, page: &Summary) {
        self.count -= u64::from(page.count);
        self.approved -= u64::from(page.approved);
        self.declined -= u64::from(page.declined);
        self.failed -= u64::from(page.failed);
        for money in &page.money {
            self.remove_money(money.currency, u64::from(money.count), i128::from(money.sum));
        }
    }

    fn add_money(&mut self, currency: Currency, count: u64, sum: i128) {
        if let Some(money) = self.entry(currency) {
            money.count += count;
            money.sum += sum;
        } else if self.main.is_none() {
            self.main = Some(Money { currency, count, sum });
        } else {
            self.others.push(Money { currency, count, sum });
        }
    }

    fn remove_money(&mut self, currency: Currency, count: u64, sum: i128) {
        if let Some(money) = self.entry(currency) {
            money.count -= count;
            money.sum -= sum;
        }
    }

    fn entry(&mut self, currency: Currency) -> Option<&mut Money> {
        self.main.iter_mut().chain(&mut self.others).find(|money| money.currency == currency)
    }
}
