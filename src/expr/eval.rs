//! Runs compiled code against an environment.
//!
//! Nothing is allocated, but for a text whose case was changed and that a list held outside is asked for.
//! Deterministic: no clock, no floats, no order that differs between runs.

use super::compile::{Op, Predicate, Program};
use super::env::{Answer, Env, EvalError, Outcome, Value};
use super::limits::MAX_STACK;
use super::schema::Type;
use super::semantics::{Cell, Item, and, or};
use super::text::Text;

/// Most conditions need one waiting value, the deepest that pass the checker [`MAX_STACK`]; a small stack
/// costs less to prepare.
const SMALL_STACK: usize = 4;
const LARGE_STACK: usize = 64;

const _: () = assert!(LARGE_STACK == MAX_STACK as usize, "the checker promises that much room");

impl Predicate {
    /// Whether the condition holds.
    pub fn test<E: Env + ?Sized>(&self, env: &E) -> Outcome {
        match self.program().item(env) {
            Ok(Cell::Bool(true)) => Outcome::True,
            Ok(Cell::Bool(false)) => Outcome::False,
            Ok(Cell::Int(_) | Cell::Text(_)) => Outcome::Error(EvalError::BrokenPromise),
            Err(error) => Outcome::Error(error),
        }
    }
}

impl Program {
    /// The value of the expression; a text is copied out.
    ///
    /// # Errors
    /// The first error that nothing absorbed.
    pub fn eval<E: Env + ?Sized>(&self, env: &E) -> Result<Answer, EvalError> {
        Ok(match (self.item(env)?, self.ty()) {
            (Cell::Int(millis), Type::Timestamp) => Answer::Time(millis),
            (Cell::Int(millis), Type::Duration) => Answer::Span(millis),
            (Cell::Int(value), _) => Answer::Int(value),
            (Cell::Bool(value), _) => Answer::Bool(value),
            (Cell::Text(text), _) => Answer::Str(text.resolved().into_owned()),
        })
    }

    fn item<'a, E: Env + ?Sized>(&'a self, env: &'a E) -> Item<'a> {
        if usize::try_from(self.waiting()).is_ok_and(|waiting| waiting <= SMALL_STACK) {
            run(self.code(), env, &mut Stack::<SMALL_STACK>::new())
        } else {
            run(self.code(), env, &mut Stack::<LARGE_STACK>::new())
        }
    }
}

/// Left operands that wait.
struct Stack<'a, const N: usize> {
    items: [Item<'a>; N],
    len: usize,
}

/// What an empty stack would give; the compiler balances its code, so nothing ever takes it.
const NOTHING: Item<'static> = Err(EvalError::BrokenPromise);

impl<'a, const N: usize> Stack<'a, N> {
    fn new() -> Self {
        Stack { items: [NOTHING; N], len: 0 }
    }

    #[inline]
    fn push(&mut self, item: Item<'a>) {
        if let Some(place) = self.items.get_mut(self.len) {
            *place = item;
            self.len += 1;
        }
    }

    #[inline]
    fn pop(&mut self) -> Item<'a> {
        self.len = self.len.saturating_sub(1);
        self.items.get(self.len).copied().unwrap_or(NOTHING)
    }
}

fn run<'a, E: Env + ?Sized, const N: usize>(
    code: &'a [Op],
    env: &'a E,
    stack: &mut Stack<'a, N>,
) -> Item<'a> {
    let mut acc: Item<'a> = NOTHING;
    let mut at = 0;
    while let Some(op) = code.get(at) {
        at += 1;
        match op {
            Op::Constant(constant) => acc = Ok(constant.cell()),
            Op::Slot { slot, ty } => acc = load(env.value(*slot), *ty, EvalError::Missing { slot: *slot }),
            Op::Entry { slot, key } => {
                let missing = EvalError::MissingEntry { slot: *slot };
                acc = load(env.entry(*slot, key), Type::String, missing);
            }
            Op::HasSlot(slot) => acc = Ok(Cell::Bool(env.value(*slot) != Value::Missing)),
            Op::HasEntry { slot, key } => acc = Ok(Cell::Bool(env.entry(*slot, key) != Value::Missing)),
            Op::HasList(list) => acc = Ok(Cell::Bool(env.has_list(*list))),
            Op::Wait => stack.push(acc),
            Op::Unary(op) => acc = acc.and_then(|operand| op.apply(operand)),
            Op::Binary(op) => {
                let (left, right) = (stack.pop(), acc);
                acc = left.and_then(|left| op.apply(left, right?));
            }
            Op::CompareInt(comparison, with) => {
                acc = acc.and_then(|cell| int(cell).map(|value| Cell::Bool(comparison.ints(value, *with))));
            }
            Op::CompareText(comparison, with) => {
                let with = Text::new(with);
                acc = acc.and_then(|cell| text(cell).map(|it| Cell::Bool(comparison.texts(it, with))));
            }
            Op::Test(test, part) => {
                acc = acc.and_then(|cell| text(cell).map(|it| Cell::Bool(it.holds(*test, Text::new(part)))));
            }
            Op::CompareSlot { slot, comparison, with } => {
                acc = match env.value(*slot) {
                    Value::Int(value) => Ok(Cell::Bool(comparison.ints(value, *with))),
                    Value::Missing => Err(EvalError::Missing { slot: *slot }),
                    Value::Bool(_) | Value::Str(_) | Value::Time(_) | Value::Span(_) => {
                        Err(EvalError::BrokenPromise)
                    }
                }
            }
            Op::InMembers(members) => {
                acc = acc
                    .and_then(|cell| members.contains(cell).map(Cell::Bool).ok_or(EvalError::BrokenPromise));
            }
            Op::InList { list, of } => acc = acc.and_then(|cell| ask_list(env, *list, *of, cell)),
            Op::AndThen(target) => match acc {
                Ok(Cell::Bool(false)) => at = *target,
                undecided => stack.push(undecided),
            },
            Op::And => acc = and(stack.pop(), acc),
            Op::OrElse(target) => match acc {
                Ok(Cell::Bool(true)) => at = *target,
                undecided => stack.push(undecided),
            },
            Op::Or => acc = or(stack.pop(), acc),
            Op::Branch { otherwise, end } => match acc {
                Ok(Cell::Bool(true)) => {}
                Ok(_) => at = *otherwise,
                Err(_) => at = *end,
            },
            Op::Jump(target) => at = *target,
        }
    }
    acc
}

/// A value of the environment, held against the type its schema promised.
#[inline]
fn load(value: Value<'_>, ty: Type, missing: EvalError) -> Item<'_> {
    match (value, ty) {
        (Value::Missing, _) => Err(missing),
        (Value::Bool(value), Type::Bool) => Ok(Cell::Bool(value)),
        (Value::Int(value), Type::Int)
        | (Value::Time(value), Type::Timestamp)
        | (Value::Span(value), Type::Duration) => Ok(Cell::Int(value)),
        (Value::Str(value), Type::String) => Ok(Cell::Text(Text::new(value))),
        _ => Err(EvalError::BrokenPromise),
    }
}

#[inline]
fn int(cell: Cell<'_>) -> Result<i64, EvalError> {
    match cell {
        Cell::Int(value) => Ok(value),
        Cell::Bool(_) | Cell::Text(_) => Err(EvalError::BrokenPromise),
    }
}

#[inline]
fn text(cell: Cell<'_>) -> Result<Text<'_>, EvalError> {
    match cell {
        Cell::Text(text) => Ok(text),
        Cell::Bool(_) | Cell::Int(_) => Err(EvalError::BrokenPromise),
    }
}

fn ask_list<'a, E: Env + ?Sized>(env: &E, list: u32, of: Type, cell: Cell<'_>) -> Item<'a> {
    let answer = match (cell, of) {
        (Cell::Text(text), _) => env.contains(list, &Value::Str(&text.resolved())),
        (Cell::Bool(value), _) => env.contains(list, &Value::Bool(value)),
        (Cell::Int(millis), Type::Timestamp) => env.contains(list, &Value::Time(millis)),
        (Cell::Int(millis), Type::Duration) => env.contains(list, &Value::Span(millis)),
        (Cell::Int(value), _) => env.contains(list, &Value::Int(value)),
    };
    answer.map(Cell::Bool).ok_or(EvalError::MissingList { list })
}
