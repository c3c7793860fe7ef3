//! What the operators mean, once for folding and for evaluation.
//!
//! Types were checked before, so a pair of operands that does not fit can only come from an environment that
//! gave another type than its schema promised; that is an error value like any other.

use std::cmp::Ordering;

use super::ast::{Arith, Comparison};
use super::env::EvalError;
use super::text::{Text, TextTest};

/// An intermediate value. Times and spans are integers here: the checker kept them apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Bool(bool),
    Int(i64),
    Text(Text<'a>),
}

/// A value, or the error it became.
pub(super) type Item<'a> = Result<Cell<'a>, EvalError>;

/// An operator on one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Negate,
    Size,
    Lower,
    Upper,
}

/// An operator that needs both operands, unlike `&&` and `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Arith(Arith),
    Compare(Comparison),
    Test(TextTest),
}

impl Comparison {
    /// The comparison with its sides exchanged.
    pub(super) fn flipped(self) -> Comparison {
        match self {
            Comparison::Equal | Comparison::NotEqual => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessEqual => Comparison::GreaterEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterEqual => Comparison::LessEqual,
        }
    }

    /// Whether it holds between two things so ordered.
    #[inline]
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterEqual => ordering.is_ge(),
        }
    }

    #[inline]
    pub(super) fn ints(self, left: i64, right: i64) -> bool {
        self.holds(left.cmp(&right))
    }

    pub(super) fn texts(self, left: Text<'_>, right: Text<'_>) -> bool {
        match self {
            Comparison::Equal => left.equals(right),
            Comparison::NotEqual => !left.equals(right),
            Comparison::Less | Comparison::LessEqual | Comparison::Greater | Comparison::GreaterEqual => {
                self.holds(left.compare(right))
            }
        }
    }
}

impl Arith {
    /// Checked: what does not fit is an error, also the remainder of the smallest integer by -1.
    #[inline]
    pub(super) fn apply(self, left: i64, right: i64) -> Result<i64, EvalError> {
        let result = match self {
            Arith::Add => left.checked_add(right),
            Arith::Subtract => left.checked_sub(right),
            Arith::Multiply => left.checked_mul(right),
            Arith::Divide | Arith::Remainder if right == 0 => return Err(EvalError::DivisionByZero),
            Arith::Divide => left.checked_div(right),
            Arith::Remainder => left.checked_rem(right),
        };
        result.ok_or(EvalError::Overflow)
    }
}

impl Unary {
    #[inline]
    pub(super) fn apply(self, operand: Cell<'_>) -> Item<'_> {
        match (self, operand) {
            (Unary::Not, Cell::Bool(value)) => Ok(Cell::Bool(!value)),
            (Unary::Negate, Cell::Int(value)) => {
                value.checked_neg().map(Cell::Int).ok_or(EvalError::Overflow)
            }
            (Unary::Size, Cell::Text(text)) => Ok(Cell::Int(text.size())),
            (Unary::Lower, Cell::Text(text)) => Ok(Cell::Text(text.lower())),
            (Unary::Upper, Cell::Text(text)) => Ok(Cell::Text(text.upper())),
            _ => Err(EvalError::BrokenPromise),
        }
    }
}

impl Binary {
    #[inline]
    pub(super) fn apply<'a>(self, left: Cell<'a>, right: Cell<'a>) -> Item<'a> {
        match (self, left, right) {
            (Binary::Arith(op), Cell::Int(left), Cell::Int(right)) => op.apply(left, right).map(Cell::Int),
            (Binary::Compare(op), Cell::Int(left), Cell::Int(right)) => Ok(Cell::Bool(op.ints(left, right))),
            (Binary::Compare(op), Cell::Bool(left), Cell::Bool(right)) => {
                Ok(Cell::Bool(op.holds(left.cmp(&right))))
            }
            (Binary::Compare(op), Cell::Text(left), Cell::Text(right)) => {
                Ok(Cell::Bool(op.texts(left, right)))
            }
            (Binary::Test(test), Cell::Text(left), Cell::Text(right)) => {
                Ok(Cell::Bool(left.holds(test, right)))
            }
            _ => Err(EvalError::BrokenPromise),
        }
    }
}

/// `&&` of two known sides: false absorbs an error, else the first error stands.
#[inline]
pub(super) fn and<'a>(left: Item<'a>, right: Item<'a>) -> Item<'a> {
    junction(false, left, right)
}

/// `||` of two known sides: true absorbs an error, else the first error stands.
#[inline]
pub(super) fn or<'a>(left: Item<'a>, right: Item<'a>) -> Item<'a> {
    junction(true, left, right)
}

#[inline]
fn junction<'a>(absorbing: bool, left: Item<'a>, right: Item<'a>) -> Item<'a> {
    let decides = |side: &Item<'a>| matches!(side, Ok(Cell::Bool(value)) if *value == absorbing);
    if decides(&left) || (left.is_err() && !decides(&right)) { left } else { right }
}
