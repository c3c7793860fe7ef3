//! What a window adds up to. Every part can be taken back, so events leave a window as they entered it.

use crate::base::currency::Currency;
use crate::domain::decision::Decision;
use crate::state::velocity::posting::Posting;
use crate::state::velocity::summary::Summary;

/// Counts and sums over the events of a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events.
    pub count: u64,
    /// Events approved.
    pub approved: u64,
    /// Events declined.
    pub declined: u64,
    /// Events reported as failed.
    pub failed: u64,
    /// Per currency: events and the sum of their amounts. Wider than any sum can grow.
    money: Vec<(Currency, u64, i128)>,
}

impl Tally {
    /// Events in `currency`, and the sum of their amounts.
    #[must_use]
    pub fn money(&self, currency: Currency) -> (u64, i128) {
        self.money.iter().find(|entry| entry.0 == currency).map_or((0, 0), |entry| (entry.1, entry.2))
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
        match self.money.iter_mut().find(|entry| entry.0 == currency) {
            Some(entry) => {
                entry.1 += count;
                entry.2 += sum;
            }
            None => self.money.push((currency, count, sum)),
        }
    }

    fn remove_money(&mut self, currency: Currency, count: u64, sum: i128) {
        if let Some(entry) = self.money.iter_mut().find(|entry| entry.0 == currency) {
            entry.1 -= count;
            entry.2 -= sum;
        }
    }
}
