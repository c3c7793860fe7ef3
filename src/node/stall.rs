//! Whether the log's brokers still take appends. An append on Kafka is never given up, so one that waits for ever
//! fails nowhere: it is for a person to hear of it.

use std::time::Duration;

/// An append that waits for longer is one too many.
pub(super) const STALLED: Duration = Duration::from_secs(10);
/// How often it is said again.
const AGAIN: Duration = Duration::from_secs(60);

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The oldest append has waited for too long.
    Begun(Duration),
    /// It goes on; for so long the oldest waits.
    Goes(Duration),
    /// It is over; appends stood for so long.
    Over(Duration),
}

/// A stall, as long as there is one.
#[derive(Debug, Default)]
pub(super) struct Stall(Option<Since>);

#[derive(Debug)]
struct Since {
    /// The time at which the oldest append was handed over when the stall began.
    handed: Duration,
    said: Duration,
}

impl Stall {
    /// Looks at the age of the oldest append that was not acknowledged, if there is one.
    pub(super) fn look(&mut self, now: Duration, oldest: Option<Duration>) -> Option<Word> {
        let stalled = oldest.filter(|age| *age > STALLED);
        match (&mut self.0, stalled) {
            (None, None) => None,
            (None, Some(age)) => {
                self.0 = Some(Since { handed: now.saturating_sub(age), said: now });
                Some(Word::Begun(age))
            }
            (Some(since), Some(age)) => {
                let due = now.saturating_sub(since.said) >= AGAIN;
                if due {
                    since.said = now;
                }
                due.then_some(Word::Goes(age))
            }
            (Some(since), None) => {
                let stood = now.saturating_sub(since.handed);
                self.0 = None;
                Some(Word::Over(stood))
            }
        }
    }

    /// Whether there is one.
    pub(super) const fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn a_stall_is_told_when_it_begins_every_minute_and_when_it_is_over() {
        let mut stall = Stall::default();
        let begun = second(1_000);
        let mut told = Vec::new();
        for age in 0..=200 {
            if let Some(word) = stall.look(begun + second(age), Some(second(age))) {
                told.push(word);
            }
            assert_eq!(stall.is_on(), age > 10);
        }
        let due = [Word::Begun(second(11)), Word::Goes(second(71)), Word::Goes(second(131))];
        assert_eq!(told, [&due[..], &[Word::Goes(second(191))]].concat());
        assert_eq!(stall.look(begun + second(201), None), Some(Word::Over(second(201))));
        assert!(!stall.is_on());
        assert_eq!(stall.look(begun + second(202), None), None);
    }

    #[test]
    fn appends_that_are_slow_and_none_that_stands_are_no_stall() {
        let mut stall = Stall::default();
        for now in 0..100 {
            assert_eq!(stall.look(second(now), Some(second(now % 11))), None);
        }
    }

    #[test]
    fn it_is_over_once_what_waits_is_young() {
        let mut stall = Stall::default();
        assert_eq!(stall.look(second(50), Some(second(20))), Some(Word::Begun(second(20))));
        assert_eq!(stall.look(second(55), Some(second(2))), Some(Word::Over(second(25))));
        assert_eq!(stall.look(second(70), Some(second(12))), Some(Word::Begun(second(12))), "another");
    }
}
