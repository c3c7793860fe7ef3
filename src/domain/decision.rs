//! The outcome of an assessment.

use std::fmt;

/// What the caller should do, by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Decision {
    /// Go on.
    Approve = 0,
    /// A person should look.
    Review = 1,
    /// Ask the payer to prove themselves.
    Challenge = 2,
    /// Do not go on.
    Decline = 3,
}

impl Decision {
    /// Every decision, by severity.
    pub const ALL: [Decision; 4] =
        [Decision::Approve, Decision::Review, Decision::Challenge, Decision::Decline];

    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Decision::Approve => "approve",
            Decision::Review => "review",
            Decision::Challenge => "challenge",
            Decision::Decline => "decline",
        }
    }

    /// The decision as the contract writes it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Decision> {
        Decision::ALL.into_iter().find(|decision| decision.text() == text)
    }

    /// The decision with a stored code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Decision> {
        Decision::ALL.into_iter().find(|decision| *decision as u8 == code)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Which of the two kinds of money movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Flow {
    /// Money comes in: a payment.
    Payin = 1,
    /// Money goes out.
    Payout = 2,
}

impl Flow {
    /// As the contract writes it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Flow::Payin => "payin",
            Flow::Payout => "payout",
        }
    }

    /// The flow as the contract writes it.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Flow> {
        [Flow::Payin, Flow::Payout].into_iter().find(|flow| flow.text() == text)
    }

    /// The flow with a stored code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Flow> {
        match code {
            1 => Some(Flow::Payin),
            2 => Some(Flow::Payout),
            _ => None,
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
